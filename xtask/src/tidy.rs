//! Checks what no compiler does: that each tool is whole, and files stay small.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::tools::{CONTRACTS, registered};
use crate::{build_ebpf, command, objects};

/// Where a tool has a file of its name: folder, ending, and files there that are no tools.
const PLACES: [(&str, &str, &[&str]); 5] = [
    (
        "crates/probes-common/src",
        ".rs",
        &["constant", "counts", "field", "filter", "lib", "plain", "preempt", "ring", "task"],
    ),
    ("crates/probes-ebpf/src/bin", ".rs", &[]),
    ("crates/cli/src/tools", ".rs", &["mod"]),
    ("tests", ".rs", &["about", "failures", "main"]),
    ("schema", ".json", &[]),
];

/// The lists that name each tool; the first one counts.
const LISTS: [&str; 3] = [CONTRACTS, "crates/cli/src/tools/mod.rs", "tests/main.rs"];

/// Lines of a Rust file that one can still read at a sitting.
const LONGEST: usize = 400;

/// Lines of a tool's user side.
const LONGEST_TOOL: usize = 240;

/// Runs the command.
pub(crate) fn main() -> Result<()> {
    let mut findings = check(command::workspace())?;
    findings.extend(long_files(command::workspace())?);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("failed to find the tree tidy: {} finding(s)", findings.len());
    }
    Ok(())
}

/// What is missing or left over in `root`, a line each.
fn check(root: &Path) -> Result<Vec<String>> {
    let tools = registered(root, CONTRACTS)?;
    let mut findings = Vec::new();
    for list in &LISTS[1..] {
        compare(&tools, &registered(root, list)?, &format!("the list in {list}"), &mut findings);
    }
    for (folder, ending, others) in PLACES {
        let found = names(root, folder, |name| name.strip_suffix(ending).map(str::to_owned))?;
        let found: Vec<String> = found.into_iter().filter(|name| !others.contains(&name.as_str())).collect();
        compare(&tools, &found, &format!("{folder}/NAME{ending}"), &mut findings);
    }
    let pages =
        names(root, "man", |name| Some(name.strip_prefix("kscope-")?.strip_suffix(".8")?.to_owned()))?;
    compare(&tools, &pages, "man/kscope-NAME.8", &mut findings);
    for arch in build_ebpf::ARCHES {
        let folder = format!("crates/loader/objects/{arch}");
        let objects = names(root, &folder, |name| name.strip_suffix(".o").map(str::to_owned))?;
        compare(&tools, &objects, &format!("{folder}/NAME.o"), &mut findings);
    }
    Ok(findings)
}

fn compare(tools: &[String], found: &[String], place: &str, findings: &mut Vec<String>) {
    let missing = tools.iter().filter(|tool| !found.contains(tool));
    findings.extend(missing.map(|tool| format!("{tool}: missing from {place}")));
    let orphans = found.iter().filter(|name| !tools.contains(name));
    findings.extend(orphans.map(|name| format!("{name}: in {place}, and no tool of {CONTRACTS}")));
}

fn names(root: &Path, folder: &str, name: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
    let folder = root.join(folder);
    let files = objects::list(&folder)?.into_iter().filter(|file| folder.join(file).is_file());
    Ok(files.filter_map(|file| name(&file)).collect())
}

/// Rust files of the tree, as git knows it, that have grown too long.
fn long_files(root: &Path) -> Result<Vec<String>> {
    let listed = command::stdout(
        std::process::Command::new("git").current_dir(root).args(["ls-files", "-z", "--", "*.rs"]),
    )?;
    let mut findings = Vec::new();
    for file in listed.split_terminator('\0') {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("failed to read {file}"))?;
        let lines = text.lines().count();
        let most = if file.starts_with("crates/cli/src/tools/") { LONGEST_TOOL } else { LONGEST };
        if lines > most {
            findings.push(format!("{file}: {lines} lines are more than {most}; split it"));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with one whole tool.
    fn tree(name: &str) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("kscope-tidy-{name}-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for list in LISTS {
            write(list, "tools! {\n    onesnoop: events;\n}\n");
        }
        for (folder, ending, _) in PLACES {
            write(&format!("{folder}/onesnoop{ending}"), "");
        }
        write("man/kscope-onesnoop.8", "");
        write("crates/loader/objects/x86_64/onesnoop.o", "");
        root
    }

    #[test]
    fn a_whole_tool_is_tidy() {
        let root = tree("whole");
        assert!(check(&root).unwrap().is_empty());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn each_missing_file_is_found() {
        let files = PLACES.iter().map(|(folder, ending, _)| format!("{folder}/onesnoop{ending}"));
        let generated =
            ["man/kscope-onesnoop.8", "crates/loader/objects/x86_64/onesnoop.o"].map(str::to_owned);
        for (i, file) in files.chain(generated).enumerate() {
            let root = tree(&format!("missing-{i}"));
            fs::remove_file(root.join(&file)).unwrap();
            let findings = check(&root).unwrap();
            assert_eq!(findings.len(), 1, "{file}: {findings:?}");
            assert!(findings[0].starts_with("onesnoop: missing from "), "{findings:?}");
            fs::remove_dir_all(root).unwrap();
        }
    }

    #[test]
    fn each_orphan_is_found() {
        let root = tree("orphan");
        fs::write(root.join("tests/twosnoop.rs"), "").unwrap();
        assert_eq!(
            check(&root).unwrap(),
            [format!("twosnoop: in tests/NAME.rs, and no tool of {CONTRACTS}")]
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn each_list_counts() {
        for (i, list) in LISTS.iter().enumerate() {
            let root = tree(&format!("list-{i}"));
            fs::write(root.join(list), "tools! {\n    other: events;\n}\n").unwrap();
            assert!(!check(&root).unwrap().is_empty(), "{list}");
            fs::remove_dir_all(root).unwrap();
        }
    }
}
