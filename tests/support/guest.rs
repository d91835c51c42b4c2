//! Being `/init` of a virtual machine.

use std::{fs, io::Write as _, path::Path};

use libtest_mimic::Arguments;
use rustix::{
    mount::{MountFlags, mount},
    system::{RebootCommand, reboot},
};

use super::Test;

/// Where the machine has kscope.
pub const KSCOPE: &str = "/bin/kscope";

/// Where it has probes that are to be tested in place of kscope's own.
const OBJECTS: &str = "/objects";

/// On the kernel's command line: print a BTF sample in hexadecimal digits, do not test.
const SAMPLE: &str = "kscope.btf-sample";

/// On the kernel's command line: run the tests whose names hold this.
const FILTER: &str = "kscope.test=";

/// What the machine's maker does not mount.
const MOUNTS: [(&str, &str); 7] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("tracefs", "/sys/kernel/tracing"),
    ("securityfs", "/sys/kernel/security"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// Whether this is such a machine.
pub fn is_guest() -> bool {
    Path::new(KSCOPE).exists() && Path::new("/init").exists()
}

/// Sets the machine up, runs the tests, tells the host how they ended, and switches the machine off.
pub fn run(tests: Vec<Test>) -> ! {
    for (kind, at) in MOUNTS {
        fs::create_dir_all(at).ok();
        if let Err(error) = mount(kind, at, kind, MountFlags::empty(), None) {
            println!("failed to mount {at}: {error}");
        }
    }
    // SAFETY: nothing else runs yet.
    unsafe {
        std::env::set_var("PATH", "/bin");
        std::env::set_var("TMPDIR", "/tmp");
        if Path::new(OBJECTS).exists() {
            std::env::set_var("KSCOPE_OBJECTS", OBJECTS);
        }
    }
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let status = if command_line.contains(SAMPLE) {
        print_sample();
        0
    } else {
        let filter = command_line.split_whitespace().find_map(|word| word.strip_prefix(FILTER));
        let arguments = Arguments { filter: filter.map(str::to_owned), ..Arguments::default() };
        let conclusion = super::run(tests, &arguments);
        i32::from(conclusion.has_failed())
    };
    println!("@@EXIT {status}");
    std::io::stdout().flush().ok();
    rustix::fs::sync();
    reboot(RebootCommand::Restart).ok();
    panic!("the machine goes on");
}

/// The part of this kernel's BTF that all tools need, for the samples under `tests/data/btf`.
fn print_sample() {
    let mut query = loader::btf::Query::new();
    for (_, groups) in probes_common::TOOLS {
        for group in *groups {
            query.group(group);
        }
    }
    let sample =
        loader::btf::Btf::kernel().and_then(|btf| loader::btf::sample(&btf, &query)).expect("a sample");
    for chunk in sample.chunks(64) {
        print!("@@BTF ");
        for byte in chunk {
            print!("{byte:02x}");
        }
        println!();
    }
}
