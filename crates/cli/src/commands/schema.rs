//! `kscope schema`.

use std::io::Write as _;

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};

use crate::{
    column::{Field, Kind},
    tools,
};

pub(super) fn command() -> Command {
    Command::new("schema")
        .about("Print the JSON schema of a tool's --json lines")
        .arg(Arg::new("tool").value_name("TOOL").required(true))
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let name = matches.get_one::<String>("tool").map_or("", String::as_str);
    let Some(tool) = tools::find(name) else { bail!("no tool {name}; `kscope list` has them all") };
    let schema = serde_json::to_string_pretty(&schema(name, &(tool.fields)()))?;
    Ok(writeln!(std::io::stdout(), "{schema}")?)
}

/// JSON Schema, draft 2020-12, for one line of the tool's stream.
fn schema(tool: &str, fields: &[Field]) -> Value {
    let mut event = Map::from_iter([("type".to_owned(), json!({ "const": "event" }))]);
    let mut required = vec!["type"];
    for field in fields.iter().filter(|field| !field.name.is_empty()) {
        event.insert(field.name.to_owned(), property(field));
        required.push(field.name);
        if let Some(exact) = exact(field) {
            event.insert(format!("{}_hex", field.name), exact);
        }
    }
    let time = json!({ "type": "string", "format": "date-time" });
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("A line of `kscope {tool} --json`"),
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "type": { "const": "start" }, "tool": { "const": tool },
                    "schema": { "const": crate::face::SCHEMA }, "version": { "type": "string" },
                    "kernel": { "type": "string" },
                    "pid_namespace": {
                        "type": "integer",
                        "description": "inode of the PID namespace whose numbers are shown; 4026531836 is the initial one",
                    },
                    "time": time,
                },
                "required": ["type", "tool", "schema", "version", "kernel", "pid_namespace", "time"],
            },
            { "type": "object", "properties": event, "required": required },
            {
                "type": "object",
                "properties": {
                    "type": { "const": "end" }, "events": count, "filtered": count,
                    "lost": {
                        "type": "object",
                        "properties": {
                            "ring": count, "map_full": count, "stack": count, "range": count, "recursion": count,
                        },
                        "required": ["ring", "map_full", "stack", "range", "recursion"],
                    },
                    "time": time,
                },
                "required": ["type", "events", "filtered", "lost", "time"],
            },
        ],
    })
}

fn property(field: &Field) -> Value {
    let description = field.help;
    match field.kind {
        Kind::Time => json!({ "type": "string", "format": "date-time", "description": description }),
        Kind::Integer => json!({ "type": ["integer", "null"], "description": description }),
        Kind::Text => json!({ "type": ["string", "null"], "description": description }),
        Kind::TextList => {
            json!({ "type": "array", "items": { "type": "string" }, "description": description })
        }
        Kind::Flag => json!({ "type": "boolean", "description": description }),
    }
}

/// The bytes of a text that is not UTF-8.
fn exact(field: &Field) -> Option<Value> {
    let description = format!("the bytes of {}, when they are not UTF-8", field.name);
    let digits = "^([0-9a-f]{2})*$";
    match field.kind {
        Kind::Text => Some(json!({ "type": "string", "pattern": digits, "description": description })),
        Kind::TextList => Some(json!({
            "type": "array", "items": { "type": "string", "pattern": digits }, "description": description,
        })),
        Kind::Time | Kind::Integer | Kind::Flag => None,
    }
}
