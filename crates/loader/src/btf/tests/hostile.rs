//! Files made to crash, to mislead or to never end: each gives an answer or an error, soon.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Btf, Query, sample};
use super::ask;
use super::writer::Writer;

probes_common::fields! {
    MIXED: MixedFields {
        pid: u32 = task.pid;
        x: u32 = task.inner.x | task.inner.y;
        deep: u64 = task.deep;
        zone: u16 = [nf_conntrack] nf_conn.zone.id, optional;
    }
}
probes_common::enumerators! { STATES: States { close = _.TCP_CLOSE; named = state.OPEN; } }
probes_common::fields! { PID: PidFields { pid: u32 = task.pid; } }
probes_common::fields! { ANY: AnyFields { pid: () = task.pid; } }

/// A file with something of every rule, and a module.
fn mixed() -> (Vec<u8>, Vec<u8>) {
    let mut file = Writer::new();
    let (int, long, short) = (file.int("int", 4), file.int("long", 8), file.int("short", 2));
    let pointer = file.pointer(int);
    let array = file.array(long, 1);
    let deep = file.union("", 8, &[("unused", pointer, 0), ("deep", array, 0)]);
    let deep = file.structure("", 16, &[("", deep, 64)]);
    let inner = file.with_bit_fields("inner", 8, &[("bit", int, 1 << 24), ("x", int, 32)]);
    let inner = file.typedef("inner_t", inner);
    let inner = file.konst(inner);
    file.enumeration("", &[("TCP_CLOSE", 7)]);
    file.enum64("state", &[("OPEN", 1)]);
    let prototype = file.raw("", 13 << 24 | 1, 0, &[0, int]);
    file.raw("vfs_read", 12 << 24, prototype, &[]);
    file.typedef("btf_trace_exec", pointer);
    file.structure("task", 40, &[("", deep, 0), ("inner", inner, 128), ("pid", int, 256)]);
    let zone = file.structure("zone", 2, &[("id", short, 0)]);
    let mut module = file.module();
    module.structure("nf_conn", 64, &[("zone", zone, 96)]);
    (file.finish(), module.finish())
}

/// Reads the whole file in every way there is.
fn read(kernel: Vec<u8>, module: Vec<u8>) -> Result<Vec<u32>, super::super::Error> {
    let mut query = Query::new();
    query.group(&MIXED).group(&STATES).typedef("btf_trace_exec").func("vfs_read");
    let btf = Btf::from_bytes(kernel)?.with_module("nf_conntrack", module)?;
    let sampled = sample(&btf, &query);
    let answers = btf.answer(&query)?;
    let mut values = answers.group(&MIXED)?;
    values.extend(answers.group(&STATES)?);
    sampled.map(|_| values)
}

#[test]
fn the_file_itself_is_good() {
    let (kernel, module) = mixed();
    assert_eq!(read(kernel, module).unwrap(), [32, 20, 8, 12, 7, 1]);
}

#[test]
fn a_file_may_end_anywhere() {
    let (kernel, module) = mixed();
    for len in 0..kernel.len() {
        assert!(read(kernel[..len].to_vec(), module.clone()).is_err(), "{len} bytes of {}", kernel.len());
    }
    for len in 0..module.len() {
        assert!(read(kernel.clone(), module[..len].to_vec()).is_err(), "{len} bytes of {}", module.len());
    }
}

