//! Writes BTF for the tests; it shares no code with what it tests.

use std::collections::HashMap;

/// A BTF file in the making; types are referred to by the ids that the methods return.
pub(super) struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
    offsets: HashMap<String, u32>,
    first_string: u32,
    next_id: u32,
}

/// Name, type and offset in bits (with the kind flag: size and offset).
pub(super) type Member<'a> = (&'a str, u32, u32);

impl Writer {
    pub(super) fn new() -> Self {
        let offsets = HashMap::from([(String::new(), 0)]);
        Self { types: vec![], strings: vec![0], offsets, first_string: 0, next_id: 1 }
    }

    /// A module's file on top of this one.
    pub(super) fn module(&self) -> Self {
        Self {
            types: vec![],
            strings: vec![],
            offsets: self.offsets.clone(),
            first_string: self.strings.len() as u32,
            next_id: self.next_id,
        }
    }

    pub(super) fn name(&mut self, name: &str) -> u32 {
        let next = self.first_string + self.strings.len() as u32;
        let offset = *self.offsets.entry(name.to_owned()).or_insert(next);
        if offset == next {
            self.strings.extend(name.bytes().chain([0]));
        }
        offset
    }

    /// Forgets the strings: the next use of a name writes it again.
    pub(super) fn forget_names(&mut self) {
        self.offsets.retain(|name, _| name.is_empty());
    }

    pub(super) fn raw(&mut self, name: &str, info: u32, size_or_type: u32, body: &[u32]) -> u32 {
        let name = self.name(name);
        for word in [name, info, size_or_type].iter().chain(body) {
            self.types.extend(word.to_ne_bytes());
        }
        self.next_id += 1;
        self.next_id - 1
    }

    pub(super) fn int(&mut self, name: &str, bytes: u32) -> u32 {
        self.raw(name, 1 << 24, bytes, &[bytes * 8])
    }

    pub(super) fn pointer(&mut self, to: u32) -> u32 {
        self.raw("", 2 << 24, to, &[])
    }

    pub(super) fn array(&mut self, of: u32, nelems: u32) -> u32 {
        self.raw("", 3 << 24, 0, &[of, of, nelems])
    }

    pub(super) fn structure(&mut self, name: &str, bytes: u32, members: &[Member]) -> u32 {
        self.aggregate(4 << 24, name, bytes, members)
    }

    pub(super) fn union(&mut self, name: &str, bytes: u32, members: &[Member]) -> u32 {
        self.aggregate(5 << 24, name, bytes, members)
    }

    pub(super) fn with_bit_fields(&mut self, name: &str, bytes: u32, members: &[Member]) -> u32 {
        self.aggregate(1 << 31 | 4 << 24, name, bytes, members)
    }

    fn aggregate(&mut self, kind: u32, name: &str, bytes: u32, members: &[Member]) -> u32 {
        let mut body = vec![];
        for (name, of, offset) in members {
            body.extend([self.name(name), *of, *offset]);
        }
        self.raw(name, kind | members.len() as u32, bytes, &body)
    }

    pub(super) fn enumeration(&mut self, name: &str, enumerators: &[(&str, i32)]) -> u32 {
        let signed = enumerators.iter().any(|(_, value)| *value < 0);
        let mut body = vec![];
        for (name, value) in enumerators {
            body.extend([self.name(name), *value as u32]);
        }
        self.raw(name, u32::from(signed) << 31 | 6 << 24 | enumerators.len() as u32, 4, &body)
    }

    pub(super) fn enum64(&mut self, name: &str, enumerators: &[(&str, u64)]) -> u32 {
        let mut body = vec![];
        for (name, value) in enumerators {
            body.extend([self.name(name), *value as u32, (*value >> 32) as u32]);
        }
        self.raw(name, 19 << 24 | enumerators.len() as u32, 8, &body)
    }

    pub(super) fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.raw(name, 8 << 24, of, &[])
    }

    pub(super) fn konst(&mut self, of: u32) -> u32 {
        self.raw("", 10 << 24, of, &[])
    }

    /// The id that the next type gets, for types that refer to themselves.
    pub(super) fn next_id(&self) -> u32 {
        self.next_id
    }

    pub(super) fn finish(&self) -> Vec<u8> {
        self.finish_with(&[])
    }

    /// With kind layouts: bytes behind the head, and bytes an element.
    pub(super) fn finish_with(&self, layouts: &[[u8; 2]]) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut words = vec![if layouts.is_empty() { 24 } else { 32 }, 0, types, types, strings];
        if !layouts.is_empty() {
            words.extend([types + strings, layouts.len() as u32 * 4]);
        }
        let mut file = Vec::from(0xeb9f_u16.to_ne_bytes());
        file.extend([1, 0]);
        file.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        file.extend(self.types.iter().chain(&self.strings));
        file.extend(layouts.iter().flat_map(|[info, element]| [*info, *element, 0, 0]));
        file
    }
}
