//! One JSON object a line: for programs, and for `kscope replay`.

use std::io::Write;

use anyhow::Result;

use super::{Face, Run, Summary, json, write_line};
use crate::column::{Column, Value};

/// The version of the line format. Fields are added without changing it.
pub const SCHEMA: u32 = 1;

/// NDJSON, schema 1.
#[derive(Default)]
pub struct Ndjson {
    line: Vec<u8>,
}

impl<E: 'static, O: 'static> Face<E, O> for Ndjson {
    fn start(&mut self, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        let kernel = rustix::system::uname();
        write!(self.line, r#"{{"type":"start","tool":"{}","schema":{SCHEMA}"#, run.tool)?;
        write!(self.line, r#","version":"{}","kernel":"#, env!("CARGO_PKG_VERSION"))?;
        json::string(&mut self.line, kernel.release().to_bytes());
        write!(self.line, r#","pid_namespace":{}"#, run.pid_namespace)?;
        write!(self.line, r#","time":"{}"}}"#, run.clock.rfc3339(run.clock.started()))?;
        Ok(write_line(&mut self.line, out)?)
    }

    fn event(&mut self, event: &E, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        self.line.extend(br#"{"type":"event""#);
        for column in run.columns.iter().filter(|column| !column.field.is_empty()) {
            self.field(column, event, run)?;
        }
        self.line.push(b'}');
        Ok(write_line(&mut self.line, out)?)
    }

    fn end(&mut self, summary: &Summary, run: &Run<'_, E, O>, out: &mut dyn Write) -> Result<()> {
        let Summary { shown, filtered, .. } = summary;
        write!(self.line, r#"{{"type":"end","events":{shown},"filtered":{filtered},"lost":{{"#)?;
        for (i, (reason, count)) in summary.reasons().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(self.line, r#"{comma}"{reason}":{count}"#)?;
        }
        write!(self.line, r#"}},"time":"{}"}}"#, run.clock.rfc3339(loader::now()))?;
        Ok(write_line(&mut self.line, out)?)
    }
}

impl Ndjson {
    fn field<E, O>(&mut self, column: &Column<E, O>, event: &E, run: &Run<'_, E, O>) -> Result<()> {
        let out = &mut self.line;
        let name = column.field;
        write!(out, r#","{name}":"#)?;
        match (column.value)(event) {
            Value::Unknown => out.extend(b"null"),
            Value::Integer(number) => write!(out, "{number}")?,
            Value::Flag(flag) => write!(out, "{flag}")?,
            Value::Text(bytes) => {
                json::string(out, bytes);
                if !json::is_exact(bytes) {
                    write!(out, r#","{name}_hex":"#)?;
                    json::hex(out, bytes);
                }
            }
            Value::TextList(list) => {
                json::list(out, &list, |out, bytes| json::string(out, bytes));
                if !list.iter().all(|bytes| json::is_exact(bytes)) {
                    write!(out, r#","{name}_hex":"#)?;
                    json::list(out, &list, |out, bytes| json::hex(out, bytes));
                }
            }
            Value::Line(line) => json::string(out, line.as_bytes()),
            Value::Time(time) => write!(out, r#""{}""#, run.clock.rfc3339(time))?,
            Value::Elapsed(time) => write!(out, "{:.6}", run.clock.elapsed(time))?,
        }
        Ok(())
    }
}