#[test]
fn every_byte_may_be_wrong() {
    let (kernel, module) = mixed();
    for at in 0..kernel.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut kernel = kernel.clone();
            kernel[at] ^= flip;
            let _ = read(kernel, module.clone());
        }
    }
    for at in 0..module.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut module = module.clone();
            module[at] ^= flip;
            let _ = read(kernel.clone(), module);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn several_bytes_may_be_wrong(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let (mut kernel, mut module) = mixed();
        for (at, byte) in changes {
            let all = kernel.len() + module.len();
            let at = at.index(all);
            *kernel.iter_mut().chain(&mut module).nth(at).unwrap() = byte;
        }
        let start = Instant::now();
        let _ = read(kernel, module);
        prop_assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn types_may_be_noise(words in prop::collection::vec(0_u32..64, 0..200), kinds in any::<u64>()) {
        let mut file = Writer::new();
        for name in ["task", "pid", "inner", "x", "deep", "TCP_CLOSE"] {
            file.name(name);
        }
        for (index, body) in words.chunks(9).enumerate() {
            let kind = [4, 5, 8, 3, 10, 6, 1, 4][(kinds >> (index % 21 * 3)) as usize & 7];
            let name = ["task", "", "pid", "inner"][body[0] as usize & 3];
            let (vlen, body) = match kind {
                4 | 5 => (body.len() as u32 / 3, &body[..body.len() / 3 * 3]),
                6 => (body.len() as u32 / 2, &body[..body.len() / 2 * 2]),
                3 if body.len() >= 3 => (0, &body[..3]),
                1 => (0, &body[..1]),
                _ => (0, &[][..]),
            };
            let kind = if kind == 3 && body.is_empty() { 10 } else { kind };
            file.raw(name, kind << 24 | vlen, words[index % words.len()], body);
        }
        let start = Instant::now();
        let _ = read(file.finish(), file.module().finish());
        prop_assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn circles_end() {
    let mut file = Writer::new();
    let me = file.next_id();
    file.typedef("me", me);
    file.structure("task", 8, &[("pid", me, 0)]);
    assert!(ask(&file, &PID).unwrap_err().contains("is a typedef of itself"));

    let mut file = Writer::new();
    let me = file.next_id();
    file.array(me, 2);
    file.structure("task", 8, &[("pid", me, 0)]);
    assert!(ask(&file, &PID).unwrap_err().contains("is an array of itself"));

    let mut file = Writer::new();
    let me = file.next_id();
    file.structure("task", 8, &[("", me, 0)]);
    assert!(ask(&file, &PID).unwrap_err().contains("nest deeper than 16"));
}

#[test]
fn an_exponential_nest_ends() {
    let mut file = Writer::new();
    let mut below = file.structure("", 0, &[]);
    for _ in 0..14 {
        below = file.structure("", 0, &[("", below, 0); 10]);
    }
    file.structure("task", 0, &[("", below, 0)]);
    let start = Instant::now();
    assert!(ask(&file, &PID).unwrap_err().contains("a look-up in it does not end"));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn huge_numbers_are_errors() {
    let mut file = Writer::new();
    file.raw("task", 4 << 24 | 0x00ff_ffff, 8, &[]);
    assert!(ask(&file, &PID).unwrap_err().contains("type 1 ends behind the type section"));

    let mut file = Writer::new();
    let mut array = file.int("int", 4);
    for _ in 0..3 {
        array = file.array(array, u32::MAX);
    }
    file.structure("task", 8, &[("pid", array, 0)]);
    assert!(ask(&file, &PID).unwrap_err().contains("is too large"));

    let mut file = Writer::new();
    let int = file.int("int", 4);
    let mut nest = file.structure("", 0, &[("pid", int, u32::MAX - 7)]);
    for _ in 0..9 {
        nest = file.structure("", 0, &[("", nest, u32::MAX - 7)]);
    }
    file.structure("task", 0, &[("", nest, 0)]);
    assert!(ask(&file, &ANY).unwrap_err().contains("beyond 4 GiB"));

    let mut file = Writer::new();
    file.structure("task", 8, &[("pid", 4_000_000_000, 0)]);
    assert!(ask(&file, &PID).unwrap_err().contains("refers to type 4000000000"));
}

#[test]
fn strings_must_end_and_begin() {
    let mut file = Writer::new();
    file.name("task");
    let mut bytes = file.finish();
    *bytes.last_mut().unwrap() = b'x';
    let query = Query::new();
    let error = Btf::from_bytes(bytes).unwrap().answer(&query).unwrap_err().to_string();
    assert!(error.contains("does not end"), "{error}");

    let mut bytes = Writer::new().finish();
    bytes[24] = b'x';
    let error = Btf::from_bytes(bytes).unwrap().answer(&query).unwrap_err().to_string();
    assert!(error.contains("does not start with the empty string"), "{error}");

    let mut file = Writer::new();
    file.name(&"x".repeat(100_000));
    let error = ask(&file, &PID).unwrap_err();
    assert!(error.contains("does not end"), "{error}");
}

#[test]
fn repetition_is_bounded() {
    let mut file = Writer::new();
    for _ in 0..100_000 {
        file.name("task");
        file.forget_names();
    }
    assert!(ask(&file, &PID).unwrap_err().contains("repeats the same strings"));

    let mut file = Writer::new();
    for _ in 0..100 {
        file.structure("task", 0, &[]);
    }
    assert!(ask(&file, &PID).unwrap_err().contains("have the same name"));
}
