//! Streams of signals and handlers. Signals are the process's, so each case is a child of this test.

#[path = "signal_streams/dispositions.rs"]
mod dispositions;
#[path = "signal_streams/floods.rs"]
mod floods;
#[path = "signal_streams/futures.rs"]
mod futures;
#[path = "signal_streams/handlers.rs"]
mod handlers;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "runtime_interrupt/harness.rs"]
mod harness;
#[path = "signal_streams/streams.rs"]
mod streams;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use cede::signal::SignalKind;
use harness::Run;

/// Longer than any case takes.
const HOUR: Duration = Duration::from_secs(3600);

/// Of a case that does all by itself.
fn alone(run: &mut Run) {
    run.succeeds_after(&[]);
}

/// By a signal.
fn wait_to_be_ended() {
    loop {
        thread::park();
    }
}

fn main() -> ExitCode {
    // Whatever this test was started with.
    dispositions::set_default(SignalKind::INT);
    harness::main(&[streams::CASES, futures::CASES, handlers::CASES, floods::CASES, dispositions::CASES])
}
