//! How many CPUs a per-CPU structure must serve.

use std::{fs, io};

use crate::{Error, Result};

/// One more than the highest number a CPU of this machine can have.
///
/// # Errors
///
/// `/sys` is not mounted, or says something else than a list of ranges.
pub fn possible() -> Result<u32> {
    const PATH: &str = "/sys/devices/system/cpu/possible";
    let failed = || Error::system(format!("read the number of CPUs from {PATH}"));
    let list = fs::read_to_string(PATH).map_err(failed())?;
    parse(&list).ok_or_else(|| failed()(io::ErrorKind::InvalidData.into()))
}

/// The highest number of a list such as `0-3,8`, plus one.
fn parse(list: &str) -> Option<u32> {
    let last = list.trim().rsplit([',', '-']).next()?;
    last.parse::<u32>().ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn takes_the_highest_cpu() {
        assert_eq!(parse("0\n"), Some(1));
        assert_eq!(parse("0-1\n"), Some(2));
        assert_eq!(parse("0,2-5,9\n"), Some(10));
        assert_eq!(parse("\n"), None);
        assert_eq!(parse("0-4294967295\n"), None);
    }
}
