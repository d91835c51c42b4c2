//! `execsnoop` on known workloads.

mod arguments;
mod filters;
mod kernels;
mod loss;
mod markers;

use std::{fs, os::unix::process::CommandExt as _};

use self::markers::{Markers, OURS};
use crate::{
    support::{
        Test,
        kscope::{self, Tracing},
        wait_until, workload,
    },
    tests,
};

/// The tests of this tool.
pub fn tests() -> Vec<Test> {
    let here = tests![Root:
        every_exec_is_one_row,
        every_face_shows_the_same,
        columns_are_bccs,
        failed_execs_are_shown_on_request,
        execveat_is_traced,
        a_thread_that_does_not_lead_is_told_apart,
        parents_are_right,
        kernel_time_is_in_order,
        called_by_its_name_it_is_execsnoop
    ];
    [here, arguments::tests(), filters::tests(), kernels::tests(), loss::tests()].concat()
}

/// An odd count, as bcc's contributors ask for.
const EXECS: usize = 23;

fn every_exec_is_one_row() {
    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "--comm", OURS]);
    let pids: Vec<u32> = (0..EXECS).map(|i| markers.run("marker", &[&i.to_string()])).collect();
    let ended = tracing.stop().succeeded();
    let rows = ended.rows();
    assert_eq!(rows.len(), EXECS, "{rows:#?}");
    for (i, (row, pid)) in rows.iter().zip(pids).enumerate() {
        let words: Vec<&str> = row.split_whitespace().collect();
        let parent = std::process::id().to_string();
        assert_eq!(words[..4], ["marker", &pid.to_string(), &parent, "0"], "{row}");
        assert_eq!(words[4..], [markers.path("marker").to_str().unwrap(), &i.to_string()], "{row}");
    }
    assert_eq!(ended.stderr, "");
}

fn every_face_shows_the_same() {
    let markers = Markers::new();
    let json = Tracing::start(&["execsnoop", "--comm", OURS, "--json"]);
    let csv = Tracing::start(&["execsnoop", "--comm", OURS, "--csv"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let to_file = ["execsnoop", "--comm", OURS, "--json", "--output", file.to_str().unwrap()];
    let to_file = Tracing::spawn(&mut kscope::command(&to_file));
    wait_until("the file to begin", || fs::read_to_string(&file).is_ok_and(|text| text.contains('\n')));
    for _ in 0..EXECS {
        markers.run("marker", &["a,b", "c\"d"]);
    }
    to_file.stop().succeeded();
    let (json, csv) = (json.stop().succeeded(), csv.stop().succeeded());
    let lines = json.lines();
    assert_eq!(lines[0]["type"], "start");
    assert_eq!((&lines[0]["tool"], &lines[0]["schema"]), (&"execsnoop".into(), &1.into()));
    let events = json.events();
    assert_eq!(events.len(), EXECS);
    assert_eq!(json.end_line()["events"], EXECS);
    let schema = kscope::run(&["schema", "execsnoop"]).succeeded();
    let schema: serde_json::Value = serde_json::from_str(schema.text()).unwrap();
    for (line, kind) in [(&lines[0], 0), (&events[0], 1), (&json.end_line(), 2)] {
        let kind = &schema["oneOf"][kind];
        let required = kind["required"].as_array().unwrap();
        assert!(required.iter().all(|field| !line[field.as_str().unwrap()].is_null()), "{line} {required:?}");
        for field in line.as_object().unwrap().keys() {
            assert!(!kind["properties"][field].is_null(), "{field} is not in the schema");
        }
    }
    assert_eq!(events[0]["args"][1], "a,b");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), EXECS + 2);

    assert!(csv.text().starts_with("time,uid,comm,pid,pcomm,ppid,cpu,ret,file,args,argc,cut,interpreted\r\n"));
    assert_eq!(csv.text().lines().count(), EXECS + 1);
    assert!(csv.text().contains("a,b c\"\"d\""), "{}", csv.text());
    let pid = events[EXECS - 1]["pid"].to_string();
    assert_eq!(csv.text().lines().last().unwrap().split(',').nth(3), Some(pid.as_str()));
}

