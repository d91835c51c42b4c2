//! Arguments: long, many, hostile, or none.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::markers::{Markers, OURS};
use crate::{
    support::{
        Test,
        kscope::{Tracing, exact},
        workload,
    },
    tests,
};

pub fn tests() -> Vec<Test> {
    tests![Root:
        hostile_bytes_reach_programs_whole_and_terminals_harmless,
        long_arguments_are_whole_on_request,
        a_cut_is_marked,
        the_number_of_arguments_can_be_limited,
        an_empty_list_shows_the_path,
        scripts_show_their_interpreter
    ]
}

/// Two hundred names and argument lists that somebody may have thought up.
fn hostile() -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let pieces: [&[u8]; 20] = [
        b"\x1b[2J\x1b[H",
        b"\x1b]0;title\x07",
        b"\x1b]52;c;aGk=\x07",
        b"\x1b[1A\x1b[2K",
        b"\x9b31m",
        b"\xc2\x9b31m",
        b"line\nfeed",
        b"carriage\rreturn",
        b"tab\there",
        b"\x07bell\x08",
        b"\x7f\x01\x02",
        b"\xff\xfe\x80",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae\xe2\x81\xa6bidi",
        b"\xe2\x80\x8bzero\xef\xbb\xbf",
        b"e\xcc\x81\xcc\x81combining",
        b"\"quo'tes\\",
        b"</script>]]>&lt;",
        b"=cmd|' /C calc'!A0,;",
        b"\xf0\x9f\x92\xa9 wide \xe6\xbc\xa2",
    ];
    let mut all = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        for repeat in 0..10 {
            // A slash would make a folder of the name, and only 15 bytes of it are kept.
            let name: Vec<u8> =
                [b"marker", *piece].concat().into_iter().filter(|byte| *byte != b'/').take(6 + 1 + repeat).collect();
            let mut arguments = vec![piece.repeat(repeat + 1), Vec::new(), pieces[(i + repeat) % 20].to_vec()];
            match repeat {
                7 => arguments = vec![piece.iter().copied().cycle().take(4096).collect()],
                8 => arguments = (0..1000).map(|n| format!("{n}").into_bytes()).collect(),
                9 => arguments.clear(),
                _ => {}
            }
            all.push((name, arguments));
        }
    }
    all
}

fn hostile_bytes_reach_programs_whole_and_terminals_harmless() {
    let markers = Markers::new();
    let hostile = hostile();
    assert_eq!(hostile.len(), 200);
    let json = Tracing::start(&["execsnoop", "--json", "--comm", OURS]);
    let csv = Tracing::start(&["execsnoop", "--csv", "--comm", OURS]);
    let table = Tracing::start(&["execsnoop", "--comm", OURS, "-M"]);
    for (name, arguments) in &hostile {
        markers.run_with(name, |command| command.args(arguments.iter().map(|bytes| OsStr::from_bytes(bytes))));
    }
    let (json, csv, table) = (json.stop().succeeded(), csv.stop().succeeded(), table.stop().succeeded());

    let events = json.events();
    assert_eq!(events.len(), hostile.len());
    for (event, (name, arguments)) in events.iter().zip(&hostile) {
        let mut expected = vec![b"marker".to_vec()];
        expected.extend(arguments.iter().cloned());
        assert_eq!(exact(event, "args"), expected);
        assert_eq!(exact(event, "comm"), [name[..name.len().min(15)].to_vec()]);
        assert_eq!(event["argc"], expected.len());
        assert_eq!(event["cut"], false);
    }
    assert_eq!(table.rows().len(), hostile.len());
    assert_eq!(csv.text().lines().count(), hostile.len() + 1);
    for ended in [&json, &csv, &table] {
        let controls = ended.text().chars().filter(|c| c.is_control() && !"\r\n".contains(*c)).count();
        let hidden = ended.text().chars().filter(|c| "\u{202e}\u{2066}\u{200b}\u{feff}".contains(*c)).count();
        assert_eq!((controls, hidden), (0, 0));
    }
    assert!(!table.text().contains('\r') && !json.text().contains('\r'));
}

