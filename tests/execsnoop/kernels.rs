//! Each way of attaching, and namespaces.

use super::markers::{Markers, OURS};
use crate::{
    support::{
        Test, kernel,
        kscope::{self, Ended, Tracing},
        workload,
    },
    tests,
};

pub fn tests() -> Vec<Test> {
    tests![
        Root: raw_tracepoints_serve_too, numbers_are_those_of_the_pid_namespace, privileges_are_given_up;
        Fentry: fexit_serves_too;
        Kprobes: kprobes_serve_too
    ]
}

/// One exec that fails and one that does not, traced without the hooks in `refused`.
fn trace_without(refused: &str) -> Ended {
    let markers = Markers::new();
    let own = std::process::id().to_string();
    let mut command = kscope::command(&["execsnoop", "-x", "-v", "--json", "-P", &own]);
    let tracing = Tracing::start_command(command.env("KSCOPE_REFUSE", refused));
    // A child, so that the failing exec, too, has this process for its parent.
    let mut child = workload::command(&["fail-exec"]).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    markers.run("marker", &["argument"]);
    let ended = tracing.stop().succeeded();
    let found: Vec<_> = ended
        .events()
        .iter()
        .map(|event| (event["file"].as_str().unwrap().to_owned(), event["ret"].as_i64().unwrap()))
        .collect();
    let (workload, marker) = (workload::own(), markers.path("marker"));
    let expected = [
        (workload.to_str().unwrap(), 0),
        ("/nonexistent/execve", -2),
        ("/nonexistent/execveat", -2),
        (marker.to_str().unwrap(), 0),
    ];
    assert_eq!(found, expected.map(|(file, ret)| (file.to_owned(), ret)));
    assert_eq!(ended.events()[1]["args"], serde_json::json!(["one", "two"]));
    ended
}

fn raw_tracepoints_serve_too() {
    let ended = trace_without("tp_btf,fexit");
    assert!(ended.stderr.contains("successful execs: raw_tp:sched_process_exec"), "{}", ended.stderr);
    assert!(ended.stderr.contains("failed execs (-x): raw_tp:sys_exit"), "{}", ended.stderr);
    assert!(ended.stderr.contains("not tp_btf:sys_exit: refused by KSCOPE_REFUSE"), "{}", ended.stderr);
    let ended = trace_without("fexit");
    assert!(ended.stderr.contains("failed execs (-x): tp_btf:sys_exit"), "{}", ended.stderr);
    let plain = trace_without("");
    assert!(plain.stderr.contains("successful execs: tp_btf:sched_process_exec"), "{}", plain.stderr);
}

fn fexit_serves_too() {
    let ended = trace_without("tp_btf:sys_exit,raw_tp:sys_exit");
    // v5.10 knows the argument of `__x64_sys_execveat` as a forward declaration alone, which no load can follow.
    let way = if kernel::release().starts_with("5.10.") {
        "failed execs (-x): kprobe:__x64_sys_execve"
    } else {
        "failed execs (-x): fexit:__x64_sys_execve + fexit:__x64_sys_execveat"
    };
    assert!(ended.stderr.contains(way), "{}", ended.stderr);
}

fn kprobes_serve_too() {
    let ended = trace_without("tp_btf:sys_exit,raw_tp:sys_exit,fexit");
    assert!(ended.stderr.contains("kretprobe:__x64_sys_execve"), "{}", ended.stderr);
}

fn numbers_are_those_of_the_pid_namespace() {
    let own = workload::own();
    let own = own.to_str().unwrap();
    for refused in ["", "tp_btf"] {
        let command = ["workload", "namespace", kscope::binary(), "execsnoop", "--json", "-v", "--"];
        let mut inside = std::process::Command::new(own);
        inside.args(command).args([own, "workload", "spawn", "5"]).env("KSCOPE_REFUSE", refused);
        let ended = kscope::run_command(&mut inside).succeeded();
        assert!(ended.stderr.contains("kscope's PID namespace, pid:["), "{}", ended.stderr);
        let text = ended.text();
        let said: Vec<u64> =
            text.lines().filter_map(|line| line.strip_prefix("child ")?.parse().ok()).collect();
        let events: Vec<serde_json::Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(|line: &serde_json::Value| line["type"] == "event").collect();
        let start: serde_json::Value =
            text.lines().find_map(|line| serde_json::from_str(line).ok()).expect("a start line");
        assert_ne!(start["pid_namespace"], own_namespace(), "{text}");
        let shown: Vec<u64> = events.iter().skip(1).map(|event| event["pid"].as_u64().unwrap()).collect();
        assert_eq!(said.len(), 5, "{text}");
        assert_eq!(shown, said, "{text}");
        assert!(events.iter().skip(1).all(|event| event["ppid"] == events[0]["pid"]), "{text}");
        assert!(said.iter().all(|pid| *pid < 100), "{text}");
    }
}

/// The PID namespace of the tests, as an inode.
fn own_namespace() -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata("/proc/self/ns/pid").unwrap())
}

fn privileges_are_given_up() {
    let tracing = Tracing::start(&["execsnoop", "--comm", OURS]);
    let path = format!("/proc/{}/status", tracing.pid());
    crate::support::wait_until("capabilities to be dropped", || {
        let status = std::fs::read_to_string(&path).unwrap();
        let empty = |name: &str| status.lines().any(|line| line.starts_with(name) && line.ends_with("\t0000000000000000"));
        empty("CapEff:") && empty("CapPrm:") && status.contains("NoNewPrivs:\t1")
    });
    // And it still works.
    Markers::new().run("marker", &[]);
    assert_eq!(tracing.stop().succeeded().rows().len(), 1);
}