fn columns_are_bccs() {
    let header = |options: &[&str]| {
        let arguments = [&["execsnoop", "--duration", "10ms"], options].concat();
        kscope::run(&arguments).succeeded().text().lines().next().unwrap().to_owned()
    };
    assert_eq!(header(&[]), "COMM             PID     PPID    RET ARGS");
    assert_eq!(header(&["-TtUCM"]), "TIME     TIME(s) UID   COMM             PID     PCOMM            PPID    CPU  RET ARGS");

    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "-TtUCMq", "--comm", OURS]);
    markers.run("marker", &["a b"]);
    let ended = tracing.stop().succeeded();
    let rows = ended.rows();
    let words: Vec<&str> = rows[0].split_whitespace().collect();
    assert_eq!(words[0].len(), "HH:MM:SS".len(), "{rows:?}");
    assert!(words[1].parse::<f64>().is_ok_and(|seconds| seconds >= 0.0), "{rows:?}");
    assert_eq!((words[2], words[3]), ("0", "marker"), "{rows:?}");
    assert!(words[7].parse::<usize>().is_ok(), "{rows:?}");
    assert!(rows[0].ends_with("marker\" \"a b\""), "{rows:?}");
}

fn failed_execs_are_shown_on_request() {
    let markers = Markers::new();
    let folder = tempfile::tempdir().unwrap();
    let no_program = folder.path().join("text");
    fs::write(&no_program, "neither ELF nor script").unwrap();
    let fail_all = || {
        for path in ["/nonexistent/marker", "/", no_program.to_str().unwrap()] {
            let error = markers.shell(path, &["one", "two words", ""]).exec();
            assert!(error.raw_os_error().is_some());
        }
    };
    let silent = Tracing::start(&["execsnoop", "--json", "--pid", &std::process::id().to_string()]);
    fail_all();
    assert_eq!(silent.stop().succeeded().events().len(), 0);

    let tracing = Tracing::start(&["execsnoop", "-x", "--json", "--pid", &std::process::id().to_string()]);
    fail_all();
    // ENOENT and EACCES at once; std tries no shell behind ENOEXEC.
    let ended = tracing.stop().succeeded();
    let events = ended.events();
    let rets: Vec<i64> = events.iter().map(|event| event["ret"].as_i64().unwrap()).collect();
    assert_eq!(rets, [-2, -13, -13], "{events:#?}");
    assert_eq!(events[0]["file"], "/nonexistent/marker");
    assert_eq!(events[0]["args"], serde_json::json!(["/nonexistent/marker", "one", "two words", ""]));
    assert_eq!(events[0]["argc"], 4);
}

fn execveat_is_traced() {
    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "-x", "--json"]);
    let program = fs::File::open(workload::own()).unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&program);
    let error = workload::execveat(descriptor, b"below", &[b"arg"], 0);
    assert_eq!(error, libc::ENOTDIR);
    let error = workload::execveat(-1, b"", &[b"arg"], libc::AT_EMPTY_PATH);
    assert_eq!(error, libc::EBADF);

    let mut child = markers.shell("unused", &[]);
    // SAFETY: the closure only makes a system call.
    unsafe {
        child.pre_exec(move || {
            let error = workload::execveat(descriptor, b"", &[b"e2e", b"workload", b"exit"], libc::AT_EMPTY_PATH);
            Err(std::io::Error::from_raw_os_error(error))
        });
    }
    let child = child.spawn().unwrap();
    let pid = child.id();
    child.wait_with_output().unwrap();

    let events = tracing.stop().succeeded().events();
    let own = |event: &&serde_json::Value| event["pid"] == std::process::id() && event["ret"] != 0;
    let failed: Vec<_> = events.iter().filter(own).collect();
    let files: Vec<_> = failed.iter().map(|event| event["file"].as_str().unwrap()).collect();
    assert_eq!(files, [format!("/dev/fd/{descriptor}/below"), "/dev/fd/-1".to_owned()]);
    assert_eq!(failed[0]["ret"], -libc::ENOTDIR);
    let ran: Vec<_> = events.iter().filter(|event| event["pid"] == pid && event["ret"] == 0).collect();
    assert_eq!(ran.len(), 1, "{events:#?}");
    assert_eq!(ran[0]["file"], format!("/dev/fd/{descriptor}"));
    assert_eq!(ran[0]["args"], serde_json::json!(["e2e", "workload", "exit"]));
    assert_eq!(ran[0]["ppid"], std::process::id());
}

