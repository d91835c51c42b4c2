//! An embedded object file on its way into the kernel.

use std::{collections::HashMap, os::fd::OwnedFd};

use aya_obj::{EbpfSectionKind, Object as Elf, generated::bpf_insn};
use probes_common::{Const, Plain, field::Group, preempt::Preempt, ring::Ring};

use crate::{Counters, Error, Events, Result, btf::Answers, cpus, maps::Maps, objects};

/// The first kernel that may have preemptible tracepoints: v6.18 has none, v7.3 has.
const PREEMPTIBLE_TRACEPOINTS: (u32, u32) = (6, 19);

/// Tasks that may be preempted between two copies of a program at a time.
const MAX_PREEMPTED: u32 = 1024;

/// The probe of one tool: parsed, then configured, then [attached](Self::attach), then read.
///
/// Nothing reaches the kernel before it is needed: a map is created when it is filled or when the first program
/// that uses it is loaded, and a program is loaded when it is attached.
pub struct Object {
    tool: String,
    elf: Elf,
    globals: Vec<(&'static str, Vec<u8>)>,
    /// Globals of helpers that not every probe uses.
    optional: Vec<(&'static str, Vec<u8>)>,
    pub(crate) maps: Maps,
    /// Those whose every run may be an event.
    pub(crate) programs: Vec<OwnedFd>,
    /// Second copies of programs are attached, see [`Attachment::second`](crate::hook::Attachment::second).
    pub(crate) has_second: bool,
    pub(crate) links: Vec<OwnedFd>,
    sealed: bool,
}

impl Object {
    /// Opens the probe of `tool`.
    ///
    /// # Errors
    ///
    /// This binary has no such probe, or (never, in a release) the object does not parse.
    pub fn open(tool: &str) -> Result<Self> {
        let bytes = objects::find(tool)?;
        let elf = Elf::parse(&bytes).map_err(|error| mismatch(tool, error))?;
        let maps = Maps::new(&elf);
        let mut object = Self {
            tool: tool.to_owned(),
            elf,
            globals: Vec::new(),
            optional: Vec::new(),
            maps,
            programs: Vec::new(),
            has_second: kernel_version() >= PREEMPTIBLE_TRACEPOINTS,
            links: Vec::new(),
            sealed: false,
        };
        // One element a CPU.
        object.resize("COUNTS", cpus::possible()?)?;
        if object.has_second {
            let has_second = Preempt { has_second: Const::new(1) };
            object.optional.push(("PREEMPT", bytes_of(&has_second).to_vec()));
            object.maps.resize_if_used("PREEMPT_DONE", MAX_PREEMPTED);
        }
        Ok(object)
    }

    /// Replaces the value of a global, which the verifier will take for a constant.
    pub fn set<T: Plain>(&mut self, global: &'static str, value: &T) {
        self.globals.push((global, bytes_of(value).to_vec()));
    }

    /// Fills the global of `group` with what the kernel's BTF says.
    ///
    /// # Errors
    ///
    /// The kernel lacks a field that the probe cannot do without.
    pub fn fill(&mut self, group: &Group, answers: &Answers) -> Result<()> {
        let offsets = answers.group(group)?;
        self.globals.push((group.global, offsets.into_iter().flat_map(u32::to_ne_bytes).collect()));
        Ok(())
    }

    /// Sets how many elements `map` has.
    pub fn resize(&mut self, map: &str, entries: u32) -> Result<()> {
        self.maps.shape(map)?.max_entries = entries;
        Ok(())
    }

    /// Sets the size of an element of `map`, in bytes.
    pub fn resize_values(&mut self, map: &str, bytes: u32) -> Result<()> {
        self.maps.shape(map)?.value_size = bytes;
        Ok(())
    }

    /// Sets the size of the ring buffer, in bytes: a power of two, and at least a page.
    pub fn size_ring(&mut self, bytes: u32) -> Result<()> {
        self.set("RING", &Ring { wake_at: Const::new(u64::from(bytes / 2)) });
        self.resize("EVENTS", bytes)
    }

    /// Puts an element into `map`, which exists from then on.
    ///
    /// # Errors
    ///
    /// The kernel refuses the map or the element, or the sizes are not the map's.
    pub fn insert<K: Plain, V: Plain>(&mut self, map: &str, key: &K, value: &V) -> Result<()> {
        let shape = *self.maps.shape(map)?;
        if (shape.key_size as usize, shape.value_size as usize) != (size_of::<K>(), size_of::<V>()) {
            return Err(mismatch(&self.tool, format!("map {map} has other keys or values")));
        }
        self.maps.update(map, bytes_of(key), bytes_of(value))
    }

    /// The reader of the ring buffer; once the object is attached.
    pub fn events(&mut self) -> Result<Events> {
        let size = self.maps.shape("EVENTS")?.max_entries;
        Events::new(self.maps.get("EVENTS")?, size)
    }

    /// The reader of the counters; once the object is attached.
    pub fn counters(&mut self) -> Result<Counters> {
        let counts = self.maps.get("COUNTS")?;
        Counters::new(counts, cpus::possible()?, std::mem::take(&mut self.programs))
    }

    /// Detaches all programs. What they have put into the ring stays there.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// The instructions of `program`, with placeholders for maps, and its license.
    pub(crate) fn program(&mut self, program: &str) -> Result<(Vec<bpf_insn>, std::ffi::CString)> {
        self.seal()?;
        let unknown = || mismatch(&self.tool, format!("no program {program}"));
        let entry = self.elf.programs.get(program).ok_or_else(unknown)?;
        let function = self.elf.functions.get(&entry.function_key()).ok_or_else(unknown)?;
        Ok((function.instructions.clone(), entry.license.clone()))
    }

    /// Ends configuration: writes the globals, and resolves references to maps and functions.
    fn seal(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.sealed, true) {
            return Ok(());
        }
        let required = self.globals.iter().map(|(name, value)| (*name, (value.as_slice(), true)));
        let optional = self.optional.iter().map(|(name, value)| (*name, (value.as_slice(), false)));
        let globals: HashMap<_, _> = required.chain(optional).collect();
        self.elf.patch_map_data(globals).map_err(|error| mismatch(&self.tool, error))?;
        if let Some((name, map)) =
            self.elf.maps.iter().find(|(_, map)| map.section_kind() == EbpfSectionKind::Rodata)
        {
            self.maps.set_constants(name, map.data().to_vec());
        }

        let text = self.elf.functions.keys().map(|(section, _)| *section).collect();
        let definitions = self.elf.maps.clone();
        let placeholders = definitions.iter().filter_map(|(name, map)| {
            self.maps.placeholder(name).map(|placeholder| (name.as_str(), placeholder, map))
        });
        self.elf.relocate_maps(placeholders, &text).map_err(|error| mismatch(&self.tool, error))?;
        self.elf.relocate_calls(&text).map_err(|error| mismatch(&self.tool, error))
    }
}

/// The first two numbers of the running kernel's version.
fn kernel_version() -> (u32, u32) {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The probe and the code that uses it are not of one build.
fn mismatch(tool: &str, reason: impl std::fmt::Display) -> Error {
    Error::Object { tool: tool.to_owned(), reason: reason.to_string() }
}

/// The bytes that the kernel sees.
#[must_use]
pub fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `Plain` types have no padding, so all their bytes are initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// Takes a `T` off the front of a record.
#[must_use]
pub fn split_plain<T: Plain>(record: &[u8]) -> Option<(T, &[u8])> {
    let (front, rest) = record.split_at_checked(size_of::<T>())?;
    // SAFETY: `front` has the size of `T`, and any bytes are a valid `Plain`.
    Some((unsafe { front.as_ptr().cast::<T>().read_unaligned() }, rest))
}

/// A `T` of which every byte is zero.
#[must_use]
pub fn zeroed<T: Plain>() -> T {
    // SAFETY: any bytes are a valid `Plain`.
    unsafe { std::mem::zeroed() }
}
