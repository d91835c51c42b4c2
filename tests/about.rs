//! The commands that are no tools.

use crate::{
    support::{Test, kscope},
    tests,
};

/// The tests in this file.
pub fn tests() -> Vec<Test> {
    tests![
        Root: doctor_says_how_each_tool_attaches;
        Nobody: list_answers_questions, completions_are_for_three_shells, manual_pages_are_whole, schemas_are_json
    ]
}

fn doctor_says_how_each_tool_attaches() {
    let ended = kscope::run(&["doctor"]).succeeded();
    for words in
        ["BTF", "capabilities", "lockdown", "PIDs", "execsnoop", "tp_btf:sched_process_exec (first choice)"]
    {
        assert!(ended.text().contains(words), "no {words} in {}", ended.text());
    }
    let mut refused = kscope::command(&["doctor"]);
    let ended = kscope::run_command(refused.env("KSCOPE_REFUSE", "tp_btf")).succeeded();
    assert!(ended.text().contains("raw_tp:sched_process_exec\n"), "{}", ended.text());
    assert!(
        ended.text().contains("not tp_btf:sched_process_exec: refused by KSCOPE_REFUSE"),
        "{}",
        ended.text()
    );
}

fn list_answers_questions() {
    let all = kscope::run(&["list"]).succeeded();
    assert!(all.text().contains("execsnoop  Trace new programs"), "{}", all.text());
    let some = kscope::run(&["list", "which", "processes", "start?"]).succeeded();
    assert!(some.text().contains("execsnoop"), "{}", some.text());
    kscope::run(&["list", "weather"]).failed(1, &["kscope list"]);
}

fn completions_are_for_three_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = kscope::run(&["completions", shell]).succeeded();
        for word in ["execsnoop", "max-args-bytes", "buffer-pages"] {
            assert!(ended.text().contains(word), "no {word} for {shell}");
        }
    }
    kscope::run(&["completions", "nosh"]).failed(2, &[]);
}

fn manual_pages_are_whole() {
    for (page, sections) in [
        (&["man"][..], &["TOOLS", "COMMANDS", "EXIT STATUS"][..]),
        (
            &["man", "execsnoop"],
            &["DESCRIPTION", "OPTIONS", "COLUMNS", "EXAMPLES", "OVERHEAD", "KERNEL SUPPORT", "EXIT STATUS"],
        ),
    ] {
        let ended = kscope::run(page).succeeded();
        for section in sections {
            let found = ended.text().lines().any(|line| line.replace('"', "") == format!(".SH {section}"));
            assert!(found, "no {section} in {page:?}");
        }
    }
    kscope::run(&["man", "nonsense"]).failed(1, &["no tool nonsense"]);
}

fn schemas_are_json() {
    let ended = kscope::run(&["schema", "execsnoop"]).succeeded();
    let schema: serde_json::Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!(schema["oneOf"][1]["properties"]["pid"]["type"][0], "integer");
}