fn a_thread_that_does_not_lead_is_told_apart() {
    let tracing = Tracing::start(&["execsnoop", "-x", "--json"]);
    let (parent, pid) = (std::os::unix::process::parent_id(), std::process::id());
    let thread = std::thread::Builder::new().name("marker-thread".to_owned()).spawn(|| {
        workload::execveat(libc::AT_FDCWD, b"/nonexistent/marker", &[b"x"], 0)
    });
    assert_eq!(thread.unwrap().join().unwrap(), libc::ENOENT);
    // A child whose second thread becomes the program: PID and parent stay the child's.
    let child = workload::command(&["thread-exec"]).spawn().unwrap();
    let child_pid = child.id();
    child.wait_with_output().unwrap();

    let events = tracing.stop().succeeded().events();
    let failed: Vec<_> = events.iter().filter(|event| event["file"] == "/nonexistent/marker").collect();
    assert_eq!(failed.len(), 1, "{events:#?}");
    assert_eq!((&failed[0]["pid"], &failed[0]["comm"]), (&pid.into(), &"marker-thread".into()));
    assert_eq!(failed[0]["ppid"], parent);
    let execs: Vec<_> = events.iter().filter(|event| event["pid"] == child_pid && event["ret"] == 0).collect();
    assert_eq!(execs.len(), 2, "{events:#?}");
    assert!(execs.iter().all(|event| event["ppid"] == pid), "{execs:#?}");
}

fn parents_are_right() {
    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "--json", "--comm", OURS]);
    markers.run("marker", &[]);
    // From a thread with a name of its own: the parent is the process, by its name.
    std::thread::Builder::new()
        .name("elsewhere".to_owned())
        .spawn(move || markers.run("marker", &[]))
        .unwrap()
        .join()
        .unwrap();
    let events = tracing.stop().succeeded().events();
    let comm = fs::read_to_string(format!("/proc/{}/comm", std::process::id())).unwrap();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(event["ppid"], std::process::id());
        assert_eq!(event["pcomm"], comm.trim_end());
    }
}

fn kernel_time_is_in_order() {
    let tracing = Tracing::start(&["execsnoop", "--json"]);
    let markers = Markers::new();
    let program = markers.path("marker");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert!(std::process::Command::new(&program).status().unwrap().success());
                }
            });
        }
    });
    let ended = tracing.stop().succeeded();
    let events = ended.events();
    let times: Vec<&str> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.len() as u64 + ended.end_line()["lost"]["recursion"].as_u64().unwrap() >= 400);
    assert!(times.is_sorted());
    assert!(times[0].ends_with('Z') && times[0].len() == "2026-01-01T00:00:00.000000Z".len(), "{}", times[0]);
}

fn called_by_its_name_it_is_execsnoop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for _ in 0..2 {
        kscope::run(&["links", path]).succeeded();
    }
    let mut link = std::process::Command::new(folder.path().join("execsnoop"));
    let markers = Markers::new();
    let tracing = Tracing::start_command(link.args(["-l", "by its name"]));
    markers.run("marker", &["by its name"]);
    assert_eq!(tracing.stop().succeeded().rows().len(), 1);

    fs::remove_file(folder.path().join("execsnoop")).unwrap();
    fs::write(folder.path().join("execsnoop"), "mine").unwrap();
    kscope::run(&["links", path]).failed(1, &["execsnoop", "exists"]);
    assert_eq!(fs::read(folder.path().join("execsnoop")).unwrap(), b"mine");
}
