//! The maps of an object, created when they are first needed.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
};

use aya_obj::{
    Object as Elf,
    generated::{BPF_F_RDONLY_PROG, bpf_insn},
};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{
    Error, Result,
    sys::{self, MapShape},
};

/// Instructions that load a 64-bit immediate, and what the source register then says the immediate is.
const LD_IMM64: u8 = 0x18;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

/// Where placeholders for descriptors begin.
const FIRST_PLACEHOLDER: RawFd = 1 << 20;

/// All maps that an object declares.
pub(crate) struct Maps(Vec<Map>);

struct Map {
    name: String,
    shape: MapShape,
    /// The contents of `.rodata`.
    constants: Option<Vec<u8>>,
    fd: Option<OwnedFd>,
}

impl Maps {
    pub(crate) fn new(elf: &Elf) -> Self {
        let mut maps: Vec<Map> = elf
            .maps
            .iter()
            .map(|(name, map)| Map {
                name: name.clone(),
                shape: MapShape {
                    kind: map.map_type(),
                    key_size: map.key_size(),
                    value_size: map.value_size(),
                    max_entries: map.max_entries(),
                    flags: map.map_flags(),
                },
                constants: None,
                fd: None,
            })
            .collect();
        maps.sort_by(|a, b| a.name.cmp(&b.name));
        Self(maps)
    }

    /// What the map will be like, to change before it exists.
    pub(crate) fn shape(&mut self, name: &str) -> Result<&mut MapShape> {
        self.find(name).map(|map| &mut map.shape)
    }

    /// Sets how many elements `name` has, if there is such a map.
    pub(crate) fn resize_if_used(&mut self, name: &str, entries: u32) {
        if let Ok(shape) = self.shape(name) {
            shape.max_entries = entries;
        }
    }

    fn find(&mut self, name: &str) -> Result<&mut Map> {
        let missing = || map_error("find", name)(io::ErrorKind::NotFound.into());
        self.0.iter_mut().find(|map| map.name == name).ok_or_else(missing)
    }

    /// A number that stands for the map's descriptor until there is one.
    pub(crate) fn placeholder(&self, name: &str) -> Option<RawFd> {
        self.0.iter().position(|map| map.name == name).map(|index| FIRST_PLACEHOLDER + index as RawFd)
    }

    /// Makes `name` hold `contents`, which nothing can change once the map exists.
    pub(crate) fn set_constants(&mut self, name: &str, contents: Vec<u8>) {
        if let Some(map) = self.0.iter_mut().find(|map| map.name == name) {
            map.shape.flags |= BPF_F_RDONLY_PROG;
            map.constants = Some(contents);
        }
    }

    pub(crate) fn update(&mut self, name: &str, key: &[u8], value: &[u8]) -> Result<()> {
        sys::map_update(self.get(name)?, key, value).map_err(map_error("fill", name))
    }

    /// The map's descriptor; the map exists from then on.
    pub(crate) fn get(&mut self, name: &str) -> Result<BorrowedFd<'_>> {
        self.find(name)?.fd()
    }

    /// Puts descriptors in the place of placeholders, and so creates the maps that `instructions` use.
    pub(crate) fn link(&mut self, instructions: &mut [bpf_insn]) -> Result<()> {
        let map_loads = instructions.iter_mut().filter(|instruction| {
            instruction.code == LD_IMM64 && matches!(instruction.src_reg(), PSEUDO_MAP_FD | PSEUDO_MAP_VALUE)
        });
        for load in map_loads {
            let index = load.imm.checked_sub(FIRST_PLACEHOLDER).and_then(|index| usize::try_from(index).ok());
            if let Some(map) = index.and_then(|index| self.0.get_mut(index)) {
                load.imm = std::os::fd::AsRawFd::as_raw_fd(&map.fd()?);
            }
        }
        Ok(())
    }
}

impl Map {
    fn fd(&mut self) -> Result<BorrowedFd<'_>> {
        let fd = match self.fd.take() {
            Some(fd) => fd,
            None => self.create()?,
        };
        let fd: &OwnedFd = self.fd.insert(fd);
        Ok(fd.as_fd())
    }

    fn create(&self) -> Result<OwnedFd> {
        let Self { name, shape, constants, .. } = self;
        let created = sys::map_create(name, *shape).or_else(|error| match error.kind() {
            // Before v5.11 maps count against RLIMIT_MEMLOCK, and exceeding it is EPERM.
            io::ErrorKind::PermissionDenied => {
                let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
                sys::map_create(name, *shape)
            }
            _ => Err(error),
        });
        let fd = created.map_err(map_error("create", name))?;
        if let Some(constants) = constants {
            sys::map_update(fd.as_fd(), &[0; 4], constants).map_err(map_error("fill", name))?;
            sys::map_freeze(fd.as_fd()).map_err(map_error("freeze", name))?;
        }
        Ok(fd)
    }
}

pub(crate) fn map_error(action: &'static str, map: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Map { action, map: map.to_owned(), source }
}
