//! Small samples of each kernel's BTF, against which every tool's fields are resolved without a boot.

use anyhow::{Context as _, Result, bail};

use crate::kernels::{self, Kernel};
use crate::vm::{self, Vm};
use crate::{cache, command, setup, test};

/// Where the samples are kept.
const FOLDER: &str = "tests/data/btf";

/// In front of each line of hexadecimal digits that the guest prints.
const MARK: &str = "@@BTF ";

/// Boots each kernel, and writes what its BTF says of the structs that tools read.
pub(crate) fn main() -> Result<()> {
    setup::qemu()?;
    let binaries = test::build()?;
    for Kernel { label, release, vmlinuz } in kernels::ensure(&[])? {
        let vm = Vm {
            files: vec![(binaries.kscope.clone(), "/bin/kscope".to_owned())],
            append: "kscope.btf-sample".to_owned(),
            ..Vm::new(vmlinuz, &binaries.tests)
        };
        let outcome = vm::run(&vm)?;
        if outcome.status()? != 0 {
            bail!("failed to get a sample from {release}:\n{}", command::tail(&outcome.output, 20));
        }
        let digits: String = outcome.output.lines().filter_map(|line| line.strip_prefix(MARK)).collect();
        let bytes = from_hex(&digits).with_context(|| format!("failed to read the sample of {release}"))?;
        let path = command::workspace().join(FOLDER).join(format!("{label}.btf"));
        std::fs::create_dir_all(command::workspace().join(FOLDER))
            .context("failed to create the folder of samples")?;
        cache::write(&path, &bytes)?;
        command::step(&format!("{label} ({release}): {} bytes", bytes.len()));
    }
    Ok(())
}

fn from_hex(digits: &str) -> Result<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        bail!("not an even number of digits: {}", digits.len());
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).context("not a hexadecimal digit"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_digits() {
        assert_eq!(from_hex("00ff10").unwrap(), [0, 255, 16]);
        assert!(from_hex("").is_err() && from_hex("123").is_err() && from_hex("zz").is_err());
    }
}
