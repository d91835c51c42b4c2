//! Filters, each with as many execs that pass as that do not.

use std::{fs, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use super::markers::{Markers, OURS};
use crate::{
    support::{
        Test,
        kscope::{self, Tracing},
        workload,
    },
    tests,
};

pub fn tests() -> Vec<Test> {
    tests![Root:
        by_parent,
        by_user,
        by_pid_and_thread,
        by_command_name,
        by_regular_expression,
        by_cgroup,
        by_container,
        by_command,
        a_command_that_cannot_run_is_an_error,
        filtered_events_are_counted,
        limits_end_the_run
    ]
}

/// The markers' events of a traced run.
fn events(arguments: &[&str], load: impl FnOnce()) -> Vec<serde_json::Value> {
    let tracing = Tracing::start(&[&["execsnoop", "--json"], arguments].concat());
    load();
    tracing.stop().succeeded().events()
}

fn by_parent() {
    let markers = Markers::new();
    let own = std::process::id().to_string();
    let found = events(&["-P", &format!("1,{own}")], || {
        markers.run("marker", &["mine"]);
        workload::command(&["spawn", "3"]).output().unwrap();
    });
    // The marker, and the workload itself, but not its children.
    assert_eq!(found.len(), 2, "{found:#?}");
}

fn by_user() {
    let markers = Markers::new();
    fs::set_permissions(
        markers.path("marker").parent().unwrap(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let found = events(&["-u", "12345,54321", "--comm", OURS], || {
        for uid in [12345, 54321, 0] {
            markers.run_with("marker", |command| command.uid(uid));
        }
    });
    let uids: Vec<_> = found.iter().map(|event| event["uid"].as_u64().unwrap()).collect();
    assert_eq!(uids, [12345, 54321]);
}

fn by_pid_and_thread() {
    let own = std::process::id().to_string();
    for option in ["--pid", "--tid"] {
        let found = events(&["-x", option, &own], || {
            let fail = || workload::execveat(libc::AT_FDCWD, b"/nonexistent", &[], 0);
            // This thread may not be the first one of the process; that one is the main thread of the harness.
            let _ = std::thread::spawn(fail).join().unwrap();
            workload::command(&["spawn", "2"]).output().unwrap();
        });
        let expected = usize::from(option == "--pid");
        assert_eq!(found.len(), expected, "{option}: {found:#?}");
    }
}

fn by_command_name() {
    let markers = Markers::new();
    for (glob, count) in [("marker-a", 1), ("marker-?", 2), ("marker-[b-z]", 1), ("*-bb", 1), ("mark", 0)] {
        let found = events(&["--comm", glob], || {
            for name in ["marker-a", "marker-b", "marker-bb"] {
                markers.run(name, &[]);
            }
        });
        assert_eq!(found.len(), count, "{glob}: {found:#?}");
    }
}

fn by_regular_expression() {
    let markers = Markers::new();
    for (option, regex, count) in [("-n", "^marker-a$", 1), ("-n", "er-", 2), ("-l", "needle$", 1), ("-l", "(?i)NEED", 1)] {
        let found = events(&["--comm", OURS, option, regex], || {
            markers.run("marker-a", &["hay", "needle"]);
            markers.run("marker-b", &["hay"]);
        });
        assert_eq!(found.len(), count, "{option} {regex}: {found:#?}");
    }
}

/// A cgroup for one test, gone when that ends.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Self {
        let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.join("cgroup.procs").exists())
            .expect("cgroup v2");
        let path = root.join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// Runs a marker that has moved there before.
    fn run(&self, markers: &Markers, name: &str) {
        let procs = self.0.join("cgroup.procs");
        let enter = move || fs::write(&procs, "0");
        // SAFETY: the test is alone in its process but for threads that hold no lock of the allocator's.
        markers.run_with(name, |command: &mut Command| unsafe { command.pre_exec(enter) });
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that has ended leaves its cgroup a moment later.
        crate::support::wait_until("the cgroup to empty", || fs::remove_dir(&self.0).is_ok() || !self.0.exists());
    }
}

fn by_cgroup() {
    let markers = Markers::new();
    let outer = Cgroup::new(&format!("kscope-test-{}", std::process::id()));
    let inner = Cgroup::new(&format!("kscope-test-{}/inner", std::process::id()));
    for (path, expected) in [(&outer.0, 2), (&inner.0, 1)] {
        let found = events(&["--comm", OURS, "--cgroup", path.to_str().unwrap()], || {
            markers.run("marker-outside", &[]);
            outer.run(&markers, "marker-outer");
            inner.run(&markers, "marker-inner");
        });
        assert_eq!(found.len(), expected, "{}: {found:#?}", path.display());
    }
    kscope::run(&["execsnoop", "--cgroup", "/nonexistent"]).failed(1, &["no cgroup /nonexistent"]);
    kscope::run(&["execsnoop", "--cgroup", "/tmp"]).failed(1, &["/tmp", "cgroup v2"]);
}

fn by_container() {
    let markers = Markers::new();
    let id = format!("{:064x}", std::process::id());
    let container = Cgroup::new(&format!("docker-{id}.scope"));
    let found = events(&["--comm", OURS, "--container", &id[..62]], || {
        markers.run("marker-outside", &[]);
        container.run(&markers, "marker-inside");
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["comm"], "marker-inside");
    kscope::run(&["execsnoop", "--container", "nonexistent"]).failed(1, &["nonexistent"]);
}

fn by_command() {
    let markers = Markers::new();
    let own = workload::own();
    let command = [own.to_str().unwrap(), "workload", "spawn", "7"];
    let tracing = Tracing::start(&[&["execsnoop", "--json", "--"], command.as_slice()].concat());
    markers.run("marker", &["not its child"]);
    let ended = tracing.end().succeeded();
    // What the command prints goes where kscope prints.
    let text = ended.text();
    let children = text.lines().filter(|line| line.starts_with("child ")).count();
    let events = text.lines().filter(|line| line.starts_with(r#"{"type":"event""#)).count();
    assert_eq!((children, events), (7, 8), "{text}");
}

fn a_command_that_cannot_run_is_an_error() {
    kscope::run(&["execsnoop", "--", "/nonexistent/command"]).failed(1, &["/nonexistent/command"]);
    kscope::run(&["execsnoop", "--", "/"]).failed(1, &["failed to run /"]);
}

fn filtered_events_are_counted() {
    let markers = Markers::new();
    let own = std::process::id().to_string();
    let tracing = Tracing::start(&["execsnoop", "--json", "-P", &own, "-l", "keep", "--comm", OURS]);
    for i in 0..30 {
        markers.run("marker", &[if i % 3 == 0 { "keep" } else { "drop" }]);
    }
    let end = tracing.stop().succeeded().end_line();
    assert_eq!(end["events"], 10);
    // Others may have run programs meanwhile, which are filtered as well.
    assert!(end["filtered"].as_u64().unwrap() >= 20, "{end}");
    assert_eq!(end["lost"], serde_json::json!({"ring": 0, "map_full": 0, "stack": 0, "range": 0, "recursion": 0}));
}

fn limits_end_the_run() {
    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "--comm", OURS, "--max-events", "5"]);
    for _ in 0..8 {
        markers.run("marker", &[]);
    }
    assert_eq!(tracing.end().succeeded().rows().len(), 5);

    for limit in [&["--duration", "50ms"][..], &["--interval", "20ms", "--count", "2"]] {
        let ended = kscope::run(&[&["execsnoop", "--comm", "nobody"], limit].concat()).succeeded();
        assert_eq!(ended.rows().len(), 0);
    }
    // Events are shown when the interval is over, and at the end.
    let tracing = Tracing::start(&["execsnoop", "--comm", OURS, "--interval", "1h"]);
    markers.run("marker", &[]);
    assert_eq!(tracing.stop().succeeded().rows().len(), 1);
}
