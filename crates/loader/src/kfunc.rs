//! Calls of kernel functions, which an object has as calls of helpers that do not exist.

use aya_obj::generated::bpf_insn;
use probes_common::kfunc::KFUNCS;

use crate::btf::{Answers, Query};

/// `BPF_JMP | BPF_CALL`, and what the source register then says the immediate is.
const CALL: u8 = 0x85;
const HELPER: u8 = 0;
const PSEUDO_KFUNC: u8 = 2;

/// `r0 = 0`: what a call leaves behind when there is nothing to call.
const CLEAR_R0: u8 = 0xb7;

/// Asks for the functions that any object may call.
pub fn ask(query: &mut Query) {
    for (_, name) in KFUNCS {
        query.func(name);
    }
}

/// Makes kfunc calls of the placeholders in `instructions`, or nothing where the kernel lacks one of them.
pub(crate) fn link(instructions: &mut [bpf_insn], answers: &Answers) {
    let ids = KFUNCS.map(|(_, name)| answers.func(name));
    let all_there = ids.iter().all(Option::is_some);
    for instruction in instructions.iter_mut().filter(|it| it.code == CALL && it.src_reg() == HELPER) {
        let Some(index) = KFUNCS.iter().position(|(placeholder, _)| *placeholder == instruction.imm) else {
            continue;
        };
        match ids[index] {
            Some(id) if all_there => {
                instruction.set_src_reg(PSEUDO_KFUNC);
                instruction.imm = id as i32;
            }
            _ => {
                instruction.code = CLEAR_R0;
                instruction.imm = 0;
            }
        }
    }
}
