//! The smallest program: it exits. An emulated machine runs a hundred of these while it runs one of any other kind.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

/// `exit(0)`.
#[cfg(target_arch = "x86_64")]
const CODE: &[u8] = &[
    0x31, 0xff, // xor edi, edi
    0xb8, 60, 0, 0, 0, // mov eax, SYS_exit
    0x0f, 0x05, // syscall
];

/// Where it is loaded.
const BASE: u64 = 0x0040_0000;

/// Bytes of an ELF header and of one program header.
const HEADERS: u16 = 64 + 56;

/// Writes the program to `path`, for anybody to run.
pub fn write(path: &Path) {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(path)
        .expect("a file");
    file.write_all(&image()).expect("write the program");
}

/// An ELF file of one segment, as elf(5) describes it.
fn image() -> Vec<u8> {
    const EXECUTABLE: u16 = 2;
    const X86_64: u16 = 62;
    const LOAD: u32 = 1;
    const READ_AND_EXECUTE: u32 = 5;
    let size = u64::from(HEADERS) + CODE.len() as u64;
    let mut image = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [EXECUTABLE, X86_64] {
        image.extend(half.to_le_bytes());
    }
    image.extend(1_u32.to_le_bytes());
    // Entry, program headers, no section headers.
    for word in [BASE + u64::from(HEADERS), 64, 0] {
        image.extend(word.to_le_bytes());
    }
    image.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        image.extend(half.to_le_bytes());
    }
    for word in [LOAD, READ_AND_EXECUTE] {
        image.extend(word.to_le_bytes());
    }
    // Offset, two addresses, two sizes, alignment.
    for word in [0, BASE, BASE, size, size, 0x1000] {
        image.extend(word.to_le_bytes());
    }
    assert_eq!(image.len(), usize::from(HEADERS));
    image.extend(CODE);
    image
}
