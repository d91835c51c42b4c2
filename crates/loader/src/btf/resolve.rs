//! From a path such as `sock.__sk_common.skc_dport` to a byte offset.

use std::collections::BTreeMap;

use probes_common::field::{ABSENT, Candidate, Group, Spec};

use super::error::{Miss, Missing, Result, display_candidate};
use super::format::{Kind, Type};
use super::names::NameId;
use super::query::{Query, enumerator_key};
use super::types::{Member, Types};

/// Deeper nests of anonymous structs are circles: C code has two or three.
const DEEPEST_NEST: u32 = 16;

/// Answers specs from the scanned files.
pub(super) struct Resolver<'a> {
    pub(super) query: &'a Query,
    pub(super) base: Types<'a>,
    /// The modules that the kernel has loaded, of those that the query names.
    pub(super) modules: BTreeMap<&'static str, Types<'a>>,
}

/// A candidate's value, or why there is none. A `Result` around it is for files that are corrupt.
type Outcome<T> = Result<T, Miss>;

impl Resolver<'_> {
    /// One value a spec of `group`, or the required specs that have none.
    pub(super) fn group(&mut self, group: &Group) -> Result<Result<Vec<u32>, Vec<Missing>>> {
        let (mut values, mut missing) = (Vec::new(), Vec::new());
        for spec in group.specs {
            match self.spec(spec)? {
                Ok(value) => values.push(value),
                Err(_) if spec.optional => values.push(ABSENT),
                Err(misfits) => missing.push(Missing {
                    wanted_for: format!("{}.{}", group.global, spec.name),
                    looked_for: spec.candidates.iter().map(display_candidate).collect(),
                    misfits,
                }),
            }
        }
        Ok(if missing.is_empty() { Ok(values) } else { Err(missing) })
    }

    fn spec(&mut self, spec: &Spec) -> Result<Result<u32, Vec<String>>> {
        let mut misfits = Vec::new();
        for candidate in spec.candidates {
            let outcome = match candidate {
                Candidate::Member { path, size, module } => self.member(path, *size, *module)?,
                Candidate::Enumerator { .. } => self.enumerator(candidate),
            };
            match outcome {
                Ok(value) => return Ok(Ok(value)),
                Err(Miss::Absent) => {}
                Err(Miss::Misfit(why)) => misfits.push(why),
            }
        }
        Ok(Err(misfits))
    }

    /// In the kernel itself first: what one distribution has in a module, the next one builds in.
    fn member(&mut self, path: &[&str], size: u32, module: Option<&str>) -> Result<Outcome<u32>> {
        let wanted = Wanted { query: self.query, path, size };
        let built_in = wanted.find(&mut self.base)?;
        let module = module.and_then(|module| self.modules.get_mut(module));
        match (built_in, module) {
            (Err(miss), Some(module)) => Ok(wanted.find(module)?.map_err(|other| miss.max(other))),
            (built_in, _) => Ok(built_in),
        }
    }

    fn enumerator(&self, candidate: &Candidate) -> Outcome<u32> {
        let key = enumerator_key(candidate, |name| self.query.names.get(name)).ok_or(Miss::Absent)?;
        let found = self.base.top().found.enumerators.get(&key).ok_or(Miss::Absent)?;
        match u32::try_from(found.value) {
            Ok(value) if value != ABSENT => Ok(value),
            _ => Err(Miss::Misfit(format!(
                "{} is {}, probes take 0 to {}",
                display_candidate(candidate),
                found.value,
                ABSENT - 1
            ))),
        }
    }
}

/// A member candidate.
struct Wanted<'a> {
    query: &'a Query,
    path: &'a [&'a str],
    /// In bytes; 0 for any.
    size: u32,
}

