//! The three faces of the same events.

use probes_common::counts::Counts;

use super::{Csv, Face, Ndjson, Run, Summary, Table};
use crate::{
    clock::Clock,
    column::{Column, Kind, Value},
};

struct Event {
    time: u64,
    name: &'static [u8],
    words: Vec<&'static [u8]>,
    number: Option<i64>,
}

struct Options {
    wide: bool,
}

type C = Column<Event, Options>;

const COLUMNS: &[C] = &[
    C::new("time", Kind::Time, "", |e| Value::Time(e.time)),
    C::for_tables("", |e| Value::Elapsed(e.time)).cell("TIME(s)", 7).when(|o| o.wide),
    C::new("name", Kind::Text, "", |e| Value::Text(e.name)).cell("NAME", 8),
    C::new("number", Kind::Integer, "", |e| e.number.map_or(Value::Unknown, Value::Integer))
        .right_cell("NUM", 5),
    C::new("is_even", Kind::Flag, "", |e| Value::Flag(e.number.is_some_and(|n| n % 2 == 0))),
    C::new("words", Kind::TextList, "", |e| Value::TextList(e.words.clone())).cell("WORDS", 0),
];

fn events() -> Vec<Event> {
    vec![
        Event { time: 1_500_000_000, name: b"plain", words: vec![b"one", b"two words"], number: Some(42) },
        Event {
            time: 1_600_000_000,
            name: b"\x1b[2J\n",
            words: vec![b"a,\"b\"", b"\xff\xfe", b""],
            number: None,
        },
        Event { time: 1_700_000_000, name: "\u{202e}漢字".as_bytes(), words: vec![], number: Some(-7) },
    ]
}

/// What `face` prints for all events, with or without loss. The lines that tell machine and time of day are cut.
fn print(mut face: impl Face<Event, Options>, wide: bool, lost_ring: u64) -> String {
    let options = Options { wide };
    let clock = Clock::fixed(1_000_000_000);
    let run = Run {
        tool: "test",
        columns: COLUMNS,
        options: &options,
        clock: &clock,
        pid_namespace: 1,
        color: false,
    };
    let mut out = Vec::new();
    face.start(&run, &mut out).unwrap();
    for event in events() {
        face.event(&event, &run, &mut out).unwrap();
    }
    let counts = Counts { lost_ring, ..Counts::default() };
    face.end(&Summary { shown: 3, filtered: 2, counts }, &run, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| line.split(r#","version""#).next().unwrap_or(line))
        .map(cut_time)
        .collect::<Vec<_>>()
        .join("\n")
}

fn cut_time(line: &str) -> String {
    match line.split_once(r#"},"time""#) {
        Some((before, _)) => format!("{before}}},..."),
        None => line.to_owned(),
    }
}

#[test]
fn table() {
    insta::assert_snapshot!(print(Table::default(), false, 0));
    insta::assert_snapshot!("table-wide-with-loss", print(Table::default(), true, 5));
}

#[test]
fn ndjson() {
    let lines = print(Ndjson::default(), false, 5);
    insta::assert_snapshot!(lines);
}

#[test]
fn csv() {
    insta::assert_snapshot!(print(Csv::default(), false, 0));
}
