//! Attaching probes, and what people are told about it.

use std::io::Write as _;

use anyhow::Result;
use loader::{
    Hook, Object,
    btf::{Btf, Query},
    hook::{Decision, Point, describe},
};
use probes_common::field::Group;

use crate::face::Summary;

/// Looks up in one pass all that the hooks and fields need, and attaches the hooks; `verbose` says how, on stderr.
///
/// # Errors
///
/// The kernel lacks a field or refuses all ways of a hook.
pub fn attach(btf: &Btf, fields: &[Group], hooks: &[Hook], object: &mut Object, verbose: bool) -> Result<()> {
    for outcome in try_attach(btf, fields, hooks, object)? {
        match &outcome {
            Ok(decision) if verbose => explain(decision)?,
            Err(loader::Error::Hook { decision }) if verbose => explain(decision)?,
            _ => {}
        }
        outcome?;
    }
    Ok(())
}

/// [`attach`], going on where the kernel refuses a hook.
///
/// # Errors
///
/// The kernel lacks a field.
pub fn try_attach(
    btf: &Btf,
    fields: &[Group],
    hooks: &[Hook],
    object: &mut Object,
) -> Result<Vec<loader::Result<Decision>>> {
    let query = query(fields, hooks);
    let answers = btf.answer(&query)?;
    for group in fields {
        object.fill(group, &answers)?;
    }
    Ok(hooks.iter().map(|hook| object.attach(hook, &answers)).collect())
}

/// All that `fields` and `hooks` need to know of the kernel's BTF.
pub fn query(fields: &[Group], hooks: &[Hook]) -> Query {
    let mut query = Query::new();
    for group in fields {
        query.group(group);
    }
    for attachment in hooks.iter().flat_map(|hook| hook.ways).copied().flatten() {
        match attachment.point {
            Point::TpBtf(name) => query.typedef(&format!("btf_trace_{name}")),
            Point::Fentry(name) | Point::Fexit(name) => query.func(name),
            Point::RawTracepoint(_) | Point::Kprobe(_) | Point::Kretprobe(_) => &mut query,
        };
    }
    query
}

/// Says on stderr how each hook was served, with all that the verifier had to say.
fn explain(decision: &Decision) -> Result<()> {
    let mut stderr = std::io::stderr().lock();
    let taken = decision.taken.map_or_else(|| "none".to_owned(), describe);
    writeln!(stderr, "{}: {taken}", decision.hook.what)?;
    for refusal in &decision.refused {
        writeln!(stderr, "  not {refusal}")?;
        for line in refusal.log.lines() {
            writeln!(stderr, "    {line}")?;
        }
    }
    Ok(())
}

/// Says on stderr what was lost, and how to lose less.
pub fn report_loss(tool: &str, summary: &Summary, buffer_pages: u32) {
    let lost = summary.lost();
    if lost == 0 {
        return;
    }
    let counts = summary.counts;
    let cure = if counts.lost_ring > 0 {
        format!("raise --buffer-pages (now {buffer_pages}) or filter more")
    } else if counts.lost_map > 0 {
        "a table in the kernel was full; filter more".to_owned()
    } else {
        "the kernel skipped a probe that was already running on that CPU".to_owned()
    };
    // Who cannot be told is not told.
    let _ = writeln!(std::io::stderr(), "kscope {tool}: warning: {lost} events lost: {cure}");
}
