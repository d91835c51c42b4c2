//! The object files inside this binary.

use std::borrow::Cow;

use crate::{Error, Result};

#[cfg(target_arch = "x86_64")]
static OBJECTS: &[(&str, &[u8])] = include!("../objects/x86_64/index.rs");
#[cfg(not(target_arch = "x86_64"))]
static OBJECTS: &[(&str, &[u8])] = &[];

/// The probe of `tool`. A debug build takes it from the folder `KSCOPE_OBJECTS`, if that is set: so that probes
/// can be tested without being committed.
pub(crate) fn find(tool: &str) -> Result<Cow<'static, [u8]>> {
    #[cfg(debug_assertions)]
    if let Some(folder) = std::env::var_os("KSCOPE_OBJECTS") {
        let path = std::path::Path::new(&folder).join(tool).with_extension("o");
        let bytes = std::fs::read(&path).map_err(Error::system(format!("read {}", path.display())))?;
        return Ok(Cow::Owned(bytes));
    }
    OBJECTS
        .iter()
        .find(|(name, _)| *name == tool)
        .map(|(_, bytes)| Cow::Borrowed(*bytes))
        .ok_or_else(|| Error::NoProbe(tool.to_owned()))
}

/// The tools whose probes this binary has.
pub fn names() -> impl Iterator<Item = &'static str> {
    OBJECTS.iter().map(|(name, _)| *name)
}
