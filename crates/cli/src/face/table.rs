//! Rows for people, in bcc's columns.

use std::{borrow::Cow, fmt::Write as _, io::Write};

use anyhow::Result;
use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr as _;

use super::{Face, Run, Summary};
use crate::{
    clock::Clock,
    column::{Align, Cell, Value},
    text,
};

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// A table that grows by a row an event.
#[derive(Default)]
pub struct Table {
    line: String,
    zone: Option<TimeZone>,
}

impl<E: 'static, O: 'static> Face<E, O> for Table {
    fn start(&mut self, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        for column in run.columns {
            if let Some(cell) = shown(column.cell.as_ref(), run.options) {
                self.pad(cell, cell.header);
            }
        }
        if run.color {
            self.line = format!("{BOLD}{}{PLAIN}", self.line.trim_end_matches(' '));
        }
        self.write_line(out)
    }

    fn event(&mut self, event: &E, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        for column in run.columns {
            if let Some(cell) = shown(column.cell.as_ref(), run.options) {
                let value = (column.value)(event);
                let text = self.format(value, run.clock);
                self.pad(cell, &text);
            }
        }
        self.write_line(out)
    }

    fn end(&mut self, summary: &Summary, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        if summary.lost() == 0 {
            return Ok(());
        }
        let reasons: Vec<String> = summary
            .reasons()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let Summary { shown, filtered, .. } = summary;
        let (bold, plain) = if run.color { (BOLD, PLAIN) } else { ("", "") };
        let (lost, reasons) = (summary.lost(), reasons.join(", "));
        writeln!(out, "{bold}-- {shown} shown, {filtered} filtered, {lost} LOST ({reasons}){plain}")?;
        Ok(())
    }
}

fn shown<'a, O>(cell: Option<&'a Cell<O>>, options: &O) -> Option<&'a Cell<O>> {
    cell.filter(|cell| (cell.shown)(options))
}

impl Table {
    fn format<'a>(&mut self, value: Value<'a>, clock: &Clock) -> Cow<'a, str> {
        match value {
            Value::Unknown => "-".into(),
            Value::Integer(number) => number.to_string().into(),
            Value::Flag(flag) => if flag { "yes" } else { "no" }.into(),
            Value::Text(bytes) => text::escape(bytes).into(),
            Value::TextList(list) => list.into_iter().map(text::escape).collect::<Vec<_>>().join(" ").into(),
            Value::Line(line) => line,
            Value::Time(time) => {
                let zone = self.zone.get_or_insert_with(TimeZone::system);
                clock.time_of_day(time, zone).to_string().into()
            }
            Value::Elapsed(time) => format!("{:.3}", clock.elapsed(time)).into(),
        }
    }

    /// Adds a cell and the space behind it.
    fn pad<O>(&mut self, cell: &Cell<O>, text: &str) {
        let missing = cell.width.saturating_sub(text.width());
        // Writing to a String cannot fail.
        let _ = match cell.align {
            Align::Left => write!(self.line, "{text}{:missing$} ", ""),
            Align::Right => write!(self.line, "{:missing$}{text} ", ""),
        };
    }

    fn write_line(&mut self, out: &mut dyn Write) -> Result<()> {
        let end = self.line.trim_end_matches(' ').len();
        self.line.truncate(end);
        self.line.push('\n');
        let written = out.write_all(self.line.as_bytes());
        self.line.clear();
        Ok(written?)
    }
}
