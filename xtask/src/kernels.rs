//! The kernels that the tests boot: Debian's cloud images, which have all they need built in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};

use crate::apt::Suite;
use crate::kernel_package::{FLAVOUR, Package, Want, select};
use crate::{cache, command};

/// A kernel in the cache is used this long before a newer one is looked for.
const FRESH: Duration = Duration::from_hours(14 * 24);

/// A bootable kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// One of [`labels`].
    pub(crate) label: &'static str,
    /// What `uname -r` says in it.
    pub(crate) release: String,
    /// The image, as QEMU boots it.
    pub(crate) vmlinuz: PathBuf,
}

struct Spec {
    label: &'static str,
    want: Want,
    /// In the order to try; a suite that has gone from the mirrors is passed over.
    suites: &'static [&'static str],
}

const SPECS: [Spec; 5] = [
    Spec { label: "5.10", want: Want::Series(5, 10), suites: &["bullseye-security", "bullseye"] },
    Spec {
        label: "6.1",
        want: Want::Series(6, 1),
        suites: &["bookworm-security", "bookworm", "bullseye-security"],
    },
    Spec {
        label: "6.12",
        want: Want::Series(6, 12),
        suites: &["trixie-security", "trixie", "bookworm-security", "bookworm-backports"],
    },
    Spec { label: "6.18", want: Want::Near(6, 18), suites: &["trixie-backports", "forky", "sid"] },
    Spec { label: "newest", want: Want::Newest, suites: &["trixie-backports", "sid", "experimental"] },
];

/// Every label, oldest kernel first.
pub(crate) fn labels() -> impl Iterator<Item = &'static str> {
    SPECS.iter().map(|spec| spec.label)
}

/// The kernels with these labels, all of them if none is named; fetches what the cache lacks.
pub(crate) fn ensure(names: &[String]) -> Result<Vec<Kernel>> {
    if let Some(name) = names.iter().find(|name| !labels().any(|label| label == **name)) {
        bail!("failed to find kernel {name}: the labels are {}", labels().collect::<Vec<_>>().join(", "));
    }
    let wanted = |spec: &&Spec| names.is_empty() || names.iter().any(|name| name == spec.label);
    SPECS.iter().filter(wanted).map(ensure_one).collect()
}

/// Prints label, release and path of the kernels, a line each.
pub(crate) fn list(names: &[String]) -> Result<()> {
    for Kernel { label, release, vmlinuz } in ensure(names)? {
        println!("{label:8} {release:28} {}", vmlinuz.display());
    }
    Ok(())
}

fn ensure_one(spec: &Spec) -> Result<Kernel> {
    if let Some((kernel, true)) = cached(spec)? {
        return Ok(kernel);
    }
    let _lock = cache::lock()?;
    // Another run may have fetched it while this one waited for the lock.
    let old = match cached(spec)? {
        Some((kernel, true)) => return Ok(kernel),
        Some((kernel, false)) => Some(kernel),
        None => None,
    };
    match (fetch(spec, old.as_ref()), old) {
        (Ok(()), _) => {
            let (kernel, _) = cached(spec)?.with_context(|| format!("failed to find kernel {}", spec.label))?;
            Ok(kernel)
        }
        (Err(error), Some(kernel)) => {
            let why = command::tail(&format!("{error:#}"), 2);
            command::step(&format!("kernel {} stays at {}: {why}", spec.label, kernel.release));
            Ok(kernel)
        }
        (Err(error), None) => Err(error).with_context(|| {
            let dir = Path::new("kernels").join(spec.label);
            let dir = cache::dir(&dir).unwrap_or(dir);
            format!(
                "failed to fetch kernel {}: check the network and apt's sources, or put vmlinuz and release into {}",
                spec.label,
                dir.display()
            )
        }),
    }
}

/// The kernel in the cache, and whether it is fresh.
fn cached(spec: &Spec) -> Result<Option<(Kernel, bool)>> {
    let dir = cache::dir(Path::new("kernels").join(spec.label))?;
    let (vmlinuz, release) = (dir.join("vmlinuz"), dir.join("release"));
    // `release` is written last, so a kernel without it is half a kernel.
    let (Ok(text), Ok(meta)) = (fs::read_to_string(&release), fs::metadata(&release)) else {
        return Ok(None);
    };
    if !vmlinuz.is_file() {
        return Ok(None);
    }
    let age = meta.modified().ok().and_then(|time| time.elapsed().ok()).unwrap_or_default();
    Ok(Some((Kernel { label: spec.label, release: text.trim().to_owned(), vmlinuz }, age < FRESH)))
}

/// Puts the kernel that `spec` means into the cache, unless `old` is that one.
fn fetch(spec: &Spec, old: Option<&Kernel>) -> Result<()> {
    let (suite, package) = look_up(spec)?;
    let dir = cache::dir(Path::new("kernels").join(spec.label))?;
    let partial = dir.join("partial");
    // From a run that was interrupted.
    remove(&partial)?;
    if old.is_none_or(|old| old.release != package.release) {
        command::step(&format!("fetching kernel {} ({})", spec.label, package.release));
        let replaced = replace(&dir, &partial, &suite, &package);
        remove(&partial)?;
        replaced?;
    }
    // Written anew even if it says the same: its time is when a newer kernel was last looked for.
    cache::write(&dir.join("release"), format!("{}\n", package.release).as_bytes())
}

/// Unpacks `package` in the folder `partial` and moves its kernel into `dir`.
fn replace(dir: &Path, partial: &Path, suite: &Suite, package: &Package) -> Result<()> {
    fs::create_dir_all(partial).with_context(|| format!("failed to create {}", partial.display()))?;
    suite.unpack(&package.name, partial)?;
    let release = &package.release;
    let image = [format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")]
        .map(|path| partial.join(path))
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("failed to find vmlinuz in package {}", package.name))?;
    let old = dir.join("release");
    if old.exists() {
        fs::remove_file(&old).with_context(|| format!("failed to remove {}", old.display()))?;
    }
    cache::rename(&image, &dir.join("vmlinuz"))
}

/// The package that `spec` means, and the suite that has it.
fn look_up(spec: &Spec) -> Result<(Suite, Package)> {
    let mut best: Option<(Suite, Package)> = None;
    let mut errors = Vec::new();
    for name in spec.suites {
        command::step(&format!("looking for kernel {} in {name}", spec.label));
        let found = Suite::update(name).and_then(|suite| {
            let names = suite.names(&format!("^linux-(image|binary)-.*{FLAVOUR}"))?;
            let package =
                select(spec.want, &names).with_context(|| format!("failed to find it in {name}"))?;
            Ok((suite, package))
        });
        match found {
            Ok(found) if best.as_ref().is_none_or(|(_, best)| found.1.version() > best.version()) => {
                best = Some(found);
            }
            Ok(_) => {}
            Err(error) => errors.push(format!("{name}: {error:#}")),
        }
        if best.is_some() && !matches!(spec.want, Want::Newest) {
            break;
        }
    }
    best.ok_or_else(|| Error::msg(errors.join("\n")))
}

/// Removes a folder if it is there.
fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("failed to remove {}", dir.display()))?;
    }
    Ok(())
}
