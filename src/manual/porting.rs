//! From asyncio to cede, name by name.
//!
//! The reference is CPython 3.13. The general rule: drop `async` and `await`. What remains is a program of plain
//! functions, in which a call that waits suspends the task that it runs in, and the order of execution is the same:
//! a wake-up takes as many ticks of the scheduler as it took in asyncio.
//!
//! This chapter has what exists now. What is missing is listed at its end.
//!
//! # Side by side
//!
//! ```text
//! async def fetch(name, seconds):           | fn fetch(name: &str, seconds: u64) -> String {
//!     await asyncio.sleep(seconds)          |     cede::sleep(Duration::from_secs(seconds));
//!     return f"page {name}"                 |     format!("page {name}")
//!                                           | }
//!                                           |
//! async def main():                         | fn main() {
//!     task = asyncio.create_task(           |     cede::run(|| {
//!         fetch("a", 2))                    |         let task = cede::spawn(|| fetch("a", 2));
//!     b = await fetch("b", 1)               |         let b = fetch("b", 1);
//!     a = await task                        |         let a = task.join().unwrap();
//!     print(a, b)                           |         println!("{a} {b}");
//!                                           |     });
//! asyncio.run(main())                       | }
//! ```
//!
//! The example `tour` prints a longer pair, runs the port, and compares what it says with what CPython printed.
//!
//! # Runs and tasks
//!
//! | asyncio | cede |
//! |---|---|
//! | `async def f(x): ...` | `fn f(x: X) -> T { ... }` |
//! | `await f(x)` | `f(x)` |
//! | `asyncio.run(main())` | [`cede::run(main)`](crate::run) |
//! | `with asyncio.Runner() as r: r.run(f()); r.run(g())` | [`Runner::new`](crate::Runner::new), [`run`](crate::Runner::run) twice, [`close`](crate::Runner::close) or its end |
//! | `create_task(f(x))` | [`cede::spawn(move || f(x))`](crate::spawn); for an `f` that gives a `Result`: [`try_spawn`](crate::try_spawn) |
//! | `create_task(f(), name="n")` | [`spawn_named("n", f)`](crate::spawn_named) |
//! | `await task` | [`task.join()?`](crate::JoinHandle::join): takes the value, once |
//! | `await task`, in several places | [`task.join_cloned()?`](crate::JoinHandle::join_cloned) |
//! | `task.done()` | [`task.is_finished()`](crate::JoinHandle::is_finished) |
//! | `task.cancel()` | [`task.cancel()`](crate::JoinHandle::cancel) |
//! | `task.cancelled()`, `task.exception()` | `is_cancelled()`, `is_panic()` and `error()` of the [`JoinError`](crate::JoinError) |
//! | `task.cancelling()`, `task.uncancel()` | [`TaskHandle::cancelling`](crate::TaskHandle::cancelling), [`uncancel`](crate::TaskHandle::uncancel) |
//! | `current_task()` | [`cede::current()`](crate::current) |
//! | `task.get_name()`, `task.set_name(n)` | [`TaskHandle::name`](crate::TaskHandle::name), [`set_name`](crate::TaskHandle::set_name) |
//! | `loop.call_soon(f)` | [`call_soon(f)`](crate::call_soon) |
//! | `get_running_loop()`, for another thread | [`Handle::current()`](crate::Handle::current) |
//! | `loop.call_soon_threadsafe(f)` | [`handle.call_soon(f)`](crate::Handle::call_soon) |
//! | `run_coroutine_threadsafe(f(), loop)` | [`handle.spawn(f)`](crate::Handle::spawn), for an `f` that gives a `Result` [`try_spawn`](crate::Handle::try_spawn) |
//! | `future.result()`, `future.result(timeout)`, `future.cancel()` | [`join()`](crate::RemoteJoinHandle::join), [`join_timeout(d)`](crate::RemoteJoinHandle::join_timeout), [`cancel()`](crate::RemoteJoinHandle::cancel) |
//! | `except KeyboardInterrupt` around `runner.run(main())` | [`interrupts(true)`](crate::runtime::Builder::interrupts) and [`RunError::Interrupted`](crate::RunError::Interrupted); `cede::run` ends the process in order |
//! | `debug=True`, `PYTHONASYNCIODEBUG=1`, `slow_callback_duration` | [`debug(true)`](crate::runtime::Builder::debug), `CEDE_DEBUG=1`, [`slow_step`](crate::runtime::Builder::slow_step) |
//! | `loop.set_exception_handler(f)`, "exception was never retrieved" | [`set_task_hook(f)`](crate::set_task_hook) |
//!
//! ```
//! cede::run(|| {
//!     let task = cede::try_spawn(|| "12x".parse::<u32>());
//!     let error = task.join().unwrap_err();
//!     assert!(error.error().is_some_and(|error| error.is::<std::num::ParseIntError>()));
//! });
//! ```
//!
//! # Structure
//!
//! | asyncio | cede |
//! |---|---|
//! | `async with TaskGroup() as tg:` | [`cede::scope(|s| ...)?`](crate::scope); a body with `?` in it: [`try_scope`](crate::try_scope) |
//! | `tg.create_task(f())` | [`s.spawn(f)`](crate::Scope::spawn), [`s.try_spawn(f)`](crate::Scope::try_spawn); they may borrow |
//! | a `TaskGroup` that is no block | [`TaskGroup`](crate::TaskGroup) |
//! | `except* E as group:` | [`GroupError::of_type::<E>()`](crate::GroupError::of_type) |
//! | `await gather(f(), g())` | a scope with two children that are joined, or two `spawn`s; the scope also ends the other when one fails |
//! | `try: ... except CancelledError: ...` | [`catch_cancelled`](crate::catch_cancelled) |
//! | `finally:` with an `await` in it | [`finally`](crate::finally) |
//! | `finally:` without | a destructor |
//! | `async with` | a guard whose destructor ends it; where the end has to wait, `finally` or [`contextmanager`](crate::contextmanager) |
//!
//! Python's `gather` returns at the first error and lets the other tasks run on, unwatched. The port that is meant
//! is nearly always a scope:
//!
//! ```
//! fn square(number: u32) -> u32 {
//!     cede::yield_now();
//!     number * number
//! }
//!
//! let numbers = [3, 4];
//! let squares = cede::run(|| {
//!     cede::try_scope(|s| {
//!         let tasks = numbers.each_ref().map(|number| s.spawn(|| square(*number)));
//!         Ok::<_, cede::JoinError>([tasks[0].join()?, tasks[1].join()?])
//!     })
//! });
//! assert_eq!(squares.unwrap(), [9, 16]);
//! ```
//!
//! # Time
//!
//! | asyncio | cede |
//! |---|---|
//! | `await sleep(s)`, `await sleep(0)` | [`cede::sleep(d)`](crate::sleep), [`yield_now()`](crate::yield_now) |
//! | `loop.time()` | [`cede::time::now()`](crate::time::now) |
//! | `async with timeout(s): ...` | [`cede::timeout(d, || ...)?`](crate::timeout) |
//! | `except TimeoutError` | `Err(`[`Elapsed`](crate::Elapsed)`)` |
//! | `timeout_at(t)` | [`timeout_at(t, || ...)`](crate::timeout_at) |
//! | `t.reschedule(when)`, `t.expired()`, `t.when()` | [`timeout_with`](crate::time::timeout_with), whose closure gets a [`Timeout`](crate::time::Timeout) |
//! | `await wait_for(f(), s)` | `cede::timeout(d, f)?` |
//! | a test's own event loop with a patched clock | [`Runner::builder().virtual_time(true)`](crate::runtime::Builder::virtual_time) |
//!
//! ```
//! use std::time::Duration;
//!
//! let runner = cede::Runner::builder().virtual_time(true).build();
//! let outcome = runner.run(|| {
//!     cede::timeout(Duration::from_secs(1), || {
//!         cede::sleep(Duration::from_secs(10));
//!         "a page"
//!     })
//! })?;
//! assert!(outcome.is_err());
//! # Ok::<_, cede::RunError>(())
//! ```
//!
//! # Queues, and waiting for the first
//!
//! | asyncio | cede |
//! |---|---|
//! | `Queue()`, `Queue(n)` | [`Queue::unbounded()`](crate::sync::Queue::unbounded), [`Queue::bounded(n)`](crate::sync::Queue::bounded) |
//! | `await q.put(x)` | [`q.put(x)?`](crate::sync::Queue::put): the item comes back in the error |
//! | `await q.get()` | [`q.get()?`](crate::sync::Queue::get) |
//! | `q.put_nowait(x)`, `q.get_nowait()` | the same names; QueueFull and QueueEmpty are variants of their errors |
//! | `q.task_done()`, `await q.join()` | the same |
//! | `q.shutdown(immediate=True)` | [`q.shutdown(true)`](crate::sync::Queue::shutdown) |
//! | `qsize()`, `empty()`, `full()` | `len()`, `is_empty()`, `is_full()` |
//! | `wait(tasks, return_when=FIRST_COMPLETED)` | [`select!`](crate::select) or [`race`](crate::race) over `task.joining()`; nothing is cancelled |
//! | a task for each of `q1.get()`, `q2.get()`, and `wait` | [`select!`](crate::select) over `q1.getting()`, `q2.getting()`; no task, and no item is lost |
//!
//! ```
//! use cede::{sync::Queue, time::after};
//! use std::time::Duration;
//!
//! let runner = cede::Runner::builder().virtual_time(true).build();
//! runner.run(|| {
//!     let (jobs, stop) = (Queue::<&str>::unbounded(), Queue::<()>::unbounded());
//!     jobs.put_nowait("a job").unwrap();
//!     let mut seen = Vec::new();
//!     loop {
//!         cede::select! {
//!             job = jobs.getting() => seen.push(job.unwrap()),
//!             _ = stop.getting() => break,
//!             _ = after(Duration::from_secs(30)) => {
//!                 seen.push("a quiet half minute");
//!                 stop.put_nowait(()).unwrap();
//!             }
//!         }
//!     }
//!     assert_eq!(seen, ["a job", "a quiet half minute"]);
//! })?;
//! # Ok::<_, cede::RunError>(())
//! ```
//!
//! # Generators
//!
//! Generators have a chapter of their own: [`generators`](super::generators). An asynchronous generator is a
//! generator whose body waits, and `async for` is `for`:
//!
//! ```
//! use cede::Generator;
//! use std::time::Duration;
//!
//! fn ticks(number: u32) -> Generator<u32> {
//!     Generator::new(move |y| for i in 0..number {
//!         cede::sleep(Duration::from_millis(1));
//!         y.yield_(i);
//!     })
//! }
//!
//! assert_eq!(cede::run(|| ticks(3).sum::<u32>()), 3);
//! ```
//!
//! # What differs on purpose
//!
//! - **A value is taken.** `await task` gives the same object each time. A value in Rust has one owner: `join`
//!   moves it out, and `join_cloned` copies it.
//! - **Errors are types.** A task that can fail returns a `Result` and is made by `try_spawn`, so that the scope
//!   sees its error. One that panics is Python's task with an unexpected exception.
//! - **Tasks are kept.** asyncio holds them weakly, and one that nobody refers to may vanish. Here a run owns its
//!   tasks.
//! - **A deadlock is an error.** asyncio hangs. A run in which nothing can ever happen again ends with a report of
//!   each task and what it waits for.
//! - **Swallowed cancellations come again.** A bare `except:` keeps a task of asyncio alive by accident; see
//!   [`cancellation`](super::cancellation).
//! - **No task is destroyed while it is pending.** Tasks that begin while a run ends may help those that are being cancelled,
//!   as in asyncio; here they are ended after them and not dropped. One that can't be ended is named.
//! - **A cancellation from another thread** is a request like any other: what the task makes of it is what the handle
//!   gives. Python's future counts as cancelled at once.
//! - **For ever is no time.** A sleep or a timeout of `Duration::MAX` has no timer; a run in which all tasks wait like that is at a deadlock.
//! - **Equal deadlines** fire in the order in which they were made. In CPython that depends on its heap.
//! - **Tasks that are cancelled together** are cancelled in the order in which they were made, where CPython
//!   iterates over a set.
//!
//! # Not there yet
//!
//! `gather`, `wait`, `as_completed` and `shield` as functions; `Lock`, `Event`, `Condition`, `Semaphore`,
//! `Barrier`, `LifoQueue` and `PriorityQueue`; `Future`; context variables; `to_thread` and `run_in_executor`;
//! streams, transports and servers; processes; signals other than Ctrl-C.
