//! What the tests of all tools need.

pub mod guest;
pub mod kernel;
pub mod kscope;
pub mod tiny;
pub mod workload;

use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Conclusion, Trial};

/// How long anything may take. An emulated machine is slow; nothing here waits for time, only for conditions.
pub const BOUND: Duration = Duration::from_mins(2);

/// A test of a live kernel.
#[derive(Clone, Copy)]
pub struct Test {
    /// `tool::what_it_shows`.
    pub name: &'static str,
    /// What it takes beyond root.
    pub needs: Needs,
    /// Panics when it fails.
    pub run: fn(),
}

/// What a kernel may lack. In a guest nothing is missing, and a test that cannot run fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Root,
    /// Not even root.
    Nobody,
    /// fentry and fexit.
    Fentry,
    /// kprobes.
    Kprobes,
}

/// A list of tests: `tests![Root: one, another; Kprobes: a_third]`.
#[macro_export]
macro_rules! tests {
    ($($needs:ident: $($name:ident),+);+) => {
        vec![$($($crate::support::Test {
            name: concat!(module_path!(), "::", stringify!($name)),
            needs: $crate::support::Needs::$needs,
            run: $name,
        }),+),+]
    };
}

/// Runs the tests one after the other: they count what a whole machine does.
pub fn run(tests: Vec<Test>, arguments: &Arguments) -> Conclusion {
    let mut arguments = arguments.clone();
    arguments.test_threads = Some(1);
    let trials = tests.into_iter().map(|test| {
        let missing = missing(test.needs);
        if let Some(reason) = missing {
            eprintln!("skipped: {}: {reason}", test.name);
        }
        let name = test.name.strip_prefix("e2e::").unwrap_or(test.name);
        Trial::test(name, move || {
            (test.run)();
            Ok(())
        })
        .with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect())
}

/// Why a test cannot run here.
fn missing(needs: Needs) -> Option<&'static str> {
    if needs != Needs::Nobody && !rustix::process::geteuid().is_root() {
        return Some("needs root");
    }
    if guest::is_guest() {
        return None;
    }
    match needs {
        Needs::Fentry if !kscope::accepts("tp_btf:sys_exit,raw_tp:sys_exit") => {
            Some("this kernel refuses fexit programs and kprobes")
        }
        Needs::Kprobes if !std::path::Path::new("/sys/bus/event_source/devices/kprobe").exists() => {
            Some("this kernel has no kprobes")
        }
        _ => None,
    }
}

/// Waits until `condition`, and panics when that takes longer than [`BOUND`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < BOUND, "waited {BOUND:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