impl Wanted<'_> {
    /// In the first struct of the name that has the whole path.
    fn find(&self, types: &mut Types) -> Result<Outcome<u32>> {
        let mut miss = Miss::Absent;
        let mut ids = self.path.iter().map(|step| self.query.names.get(step));
        let aggregate = ids.next().flatten();
        let Some(steps) = ids.collect::<Option<Vec<NameId>>>() else { return Ok(Err(miss)) };
        let found = aggregate.and_then(|name| types.top().found.aggregates.get(&name));
        for found in found.into_iter().flatten() {
            match self.offset_in(types, found, &steps)? {
                Ok(offset) => return Ok(Ok(offset)),
                Err(other) => miss = miss.max(other),
            }
        }
        Ok(Err(miss))
    }

    fn offset_in(&self, types: &mut Types, aggregate: &Type, steps: &[NameId]) -> Result<Outcome<u32>> {
        let (mut inside, mut bits, mut last) = (*aggregate, 0_u64, None);
        for (index, step) in steps.iter().enumerate() {
            if !inside.head.kind.is_aggregate() {
                let what = inside.head.kind.describe();
                return Ok(Err(self.misfit(index + 1, &format!("is {what}, not a struct"))));
            }
            let offsets = types.top().names.of(*step);
            let Some(member) = find_member(types, &inside, offsets, 0)? else { return Ok(Err(Miss::Absent)) };
            bits += member.bit_offset;
            inside = types.strip(member.type_id)?;
            last = Some(member);
        }
        let Some(member) = last else { return Ok(Err(self.misfit(1, "is a struct, not a member of one"))) };
        if bits % 8 != 0 || is_bit_field(types, &member, &inside)? {
            return Ok(Err(self.misfit(self.path.len(), "is a bit field; fields! reads whole bytes only")));
        }
        if let Some(why) = self.wrong_size(types.size(member.type_id)?) {
            return Ok(Err(self.misfit(self.path.len(), &why)));
        }
        let offset = u32::try_from(bits / 8).ok().filter(|offset| *offset != ABSENT);
        offset.map(Ok).ok_or_else(|| types.corrupt(format!("{} lies beyond 4 GiB", self.path.join("."))))
    }

    fn wrong_size(&self, size: Option<u64>) -> Option<String> {
        match (self.size, size) {
            (0, _) => None,
            (wanted, Some(size)) if size == u64::from(wanted) => None,
            (wanted, Some(size)) => Some(format!("has {size} bytes, the probe reads {wanted}")),
            (wanted, None) => Some(format!("has no size, the probe reads {wanted} bytes")),
        }
    }

    /// A miss that names the path up to and with its `len`th element.
    fn misfit(&self, len: usize, why: &str) -> Miss {
        let path = self.path.get(..len).unwrap_or(self.path);
        Miss::Misfit(format!("{} {why}", path.join(".")))
    }
}

/// The member of `inside` whose name stands at one of `names`, also in its anonymous structs and unions; its offset
/// counts from the start of `inside`.
fn find_member(types: &mut Types, inside: &Type, names: &[u32], depth: u32) -> Result<Option<Member>> {
    if depth > DEEPEST_NEST {
        return Err(types.corrupt(format!("anonymous structs nest deeper than {DEEPEST_NEST}")));
    }
    for index in 0..inside.head.vlen {
        let member = types.member(inside, index)?;
        if names.contains(&member.name) {
            return Ok(Some(member));
        }
        if member.name != 0 {
            continue;
        }
        let nested = types.strip(member.type_id)?;
        if nested.head.kind.is_aggregate()
            && let Some(found) = find_member(types, &nested, names, depth + 1)?
        {
            return Ok(Some(Member { bit_offset: member.bit_offset + found.bit_offset, ..found }));
        }
    }
    Ok(None)
}

/// Without the kind flag, a bit field is an integer type of fewer bits than its bytes hold, or shifted in them.
fn is_bit_field(types: &mut Types, member: &Member, stripped: &Type) -> Result<bool> {
    if member.bit_size.is_some() || stripped.head.kind != Kind::INT {
        return Ok(member.bit_size.is_some());
    }
    let [encoding] = types.words(stripped, 0)?;
    let (offset, bits) = (encoding >> 16 & 0xff, encoding & 0xff);
    Ok(u64::from(bits) != u64::from(stripped.head.size_or_type) * 8 || offset != 0)
}
