//! The runtime: tasks on one thread, their scheduler, and the one door to suspension.
//!
//! Read `wait_list` and `task` first, then `scheduler`, then `park`. Nothing here knows of sockets, and of the reactor only
//! `scheduler` knows.

pub(crate) mod blocking;
mod clock;
pub(crate) mod inbox;
pub(crate) mod operation;
mod outside;
pub(crate) mod park;
pub(crate) mod reactor;
mod report;
mod runner;
pub(crate) mod scheduler;
pub(crate) mod task;
mod timers;
pub(crate) mod wait_list;

pub use blocking::unblock;
pub use operation::Operation;
pub use park::yield_now;
pub use report::{Deadlock, StuckTask, TaskReport, set_task_hook, take_task_hook};
pub use runner::{Builder, OnDeadlock, RunError, Runner, run};

#[doc(hidden)]
pub use task::TaskKey;

pub(crate) use clock::deadline;
pub(crate) use timers::TimerKey;
