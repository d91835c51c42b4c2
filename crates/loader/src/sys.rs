//! The system calls that carry probes into the kernel: bpf(2), `perf_event_open`(2).
//!
//! aya 0.14 reads and indexes all of the kernel's BTF for each object it loads (28 ms and 15 MB of a start that
//! takes 10 ms without), so objects are parsed and relocated by aya-obj and handed over here. The argument structs
//! are prefixes of `union bpf_attr` in include/uapi/linux/bpf.h, as of v5.10; the kernel takes any prefix.

use std::{
    ffi::{CStr, c_int, c_long},
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
};

use aya_obj::generated::{bpf_insn, bpf_prog_info};

const MAP_CREATE: c_int = 0;
const MAP_UPDATE_ELEM: c_int = 2;
const PROG_LOAD: c_int = 5;
const OBJ_GET_INFO_BY_FD: c_int = 15;
const RAW_TRACEPOINT_OPEN: c_int = 17;
const MAP_FREEZE: c_int = 22;

fn bpf<T>(command: c_int, attributes: &mut T) -> io::Result<c_long> {
    // SAFETY: `attributes` is a prefix of `union bpf_attr`, and its size goes with it; what it points to outlives
    // the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(fd: c_long) -> OwnedFd {
    // SAFETY: a system call has just returned this descriptor, so nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd as c_int) }
}

/// A name of at most 15 bytes, of letters, digits, `_` and `.`: all that the kernel takes.
fn object_name(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().take(15).zip(name.bytes()) {
        *to = if from.is_ascii_alphanumeric() || from == b'.' { from } else { b'_' };
    }
    out
}

/// What a map is made of; as in `BPF_MAP_CREATE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapShape {
    pub(crate) kind: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) flags: u32,
}

pub(crate) fn map_create(name: &str, shape: MapShape) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        shape: [u32; 5],
        inner_map_fd: u32,
        numa_node: u32,
        name: [u8; 16],
    }
    let MapShape { kind, key_size, value_size, max_entries, flags } = shape;
    let mut attributes = Attributes {
        shape: [kind, key_size, value_size, max_entries, flags],
        inner_map_fd: 0,
        numa_node: 0,
        name: object_name(name),
    };
    bpf(MAP_CREATE, &mut attributes).map(owned)
}

/// Sets an element; `key` and `value` are as long as the map says.
pub(crate) fn map_update(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        map: u32,
        pad: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let mut attributes = Attributes {
        map: map.as_raw_fd() as u32,
        pad: 0,
        key: key.as_ptr() as u64,
        value: value.as_ptr() as u64,
        flags: 0,
    };
    bpf(MAP_UPDATE_ELEM, &mut attributes).map(drop)
}

/// Makes a map read-only to system calls for good, so that the verifier may trust its contents.
pub(crate) fn map_freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut map = map.as_raw_fd() as u32;
    bpf(MAP_FREEZE, &mut map).map(drop)
}

/// A program to load; as in `BPF_PROG_LOAD`.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u32,
    pub(crate) expected_attach_type: u32,
    /// The BTF type ID of what a program of type TRACING is attached to.
    pub(crate) attach_btf_id: u32,
    pub(crate) license: &'a CStr,
    pub(crate) instructions: &'a [bpf_insn],
}

/// Loads a program; the verifier explains itself into `log` unless that is empty.
pub(crate) fn prog_load(program: &Program<'_>, log: &mut [u8]) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        kind: u32,
        instruction_count: u32,
        instructions: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log: u64,
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        ifindex: u32,
        expected_attach_type: u32,
        btf_fd: u32,
        func_info_size: u32,
        func_info: u64,
        func_info_count: u32,
        line_info_size: u32,
        line_info: u64,
        line_info_count: u32,
        attach_btf_id: u32,
    }
    let mut attributes = Attributes {
        kind: program.kind,
        instruction_count: program.instructions.len() as u32,
        instructions: program.instructions.as_ptr() as u64,
        license: program.license.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        kernel_version: 0,
        flags: 0,
        name: object_name(program.name),
        ifindex: 0,
        expected_attach_type: program.expected_attach_type,
        btf_fd: 0,
        func_info_size: 0,
        func_info: 0,
        func_info_count: 0,
        line_info_size: 0,
        line_info: 0,
        line_info_count: 0,
        attach_btf_id: program.attach_btf_id,
    };
    bpf(PROG_LOAD, &mut attributes).map(owned)
}

/// Attaches a raw tracepoint program to `name`, or (`None`) a tracing program to what it was loaded for.
pub(crate) fn raw_tracepoint_open(program: BorrowedFd<'_>, name: Option<&CStr>) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        name: u64,
        program: u32,
        pad: u32,
    }
    let mut attributes = Attributes {
        name: name.map_or(0, |name| name.as_ptr() as u64),
        program: program.as_raw_fd() as u32,
        pad: 0,
    };
    bpf(RAW_TRACEPOINT_OPEN, &mut attributes).map(owned)
}

/// How often the kernel skipped the program because it was already running on that CPU (v5.12; 0 before).
pub(crate) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    #[repr(C)]
    struct Attributes {
        fd: u32,
        length: u32,
        info: u64,
    }
    // SAFETY: integers and arrays of them; all zero is valid.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attributes = Attributes {
        fd: program.as_raw_fd() as u32,
        length: size_of::<bpf_prog_info>() as u32,
        info: ptr::from_mut(&mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attributes)?;
    Ok(info.recursion_misses)
}

/// Attaches a kprobe program to the entry or the return of a kernel function, through the kprobe PMU (v4.17).
pub(crate) fn kprobe_open(
    program: BorrowedFd<'_>,
    pmu: u32,
    function: &CStr,
    on_return: bool,
) -> io::Result<OwnedFd> {
    /// A prefix of `struct perf_event_attr` (`PERF_ATTR_SIZE_VER1`).
    #[repr(C)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        sample_period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        wakeup: u32,
        breakpoint_type: u32,
        config1: u64,
        config2: u64,
    }
    const SET_BPF: libc::Ioctl = 0x4004_2408;
    const ENABLE: libc::Ioctl = 0x2400;
    const CLOSE_ON_EXEC: libc::c_ulong = 8;
    let attributes = Attributes {
        kind: pmu,
        size: size_of::<Attributes>() as u32,
        config: u64::from(on_return),
        sample_period: 1,
        sample_type: 0,
        read_format: 0,
        flags: 0,
        wakeup: 1,
        breakpoint_type: 0,
        config1: function.as_ptr() as u64,
        config2: 0,
    };
    let (any_process, first_cpu, no_group) = (-1, 0, -1);
    // SAFETY: the attributes are of the size they say; the function's name outlives the call.
    let event = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            any_process,
            first_cpu,
            no_group,
            CLOSE_ON_EXEC,
        )
    };
    if event < 0 {
        return Err(io::Error::last_os_error());
    }
    let event = owned(event);
    for (request, argument) in [(SET_BPF, program.as_raw_fd()), (ENABLE, 0)] {
        // SAFETY: both requests take an integer.
        if unsafe { libc::ioctl(event.as_raw_fd(), request, argument) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(event)
}
