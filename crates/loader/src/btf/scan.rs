//! The one pass over a BTF file: its strings, then its types.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::Result;
use super::format::{BtfFile, HEAD, Head, Kind, Type};
use super::names::{NameId, NameOffsets};
use super::query::{EnumeratorKey, Query};
use super::source::Reader;

/// One place in the type section is remembered for so many types.
pub(super) const STRIDE: u32 = 64;
/// Kernels have a handful of structs of one name; the bound is against files made to exhaust the reader.
const MOST_OF_ONE_NAME: usize = 64;

/// What is remembered of one BTF file after the pass: the vmlinux file, or a module's on top of it.
pub(super) struct Layer<'a> {
    pub(super) file: &'a BtfFile,
    /// A module's ids follow the kernel's.
    pub(super) ids: Range<u32>,
    /// String offsets: a module's follow the kernel's.
    pub(super) strings: Range<u32>,
    /// The file offset of every [`STRIDE`]th type.
    pub(super) checkpoints: Vec<u32>,
    /// The wanted names in this file and the one below.
    pub(super) names: NameOffsets,
    pub(super) found: Found,
}

/// The wanted types and enumerators, in the order of the file.
#[derive(Default)]
pub(super) struct Found {
    pub(super) aggregates: BTreeMap<NameId, Vec<Type>>,
    /// The first of each name.
    pub(super) typedefs: BTreeMap<NameId, Type>,
    /// The first of each name.
    pub(super) funcs: BTreeMap<NameId, Type>,
    /// The first of each.
    pub(super) enumerators: BTreeMap<EnumeratorKey, Enumerator>,
}

/// An enumerator's value, and the enum it was found in.
#[derive(Clone, Copy)]
pub(super) struct Enumerator {
    pub(super) value: i128,
    pub(super) of: Type,
}

impl<'a> Layer<'a> {
    /// Reads `file` once, on top of `base` if it is a module's.
    pub(super) fn scan(file: &'a BtfFile, base: Option<&Layer>, query: &Query) -> Result<Self> {
        let first_id = base.map_or(1, |base| base.ids.end);
        let first_string = base.map_or(0, |base| base.strings.end);
        let strings_len = (file.strings.end - file.strings.start) as u32;
        let mut layer = Self {
            file,
            ids: first_id..first_id,
            strings: first_string..first_string + strings_len,
            checkpoints: Vec::new(),
            names: base.map_or_else(NameOffsets::new, |base| base.names.clone()),
            found: Found::default(),
        };
        let mut reader = Reader::new(&file.source, Reader::STREAM);
        if base.is_none() && reader.bytes(file.strings.start, 1)? != [0] {
            return Err(file.source.corrupt("its string section does not start with the empty string"));
        }
        layer.names.scan(&mut reader, file, &query.names, first_string)?;
        layer.scan_types(&mut reader, query)?;
        Ok(layer)
    }

    fn scan_types(&mut self, reader: &mut Reader, query: &Query) -> Result<()> {
        let Range { start: mut at, end } = self.file.types;
        while at < end {
            let id = self.ids.end;
            if (id - self.ids.start).is_multiple_of(STRIDE) {
                self.checkpoints.push(at as u32);
            }
            let head = Head::parse(reader.words(at)?);
            let next = at + self.file.record_len(&head, id)?;
            if next > end {
                return Err(self.file.source.corrupt(format!("type {id} ends behind the type section")));
            }
            let of = Type { id, at, head };
            if let Some(name) = self.names.at(head.name) {
                self.found.note(&of, name, query).map_err(|why| self.file.source.corrupt(why))?;
            }
            if matches!(head.kind, Kind::ENUM | Kind::ENUM64) && !query.enumerators.is_empty() {
                self.scan_enumerators(reader, &of, query)?;
            }
            self.ids.end += 1;
            at = next;
        }
        Ok(())
    }

    fn scan_enumerators(&mut self, reader: &mut Reader, of: &Type, query: &Query) -> Result<()> {
        let enum_name = self.names.at(of.head.name);
        for index in 0..of.head.vlen {
            let (name, value) = enumerator(reader, of, index)?;
            let Some(name) = self.names.at(name) else { continue };
            for of_name in [None, enum_name] {
                let key = EnumeratorKey { of: of_name, name };
                if query.enumerators.contains(&key) {
                    self.found.enumerators.entry(key).or_insert(Enumerator { value, of: *of });
                }
            }
        }
        Ok(())
    }
}

impl Found {
    fn note(&mut self, found: &Type, name: NameId, query: &Query) -> Result<(), &'static str> {
        match found.head.kind {
            Kind::STRUCT | Kind::UNION if query.aggregates.contains(&name) => {
                let same_name = self.aggregates.entry(name).or_default();
                if same_name.len() == MOST_OF_ONE_NAME {
                    return Err("too many of its structs have the same name");
                }
                same_name.push(*found);
            }
            Kind::TYPEDEF if query.typedefs.contains(&name) => {
                self.typedefs.entry(name).or_insert(*found);
            }
            Kind::FUNC if query.funcs.contains(&name) => {
                self.funcs.entry(name).or_insert(*found);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The name's offset and the value of the enumerator at `index`. A set kind flag means signed values (since v6.0,
/// commit 6089fb325cf7); before it no enum had the flag, and a negative value shows as a large one.
fn enumerator(reader: &mut Reader, of: &Type, index: u32) -> Result<(u32, i128)> {
    let index = u64::from(index);
    Ok(match (of.head.kind, of.head.kind_flag) {
        (Kind::ENUM64, signed) => {
            let [name, low, high] = reader.words(of.at + HEAD + index * 12)?;
            let value = u64::from(high) << 32 | u64::from(low);
            (name, if signed { i128::from(value as i64) } else { i128::from(value) })
        }
        (_, signed) => {
            let [name, value] = reader.words(of.at + HEAD + index * 8)?;
            (name, if signed { i128::from(value as i32) } else { i128::from(value) })
        }
    })
}