fn long_arguments_are_whole_on_request() {
    let markers = Markers::new();
    // Beside them: the path in argv[0], and a NUL each.
    let long: Vec<String> = (0..15).map(|i| char::from(b'a' + i).to_string().repeat(4096)).collect();
    let bytes = long.iter().map(|argument| argument.len() + 1).sum::<usize>() + "marker".len() + 1;
    assert!((61_000..65_536).contains(&bytes));
    let tracing = Tracing::start(&["execsnoop", "--json", "--comm", OURS, "--max-args-bytes", "65536"]);
    let words: Vec<&str> = long.iter().map(String::as_str).collect();
    markers.run("marker", &words);
    let events = tracing.stop().succeeded().events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["cut"], false);
    let shown: Vec<&str> = events[0]["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(shown[1..], words);
}

fn a_cut_is_marked() {
    let markers = Markers::new();
    let long = "x".repeat(10_000);
    let table = Tracing::start(&["execsnoop", "--comm", OURS]);
    let json = Tracing::start(&["execsnoop", "--comm", OURS, "--json", "--max-args-bytes", "100"]);
    markers.run("marker", &[&long, "behind"]);
    let (table, json) = (table.stop().succeeded(), json.stop().succeeded());
    let rows = table.rows();
    assert!(rows[0].ends_with("xxx…"), "{rows:?}");
    let shown = rows[0].split(' ').next_back().unwrap();
    assert_eq!(shown.matches('x').count(), 8192 - "marker".len() - 1);
    let event = &json.events()[0];
    assert_eq!(event["cut"], true);
    assert_eq!(event["argc"], 3);
    assert_eq!(event["args"], serde_json::json!(["marker", "x".repeat(100 - "marker".len() - 1)]));
}

fn the_number_of_arguments_can_be_limited() {
    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "--comm", OURS, "--max-args", "3"]);
    markers.run("marker", &["one", "two", "three"]);
    markers.run("marker", &["one", "two"]);
    let ended = tracing.stop().succeeded();
    assert!(ended.rows()[0].ends_with("marker one two…"), "{:?}", ended.rows());
    assert!(ended.rows()[1].ends_with("marker one two"), "{:?}", ended.rows());
}

fn an_empty_list_shows_the_path() {
    let tracing = Tracing::start(&["execsnoop", "--json"]);
    let mut command = workload::command(&["no-arguments"]);
    let child = command.spawn().unwrap();
    let pid = child.id();
    child.wait_with_output().unwrap();
    let events = tracing.stop().succeeded().events();
    let execs: Vec<_> = events.iter().filter(|event| event["pid"] == pid).collect();
    assert_eq!(execs.len(), 2, "{execs:#?}");
    // Since v5.18 (commit dcd46d897adb) the kernel adds an empty argument where there is none.
    let arguments = execs[1]["args"].as_array().unwrap();
    assert!(arguments.is_empty() || arguments == &[""], "{arguments:?}");
    assert_eq!(execs[1]["argc"], arguments.len());
    assert_eq!(execs[1]["file"], workload::own().to_str().unwrap());
}

fn scripts_show_their_interpreter() {
    let markers = Markers::new();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("marker-script");
    std::fs::write(&script, format!("#!{} -flag\n", markers.path("marker").display())).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let tracing = Tracing::start(&["execsnoop", "--json", "--comm", OURS]);
    let table = Tracing::start(&["execsnoop", "--comm", OURS]);
    assert!(markers.shell(script.to_str().unwrap(), &["argument"]).status().unwrap().success());
    let (json, table) = (tracing.stop().succeeded(), table.stop().succeeded());
    let event = &json.events()[0];
    let (interpreter, script) = (markers.path("marker"), script.to_str().unwrap());
    let words = [interpreter.to_str().unwrap(), "-flag", script, "argument"];
    assert_eq!(event["args"], serde_json::json!(words));
    assert_eq!((&event["file"], &event["comm"]), (&script.into(), &"marker-script".into()));
    assert_eq!(event["interpreted"], true);
    assert!(table.rows()[0].ends_with(&words.join(" ")), "{:?}", table.rows());
}
