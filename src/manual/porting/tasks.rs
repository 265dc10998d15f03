//! Runs, tasks, futures, groups, cancellation, context variables.
//!
//! Where an example waits, its `run` is [`cede::run`](crate::run) under a virtual clock.
//!
//! # run
//!
//! ```python
//! import asyncio
//!
//! async def main(name):
//!     await asyncio.sleep(0.01)
//!     return f"hello {name}"
//!
//! assert asyncio.run(main("world")) == "hello world"
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! fn main_task(name: &str) -> String {
//!     cede::sleep(Duration::from_millis(10));
//!     format!("hello {name}")
//! }
//!
//! assert_eq!(cede::run(|| main_task("world")), "hello world");
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `asyncio.run(main())` | [`cede::run(main)`](crate::run): gives what `main` gives, and goes on with its panic |
//! | `asyncio.run(main(), debug=True)` | [`Runner::builder().debug(true)`](crate::runtime::Builder::debug), see [`event_loop`](super::event_loop) |
//! | `with asyncio.Runner() as r: r.run(f()); r.run(g())` | [`Runner::new`](crate::Runner::new), [`run`](crate::Runner::run) twice, [`close`](crate::Runner::close) or its end |
//! | `Runner.get_loop()`, `loop_factory=` | nothing: a run has one kind of scheduler |
//! | an exception out of `run` | what `main` returns; [`RunError`](crate::RunError) of `Runner::run` where there is no value |
//! | the tasks that are left when `main` ends | cancelled, awaited, and their errors reported, as there. Tasks that begin meanwhile are left alone, so that a clean-up may use them |
//! | a task that catches its cancellation and goes on keeps `run` from ending | cancelled again after a while, and given up with a report in the end |
//! | a task at the end of a chain of awaits is counted a request for each task of the chain, when all are cancelled at the end | counted for itself and for those that await it directly: the end of a long chain takes no square of its length |
//! | `run` inside of a run: an error | the same, as a panic of `run` and an error of `Runner::run` |
//!
//! # create_task, await
//!
//! ```python
//! import asyncio
//!
//! async def fetch(name, seconds):
//!     await asyncio.sleep(seconds)
//!     if name == "c":
//!         raise LookupError(name)
//!     return f"page {name}"
//!
//! async def main():
//!     task = asyncio.create_task(fetch("a", 2))
//!     b = await fetch("b", 1)
//!     a = await task
//!     assert (a, b) == ("page a", "page b")
//!
//!     failing = asyncio.create_task(fetch("c", 1))
//!     try:
//!         await failing
//!     except LookupError as error:
//!         a = str(error)
//!     assert a == "c"
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("{0}")]
//! struct NotThere(String);
//!
//! fn fetch(name: &str, seconds: u64) -> Result<String, NotThere> {
//!     cede::sleep(Duration::from_secs(seconds));
//!     if name == "c" {
//!         return Err(NotThere(name.into()));
//!     }
//!     Ok(format!("page {name}"))
//! }
//!
//! run(|| {
//!     let task = cede::try_spawn(|| fetch("a", 2));
//!     let b = fetch("b", 1)?;
//!     let a = task.join()?;
//!     assert_eq!((a.as_str(), b.as_str()), ("page a", "page b"));
//!
//!     let failing = cede::try_spawn(|| fetch("c", 1));
//!     let error = failing.join().unwrap_err();
//!     assert!(error.error().is_some_and(|error| error.is::<NotThere>()));
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `create_task(f(x))`, `loop.create_task` | [`cede::spawn(move \|\| f(x))`](crate::spawn); for an `f` that gives a `Result`: [`try_spawn`](crate::try_spawn) |
//! | `create_task(f(), name="n")` | [`task::Builder::new().name("n").spawn(f)`](crate::task::Builder); in a scope or group `spawn_scoped`, `spawn_in` |
//! | `create_task(f(), context=c)` | [`Builder::context`](crate::task::Builder::context) |
//! | `eager_task_factory`, `create_task(f(), eager_start=True)` of 3.14 | [`Builder::eager`](crate::task::Builder::eager), per task |
//! | `loop.set_task_factory`, `get_task_factory`, `create_eager_task_factory` | nothing |
//! | `await task` | [`task.join()?`](crate::JoinHandle::join): takes the value, once |
//! | `await task`, in several places | [`task.join_cloned()?`](crate::JoinHandle::join_cloned) |
//! | `task.result()` | `join()`, which doesn't wait for a task that has ended |
//! | `task.exception()` | [`task.outcome()`](crate::task::Awaitable::outcome): `None` while it runs |
//! | `task.done()`, `task.cancelled()` | [`is_finished`](crate::JoinHandle::is_finished), [`is_cancelled`](crate::task::Awaitable::is_cancelled) |
//! | `task.add_done_callback(f)`, `remove_done_callback` | [`on_done`](crate::task::Awaitable::on_done), [`remove_done_callback`](crate::task::Awaitable::remove_done_callback): the function is given what has ended, and asks it for `outcome()` or `join()` |
//! | `task.cancel()` | [`task.cancel()`](crate::JoinHandle::cancel); without a message |
//! | `task.cancelling()`, `task.uncancel()` | [`cancelling`](crate::TaskHandle::cancelling), [`uncancel`](crate::TaskHandle::uncancel) |
//! | `task.get_name()`, `task.set_name(n)` | [`TaskHandle::name`](crate::TaskHandle::name), [`set_name`](crate::TaskHandle::set_name) |
//! | `task.get_coro()` | [`spawned_at`](crate::JoinHandle::spawned_at): a closure has no name |
//! | `task.get_context()` | nothing |
//! | `task.get_stack()`, `print_stack()` | [`TaskHandle::waits_for`](crate::TaskHandle::waits_for): what it waits for |
//! | `current_task()` | [`cede::current()`](crate::current) |
//! | `all_tasks()` | [`task::all_tasks()`](crate::task::all_tasks), in the order in which they were made |
//! | `isinstance(x, asyncio.Task)`, `isfuture(x)` | what is [`Awaitable`](crate::task::Awaitable) |
//!
//! A task whose handle is dropped goes on. One that failed with nobody looking is reported when it ends.
//!
//! # Groups
//!
//! ```python
//! import asyncio
//!
//! async def count(words):
//!     await asyncio.sleep(1)
//!     return sum(int(word) for word in words)
//!
//! async def main():
//!     async with asyncio.TaskGroup() as group:
//!         small = group.create_task(count(["1", "2"]))
//!         large = group.create_task(count(["30", "40"]))
//!     assert small.result() + large.result() == 73
//!
//!     try:
//!         async with asyncio.TaskGroup() as group:
//!             group.create_task(count(["1", "x"]))
//!             group.create_task(asyncio.sleep(3600))
//!     except* ValueError as group:
//!         assert len(group.exceptions) == 1
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use std::{num::ParseIntError, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn count(words: &[&str]) -> Result<u32, ParseIntError> {
//!     cede::sleep(Duration::from_secs(1));
//!     words.iter().map(|word| word.parse::<u32>()).sum()
//! }
//!
//! run(|| {
//!     let sum = cede::try_scope(|group| {
//!         let small = group.try_spawn(|| count(&["1", "2"]));
//!         let large = group.try_spawn(|| count(&["30", "40"]));
//!         Ok::<_, cede::JoinError>(small.join()? + large.join()?)
//!     });
//!     assert_eq!(sum.unwrap(), 73);
//!
//!     let errors = cede::scope(|group| {
//!         group.try_spawn(|| count(&["1", "x"]));
//!         group.spawn(|| cede::sleep(Duration::from_secs(3600)));
//!     });
//!     assert_eq!(errors.unwrap_err().of_type::<ParseIntError>().count(), 1);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `async with TaskGroup() as tg:` | [`cede::scope(\|s\| ...)?`](crate::scope); a body with `?` in it: [`try_scope`](crate::try_scope) |
//! | `tg.create_task(f())` | [`s.spawn(f)`](crate::Scope::spawn), [`s.try_spawn(f)`](crate::Scope::try_spawn); they may borrow |
//! | a `TaskGroup` that is no block | [`TaskGroup`](crate::TaskGroup) |
//! | to end a group early: raise in a child, or in the body | [`s.cancel()`](crate::Scope::cancel) |
//! | `ExceptionGroup`, `eg.exceptions` | [`GroupError`](crate::GroupError), [`iter`](crate::GroupError::iter); groups nest |
//! | the traceback of a group | `{:#}`: all errors, one a line, with what they came from |
//! | `except* E as group:` | [`of_type::<E>()`](crate::GroupError::of_type) |
//! | `eg.split(f)`, `eg.subgroup(f)` | [`split_by`](crate::GroupError::split_by) |
//! | adding to a group that is shutting down: an error at once | a handle whose `join` gives [`SpawnError`](crate::SpawnError); the closure never runs |
//!
//! The rules are asyncio's: the first child that fails cancels the others, and the body once; a child's own cancellation is no failure;
//! a cancellation from outside stays one unless there are errors; children may be added while the group closes.
//! A panic of a child counts as its failure.
//!
//! A body that raises is one of `try_scope`, whose `Err` ends the children. In `scope` an `Err` is a value like any other: the children go on, and
//! are waited for.
//!
//! # Cancelling
//!
//! ```python
//! import asyncio
//!
//! async def worker(log):
//!     try:
//!         await asyncio.sleep(3600)
//!     except asyncio.CancelledError:
//!         log.append("told to stop")
//!         raise
//!     finally:
//!         await asyncio.sleep(1)
//!         log.append("cleaned up")
//!
//! async def main():
//!     log = []
//!     task = asyncio.create_task(worker(log))
//!     await asyncio.sleep(1)
//!     task.cancel()
//!     try:
//!         await task
//!     except asyncio.CancelledError:
//!         log.append("cancelled")
//!     assert log == ["told to stop", "cleaned up", "cancelled"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use std::{cell::RefCell, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! type Log = RefCell<Vec<&'static str>>;
//!
//! fn worker(log: &Log) {
//!     let work = || match cede::catch_cancelled(|| cede::sleep(Duration::from_secs(3600))) {
//!         Ok(()) => {}
//!         Err(cancelled) => {
//!             log.borrow_mut().push("told to stop");
//!             cancelled.resume()
//!         }
//!     };
//!     cede::finally(work, || {
//!         cede::sleep(Duration::from_secs(1));
//!         log.borrow_mut().push("cleaned up");
//!     })
//! }
//!
//! run(|| {
//!     let log = Log::default();
//!     cede::scope(|s| {
//!         let task = s.spawn(|| worker(&log));
//!         cede::sleep(Duration::from_secs(1));
//!         task.cancel();
//!         if task.join().is_err_and(|error| error.is_cancelled()) {
//!             log.borrow_mut().push("cancelled");
//!         }
//!     })
//!     .unwrap();
//!     assert_eq!(*log.borrow(), ["told to stop", "cleaned up", "cancelled"]);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `except CancelledError: ...; raise` | [`catch_cancelled`](crate::catch_cancelled), [`Cancelled::resume`](crate::Cancelled::resume) |
//! | `except CancelledError:` without `raise` | `catch_cancelled` alone, where the task is to go on |
//! | `raise CancelledError` | [`Cancelled::raise()`](crate::Cancelled::raise) |
//! | `finally:` without an `await` | a destructor |
//! | `finally:` with one | [`finally`](crate::finally) |
//! | `task.uncancel()` after a cancellation was handled | [`TaskHandle::uncancel`](crate::TaskHandle::uncancel) |
//! | `task.cancel(msg)` | nothing: say why by other means |
//! | a stretch that must not be cancelled: `shield` and a task | [`no_cancel`](crate::no_cancel) |
//! | `except:` or `except BaseException:` that swallows one | comes again, see [`cancellation`](crate::manual::cancellation) |
//!
//! # Futures
//!
//! A future that somebody completes is a [`Promise`](crate::task::Promise). It is shared by cloning it, and has all that a task's handle has.
//!
//! ```
//! use cede::task::{Awaitable, Promise, call_later};
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| {
//!     let answer = Promise::new();
//!     let theirs = answer.clone();
//!     call_later(Duration::from_secs(1), move || theirs.set_result(42).unwrap());
//!     assert_eq!(answer.join_cloned().unwrap(), 42);
//!     // A second result is refused, and comes back.
//!     assert_eq!(answer.set_result(43).unwrap_err().0, 43);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `loop.create_future()`, `Future()` | [`Promise::new()`](crate::task::Promise::new) |
//! | `set_result(x)`, `set_exception(e)` | [`set_result`](crate::task::Promise::set_result), [`set_error`](crate::task::Promise::set_error) |
//! | `InvalidStateError` | [`InvalidState`](crate::task::InvalidState) |
//! | `await future`, `result()`, `exception()`, `done()`, `cancelled()`, `cancel()`, callbacks | as for tasks, above |
//! | to be cancelled while one waits for a future cancels the future | the same |
//! | "Future exception was never retrieved" | reported, when the last clone goes |
//! | `future.get_loop()`, `wrap_future(f)` | nothing |
//! | a future of one's own only to wait for a signal | an [`Event`](crate::sync::Event), or a [`oneshot`](crate::sync::oneshot) channel, whose sender may go |
//!
//! # Context variables
//!
//! ```python
//! import asyncio, contextvars
//!
//! request = contextvars.ContextVar("request", default="none")
//!
//! async def handle(name):
//!     request.set(name)
//!     await asyncio.sleep(1)
//!     return request.get()
//!
//! async def main():
//!     assert await asyncio.gather(handle("a"), handle("b")) == ["a", "b"]
//!     assert request.get() == "none"
//!
//!     token = request.set("main")
//!     assert await asyncio.to_thread(request.get) == "main"
//!     request.reset(token)
//!     assert request.get() == "none"
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{runtime::unblock, task::{ContextVar, gather}};
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! static REQUEST: ContextVar<String> = ContextVar::with_default("request", || "none".into());
//!
//! fn handle(name: &str) -> Option<String> {
//!     REQUEST.set(name.into());
//!     cede::sleep(Duration::from_secs(1));
//!     REQUEST.get()
//! }
//!
//! run(|| {
//!     let names = gather(["a", "b"].map(|name| move || handle(name))).join();
//!     assert_eq!(names.unwrap(), [Some("a".into()), Some("b".into())]);
//!     assert_eq!(REQUEST.get().unwrap(), "none");
//!
//!     let token = REQUEST.set("main".into());
//!     assert_eq!(unblock(|| REQUEST.get()).unwrap(), "main");
//!     REQUEST.reset(token);
//!     assert_eq!(REQUEST.get().unwrap(), "none");
//! });
//! ```
//!
//! | `contextvars` | cede |
//! |---|---|
//! | `ContextVar("n")`, `ContextVar("n", default=d)` | a `static` of [`ContextVar::new("n")`](crate::task::ContextVar::new), [`with_default("n", \|\| d)`](crate::task::ContextVar::with_default) |
//! | `var.get()`, `var.get(d)`; `LookupError` | [`get()`](crate::task::ContextVar::get), `None` where there is none |
//! | `token = var.set(x)`, `var.reset(token)`, `Token` | the same |
//! | `copy_context()`, `Context()`, `ctx.run(f)`, `ctx[var]` | [`Context::current()`](crate::task::Context::current), [`Context::new()`](crate::task::Context::new), [`run`](crate::task::Context::run), [`get`](crate::task::Context::get) |
//! | entering a context that somebody is in: an error | shared by all who are in it |
//! | copied when a task or a callback is made, and for `to_thread` | the same, for [`unblock`](crate::runtime::unblock) and [`Handle::spawn`](crate::Handle::spawn) too |
//! | a value can be anything | what is `Clone + Send + Sync`, since it may go to other threads; in an [`Arc`](std::sync::Arc) where it is large |
//! | `threading.local` | [`thread_local!`](std::thread_local): shared by all tasks of the thread |
