//! Every kernel field of every tool, looked up in samples of the BTF of each supported kernel: a field that a kernel
//! renames fails here and not on a user's machine.

use std::{fs, path::Path};

use loader::btf::{Btf, Query};
use probes_common::{TOOLS, field::ABSENT};

/// The kernels, as `cargo xtask btf-samples` names their samples.
const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "newest"];

fn sample(kernel: &str) -> Btf {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/btf").join(format!("{kernel}.btf"));
    Btf::open(&path).unwrap_or_else(|error| panic!("{error}; `cargo xtask btf-samples` makes it"))
}

#[test]
fn every_kernel_has_what_the_tools_read() {
    for kernel in KERNELS {
        let btf = sample(kernel);
        for (tool, groups) in TOOLS {
            let mut query = Query::new();
            for group in *groups {
                query.group(group);
            }
            let answers = btf.answer(&query).unwrap();
            for group in *groups {
                let values =
                    answers.group(group).unwrap_or_else(|error| panic!("{tool} on {kernel}: {error}"));
                assert_eq!(values.len(), group.specs.len());
                let missing = values.iter().zip(group.specs).filter(|(value, _)| **value == ABSENT);
                assert!(missing.clone().all(|(_, spec)| spec.optional), "{tool} on {kernel}: {missing:?}");
            }
        }
    }
}

#[test]
fn samples_are_small_and_there_is_one_for_each_kernel() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/btf");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, KERNELS.map(|kernel| format!("{kernel}.btf")));
    for kernel in KERNELS {
        assert!(sample(kernel).size() < 200_000, "{kernel}");
    }
}

#[test]
fn offsets_move_between_kernels() {
    // If they did not, these samples would show nothing.
    let offsets = KERNELS.map(|kernel| {
        let mut query = Query::new();
        let btf = sample(kernel);
        btf.answer(query.group(&probes_common::task::TASK))
            .unwrap()
            .group(&probes_common::task::TASK)
            .unwrap()
    });
    assert!(offsets.windows(2).any(|pair| pair[0] != pair[1]), "{offsets:?}");
}
