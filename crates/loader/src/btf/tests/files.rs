use super::super::{Btf, Error, Query};
use super::writer::Writer;
use super::{ask, ask_btf};

probes_common::fields! { ZONE: ZoneFields { zone: u16 = [nf_conntrack] nf_conn.zone.id; } }
probes_common::fields! { PID: PidFields { pid: u32 = task.pid; } }

fn kernel() -> (Writer, u32) {
    let mut file = Writer::new();
    let u16 = file.int("u16", 2);
    // More types than one checkpoint covers, and strings that end in the middle of words.
    for index in 0..200 {
        file.typedef(&format!("filler_{index}"), u16);
    }
    let zone = file.structure("nf_zone", 4, &[("dir", u16, 0), ("id", u16, 16)]);
    (file, zone)
}

#[test]
fn reads_a_module_on_top_of_the_kernel() {
    let (kernel, zone) = kernel();
    let mut module = kernel.module();
    let wrapped = module.typedef("zone_t", zone);
    module.structure("nf_conn", 64, &[("zone", wrapped, 96)]);
    let alone = Btf::from_bytes(kernel.finish()).unwrap();
    let message = ask_btf(&alone, &ZONE).unwrap_err();
    assert!(message.contains("no nf_conn.zone.id (built in or in module nf_conntrack)"), "{message}");
    let both = alone.with_module("nf_conntrack", module.finish()).unwrap();
    assert_eq!(ask_btf(&both, &ZONE), Ok(vec![14]));
}

#[test]
fn finds_a_module_that_is_built_in() {
    let (mut kernel, zone) = kernel();
    kernel.structure("nf_conn", 64, &[("zone", zone, 96)]);
    assert_eq!(ask(&kernel, &ZONE), Ok(vec![14]));
}

#[test]
fn opens_modules_beside_the_kernel() {
    let folder = std::env::temp_dir().join(format!("kscope-btf-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (kernel, zone) = kernel();
    let mut module = kernel.module();
    module.structure("nf_conn", 64, &[("zone", zone, 96)]);
    std::fs::write(folder.join("vmlinux"), kernel.finish()).unwrap();
    std::fs::write(folder.join("nf_conntrack"), module.finish()).unwrap();
    let answer = ask_btf(&Btf::open(folder.join("vmlinux")).unwrap(), &ZONE);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(answer, Ok(vec![14]));
}

#[test]
fn says_what_to_look_for_when_there_is_no_file() {
    let error = Btf::open("/nowhere/vmlinux").err().unwrap();
    assert!(matches!(error, Error::NoBtf { .. }));
    assert_eq!(
        error.to_string(),
        "the kernel has no BTF: looked for /nowhere/vmlinux; needs a kernel built with CONFIG_DEBUG_INFO_BTF=y \
         (check `ls /sys/kernel/btf`)"
    );
}

#[test]
fn refuses_foreign_headers() {
    let good = Writer::new().finish();
    for (at, bytes, why) in [
        (0, vec![good[1], good[0]], "other byte order"),
        (0, vec![1, 2], "it starts with"),
        (2, vec![2], "version 2"),
        (4, 23_u32.to_ne_bytes().to_vec(), "header has 23 bytes"),
        (8, u32::MAX.to_ne_bytes().to_vec(), "type section ends at"),
        (12, u32::MAX.to_ne_bytes().to_vec(), "type section ends at"),
        (16, 2_u32.to_ne_bytes().to_vec(), "string section ends at"),
        (20, 0x7fff_ffff_u32.to_ne_bytes().to_vec(), "string section ends at"),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(&bytes);
        let error = Btf::from_bytes(bad).err().unwrap().to_string();
        assert!(error.contains(why), "{error} instead of {why}");
    }
}

#[test]
fn skips_unknown_kinds_only_when_the_file_says_how() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.raw("later", 20 << 24 | 2, 0, &[1, 2, 3]);
    file.structure("task", 8, &[("pid", int, 32)]);
    let message = ask(&file, &PID).unwrap_err();
    assert!(message.contains("unknown kind 20 (type id 2)"), "{message}");

    let mut layouts = [[0; 2]; 21];
    layouts[20] = [4, 4];
    let btf = Btf::from_bytes(file.finish_with(&layouts)).unwrap();
    assert_eq!(ask_btf(&btf, &PID), Ok(vec![4]));
}

#[test]
fn knows_the_length_of_every_kind() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    file.pointer(int);
    file.array(int, 3);
    file.union("u", 4, &[("a", int, 0)]);
    file.enumeration("e", &[("A", 0), ("B", -1)]);
    for kind in [7, 8, 9, 10, 11, 12, 16, 18] {
        file.raw("simple", kind << 24, int, &[]);
    }
    file.raw("", 13 << 24 | 2, 0, &[0, 1, 0, 1]);
    file.raw("variable", 14 << 24, int, &[0]);
    file.raw("data", 15 << 24 | 2, 8, &[1, 0, 4, 1, 4, 4]);
    file.raw("tag", 17 << 24, int, &[0]);
    file.enum64("e64", &[("C", 0), ("D", 1)]);
    file.structure("task", 8, &[("pid", int, 32)]);
    let function = file.raw("last", 12 << 24, 0, &[]);
    assert_eq!(ask(&file, &PID), Ok(vec![4]));
    let btf = Btf::from_bytes(file.finish()).unwrap();
    let mut query = Query::new();
    query.func("last");
    assert_eq!(btf.answer(&query).unwrap().func("last"), Some(function));
}

#[test]
fn reads_strings_and_types_across_chunks() {
    let mut file = Writer::new();
    let int = file.int("int", 4);
    for index in 0..20_000 {
        file.typedef(&format!("some_rather_long_name_of_a_type_{index}"), int);
    }
    file.structure("task", 8, &[("pid", int, 32)]);
    assert_eq!(ask(&file, &PID), Ok(vec![4]));
    let btf = Btf::from_bytes(file.finish()).unwrap();
    let mut query = Query::new();
    for index in 0..20_000 {
        query.typedef(&format!("some_rather_long_name_of_a_type_{index}"));
    }
    let answers = btf.answer(&query).unwrap();
    for index in 0..20_000 {
        let id = answers.typedef(&format!("some_rather_long_name_of_a_type_{index}"));
        assert_eq!(id, Some(index + 2));
    }
}
