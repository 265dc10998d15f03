//! Orderly ends by signals, and how they go together with the Ctrl-C of a run. Each case is a child of this test.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "runtime_interrupt/harness.rs"]
mod harness;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::main(&[])
}
