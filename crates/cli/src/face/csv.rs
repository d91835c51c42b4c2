//! RFC 4180 with a header line, for spreadsheets.

use std::io::Write;

use anyhow::Result;

use super::{Face, Run, Summary};
use crate::{column::Value, text};

/// The columns of NDJSON as CSV. Text is escaped as in tables, so that a record is a line; a list is one cell, its
/// elements separated by spaces. Loss is said on stderr.
#[derive(Default)]
pub struct Csv {
    record: csv::ByteRecord,
    line: Vec<u8>,
}

impl<E: 'static, O: 'static> Face<E, O> for Csv {
    fn start(&mut self, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        for column in run.columns.iter().filter(|column| !column.field.is_empty()) {
            self.record.push_field(column.field.as_bytes());
        }
        self.write_record(out)
    }

    fn event(&mut self, event: &E, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        for column in run.columns.iter().filter(|column| !column.field.is_empty()) {
            let cell = match (column.value)(event) {
                Value::Unknown => String::new(),
                Value::Integer(number) => number.to_string(),
                Value::Flag(flag) => flag.to_string(),
                Value::Text(bytes) => text::escape(bytes),
                Value::TextList(list) => list.into_iter().map(text::escape).collect::<Vec<_>>().join(" "),
                Value::Line(line) => line.into_owned(),
                Value::Time(time) => run.clock.rfc3339(time).to_string(),
                Value::Elapsed(time) => format!("{:.6}", run.clock.elapsed(time)),
            };
            self.record.push_field(cell.as_bytes());
        }
        self.write_record(out)
    }

    fn end(&mut self, _: &Summary, _: &Run<'_, E, O>, _: &mut dyn Write) -> Result<()> {
        Ok(())
    }
}

impl Csv {
    fn write_record(&mut self, out: &mut dyn Write) -> Result<()> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(512)
            .from_writer(std::mem::take(&mut self.line));
        writer.write_byte_record(&self.record)?;
        self.record.clear();
        self.line = writer.into_inner()?;
        out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}
