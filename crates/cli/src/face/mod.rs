//! How results look: one file a face, none of which knows a tool.

mod csv;
mod json;
mod ndjson;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use anyhow::Result;
use probes_common::counts::Counts;

pub use self::{
    csv::Csv,
    ndjson::{Ndjson, SCHEMA},
    table::Table,
};
use crate::{clock::Clock, column::Column};

/// Shows the events of a run, in order, between a start and an end.
pub trait Face<E: 'static, O: 'static> {
    /// Before the first event, when everything is attached.
    fn start(&mut self, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()>;

    /// One event.
    fn event(&mut self, event: &E, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()>;

    /// After the last event.
    fn end(&mut self, summary: &Summary, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()>;
}

/// What all events of a run have in common.
pub struct Run<'a, E: 'static, O: 'static> {
    /// The tool's name.
    pub tool: &'static str,
    /// Its columns.
    pub columns: &'static [Column<E, O>],
    /// What the user asked for.
    pub options: &'a O,
    /// Converts the times of events.
    pub clock: &'a Clock,
    /// The inode of the PID namespace whose numbers are shown.
    pub pid_namespace: u32,
    /// May use colour.
    pub color: bool,
}

/// How a run went: generated = shown + filtered + lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Events that were shown.
    pub shown: u64,
    /// Events that filters turned away, in the kernel or here.
    pub filtered: u64,
    /// What was lost, by reason.
    pub counts: Counts,
}

impl Summary {
    /// Events lost, for whatever reason.
    pub fn lost(&self) -> u64 {
        self.counts.lost()
    }

    /// The reasons for loss that occurred, as in the `lost` object of NDJSON.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let Counts { lost_ring, lost_map, lost_stack, lost_range, lost_recursion, .. } = self.counts;
        [
            ("ring", lost_ring),
            ("map_full", lost_map),
            ("stack", lost_stack),
            ("range", lost_range),
            ("recursion", lost_recursion),
        ]
        .into_iter()
    }
}

/// Reused for each line, so that a row is one write to the buffered output.
fn write_line(line: &mut Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    line.push(b'\n');
    let written = out.write_all(line);
    line.clear();
    written
}
