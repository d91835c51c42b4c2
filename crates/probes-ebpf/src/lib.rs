//! What the probes share: reading kernel memory, tasks, filters, counters and the ring buffer.
//!
//! Everything is `inline(always)`: the verifier of v5.10 follows a call no further than it must, and constants
//! from the loader prune only what is in sight.
#![no_std]
#![feature(asm_experimental_arch)]

pub mod counts;
pub mod filter;
pub mod memory;
pub mod preempt;
pub mod ring;
pub mod task;
pub mod tree;

/// Ends an object file: what every probe binary needs beside its programs.
#[macro_export]
macro_rules! object {
    () => {
        #[cfg(not(test))]
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            loop {}
        }

        #[unsafe(link_section = "license")]
        #[unsafe(no_mangle)]
        static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
    };
}
