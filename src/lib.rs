//! Stackful coroutines with Python's semantics: plain functions that can stop anywhere and go on later.

#[cfg(panic = "abort")]
compile_error!(
    "cede needs panic=unwind: closing a suspended generator runs its destructors by unwinding its stack, \
     which panic=\"abort\" would turn into a silent abort. Remove `panic = \"abort\"` from the profile."
);

pub mod stack;

mod coroutine;
pub mod generator;
pub mod manual;
pub mod runtime;
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
    Deadlock, OnDeadlock, Operation, RunError, Runner, StuckTask, TaskReport, run, set_task_hook,
    take_task_hook, yield_now,
};
pub use task::race;
pub use task::{
    Cancelled, GroupError, JoinError, JoinHandle, Scope, ScopedJoinHandle, SpawnError, TaskGroup, TaskHandle,
    call_soon, catch_cancelled, current, finally, no_cancel, no_switch, scope, spawn, spawn_named, try_scope,
    try_spawn,
};
pub use time::{Elapsed, sleep, timeout, timeout_at};
