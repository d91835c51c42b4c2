use probes_common::field::ABSENT;

use super::super::error::Error;
use super::super::{Btf, Query};
use super::ask;
use super::writer::Writer;

probes_common::fields! { TASK: TaskFields { state: u32 = task_struct.__state | task_struct.state; } }
probes_common::fields! { PID: PidFields { pid: u32 = task.pid; } }
probes_common::fields! { MAYBE: MaybeFields { pid: u32 = task.pid, optional; comm: [u8; 16] = task.comm; } }
probes_common::fields! { WHOLE: WholeFields { inner: () = outer.inner; } }
probes_common::fields! { DEEP: DeepFields { x: u32 = outer.inner.x; y: u64 = outer.y; } }
probes_common::fields! { ONLY: OnlyFields { whole: u32 = task; } }

#[test]
fn finds_a_plain_member() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.structure("task", 8, &[("tgid", int, 0), ("pid", int, 32)]);
    assert_eq!(ask(&file, &PID), Ok(vec![4]));
}

#[test]
fn takes_the_first_alternative_that_is_there() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.structure("task_struct", 8, &[("state", int, 32)]);
    assert_eq!(ask(&file, &TASK), Ok(vec![4]));

    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.structure("task_struct", 8, &[("state", int, 32), ("__state", int, 0)]);
    assert_eq!(ask(&file, &TASK), Ok(vec![0]));
}

#[test]
fn names_every_kernel_path_when_nothing_is_there() {
    let expected = "this kernel has no task_struct.__state or task_struct.state (wanted for TASK.state)";
    assert_eq!(ask(&Writer::new(), &TASK), Err(expected.into()));
    let mut file = Writer::new();
    file.structure("task_struct", 0, &[]);
    assert_eq!(ask(&file, &TASK), Err(expected.into()));
}

#[test]
fn leaves_an_optional_member_absent() {
    let mut file = Writer::new();
    let char = file.int("char", 1);
    let comm = file.array(char, 16);
    let wide = file.int("long", 8);
    file.structure("task", 24, &[("pid", wide, 0), ("comm", comm, 64)]);
    assert_eq!(ask(&file, &MAYBE), Ok(vec![ABSENT, 8]));
}

#[test]
fn goes_through_nested_and_anonymous_structs_and_modifiers() {
    let mut file = Writer::new();
    let (int, long) = (file.int("int", 4), file.int("long", 8));
    let u64_t = file.typedef("u64", long);
    let long = file.konst(u64_t);
    let deepest = file.union("", 8, &[("unused", int, 0), ("y", long, 0)]);
    let deep = file.structure("", 16, &[("z", int, 0), ("", deepest, 64)]);
    let inner = file.structure("inner_struct", 8, &[("w", int, 0), ("x", int, 32)]);
    let inner = file.typedef("inner_t", inner);
    let inner = file.konst(inner);
    file.structure("outer", 32, &[("a", int, 0), ("", deep, 64), ("inner", inner, 192)]);
    assert_eq!(ask(&file, &DEEP), Ok(vec![28, 16]));
    assert_eq!(ask(&file, &WHOLE), Ok(vec![24]));
}

#[test]
fn takes_the_first_struct_of_the_name_that_has_the_whole_path() {
    let mut file = Writer::new();
    let (int, long) = (file.int("int", 4), file.int("long", 8));
    file.raw("task", 7 << 24, 0, &[]);
    file.structure("task", 4, &[("tgid", int, 0)]);
    file.structure("task", 8, &[("pid", long, 0)]);
    file.structure("task", 16, &[("pid", int, 64)]);
    file.structure("task", 32, &[("pid", int, 128)]);
    assert_eq!(ask(&file, &PID), Ok(vec![8]));
}

#[test]
fn finds_a_name_that_is_written_twice() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.structure("task", 4, &[("tgid", int, 0)]);
    file.name("pid");
    file.forget_names();
    file.structure("task", 8, &[("pid", int, 32)]);
    assert_eq!(ask(&file, &PID), Ok(vec![4]));
}

#[test]
fn refuses_another_size_and_says_which() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    let pair = file.array(int, 2);
    let pair = file.typedef("pair_t", pair);
    file.structure("task", 8, &[("pid", pair, 0)]);
    let expected =
        "this kernel has no usable task.pid (wanted for PID.pid): task.pid has 8 bytes, the probe reads 4";
    assert_eq!(ask(&file, &PID), Err(expected.into()));
}

#[test]
fn refuses_bit_fields_with_the_kind_flag() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.with_bit_fields("task", 8, &[("pid", int, 3 << 24 | 32)]);
    assert!(
        ask(&file, &PID).unwrap_err().ends_with("task.pid is a bit field; fields! reads whole bytes only")
    );

    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.with_bit_fields("task", 8, &[("flag", int, 3 << 24), ("pid", int, 32)]);
    assert_eq!(ask(&file, &PID), Ok(vec![4]), "a whole member beside a bit field");
}

#[test]
fn refuses_bit_fields_without_the_kind_flag() {
    for (encoding, offset) in [(3, 32), (1 << 16 | 32, 32), (32, 33)] {
        let mut file = Writer::new();
        let bits = file.raw("int", 1 << 24, 4, &[encoding]);
        let bits = file.typedef("u32", bits);
        file.structure("task", 8, &[("pid", bits, offset)]);
        let message = ask(&file, &PID).unwrap_err();
        assert!(message.ends_with("task.pid is a bit field; fields! reads whole bytes only"), "{message}");
    }
}

#[test]
fn refuses_to_follow_a_pointer() {
    let mut file = Writer::new();
    let (int, long) = (file.int("int", 4), file.int("long", 8));
    let inner = file.structure("inner", 4, &[("x", int, 0)]);
    let pointer = file.pointer(inner);
    file.structure("outer", 16, &[("inner", pointer, 0), ("y", long, 64)]);
    let message = ask(&file, &DEEP).unwrap_err();
    assert!(message.ends_with("outer.inner is a pointer, not a struct"), "{message}");
}

#[test]
fn refuses_a_path_without_a_member() {
    let mut file = Writer::new();
    file.structure("task", 8, &[]);
    let message = ask(&file, &ONLY).unwrap_err();
    assert!(message.ends_with("task is a struct, not a member of one"), "{message}");
}

#[test]
fn reports_a_group_that_was_not_asked_for() {
    let btf = Btf::from_bytes(Writer::new().finish()).unwrap();
    let query = Query::new();
    let answers = btf.answer(&query).unwrap();
    assert!(matches!(answers.group(&PID), Err(Error::NotAsked("PID"))));
}

#[test]
fn finds_the_first_typedef_and_function() {
    let mut file = Writer::new();
    let prototype = file.raw("", 13 << 24, 0, &[]);
    let pointer = file.pointer(prototype);
    let hook = file.typedef("btf_trace_exec", pointer);
    file.raw("vfs_read", 4 << 24, 0, &[]);
    let function = file.raw("vfs_read", 12 << 24 | 1, prototype, &[]);
    file.raw("vfs_read", 12 << 24, prototype, &[]);
    let btf = Btf::from_bytes(file.finish()).unwrap();
    let mut query = Query::new();
    query.typedef("btf_trace_exec").func("vfs_read").func("btf_trace_exec").typedef("nowhere");
    let answers = btf.answer(&query).unwrap();
    assert_eq!((answers.typedef("btf_trace_exec"), answers.func("vfs_read")), (Some(hook), Some(function)));
    assert_eq!((answers.func("btf_trace_exec"), answers.typedef("nowhere")), (None, None));
}
