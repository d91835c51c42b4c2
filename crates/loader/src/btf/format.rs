//! The file format: header, kinds and records, as in Documentation/bpf/btf.rst and include/uapi/linux/btf.h.

use std::ops::Range;

use super::error::{Error, Result};
use super::source::{Reader, Source};

/// A kernel's BTF has 5 MB, a debug kernel's 20: more is not BTF.
const LIMIT: u64 = 256 << 20;
pub(super) const MAGIC: u16 = 0xeb9f;
pub(super) const VERSION: u8 = 1;
/// Magic, version, flags, header length, and offset and length of types and strings.
pub(super) const HEADER: u32 = 24;
/// With offset and length of the kind layouts (since commit 222edc843c15 of 2026).
const HEADER_WITH_LAYOUT: u32 = 32;
/// A type's name, info and size or type: what every record starts with.
pub(super) const HEAD: u64 = 12;

/// Of a kind: the bytes behind the head, and the bytes for each of the `vlen` elements; none for an unknown kind.
type Layout = Option<[u8; 2]>;

/// One BTF file whose header has been checked: every section lies within the file.
pub(super) struct BtfFile {
    pub(super) source: Source,
    pub(super) types: Range<u64>,
    pub(super) strings: Range<u64>,
    layouts: Vec<Layout>,
}

impl BtfFile {
    pub(super) fn new(source: Source) -> Result<Self> {
        if source.size > LIMIT {
            return Err(source.corrupt(format!("{} bytes are more than {LIMIT}", source.size)));
        }
        let mut reader = Reader::new(&source, Reader::LOOKUP);
        check_magic(&source, reader.words(0)?)?;
        let [header, type_off, type_len, str_off, str_len] = reader.words(4)?;
        if header < HEADER {
            return Err(source.corrupt(format!("its header has {header} bytes, not {HEADER} or more")));
        }
        let types = section(&source, "type", header, type_off, type_len)?;
        let strings = section(&source, "string", header, str_off, str_len)?;
        let mut layouts: Vec<Layout> = (0..=Kind::ENUM64.0).map(|kind| Kind(kind).layout()).collect();
        if header >= HEADER_WITH_LAYOUT {
            let [off, len] = reader.words(HEADER.into())?;
            let layout = section(&source, "layout", header, off, len)?;
            // A kind has seven bits, its layout four bytes. The known kinds need no telling.
            for at in layout.step_by(4).take(128).skip(layouts.len()) {
                let [[info, element, _, _]] = reader.words(at)?.map(u32::to_ne_bytes);
                layouts.push(Some([info, element]));
            }
        }
        Ok(Self { source, types, strings, layouts })
    }

    /// The length of the record that `head` starts, in bytes.
    #[inline]
    pub(super) fn record_len(&self, head: &Head, id: u32) -> Result<u64> {
        match self.layouts.get(usize::from(head.kind.0)) {
            Some(Some([info, element])) => {
                Ok(HEAD + u64::from(*info) + u64::from(*element) * u64::from(head.vlen))
            }
            _ => Err(Error::UnknownKind { file: self.source.name.clone(), kind: head.kind.0, id }),
        }
    }
}

fn check_magic(source: &Source, start: [u32; 1]) -> Result<()> {
    let [[low, high, version, _flags]] = start.map(u32::to_ne_bytes);
    match u16::from_ne_bytes([low, high]) {
        MAGIC if version == VERSION => Ok(()),
        MAGIC => Err(source.corrupt(format!("it has version {version}, not {VERSION}"))),
        magic if magic.swap_bytes() == MAGIC => {
            Err(source.corrupt("it is of a machine with the other byte order; take the file of this kernel"))
        }
        magic => Err(source.corrupt(format!("it starts with {magic:#06x}, not {MAGIC:#06x}"))),
    }
}

