//! The runtime: tasks on one thread, their scheduler, and the one door to suspension.
//!
//! Read `wait_list` and `task` first, then `scheduler`, then `park`. Nothing here knows of sockets, and of the reactor only
//! `scheduler` knows.

mod addresses;
mod apart;
pub(crate) mod blocking;
mod builder;
pub(crate) mod callback;
mod clock;
pub(crate) mod completion;
pub(crate) mod context;
mod dozing;
mod elsewhere;
pub(crate) mod guarded;
mod handle;
pub(crate) mod holder;
pub(crate) mod inbox;
mod interrupt;
pub(crate) mod kept_panic;
#[cfg(cede_loom)]
pub(crate) mod models;
pub(crate) mod operation;
pub(crate) mod outcome;
mod outside;
pub(crate) mod park;
pub(crate) mod pool;
mod prefetch;
pub(crate) mod process_signals;
pub(crate) mod quiet_thread;
pub(crate) mod reactor;
pub(crate) mod remote;
pub(crate) mod report;
mod run_queue;
mod runner;
pub(crate) mod scheduler;
mod shutdown;
pub(crate) mod signals;
pub(crate) mod task;
mod timers;
pub(crate) mod wait_list;
pub(crate) mod waiter;
pub(crate) mod waker_cell;
pub(crate) mod with_deadline;
mod workers;

pub use blocking::{unblock, unblock_scoped};
pub use builder::{Builder, OnDeadlock};
pub use handle::{Handle, RunEnded};
pub use operation::Operation;
pub use park::yield_now;
pub use remote::{RemoteJoinError, RemoteJoinHandle, RemoteJoining};
pub use report::{Deadlock, StuckTask, TaskReport, set_task_hook, take_task_hook};
pub use runner::{RunError, Runner, run};
pub use workers::{Runtime, RuntimeBuilder, spawn_on_each, worker, workers};

#[doc(hidden)]
pub use operation::CancelWait;
#[doc(hidden)]
pub use waiter::Waiter;

pub(crate) use clock::deadline;
pub(crate) use timers::TimerKey;
