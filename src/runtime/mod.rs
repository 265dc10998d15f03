//! The runtime: tasks on one thread, their scheduler, and the one door to suspension.
//!
//! Read `wait_list` and `task` first, then `scheduler`, then `park`. Nothing here knows of sockets, and of the reactor only
//! `scheduler` knows.

mod clock;
pub(crate) mod operation;
pub(crate) mod park;
mod report;
mod runner;
pub(crate) mod scheduler;
pub(crate) mod task;
mod timers;
pub(crate) mod wait_list;

pub use operation::Operation;
pub use park::yield_now;
pub use report::{Deadlock, StuckTask, TaskReport, set_task_hook, take_task_hook};
pub use runner::{Builder, OnDeadlock, RunError, Runner, run};

#[doc(hidden)]
pub use task::TaskKey;

pub(crate) use clock::deadline;
pub(crate) use timers::TimerKey;