fn section(source: &Source, name: &str, header: u32, offset: u32, len: u32) -> Result<Range<u64>> {
    let start = u64::from(header) + u64::from(offset);
    let end = start + u64::from(len);
    if end > source.size {
        return Err(source.corrupt(format!("its {name} section ends at {end}, the file at {}", source.size)));
    }
    Ok(start..end)
}

/// What a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    /// Type id 0, which is in no file.
    pub(super) const VOID: Self = Self(0);
    pub(super) const INT: Self = Self(1);
    pub(super) const PTR: Self = Self(2);
    pub(super) const ARRAY: Self = Self(3);
    pub(super) const STRUCT: Self = Self(4);
    pub(super) const UNION: Self = Self(5);
    pub(super) const ENUM: Self = Self(6);
    pub(super) const FWD: Self = Self(7);
    pub(super) const TYPEDEF: Self = Self(8);
    pub(super) const VOLATILE: Self = Self(9);
    pub(super) const CONST: Self = Self(10);
    pub(super) const RESTRICT: Self = Self(11);
    pub(super) const FUNC: Self = Self(12);
    pub(super) const FUNC_PROTO: Self = Self(13);
    pub(super) const VAR: Self = Self(14);
    pub(super) const DATASEC: Self = Self(15);
    pub(super) const FLOAT: Self = Self(16);
    pub(super) const DECL_TAG: Self = Self(17);
    pub(super) const TYPE_TAG: Self = Self(18);
    pub(super) const ENUM64: Self = Self(19);

    fn layout(self) -> Layout {
        match self {
            Self::VOID => None,
            Self::INT | Self::VAR | Self::DECL_TAG => Some([4, 0]),
            Self::ARRAY => Some([12, 0]),
            Self::STRUCT | Self::UNION | Self::DATASEC | Self::ENUM64 => Some([0, 12]),
            Self::ENUM | Self::FUNC_PROTO => Some([0, 8]),
            _ => Some([0, 0]),
        }
    }

    /// A type that only adds a name or a qualifier to another one.
    pub(super) fn is_modifier(self) -> bool {
        matches!(self, Self::TYPEDEF | Self::VOLATILE | Self::CONST | Self::RESTRICT | Self::TYPE_TAG)
    }

    /// A type with members.
    pub(super) fn is_aggregate(self) -> bool {
        matches!(self, Self::STRUCT | Self::UNION)
    }

    /// For messages, with its article.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::INT | Self::FLOAT => "a number",
            Self::PTR => "a pointer",
            Self::ARRAY => "an array",
            Self::ENUM | Self::ENUM64 => "an enum",
            Self::FWD => "only declared",
            _ => "of another kind",
        }
    }
}

/// The first twelve bytes of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Offset in the string section; 0 for none.
    pub(super) name: u32,
    pub(super) kind: Kind,
    pub(super) kind_flag: bool,
    pub(super) vlen: u32,
    /// Bytes, or the type referred to: the kind tells which.
    pub(super) size_or_type: u32,
}

impl Head {
    pub(super) const VOID: Self =
        Self { name: 0, kind: Kind::VOID, kind_flag: false, vlen: 0, size_or_type: 0 };

    /// Until commit f7a6b9eaff3e of 2026 `vlen` has 16 bits and the kind 5; the bits above them are zero there.
    #[inline]
    pub(super) fn parse([name, info, size_or_type]: [u32; 3]) -> Self {
        let kind = Kind((info >> 24) as u8 & 0x7f);
        Self { name, kind, kind_flag: info >> 31 == 1, vlen: info & 0x00ff_ffff, size_or_type }
    }

    /// The words that [`Head::parse`] read.
    pub(super) fn words(&self) -> [u32; 3] {
        [
            self.name,
            u32::from(self.kind_flag) << 31 | u32::from(self.kind.0) << 24 | self.vlen,
            self.size_or_type,
        ]
    }
}

/// A type where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub(super) id: u32,
    /// The file offset of its record.
    pub(super) at: u64,
    pub(super) head: Head,
}
