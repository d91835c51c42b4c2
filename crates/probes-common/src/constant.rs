//! Values that user space writes before the program is loaded, and that never change after.

/// A constant to the verifier, an unknown to the compiler.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Const<T: Copy>(T);

impl<T: Copy> Const<T> {
    /// Wraps the value that stands in the object file, or the one that replaces it.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value as the loader left it.
    #[inline(always)]
    pub fn get(&self) -> T {
        // SAFETY: a reference is valid to read; volatile, because the loader rewrites the global after
        // compilation and LLVM would fold the initializer in.
        unsafe { core::ptr::read_volatile(&raw const self.0) }
    }
}
