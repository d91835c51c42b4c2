//! What goes wrong ends in one line, the right status, and a clean kernel; for any tool, shown by execsnoop.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use crate::{
    support::{
        Test, kernel,
        kscope::{self, Tracing},
        wait_until, workload,
    },
    tests,
};

/// The tests in this file.
pub fn tests() -> Vec<Test> {
    tests![
        Root: no_privileges, no_btf, a_full_disk, a_closed_pipe, signals_end_a_run, files_are_not_clobbered,
            nothing_stays_in_the_kernel;
        Nobody: bad_options
    ]
}

const NOBODY: u32 = 65534;

fn no_privileges() {
    // A folder that anybody may enter: the binary's own may be closed.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let binary = folder.path().join("kscope");
    fs::copy(kscope::binary(), &binary).unwrap();
    let run = |arguments: &[&str]| {
        kscope::run_command(Command::new(&binary).args(arguments).uid(NOBODY).gid(NOBODY))
    };
    run(&["execsnoop"]).failed(1, &["CAP_BPF and CAP_PERFMON", "sudo kscope execsnoop"]);
    let doctor = run(&["doctor"]);
    doctor.failed(1, &["execsnoop cannot run here"]);
    assert!(
        doctor.text().contains("CAP_BPF and CAP_PERFMON missing: run `sudo kscope doctor`"),
        "{}",
        doctor.text()
    );
    assert!(run(&["list"]).succeeded().text().contains("which processes start?"));
}

fn no_btf() {
    for (tool, words) in [("execsnoop", "CONFIG_DEBUG_INFO_BTF"), ("doctor", "cannot run here")] {
        let ended = kscope::run_command(&mut workload::command(&["hide-btf", kscope::binary(), tool]));
        ended.failed(1, &[words]);
    }
}

fn bad_options() {
    for arguments in [
        &["execsnoop", "--nonsense"][..],
        &["execsnoop", "--pid", "x"],
        &["execsnoop", "--duration", "0"],
        &["execsnoop", "--duration", "-1"],
        &["execsnoop", "--count", "0"],
        &["execsnoop", "--max-events", "0"],
        &["execsnoop", "--max-args-bytes", "65537"],
        &["execsnoop", "--buffer-pages", "3"],
        &["execsnoop", "--comm", "longer-than-a-name"],
        &["execsnoop", "--uid", "no-such-user"],
        &["execsnoop", "-n", "("],
        &["execsnoop", "--json", "--csv"],
        &["execsnoop", "--force"],
        &["execsnoop", "--cgroupmap", "/sys/fs/bpf/map"],
        &["execsnoop", "stray"],
        &["nonsense"],
        &[],
    ] {
        let ended = kscope::run(arguments);
        ended.failed(2, &[]);
        assert!(ended.stdout.is_empty(), "{arguments:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    kscope::run(&["execsnoop", "--cgroupmap", "x"]).failed(2, &["--cgroup PATH"]);
}

fn a_full_disk() {
    let mut to_full = kscope::command(&["execsnoop", "--json"]);
    to_full.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped());
    let output = to_full.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
    kscope::run(&["execsnoop", "--output", "/dev/full", "--duration", "10ms"]).failed(1, &["No space left"]);
}

fn a_closed_pipe() {
    // `kscope execsnoop | head -1`: the reader goes after the header, and no event may come for long.
    let mut child = kscope::command(&["execsnoop", "--comm", "nobody"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut header = String::new();
    std::io::BufRead::read_line(&mut reader, &mut header).unwrap();
    drop(reader);
    wait_until("kscope to notice", || child.try_wait().unwrap().is_some());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

fn signals_end_a_run() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let tracing = Tracing::start(&["execsnoop", "--json"]);
        assert!(workload::command(&["spawn", "3"]).output().unwrap().status.success());
        tracing.signal(signal);
        let ended = tracing.end().succeeded();
        assert!(ended.events().len() >= 4);
        assert_eq!(ended.end_line()["events"], ended.events().len());
    }
}

fn files_are_not_clobbered() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("taken"), "mine").unwrap();
    std::os::unix::fs::symlink(path("taken"), path("link")).unwrap();
    let run = |file: &str, more: &[&str]| {
        kscope::run(&[&["execsnoop", "--duration", "10ms", "--output", &path(file)], more].concat())
    };
    run("taken", &[]).failed(1, &["taken", "--force"]);
    run("link", &["--force"]).failed(1, &["link", "symbolic link"]);
    run("missing/file", &[]).failed(1, &["missing/file"]);
    assert_eq!(fs::read(path("taken")).unwrap(), b"mine");
    run("taken", &["--force"]).succeeded();
    run("new", &[]).succeeded();
    for file in ["taken", "new"] {
        assert!(fs::read_to_string(path(file)).unwrap().starts_with("COMM "));
    }
}

fn nothing_stays_in_the_kernel() {
    let before = kernel::objects();
    let check = |what: &str| {
        // The kernel frees what is not used any more a moment later.
        wait_until(&format!("the kernel to free everything after {what}"), || {
            kernel::objects().is_subset(&before)
        });
    };
    Tracing::start(&["execsnoop", "-x"]).stop().succeeded();
    check("SIGINT");
    let tracing = Tracing::start(&["execsnoop", "-x"]);
    assert!(!kernel::objects().is_subset(&before));
    tracing.signal(Signal::KILL);
    tracing.end();
    check("SIGKILL");
    kscope::run(&["execsnoop", "--", "/nonexistent"]).failed(1, &[]);
    check("a command that does not run");
    kscope::run(&["execsnoop", "--output", "/dev/full", "--duration", "10ms"]).failed(1, &[]);
    check("a full disk");
    let mut refused = kscope::command(&["execsnoop", "-x"]);
    let refusals = "tp_btf:sys_exit,raw_tp:sys_exit,fexit,kprobe";
    kscope::run_command(refused.env("KSCOPE_REFUSE", refusals))
        .failed(1, &["does not let kscope see failed execs"]);
    check("a refused hook");
    kscope::run(&["doctor"]).succeeded();
    check("doctor");
}
