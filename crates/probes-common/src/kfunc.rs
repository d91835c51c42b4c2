//! Kernel functions that a probe calls where the kernel has them (kfuncs).
//!
//! rustc and aya know no calls by BTF ID. A probe calls a helper that does not exist, and the loader makes a kfunc call
//! of it, or nothing at all.

/// Numbers of helpers that do not exist, each with the kfunc that it stands for.
pub const KFUNCS: [(i32, &str); 2] =
    [(PREEMPT_DISABLE, "bpf_preempt_disable"), (PREEMPT_ENABLE, "bpf_preempt_enable")];

/// `bpf_preempt_disable` (v6.11).
pub const PREEMPT_DISABLE: i32 = 0x7FFF_0001;

/// `bpf_preempt_enable` (v6.11).
pub const PREEMPT_ENABLE: i32 = 0x7FFF_0002;
