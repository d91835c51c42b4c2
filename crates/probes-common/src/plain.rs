//! Types that may cross between kernel and user space as bytes.

/// A type whose every byte is initialised and that is valid for any bytes.
///
/// # Safety
///
/// The type is `repr(C)` or `repr(transparent)`, has no padding, no references and no invalid bit patterns.
pub unsafe trait Plain: Copy + 'static {}

// SAFETY: integers have no padding and no invalid values.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
