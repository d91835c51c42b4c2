//! What a caller wants from BTF, collected before the one pass, and what the pass found.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::zip;

use probes_common::field::{Candidate, Group};

use super::error::{Error, Missing, Result};
use super::names::{NameId, Names};

/// Everything wanted from one pass over the kernel's BTF.
///
/// ```no_run
/// # use loader::btf::{Btf, Query, Result};
/// probes_common::fields! {
///     /// Of a task.
///     pub TASK: TaskFields {
///         tgid: u32 = task_struct.tgid;
///         state: u32 = task_struct.__state | task_struct.state;
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let mut query = Query::new();
/// query.group(&TASK).typedef("btf_trace_sched_process_exec").func("vfs_read");
/// let btf = Btf::kernel()?;
/// let answers = btf.answer(&query)?;
/// let offsets: Vec<u32> = answers.group(&TASK)?;
/// let hook: Option<u32> = answers.typedef("btf_trace_sched_process_exec");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Query {
    pub(super) names: Names,
    pub(super) groups: Vec<Group>,
    pub(super) aggregates: BTreeSet<NameId>,
    pub(super) enumerators: BTreeSet<EnumeratorKey>,
    pub(super) typedefs: BTreeSet<NameId>,
    pub(super) funcs: BTreeSet<NameId>,
    pub(super) modules: BTreeSet<&'static str>,
}

/// An enumerator, in the enum of that name or in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EnumeratorKey {
    pub(super) of: Option<NameId>,
    pub(super) name: NameId,
}

impl Query {
    /// A query that wants nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants every field or enumerator of `group`.
    pub fn group(&mut self, group: &Group) -> &mut Self {
        for candidate in group.specs.iter().flat_map(|spec| spec.candidates) {
            self.candidate(candidate);
        }
        self.groups.push(*group);
        self
    }

    /// Wants the type id of a typedef, such as `btf_trace_sched_process_exec` for a `tp_btf` program.
    pub fn typedef(&mut self, name: &str) -> &mut Self {
        let name = self.names.add(name);
        self.typedefs.insert(name);
        self
    }

    /// Wants the type id of a function, such as `vfs_read` for an fentry program.
    pub fn func(&mut self, name: &str) -> &mut Self {
        let name = self.names.add(name);
        self.funcs.insert(name);
        self
    }

    fn candidate(&mut self, candidate: &Candidate) {
        match candidate {
            Candidate::Member { path, module, .. } => {
                let mut steps = path.iter().map(|step| self.names.add(step));
                let aggregate = steps.next();
                steps.for_each(drop);
                self.aggregates.extend(aggregate);
                self.modules.extend(module);
            }
            Candidate::Enumerator { .. } => {
                let key = enumerator_key(candidate, |name| Some(self.names.add(name)));
                self.enumerators.extend(key);
            }
        }
    }
}

/// The key of an enumerator candidate, its names looked up with `id`.
pub(super) fn enumerator_key(
    candidate: &Candidate,
    mut id: impl FnMut(&str) -> Option<NameId>,
) -> Option<EnumeratorKey> {
    match candidate {
        Candidate::Enumerator { of: "_", name } => Some(EnumeratorKey { of: None, name: id(name)? }),
        Candidate::Enumerator { of, name } => Some(EnumeratorKey { of: Some(id(of)?), name: id(name)? }),
        Candidate::Member { .. } => None,
    }
}

/// What the kernel's BTF says to a [`Query`].
#[derive(Debug)]
pub struct Answers<'q> {
    pub(super) query: &'q Query,
    /// In the order of the query's groups.
    pub(super) groups: Vec<Result<Vec<u32>, Vec<Missing>>>,
    pub(super) typedefs: BTreeMap<NameId, u32>,
    pub(super) funcs: BTreeMap<NameId, u32>,
}

impl Answers<'_> {
    /// One value a spec, in order: a member's byte offset, an enumerator's value, or
    /// [`ABSENT`](probes_common::field::ABSENT) for an optional spec that this kernel lacks or keeps in a form that
    /// the probe cannot read. [`Error::Missing`] names every required spec that this kernel cannot satisfy.
    pub fn group(&self, group: &Group) -> Result<Vec<u32>> {
        let mut answers = zip(&self.query.groups, &self.groups);
        match answers.find(|(asked, _)| same(asked, group)) {
            Some((_, Ok(values))) => Ok(values.clone()),
            Some((_, Err(missing))) => Err(Error::Missing(missing.clone())),
            None => Err(Error::NotAsked(group.global)),
        }
    }

    /// The type id of a typedef of the query, the first of its name; `None` if the kernel has none.
    pub fn typedef(&self, name: &str) -> Option<u32> {
        self.typedefs.get(&self.query.names.get(name)?).copied()
    }

    /// The type id of a function of the query, the first of its name; `None` if the kernel has none.
    pub fn func(&self, name: &str) -> Option<u32> {
        self.funcs.get(&self.query.names.get(name)?).copied()
    }
}

/// By content: a `const` group has no address of its own, and two tools may use one name for a global.
fn same(one: &Group, other: &Group) -> bool {
    let same_candidate = |one: &Candidate, other: &Candidate| match (one, other) {
        (
            Candidate::Member { path, size, module },
            Candidate::Member { path: other_path, size: other_size, module: other_module },
        ) => path == other_path && size == other_size && module == other_module,
        (Candidate::Enumerator { of, name }, Candidate::Enumerator { of: other_of, name: other_name }) => {
            of == other_of && name == other_name
        }
        _ => false,
    };
    one.global == other.global
        && one.specs.len() == other.specs.len()
        && zip(one.specs, other.specs).all(|(one, other)| {
            one.name == other.name
                && one.optional == other.optional
                && one.candidates.len() == other.candidates.len()
                && zip(one.candidates, other.candidates).all(|(one, other)| same_candidate(one, other))
        })
}
