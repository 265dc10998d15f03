//! From asyncio to cede, name by name.
//!
//! The reference is CPython 3.13. The general rule: drop `async` and `await`. What remains is a program of plain
//! functions, in which a call that waits suspends the task that it runs in, and the order of execution is the same:
//! a wake-up takes as many ticks of the scheduler as it took in asyncio ([`order`]).
//!
//! | chapter | Python's names in it |
//! |---|---|
//! | [`generators`] | `yield`, `yield from`, `send`, `throw`, `close`; `async for`, `aclose`, `asend`, `athrow`; `contextlib`; `itertools` |
//! | [`tasks`] | `run`, `Runner`, `create_task`, `Task`, `Future`, `TaskGroup`, `CancelledError`, `contextvars` |
//! | [`combinators`] | `sleep`, `timeout`, `wait_for`, `gather`, `wait`, `as_completed`, `shield` |
//! | [`sync`] | `Lock`, `Event`, `Condition`, `Semaphore`, `Barrier`, `Queue` and its kin |
//! | [`event_loop`] | `call_soon`, `call_later`, `to_thread`, `run_in_executor`, `run_coroutine_threadsafe`, signals, debug mode, introspection |
//! | [`io`] | streams, servers, transports, protocols, sockets, subprocesses |
//! | [`files`] | `aiofiles`, `os`, `shutil` and `tempfile`, as far as they are about files and directories |
//! | [`threads`] | `threading`, `multiprocessing`, `concurrent.futures` |
//! | [`order`] | what runs when, and what a port may rely on |
//!
//! What Python does by mixing event loops, cede does by futures: the chapter [`futures`](super::futures).
//!
//! A table has Python on its left, and **not there yet** where cede has nothing so far.
//! Pairs of programs say the same in both languages: a test runs the Python, and the Rust is a doctest. Where these
//! wait, their `run` is [`cede::run`](crate::run) under a virtual clock, so that a second of theirs takes no time.
//! Longer pairs lie in the folder `examples/ports`, with a test that compares what the two print.
//!
//! # Side by side
//!
//! ```python
//! import asyncio
//!
//! async def producer(queue, name, number):
//!     for i in range(number):
//!         await asyncio.sleep(1)
//!         await queue.put(f"{name}{i}")
//!
//! async def consumer(queue, seen):
//!     while True:
//!         seen.append(await queue.get())
//!         queue.task_done()
//!
//! async def main():
//!     queue, seen = asyncio.Queue(1), []
//!     worker = asyncio.create_task(consumer(queue, seen))
//!     async with asyncio.TaskGroup() as group:
//!         group.create_task(producer(queue, "a", 2))
//!         group.create_task(producer(queue, "b", 1))
//!     await queue.join()
//!     worker.cancel()
//!     assert seen == ["a0", "b0", "a1"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{GroupError, sync::{PutError, Queue}};
//! use std::{cell::RefCell, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn producer(queue: &Queue<String>, name: &str, number: u32) -> Result<(), PutError<String>> {
//!     for i in 0..number {
//!         cede::sleep(Duration::from_secs(1));
//!         queue.put(format!("{name}{i}"))?;
//!     }
//!     Ok(())
//! }
//!
//! fn consumer(queue: &Queue<String>, seen: &RefCell<Vec<String>>) {
//!     while let Ok(item) = queue.get() {
//!         seen.borrow_mut().push(item);
//!         queue.task_done().unwrap();
//!     }
//! }
//!
//! run(|| {
//!     let (queue, seen) = (Queue::bounded(1), RefCell::default());
//!     cede::try_scope(|outer| {
//!         let worker = outer.spawn(|| consumer(&queue, &seen));
//!         cede::scope(|group| {
//!             group.try_spawn(|| producer(&queue, "a", 2));
//!             group.try_spawn(|| producer(&queue, "b", 1));
//!         })?;
//!         queue.join();
//!         worker.cancel();
//!         Ok::<_, GroupError>(())
//!     })
//!     .unwrap();
//!     assert_eq!(*seen.borrow(), ["a0", "b0", "a1"]);
//! });
//! ```
//!
//! # The forms of the language
//!
//! | Python | cede |
//! |---|---|
//! | `async def f(x): ...` | `fn f(x: X) -> T { ... }` |
//! | `await f(x)` | `f(x)` |
//! | a coroutine object, not yet awaited: `f(x)` | a closure: `\|\| f(x)` |
//! | `async for x in g:` | `for x in g` |
//! | `[x async for x in g]` | `g.collect::<Vec<_>>()` |
//! | `async with m as x: ...` | a guard whose destructor ends it, or a function that takes the block as a closure |
//! | `try: ... finally: ...` without an `await` in `finally` | a destructor |
//! | `finally:` with an `await` in it | [`finally`](crate::finally) |
//! | `except E as e:` around awaited code | `match` on the `Result`, or `?` |
//! | `except CancelledError:` | [`catch_cancelled`](crate::catch_cancelled) |
//! | `except* E as group:` | [`GroupError::of_type`](crate::GroupError::of_type), [`split_by`](crate::GroupError::split_by) |
//! | `__await__` of a type of your own | a method that waits; the types that [`select!`](crate::select) can take are cede's own |
//! | `iscoroutine`, `iscoroutinefunction`, `@types.coroutine` | nothing: a function that waits looks like any other |
//! | `asyncio.ensure_future(x)` | nothing: `x` is a closure, which [`spawn`](crate::spawn) takes, or a handle already |
//! | `await` in the REPL: `python -m asyncio` | nothing |
//!
//! ## What tasks share
//!
//! In Python every name is a reference, and a task may hold any. Here there are two ways, and the first is the usual one:
//! - a child of a [`scope`](crate::scope) borrows what is around the scope, as any closure does;
//! - a task of [`spawn`](crate::spawn) outlives the function that makes it. It owns what it uses (`move`), or shares it in an
//!   `Rc`. Tasks never leave their thread, so that `Rc`, `Cell` and `RefCell` are enough.
//!
//! What is changed by several tasks lies in a `Cell` or a `RefCell`. A borrow of a `RefCell` that is held while the task waits
//! is a panic in the next task that borrows it. `list.borrow_mut().push(queue.get()?)` is such a borrow: it begins before `get`
//! does. Let the value come first, in a `let`; where the borrow has to last, take a [`Mutex`](crate::sync::Mutex).
//! [`no_switch`](crate::no_switch) holds a stretch of code to it that it doesn't wait.
//!
//! # Exceptions
//!
//! | Python | cede |
//! |---|---|
//! | `CancelledError` | an unwind, see [`cancellation`](super::cancellation); at a `join` a [`JoinError`](crate::JoinError) that [`is_cancelled`](crate::JoinError::is_cancelled) |
//! | `TimeoutError` of `timeout`, `wait_for`, `as_completed` | [`Elapsed`](crate::Elapsed), and after `?` into an [`io::Error`](std::io::Error) its kind [`TimedOut`](std::io::ErrorKind::TimedOut) |
//! | the exception of a task or future | [`JoinError::error`](crate::JoinError::error) |
//! | an exception that nobody expects: a bug | a panic; [`JoinError::is_panic`](crate::JoinError::is_panic) |
//! | `ExceptionGroup` | [`GroupError`](crate::GroupError) |
//! | `InvalidStateError` of a second `set_result` | [`InvalidState`](crate::task::InvalidState), which gives the value back |
//! | `InvalidStateError` of `result()` before the end | `None` of [`outcome`](crate::task::Awaitable::outcome) |
//! | `QueueEmpty`, `QueueFull`, `QueueShutDown` | the errors of each operation, with the item: [`sync`] |
//! | `BrokenBarrierError` | [`BrokenBarrier`](crate::sync::BrokenBarrier) |
//! | `RuntimeError` of `Lock.release` and `Condition` | [`NotAcquired`](crate::sync::NotAcquired) |
//! | `ValueError` of `BoundedSemaphore`, of `task_done` | [`ReleasedTooOften`](crate::sync::ReleasedTooOften), [`DoneTooOften`](crate::sync::DoneTooOften) |
//! | `RuntimeError`: "Task cannot await on itself" | [`JoinError::is_await_self`](crate::JoinError::is_await_self) |
//! | `RuntimeError`: "TaskGroup is shutting down", "is finished" | [`SpawnError`](crate::SpawnError), in the handle of the child that was refused |
//! | `RuntimeError` of `Timeout.reschedule` | [`TimeoutOver`](crate::time::TimeoutOver) |
//! | `RuntimeError`: "asyncio.run() cannot be called from a running event loop" | [`RunError::Nested`](crate::RunError::Nested) |
//! | `IncompleteReadError`, `LimitOverrunError` | see [`io`] |
//! | `KeyboardInterrupt` | see [`event_loop`] |
//!
//! # What Python's users complain of
//!
//! | complaint | answer |
//! |---|---|
//! | One `await` makes every caller `async`. | Functions have no colour. That a stretch of code does not wait can still be said, and is checked: [`no_switch`](crate::no_switch). |
//! | A task fails, and nobody hears of it. | An error that nobody has looked at when its task goes is reported ([`set_task_hook`](crate::set_task_hook)). In a [`scope`](crate::scope) there is no such error. |
//! | The loop holds tasks weakly, and one may vanish half done. | The run owns its tasks. |
//! | A bare `except:` swallows a cancellation. | One that was swallowed by accident comes again at the next wait; only [`catch_cancelled`](crate::catch_cancelled) keeps one. |
//! | Wake-ups are lost when the one that was woken is cancelled. | Whoever leaves without the turn that it was woken for passes it on. Each kind of wait has a test of that. |
//! | `write` without `drain` fills the memory. | A write waits until the system has taken the bytes. |
//! | A task that never waits keeps all others from running. | In debug mode a step that takes too long is named, with its task: [`Builder::slow_step`](crate::runtime::Builder::slow_step). |
//! | A program hangs and says nothing. | A run in which nothing can happen any more ends, with a report that names each task and what it waits for. |
//!
//! ```text
//! deadlock: 2 tasks wait and nothing can wake them
//!   task 1 "Task-1"    joins task 2 "consumer"                        spawned at src/main.rs:5:5
//!   task 2 "consumer"  gets from Queue(0/5) made at src/main.rs:6:29  spawned at src/main.rs:8:20
//! ```
//!
//! # What differs on purpose
//!
//! - **A value is taken.** `await task` gives the same object each time. A value in Rust has one owner: `join`
//!   moves it out, and `join_cloned` copies it.
//! - **Errors are types.** A task that can fail returns a `Result` and is made by `try_spawn`, so that groups and gathers
//!   see its error. A `Result` that is spawned by `spawn` is a value like any other. A task that panics is Python's task
//!   with an unexpected exception.
//! - **A cancellation is no exception** that any handler may meet. It unwinds, so that destructors run, and only code that
//!   names it catches it; [`cancellation`](super::cancellation) has the reasons.
//! - **A destructor can't wait** while it runs because of an unwind. Clean-up that waits goes into [`finally`](crate::finally).
//! - **Tasks are kept.** The run owns them until they have ended, also those that begin while it ends. One that can't be ended is named
//!   in a report.
//! - **A deadlock is an error.** asyncio hangs.
//! - **For ever is no time.** A sleep or a timeout of `Duration::MAX` has no timer; a run in which all tasks wait like that is at a
//!   deadlock.
//! - **A cancellation from another thread** is a request like any other: what the task makes of it is what the
//!   [`RemoteJoinHandle`](crate::RemoteJoinHandle) gives. Python's future counts as cancelled at once.
//! - **There is no loop object.** A run is a function that is called; what it offers are functions which find it by the thread that they
//!   are called on. A [`Handle`](crate::Handle) is for other threads.
//! - **What Python leaves open is settled**: equal deadlines, and the order among tasks that are cancelled together, see [`order`].

pub mod combinators;
pub mod event_loop;
pub mod files;
pub mod generators;
pub mod io;
pub mod order;
pub mod sync;
pub mod tasks;
pub mod threads;
