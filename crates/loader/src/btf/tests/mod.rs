//! Small files made for each rule, then hostile ones.

mod enumerators;
mod files;
mod hostile;
mod members;
mod samples;
mod writer;

use probes_common::field::Group;

use super::{Btf, Query};
use writer::Writer;

/// What the group gets from the file: its values, or the message.
fn ask(file: &Writer, group: &Group) -> Result<Vec<u32>, String> {
    ask_btf(&Btf::from_bytes(file.finish()).map_err(|error| error.to_string())?, group)
}

fn ask_btf(btf: &Btf, group: &Group) -> Result<Vec<u32>, String> {
    let mut query = Query::new();
    query.group(group);
    let answers = btf.answer(&query).map_err(|error| error.to_string())?;
    answers.group(group).map_err(|error| error.to_string())
}
