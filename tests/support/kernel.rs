//! What the kernel holds, by another way than kscope's.

use std::collections::BTreeSet;

/// Kinds of objects that bpf(2) keeps, with the command that walks over their IDs.
const KINDS: [(&str, i32); 3] = [("program", 11), ("map", 12), ("link", 31)];

/// All programs, maps and links in the kernel, as `bpftool prog`, `map` and `link` list them.
pub fn objects() -> BTreeSet<(&'static str, u32)> {
    let mut found = BTreeSet::new();
    for (kind, command) in KINDS {
        let mut id = 0;
        while let Some(next) = next_id(command, id) {
            found.insert((kind, next));
            id = next;
        }
    }
    found
}

/// The kernel's version, as `uname -r` has it.
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn next_id(command: i32, start: u32) -> Option<u32> {
    let mut attributes = [start, 0, 0];
    // SAFETY: these commands read and write three integers.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), size_of_val(&attributes)) };
    (result == 0).then_some(attributes[1])
}
