//! Stackful coroutines with Python's semantics: plain functions that can stop anywhere and go on later.
//!
//! A coroutine is a stack that can be switched to and from. It has two faces here:
//!
//! - a [`Generator`] hands values to whoever resumes it, with Python's whole protocol (next, send, throw, close, yield
//!   from), and is an [`Iterator`];
//! - a task hands control to its scheduler until what it waits for is there: [`run`], [`spawn`], [`scope`], [`timeout`].
//!
//! Functions are not coloured: what waits is an ordinary function, and so is what calls it. Nothing is `unsafe` for users,
//! and a coroutine that has begun never leaves its thread, so that `Rc`, `RefCell` and thread-locals may live on its
//! stack.
//!
//! ```
//! use cede::{Generator, sync::Queue};
//! use std::time::Duration;
//!
//! let mut evens = Generator::new(|y| (0u32..).step_by(2).for_each(|n| y.yield_(n)));
//! assert_eq!(evens.nth(3), Some(6));
//!
//! let sum = cede::run(|| {
//!     let queue = Queue::bounded(1);
//!     let mut sum = 0;
//!     cede::scope(|s| {
//!         s.spawn(|| {
//!             for n in 1..=3 {
//!                 cede::sleep(Duration::from_millis(1));
//!                 queue.put(n).unwrap();
//!             }
//!             queue.shutdown(false);
//!         });
//!         s.spawn(|| {
//!             while let Ok(n) = queue.get() {
//!                 sum += n;
//!             }
//!         });
//!     })?;
//!     Ok::<_, cede::GroupError>(sum)
//! });
//! assert_eq!(sum?, 6);
//! # Ok::<_, cede::GroupError>(())
//! ```
//!
//! The [`manual`] says how it works and why, and how to port Python programs.

// The models use a part of it only.
#![cfg_attr(cede_loom, allow(dead_code))]

#[cfg(panic = "abort")]
compile_error!(
    "cede needs panic=unwind: closing a suspended generator runs its destructors by unwinding its stack, \
     which panic=\"abort\" would turn into a silent abort. Remove `panic = \"abort\"` from the profile."
);

mod atomics;
pub mod stack;

mod coroutine;
pub mod executor;
pub mod fs;
pub mod future;
pub mod generator;
pub mod io;
pub mod manual;
pub mod net;
pub mod process;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

pub use coroutine::{grow, grow_with};
pub use generator::{
    AlreadyEntered, BlockPanicked, Close, Closing, ContextManager, Delegate, DelegateInfo, ExitStack,
    Fallible, Generator, GeneratorContext, GeneratorError, GeneratorExit, GeneratorState, NullContext,
    Scoped, SendError, Step, StopIteration, Suppress, Thrown, Unraisable, Yielder, closing, contextmanager,
    nullcontext, scoped, set_unraisable_hook, suppress, take_unraisable_hook, try_contextmanager, try_scoped,
    with,
};
pub use runtime::{
    Deadlock, Handle, OnDeadlock, Operation, RemoteJoinError, RemoteJoinHandle, RunError, Runner, Runtime,
    StuckTask, TaskReport, run, set_task_hook, take_task_hook, unblock, unblock_scoped, yield_now,
};
pub use task::race;
pub use task::{
    Cancelled, GroupError, JoinError, JoinHandle, Scope, ScopedJoinHandle, SpawnError, TaskGroup, TaskHandle,
    call_soon, catch_cancelled, current, finally, no_cancel, no_switch, scope, spawn, spawn_any, try_scope,
    try_spawn, try_spawn_any,
};
pub use time::{Elapsed, sleep, timeout, timeout_at};
