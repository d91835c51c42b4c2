use super::super::{Btf, Query, sample};
use super::writer::Writer;

probes_common::fields! { TASK: TaskFields { pid: u32 = task.pid; mm: u64 = task.mm; x: u16 = task.list.x; } }
probes_common::fields! { ZONE: ZoneFields { zone: u64 = [nf_conntrack] nf_conn.zone; } }
probes_common::enumerators! { STATES: States { close = _.TCP_CLOSE; named = state.OPEN; } }

fn kernel() -> Btf {
    let mut file = Writer::new();
    let (int, long, short) = (file.int("int", 4), file.int("long", 8), file.int("short", 2));
    file.structure("stranger", 4, &[("strange", int, 0)]);
    file.enumeration("", &[("STRANGE", 1)]);
    file.enumeration("", &[("TCP_CLOSE", 7)]);
    file.enumeration("", &[("TCP_CLOSE", 8)]);
    let unnamed = file.enumeration("", &[("UNWANTED", 1)]);
    file.enum64("state", &[("OPEN", 1)]);
    let me = file.next_id();
    let head = file.structure("list", 16, &[("next", me + 1, 0), ("x", short, 64)]);
    let next = file.pointer(head);
    let lists = file.array(head, 4);
    file.structure("task", 4, &[("other", int, 0)]);
    let fields =
        [("pid", int, 0), ("mm", next, 64), ("list", head, 128), ("", lists, 256), ("e", unnamed, 800)];
    file.structure("task", 128, &fields);
    let prototype = file.raw("", 13 << 24 | 1, 0, &[0, int]);
    file.raw("vfs_read", 12 << 24 | 1, prototype, &[]);
    let pointer = file.pointer(prototype);
    file.typedef("btf_trace_exec", pointer);
    let mut module = file.module();
    let counter = module.typedef("counter", long);
    module.structure("nf_conn", 64, &[("zone", counter, 96 * 8)]);
    Btf::from_bytes(file.finish()).unwrap().with_module("nf_conntrack", module.finish()).unwrap()
}

#[test]
fn a_sample_answers_as_the_kernel_does() {
    let mut query = Query::new();
    query.group(&TASK).group(&ZONE).group(&STATES).typedef("btf_trace_exec").func("vfs_read").func("nowhere");
    let kernel = kernel();
    let bytes = sample(&kernel, &query).unwrap();
    assert_eq!(bytes, sample(&kernel, &query).unwrap(), "the same input gives the same bytes");
    for name in ["strange", "STRANGE", "UNWANTED"] {
        assert!(!bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
    }

    let sampled = Btf::from_bytes(bytes.clone()).unwrap();
    let (real, small) = (kernel.answer(&query).unwrap(), sampled.answer(&query).unwrap());
    for group in [&TASK, &ZONE, &STATES] {
        assert_eq!(real.group(group).unwrap(), small.group(group).unwrap());
    }
    assert!(small.typedef("btf_trace_exec").is_some() && small.func("vfs_read").is_some());
    assert_eq!(small.func("nowhere"), None);
    assert_eq!(sample(&sampled, &query).unwrap(), bytes, "a sample of a sample is the sample");
}
