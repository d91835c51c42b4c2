//! The running kernel's BTF, against what bpftool says about it.
#![allow(clippy::unwrap_used, reason = "what fails to parse fails the test")]

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use loader::btf::{Btf, Query, sample};

const KERNEL: &str = "/sys/kernel/btf/vmlinux";

probes_common::fields! {
    FIELDS: Fields {
        tgid: u32 = task_struct.tgid;
        state: u32 = task_struct.__state | task_struct.state;
        comm: [u8; 16] = task_struct.comm;
        real_parent: u64 = task_struct.real_parent;
        start_time: u64 = task_struct.start_time;
        dport: u16 = sock.__sk_common.skc_dport;
        daddr: u32 = sock.__sk_common.skc_daddr;
        data_len: u32 = sk_buff.data_len;
        next: u64 = sk_buff.next;
        vm_file: u64 = vm_area_struct.vm_file;
        d_name: u64 = dentry.d_name.name | dentry.__d_name.name;
        sector: u64 = request.__sector;
    }
}
probes_common::fields! {
    BITS: BitFields { in_execve: u32 = task_struct.in_execve; }
}
probes_common::fields! {
    ABSENT: AbsentFields { nothing: u32 = task_struct.no_such_member | no_such_struct.x, optional; }
}
probes_common::enumerators! {
    VALUES: Values {
        close = _.TCP_CLOSE;
        runnable = _.PIDTYPE_TGID;
        prog = bpf_prog_type.BPF_PROG_TYPE_TRACING;
    }
}

fn query() -> Query {
    let mut query = Query::new();
    query.group(&FIELDS).group(&BITS).group(&ABSENT).group(&VALUES);
    query.typedef("btf_trace_sched_process_exec").typedef("pid_t").typedef("no_such_type").func("vfs_read");
    query
}

#[test]
fn agrees_with_bpftool() {
    if !Path::new(KERNEL).exists() {
        return eprintln!("skipped: the kernel has no {KERNEL}");
    }
    let Some(dump) = Dump::read(Path::new(KERNEL)) else {
        return eprintln!("skipped: needs bpftool in PATH");
    };
    let query = query();
    let btf = Btf::kernel().unwrap();
    let answers = btf.answer(&query).unwrap();
    let fields = answers.group(&FIELDS).unwrap();
    let expected = [
        dump.offset("task_struct", &["tgid"]),
        dump.offset("task_struct", &["__state"]).or(dump.offset("task_struct", &["state"])),
        dump.offset("task_struct", &["comm"]),
        dump.offset("task_struct", &["real_parent"]),
        dump.offset("task_struct", &["start_time"]),
        dump.offset("sock", &["__sk_common", "skc_dport"]),
        dump.offset("sock", &["__sk_common", "skc_daddr"]),
        dump.offset("sk_buff", &["data_len"]),
        dump.offset("sk_buff", &["next"]),
        dump.offset("vm_area_struct", &["vm_file"]),
        dump.offset("dentry", &["d_name", "name"]).or(dump.offset("dentry", &["__d_name", "name"])),
        dump.offset("request", &["__sector"]),
    ];
    println!("{fields:?}");
    assert_eq!(fields.into_iter().map(Some).collect::<Vec<_>>(), expected);
    let values = ["TCP_CLOSE", "PIDTYPE_TGID", "BPF_PROG_TYPE_TRACING"].map(|name| dump.enumerators[name]);
    assert_eq!(answers.group(&VALUES).unwrap(), values);
    assert_eq!(answers.group(&ABSENT).unwrap(), [u32::MAX]);
    let bits = answers.group(&BITS).unwrap_err().to_string();
    assert!(bits.contains("task_struct.in_execve is a bit field"), "{bits}");
    for name in ["btf_trace_sched_process_exec", "pid_t", "no_such_type"] {
        assert_eq!(answers.typedef(name), dump.ids.get(&("TYPEDEF".into(), name.into())).copied(), "{name}");
    }
    assert_eq!(answers.func("vfs_read"), dump.ids.get(&("FUNC".into(), "vfs_read".into())).copied());
}

