//! Nothing is lost in silence: generated = shown + filtered + lost.

use std::process::Command;

use rustix::process::Signal;

use super::markers::Markers;
use crate::{
    support::{
        Test, guest,
        kscope::{Ended, Tracing},
    },
    tests,
};

pub fn tests() -> Vec<Test> {
    tests![Root:
        a_flood_is_shown_whole,
        what_a_small_buffer_loses_is_counted,
        after_a_flood_events_are_seen_again
    ]
}

/// Execs of a flood. An emulated machine makes a tenth of them in the same time.
fn flood_size() -> usize {
    if guest::is_guest() { 2_000 } else { 20_000 }
}

/// The command name of a flood, as a glob that lets nothing else pass.
const FLOOD: &str = "marker-flood";

/// As many execs at full speed, from four threads.
fn flood(execs: usize) {
    let markers = Markers::new();
    let program = markers.path(FLOOD);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..execs / 4 {
                    assert!(Command::new(&program).status().unwrap().success());
                }
            });
        }
    });
}

/// Kernels whose tracepoints are preemptible skip a program that is already running on the CPU, and count that. It takes
/// two preempted tasks to skip both copies of the probe, which an emulated machine may bring about.
fn skipped(ended: &Ended) -> u64 {
    let skipped = ended.end_line()["lost"]["recursion"].as_u64().unwrap();
    let rare = if guest::is_guest() { 2 } else { 0 };
    assert!(skipped <= rare, "{skipped} skipped");
    skipped
}

fn sum(ended: &Ended) -> (u64, u64) {
    let end = ended.end_line();
    let lost = end["lost"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    (end["events"].as_u64().unwrap(), lost)
}

fn a_flood_is_shown_whole() {
    let tracing = Tracing::start(&["execsnoop", "--json", "--comm", FLOOD]);
    flood(flood_size());
    let ended = tracing.stop().succeeded();
    let (skipped, size) = (skipped(&ended), flood_size() as u64);
    assert_eq!(sum(&ended), (size - skipped, skipped), "{}", ended.stderr);
    assert_eq!(ended.events().len() as u64, size - skipped);
    assert_eq!(ended.stderr.is_empty(), skipped == 0, "{}", ended.stderr);
}

fn what_a_small_buffer_loses_is_counted() {
    let smallest = ["execsnoop", "--comm", FLOOD, "--buffer-pages", "1"];
    let json = Tracing::start(&[&smallest, &["--json"][..]].concat());
    let table = Tracing::start(&smallest);
    let readers = [&json, &table];
    // A reader that stands still loses all that does not fit, on any machine.
    for reader in readers {
        reader.signal(Signal::STOP);
    }
    flood(1_000);
    for reader in readers {
        reader.signal(Signal::CONT);
    }
    let (json, table) = (json.stop().succeeded(), table.stop().succeeded());

    let (shown, lost) = sum(&json);
    assert!(lost > 0);
    assert_eq!(shown + lost, 1_000);
    let skipped_by_json = skipped(&json);
    assert_eq!(json.end_line()["lost"]["ring"], lost - skipped_by_json);
    assert_eq!(json.events().len() as u64, shown);
    assert!(json.stderr.contains(&format!("{lost} events lost")) && json.stderr.contains("--buffer-pages"));

    let shown = table.rows().len();
    let lost = 1_000 - shown;
    let footer = table.text().lines().last().unwrap();
    assert!(lost > 0);
    assert!(footer.starts_with(&format!("-- {shown} shown, ")), "{footer}");
    assert!(footer.contains(&format!(" {lost} LOST (ring ")), "{footer}");
    assert!(table.stderr.contains(&format!("{lost} events lost")));
}

fn after_a_flood_events_are_seen_again() {
    let markers = Markers::new();
    let tracing = Tracing::start(&["execsnoop", "--buffer-pages", "1", "--json"]);
    tracing.signal(Signal::STOP);
    flood(400);
    tracing.signal(Signal::CONT);
    crate::support::wait_until("the ring to be read", || tracing.so_far().contains("\"event\""));
    markers.run("marker", &["canary"]);
    crate::support::wait_until("the canary", || tracing.so_far().contains("canary"));
    let canaries = tracing.stop().succeeded().events().iter().filter(|event| event["args"][1] == "canary").count();
    assert_eq!(canaries, 1);
}
