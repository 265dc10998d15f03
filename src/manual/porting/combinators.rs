//! Waiting for time, for several things, and not too long: `sleep`, `timeout`, `wait_for`, `gather`, `wait`,
//! `as_completed`, `shield`.
//!
//! Where an example waits, its `run` is [`cede::run`](crate::run) under a virtual clock.
//!
//! # sleep
//!
//! ```python
//! import asyncio
//!
//! async def main():
//!     loop = asyncio.get_running_loop()
//!     begin = loop.time()
//!     await asyncio.sleep(1.5)
//!     await asyncio.sleep(0)
//!     assert loop.time() - begin == 1.5
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| {
//!     let begin = cede::time::now();
//!     cede::sleep(Duration::from_millis(1500));
//!     cede::yield_now();
//!     assert_eq!(cede::time::now() - begin, Duration::from_millis(1500));
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `sleep(seconds)` | [`cede::sleep(duration)`](crate::sleep) |
//! | `sleep(0)` | [`yield_now()`](crate::yield_now); `sleep` of nothing is the same |
//! | `sleep(seconds, result)` | a value after the call |
//! | `await asyncio.Future()`: for ever | `sleep(Duration::MAX)` |
//! | until a moment: `sleep(when - loop.time())` | [`sleep_until`](crate::time::sleep_until) |
//! | `loop.time()` | [`time::now()`](crate::time::now), an [`Instant`](std::time::Instant) |
//! | a test's own loop with a patched clock | [`Runner::builder().virtual_time(true)`](crate::runtime::Builder::virtual_time) |
//!
//! # timeout
//!
//! ```python
//! import asyncio
//!
//! async def main():
//!     try:
//!         async with asyncio.timeout(1):
//!             await asyncio.sleep(3600)
//!     except TimeoutError:
//!         outcome = "too late"
//!     assert outcome == "too late"
//!
//!     async with asyncio.timeout(1) as deadline:
//!         deadline.reschedule(deadline.when() + 5)
//!         await asyncio.sleep(3)
//!     assert not deadline.expired()
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::time::timeout_with;
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| {
//!     let outcome = cede::timeout(Duration::from_secs(1), || cede::sleep(Duration::from_secs(3600)));
//!     assert!(outcome.is_err());
//!
//!     let second = cede::time::now() + Duration::from_secs(1);
//!     let expired = timeout_with(Some(second), |deadline| {
//!         deadline.reschedule(Some(second + Duration::from_secs(5))).unwrap();
//!         cede::sleep(Duration::from_secs(3));
//!         deadline.expired()
//!     });
//!     assert_eq!(expired, Ok(false));
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `async with timeout(s): block` | [`cede::timeout(d, \|\| block)?`](crate::timeout), which gives the block's value |
//! | `timeout(None)` | [`timeout_with(None, ...)`](crate::time::timeout_with) |
//! | `timeout_at(when)` | [`timeout_at(when, ...)`](crate::timeout_at) |
//! | `as t`: `t.when()`, `t.reschedule(when)`, `t.expired()` | [`timeout_with`](crate::time::timeout_with), whose block gets a [`Timeout`](crate::time::Timeout) |
//! | `except TimeoutError` around the block | `Err(`[`Elapsed`](crate::Elapsed)`)` |
//! | "Cannot change state of expired Timeout" | [`TimeoutOver`](crate::time::TimeoutOver) |
//! | `async_timeout` | the same |
//!
//! Timeouts nest, and a cancellation from elsewhere stays one: only the timeout that fired turns it into `Elapsed`. A `?`, `break`
//! or `return` out of the block has to be carried out of the closure, as a `Result` of it.
//!
//! An interrupted block unwinds, which costs microseconds. Where it is one operation that may take too long, wait for
//! that operation or for the time, and nothing unwinds:
//!
//! ```
//! use cede::{sync::Queue, time::after};
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| {
//!     let jobs = Queue::<u32>::unbounded();
//!     let job = cede::select! {
//!         job = jobs.getting() => job.ok(),
//!         _ = after(Duration::from_secs(30)) => None,
//!     };
//!     assert_eq!(job, None);
//! });
//! ```
//!
//! # wait_for
//!
//! ```python
//! import asyncio
//!
//! async def fetch(seconds):
//!     await asyncio.sleep(seconds)
//!     return "a page"
//!
//! async def main():
//!     assert await asyncio.wait_for(fetch(1), 2) == "a page"
//!
//!     task = asyncio.create_task(fetch(3600))
//!     try:
//!         await asyncio.wait_for(task, 2)
//!     except TimeoutError:
//!         assert task.cancelled()
//!     else:
//!         assert False
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::task::{Awaitable, wait_for};
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn fetch(seconds: u64) -> &'static str {
//!     cede::sleep(Duration::from_secs(seconds));
//!     "a page"
//! }
//!
//! run(|| {
//!     let limit = Some(Duration::from_secs(2));
//!     assert_eq!(wait_for(limit, || fetch(1)), Ok("a page"));
//!
//!     let task = cede::spawn(|| fetch(3600));
//!     assert!(wait_for(limit, &task).is_err());
//!     assert!(task.is_cancelled());
//! });
//! ```
//!
//! Given a closure it runs that in the current task, and is [`timeout`](crate::timeout) by another name. Given a handle it cancels
//! it when the time is up, and waits until it has ended; its `Ok` is what `join` gives, a `Result` of its own. As in asyncio a limit of
//! nothing does not run the closure at all, and gives the value of a task that has ended already.
//!
//! # gather
//!
//! ```python
//! import asyncio
//!
//! async def square(number):
//!     await asyncio.sleep(10 - number)
//!     return number * number
//!
//! async def main():
//!     assert await asyncio.gather(*(square(n) for n in range(4))) == [0, 1, 4, 9]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::task::gather;
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn square(number: u64) -> u64 {
//!     cede::sleep(Duration::from_secs(10 - number));
//!     number * number
//! }
//!
//! run(|| {
//!     let squares = gather((0..4).map(|n| move || square(n))).join();
//!     assert_eq!(squares.unwrap(), [0, 1, 4, 9]);
//! });
//! ```
//!
//! With `return_exceptions=True`:
//!
//! ```python
//! import asyncio
//!
//! async def parse(word):
//!     await asyncio.sleep(1)
//!     return int(word)
//!
//! async def main():
//!     results = await asyncio.gather(parse("1"), parse("x"), parse("3"), return_exceptions=True)
//!     assert results[0] == 1 and results[2] == 3
//!     assert isinstance(results[1], ValueError)
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::task::gather_results;
//! use std::{num::ParseIntError, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn parse(word: &str) -> Result<u32, ParseIntError> {
//!     cede::sleep(Duration::from_secs(1));
//!     word.parse()
//! }
//!
//! run(|| {
//!     let tasks = ["1", "x", "3"].map(|word| cede::try_spawn(move || parse(word)));
//!     let results = gather_results(tasks).join().unwrap();
//!     assert!(matches!((&results[0], &results[2]), (Ok(1), Ok(3))));
//!     assert!(results[1].as_ref().unwrap_err().error().unwrap().is::<ParseIntError>());
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `await gather(f(), g())`, of different types | [`gather((f, g)).join()`](crate::task::gather): a tuple of up to eight closures and handles gives a tuple |
//! | `await gather(*tasks)` | `gather(members).join()`: a `Vec`, an array, any iterator of handles or closures gives a `Vec` |
//! | `return_exceptions=True` | [`gather_results`](crate::task::gather_results) |
//! | the first error | the first error; the others go on, as in asyncio |
//! | `fut = gather(...)`, `fut.cancel()` | a [`Gather`](crate::task::Gather) is [`Awaitable`](crate::task::Awaitable); cancelling it cancels all members |
//! | the same task twice | an error of the join, [`is_already_taken`](crate::JoinError::is_already_taken): a value has one owner |
//! | a gather or `wait` of tasks and futures of any kind | by their [`End`](crate::task::End)s, which have no value: `task.end()` |
//!
//! A closure that gives a `Result` gives it as its value. For its `Err` to end the gather, as an exception would, it has to be a task
//! that may fail: `gather((cede::try_spawn(f), cede::try_spawn(g)))`.
//!
//! `gather` returns at the first error and lets the other tasks run on, unwatched. What is meant is often a scope, which ends the
//! others, and whose children may borrow:
//!
//! ```
//! let words = ["1", "2", "3"];
//! let sum = cede::run(|| {
//!     cede::try_scope(|s| {
//!         let tasks = words.each_ref().map(|word| s.try_spawn(|| word.parse::<u32>()));
//!         tasks.iter().map(|task| task.join()).sum::<Result<u32, cede::JoinError>>()
//!     })
//! });
//! assert_eq!(sum.unwrap(), 6);
//! ```
//!
//! # wait
//!
//! ```python
//! import asyncio
//!
//! async def fetch(seconds):
//!     await asyncio.sleep(seconds)
//!     return seconds
//!
//! async def main():
//!     tasks = [asyncio.create_task(fetch(seconds)) for seconds in (3, 1, 2)]
//!     done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
//!     assert [task.result() for task in done] == [1]
//!     assert len(pending) == 2
//!     for task in pending:
//!         task.cancel()
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::task::{ReturnWhen, Waited, wait};
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn fetch(seconds: u64) -> u64 {
//!     cede::sleep(Duration::from_secs(seconds));
//!     seconds
//! }
//!
//! run(|| {
//!     let tasks = [3, 1, 2].map(|seconds| cede::spawn(move || fetch(seconds)));
//!     let Waited { done, pending, .. } = wait(tasks, ReturnWhen::FirstCompleted, None);
//!     assert_eq!(done.iter().map(|task| task.join().unwrap()).collect::<Vec<_>>(), [1]);
//!     assert_eq!(pending.len(), 2);
//!     for task in pending {
//!         task.cancel();
//!     }
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `wait(tasks, timeout=s, return_when=w)` | [`wait(handles, w, limit)`](crate::task::wait) |
//! | `FIRST_COMPLETED`, `FIRST_EXCEPTION`, `ALL_COMPLETED` | [`ReturnWhen`](crate::task::ReturnWhen) |
//! | `done, pending`, two sets | [`Waited`](crate::task::Waited), two lists in the order of the arguments |
//! | a task for each of `q.get()`, `event.wait()`, and `wait` for the first | [`select!`](crate::select) over `q.getting()`, `event.waiting()`: no task, and no item is lost when another wins |
//!
//! It cancels nothing. `wait(&tasks, ...)` borrows the handles, so that one can wait again; of nothing it returns at once, which is an
//! error in Python.
//!
//! # as_completed
//!
//! ```python
//! import asyncio
//!
//! async def fetch(seconds):
//!     await asyncio.sleep(seconds)
//!     return seconds
//!
//! async def main():
//!     seen = []
//!     for earliest in asyncio.as_completed([fetch(3), fetch(1), fetch(2)]):
//!         seen.append(await earliest)
//!     assert seen == [1, 2, 3]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{JoinError, task::as_completed};
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn fetch(seconds: u64) -> u64 {
//!     cede::sleep(Duration::from_secs(seconds));
//!     seconds
//! }
//!
//! run(|| {
//!     let tasks = [3, 1, 2].map(|seconds| cede::spawn(move || fetch(seconds)));
//!     let mut seen = Vec::new();
//!     for earliest in as_completed(tasks, None) {
//!         seen.push(earliest.expect("there is no limit").join()?);
//!     }
//!     assert_eq!(seen, [1, 2, 3]);
//!     Ok::<_, JoinError>(())
//! })?;
//! # Ok::<_, cede::JoinError>(())
//! ```
//!
//! Each item is the handle that has ended, as with 3.13's `async for`, or [`Elapsed`](crate::Elapsed) for each that has not when the
//! limit is over, as each of them raises `TimeoutError` there. A handle that is given twice comes once.
//!
//! # shield
//!
//! ```python
//! import asyncio
//!
//! async def save():
//!     await asyncio.sleep(2)
//!     return "saved"
//!
//! async def main():
//!     saving = asyncio.create_task(save())
//!     try:
//!         async with asyncio.timeout(1):
//!             await asyncio.shield(saving)
//!     except TimeoutError:
//!         assert not saving.done()
//!     assert await saving == "saved"
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::task::shield;
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn save() -> &'static str {
//!     cede::sleep(Duration::from_secs(2));
//!     "saved"
//! }
//!
//! run(|| {
//!     let saving = cede::spawn(save);
//!     let in_time = cede::timeout(Duration::from_secs(1), || shield(&saving).join());
//!     assert!(in_time.is_err() && !saving.is_finished());
//!     assert_eq!(saving.join().unwrap(), "saved");
//! });
//! ```
//!
//! Cancelling what waits for a [`Shield`](crate::task::Shield) leaves the inner task alone, which goes on. Where the current task itself is to
//! go on, without a task of its own for the work, [`no_cancel`](crate::no_cancel) keeps requests out of a stretch of code; it has no counterpart in
//! asyncio.
