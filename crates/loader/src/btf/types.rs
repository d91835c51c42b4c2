//! Types by id, after the pass: the few that a wanted path leads through.

use std::collections::HashMap;

use super::error::{Error, Result};
use super::format::{HEAD, Head, Kind, Type};
use super::scan::{Layer, STRIDE};
use super::source::Reader;

/// Longer chains of modifiers or arrays are circles.
const LONGEST_CHAIN: usize = 32;
/// What moving the window costs, in steps.
const MOVE: u64 = 64;
/// Types remembered by id: the kernel's integers and typedefs come up again and again.
const REMEMBERED: usize = 512;
/// The kernel's pointers, in bytes.
const POINTER: u64 = 8;

/// Fetches types by id from the kernel's BTF and that of at most one module on top.
pub(super) struct Types<'a> {
    base: Opened<'a>,
    module: Option<Opened<'a>>,
    remembered: HashMap<u32, Type>,
    steps: u64,
    /// Steps after which the work is given up: files can be made so that it would not end.
    budget: u64,
}

struct Opened<'a> {
    layer: &'a Layer<'a>,
    reader: Reader<'a>,
}

/// A struct's or union's member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Offset in the string section; 0 for an anonymous one.
    pub(super) name: u32,
    pub(super) type_id: u32,
    /// From the start of the struct, in bits.
    pub(super) bit_offset: u64,
    /// The width of a bit field whose struct has the kind flag.
    pub(super) bit_size: Option<u32>,
}

impl<'a> Types<'a> {
    pub(super) fn new(base: &'a Layer<'a>, module: Option<&'a Layer<'a>>, budget: u64) -> Self {
        let open =
            |layer: &'a Layer<'a>| Opened { layer, reader: Reader::new(&layer.file.source, Reader::LOOKUP) };
        Self { base: open(base), module: module.map(open), remembered: HashMap::new(), steps: 0, budget }
    }

    /// The layer whose names count and in which wanted types are looked for.
    pub(super) fn top(&self) -> &'a Layer<'a> {
        self.module.as_ref().map_or(self.base.layer, |module| module.layer)
    }

    /// The type `id`; `void` for 0.
    pub(super) fn get(&mut self, id: u32) -> Result<Type> {
        if id == 0 {
            return Ok(Type { id, at: 0, head: Head::VOID });
        }
        if let Some(found) = self.remembered.get(&id) {
            return Ok(*found);
        }
        let layer = self.opened(id).layer;
        let index = id.wrapping_sub(layer.ids.start);
        let checkpoint = layer.checkpoints.get((index / STRIDE) as usize).filter(|_| layer.ids.contains(&id));
        let Some(checkpoint) = checkpoint else {
            return Err(layer.file.source.corrupt(format!("it refers to type {id}, which it lacks")));
        };
        let mut at = u64::from(*checkpoint);
        for before in id - index % STRIDE..id {
            let head = Head::parse(self.opened(id).reader.words(at)?);
            at += layer.file.record_len(&head, before)?;
            self.step()?;
        }
        let head = Head::parse(self.opened(id).reader.words(at)?);
        self.step()?;
        if self.remembered.len() == REMEMBERED {
            self.remembered.clear();
        }
        let found = Type { id, at, head };
        self.remembered.insert(id, found);
        Ok(found)
    }

    /// The member of `of` at `index`, which is below its `vlen`.
    pub(super) fn member(&mut self, of: &Type, index: u32) -> Result<Member> {
        self.step()?;
        let [name, type_id, offset] = self.words(of, u64::from(index) * 12)?;
        Ok(if of.head.kind_flag {
            let bit_size = offset >> 24;
            let bit_size = (bit_size != 0).then_some(bit_size);
            Member { name, type_id, bit_offset: u64::from(offset & 0x00ff_ffff), bit_size }
        } else {
            Member { name, type_id, bit_offset: u64::from(offset), bit_size: None }
        })
    }

    /// `N` words from `offset` bytes behind the head of `of`.
    pub(super) fn words<const N: usize>(&mut self, of: &Type, offset: u64) -> Result<[u32; N]> {
        self.opened(of.id).reader.words(of.at + HEAD + offset)
    }

    /// The type `id` without typedefs and qualifiers.
    pub(super) fn strip(&mut self, mut id: u32) -> Result<Type> {
        for _ in 0..=LONGEST_CHAIN {
            let found = self.get(id)?;
            if !found.head.kind.is_modifier() {
                return Ok(found);
            }
            id = found.head.size_or_type;
        }
        Err(self.corrupt(format!("type {id} is a typedef of itself")))
    }

    /// The size of the type `id` in bytes; `None` for one without, such as `void`.
    pub(super) fn size(&mut self, id: u32) -> Result<Option<u64>> {
        let (mut element, mut count) = (id, 1_u64);
        for _ in 0..=LONGEST_CHAIN {
            let found = self.strip(element)?;
            let size = match found.head.kind {
                Kind::INT
                | Kind::ENUM
                | Kind::ENUM64
                | Kind::STRUCT
                | Kind::UNION
                | Kind::FLOAT
                | Kind::DATASEC => u64::from(found.head.size_or_type),
                Kind::PTR => POINTER,
                Kind::ARRAY => {
                    let [of, _index, nelems] = self.words(&found, 0)?;
                    let product = count.checked_mul(nelems.into());
                    count =
                        product.ok_or_else(|| self.corrupt(format!("the array type {id} is too large")))?;
                    element = of;
                    continue;
                }
                _ => return Ok(None),
            };
            let size = count.checked_mul(size);
            return size.map(Some).ok_or_else(|| self.corrupt(format!("the array type {id} is too large")));
        }
        Err(self.corrupt(format!("type {id} is an array of itself")))
    }

    /// The string at `offset`, without its NUL.
    pub(super) fn string(&mut self, offset: u32) -> Result<Vec<u8>> {
        self.step()?;
        let module = self.module.as_mut().filter(|module| module.layer.strings.contains(&offset));
        let Opened { layer, reader } = module.unwrap_or(&mut self.base);
        let file = layer.file;
        if !layer.strings.contains(&offset) {
            return Err(file.source.corrupt(format!("it refers to a string at {offset}, which it lacks")));
        }
        let at = file.strings.start + u64::from(offset - layer.strings.start);
        let most = (file.strings.end - at).min(Reader::LOOKUP as u64) as usize;
        let bytes = reader.bytes(at, most)?;
        let end = memchr::memchr(0, bytes).and_then(|end| bytes.get(..end));
        end.map(<[u8]>::to_vec)
            .ok_or_else(|| file.source.corrupt(format!("its string at {offset} has no end")))
    }

    /// The error for a file whose types cannot be what they say.
    pub(super) fn corrupt(&self, why: String) -> Error {
        self.top().file.source.corrupt(why)
    }

    fn opened(&mut self, id: u32) -> &mut Opened<'a> {
        let module = self.module.as_mut().filter(|module| id >= module.layer.ids.start);
        module.unwrap_or(&mut self.base)
    }

    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        let moves = self.base.reader.moves + self.module.as_ref().map_or(0, |module| module.reader.moves);
        if self.steps + moves * MOVE > self.budget {
            return Err(self.corrupt(format!("a look-up in it does not end ({} steps)", self.budget)));
        }
        Ok(())
    }
}
