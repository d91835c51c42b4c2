//! One frame of a stack.

use std::fmt;

/// A function that was running or waiting, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The address in the code.
    pub address: u64,
    /// The function.
    pub name: Option<String>,
    /// Bytes from the beginning of the function to the address; 0 when the function is not known.
    pub offset: u64,
    /// The kernel module, when it is not the kernel itself.
    pub module: Option<String>,
    /// Whose code it is.
    pub kind: Kind,
}

/// Whose code a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The kernel's, or one of its modules'.
    Kernel,
}

impl fmt::Display for Frame {
    /// `name+0xoffset`, or `[module+0xaddress]` when the function is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, name, offset, module, .. } = self;
        match name {
            Some(name) if *offset == 0 => f.write_str(name),
            Some(name) => write!(f, "{name}+{offset:#x}"),
            None => write!(f, "[{}+{address:#x}]", module.as_deref().unwrap_or("kernel")),
        }
    }
}