#[test]
fn a_sample_of_the_kernel_answers_the_same() {
    if !Path::new(KERNEL).exists() {
        return eprintln!("skipped: the kernel has no {KERNEL}");
    }
    let query = query();
    let kernel = Btf::kernel().unwrap();
    let bytes = sample(&kernel, &query).unwrap();
    assert_eq!(bytes, sample(&kernel, &query).unwrap());
    println!("{} bytes", bytes.len());
    let small = Btf::from_bytes(bytes.clone()).unwrap();
    let (real, small) = (kernel.answer(&query).unwrap(), small.answer(&query).unwrap());
    for group in [&FIELDS, &ABSENT, &VALUES] {
        assert_eq!(real.group(group).unwrap(), small.group(group).unwrap());
    }
    assert_eq!(real.group(&BITS).unwrap_err().to_string(), small.group(&BITS).unwrap_err().to_string());
    assert!(small.typedef("btf_trace_sched_process_exec").is_some() && small.func("vfs_read").is_some());

    let file = std::env::temp_dir().join(format!("kscope-sample-{}.btf", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    let dump = Dump::read(&file);
    std::fs::remove_file(&file).unwrap();
    if let Some(dump) = dump {
        let fields = real.group(&FIELDS).unwrap();
        assert_eq!(dump.offset("task_struct", &["tgid"]), fields.first().copied(), "bpftool can read it");
    }
}

/// Prints the time of a whole answer: `cargo test --release -p loader --test btf_kernel -- --nocapture time`.
#[test]
fn time_of_one_answer() {
    if !Path::new(KERNEL).exists() {
        return eprintln!("skipped: the kernel has no {KERNEL}");
    }
    let query = query();
    let times = (0..20).map(|_| {
        let start = Instant::now();
        Btf::kernel().unwrap().answer(&query).unwrap();
        start.elapsed()
    });
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    println!("fastest {:?}, median {:?}, slowest {:?}", times[0], times[10], times[19]);
    assert!(times[10] < Duration::from_millis(500), "half a second even without optimization");
}

/// `bpftool btf dump file ... format raw`, read again.
#[derive(Default)]
struct Dump {
    types: HashMap<u32, Dumped>,
    /// The first of each kind and name.
    ids: HashMap<(String, String), u32>,
    enumerators: HashMap<String, u32>,
}

#[derive(Default)]
struct Dumped {
    type_id: u32,
    is_aggregate: bool,
    /// Name, type, offset in bits.
    members: Vec<(String, u32, u32)>,
}

impl Dump {
    fn read(file: &Path) -> Option<Self> {
        let output =
            Command::new("bpftool").args(["btf", "dump", "file"]).arg(file).args(["format", "raw"]).output();
        let output = output.ok().filter(|output| output.status.success())?;
        let (mut dump, mut id) = (Self::default(), 0);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let number = |key: &str| {
                let mut words =
                    line.split(' ').filter_map(|word| word.trim().strip_prefix(key)?.strip_prefix('='));
                words.find_map(|number| number.parse().ok())
            };
            let name = line.split('\'').nth(1).unwrap_or_default();
            let name = if name == "(anon)" { String::new() } else { name.to_owned() };
            if let Some(head) = line.strip_prefix('[') {
                let (number_of, rest) = head.split_once("] ").unwrap();
                id = number_of.parse().unwrap();
                let kind = rest.split(' ').next().unwrap().to_owned();
                let is_aggregate = kind == "STRUCT" || kind == "UNION";
                let type_id = number("type_id").unwrap_or(0);
                dump.types.insert(id, Dumped { type_id, is_aggregate, members: vec![] });
                dump.ids.entry((kind, name)).or_insert(id);
            } else if let Some(value) = number("val") {
                dump.enumerators.entry(name).or_insert(value);
            } else if let (Some(of), Some(offset)) = (number("type_id"), number("bits_offset")) {
                dump.types.get_mut(&id).unwrap().members.push((name, of, offset));
            }
        }
        Some(dump)
    }

    fn offset(&self, of: &str, path: &[&str]) -> Option<u32> {
        let (mut inside, mut bits) = (*self.ids.get(&("STRUCT".into(), of.into()))?, 0);
        for step in path {
            let (member, offset) = self.member(inside, step)?;
            (inside, bits) = (member, bits + offset);
        }
        Some(bits / 8)
    }

    fn member(&self, inside: u32, name: &str) -> Option<(u32, u32)> {
        let mut inside = &self.types[&inside];
        while !inside.is_aggregate {
            inside = self.types.get(&inside.type_id)?;
        }
        inside.members.iter().find_map(|(member, of, offset)| match member.as_str() {
            "" => self.member(*of, name).map(|(of, inner)| (of, inner + offset)),
            member => (member == name).then_some((*of, *offset)),
        })
    }
}
