//! Reading the kernel's memory, in the two ways that BPF knows.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use probes_common::field::Field;

/// How a program may follow a kernel pointer.
pub trait Memory {
    /// Reads `field` of the struct at `base`; `None` where the kernel lacks the field or the read faults.
    ///
    /// # Safety
    ///
    /// `base` points to the outermost struct of `field`, or is what the verifier takes for such a pointer.
    unsafe fn read<T: Copy>(base: *const u8, field: &Field<T>) -> Option<T>;

    /// Reads a command name, which a single load cannot hold.
    ///
    /// # Safety
    ///
    /// As [`Memory::read`].
    unsafe fn read_name(base: *const u8, field: &Field<[u8; 16]>) -> Option<[u8; 16]>;
}

/// Plain loads, through pointers whose type the verifier knows from BTF (tp_btf, fentry, fexit).
pub struct Typed;

impl Memory for Typed {
    #[inline(always)]
    unsafe fn read<T: Copy>(base: *const u8, field: &Field<T>) -> Option<T> {
        let offset = field.offset()?;
        // SAFETY: the verifier checks the access against the kernel's own type; a fault reads as zero. Volatile
        // keeps the load whole: the verifier refuses parts of a pointer.
        Some(unsafe { base.add(offset).cast::<T>().read_volatile() })
    }

    #[inline(always)]
    unsafe fn read_name(base: *const u8, field: &Field<[u8; 16]>) -> Option<[u8; 16]> {
        let offset = field.offset()?;
        let mut name = [0; 16];
        for (i, byte) in name.iter_mut().enumerate() {
            // SAFETY: as above; byte by byte, because no load may cross an element of the array.
            *byte = unsafe { base.add(offset + i).read_volatile() };
        }
        Some(name)
    }
}

/// Reads by helper, from any address (raw tracepoints, kprobes).
pub struct Probed;

impl Memory for Probed {
    #[inline(always)]
    unsafe fn read<T: Copy>(base: *const u8, field: &Field<T>) -> Option<T> {
        let offset = field.offset()?;
        // SAFETY: the helper checks the address.
        unsafe { bpf_probe_read_kernel(base.wrapping_add(offset).cast::<T>()) }.ok()
    }

    #[inline(always)]
    unsafe fn read_name(base: *const u8, field: &Field<[u8; 16]>) -> Option<[u8; 16]> {
        // SAFETY: as the caller promised.
        unsafe { Self::read(base, field) }
    }
}
