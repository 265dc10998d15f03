//! Everything by which threads meet, hammered by real threads: that nothing is lost, nothing comes twice, nothing is left over,
//! and nothing hangs.
//!
//! Each test goes through rounds until its time is over, `CEDE_STRESS_SECONDS` (`.ci/stress` sets it; one without). A round is a
//! program of several threads, most of them with a run of their own, that ends by itself: all that it has to do is
//! counted, and nothing waits for time to pass. It has a seed, which decides what each thread does; how the threads
//! interleave is up to the machine. A failure names its seed, and `CEDE_STRESS_SEED` begins with that one. A round that hangs is
//! ended by a watchdog, which says what each of its threads was about.

#[path = "stress/handles.rs"]
mod handles;
#[path = "sync_model/random.rs"]
mod random;
#[path = "stress/round.rs"]
mod round;
#[path = "stress/sharing.rs"]
mod sharing;
#[path = "stress/signals.rs"]
mod signals;
