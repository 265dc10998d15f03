//! `threading`, `multiprocessing`, `concurrent.futures`.
//!
//! In Python tasks are for waiting, threads for calls that block, and processes for computing, since threads don't compute side by
//! side. In Rust threads do. So what was a process pool becomes threads, and a process is what is left for isolation: for
//! code that may crash, or that must be ended by force.
//!
//! # threading
//!
//! std has threads, and its types are what other threads should use among themselves. cede's types are for tasks, and work between tasks of
//! several threads too, each with a run of its own; a thread without a run can set an event or put into a queue, but can't wait for one.
//!
//! | `threading` | between threads | between tasks |
//! |---|---|---|
//! | `Thread(target=f).start()`, `join()`, `is_alive()` | [`thread::spawn(f)`](std::thread::spawn), `join()`; [`thread::scope`](std::thread::scope) | [`spawn`](crate::spawn), [`scope`](crate::scope) |
//! | `Thread(daemon=True)` | a thread that is not joined ends with the process | a task that is not joined ends with the run |
//! | `current_thread()`, `main_thread()`, `name`, `ident`, `enumerate()`, `active_count()` | [`thread::current()`](std::thread::current) | [`current()`](crate::current), [`all_tasks()`](crate::task::all_tasks) |
//! | `Lock` | [`std::sync::Mutex`] | [`Lock`](crate::sync::Lock), [`Mutex`](crate::sync::Mutex) |
//! | `RLock` | nothing in stable std: pass what is locked along | nothing: the same |
//! | `Condition` | [`std::sync::Condvar`] | [`Condition`](crate::sync::Condition), [`Condvar`](crate::sync::Condvar) |
//! | `Semaphore`, `BoundedSemaphore` | nothing in std | [`Semaphore`](crate::sync::Semaphore), [`BoundedSemaphore`](crate::sync::BoundedSemaphore) |
//! | `Event` | a `Condvar` with a flag | [`Event`](crate::sync::Event) |
//! | `Barrier` | [`std::sync::Barrier`] | [`Barrier`](crate::sync::Barrier) |
//! | `Timer(s, f)` | a thread that sleeps | [`call_later`](crate::task::call_later) |
//! | `local()` | [`thread_local!`](std::thread_local) | [`ContextVar`](crate::task::ContextVar) |
//! | `queue.Queue`, `LifoQueue`, `PriorityQueue`, `SimpleQueue` | [`std::sync::mpsc`] | [`Queue`](crate::sync::Queue) and its kin, [`mpsc`](crate::sync::mpsc) |
//! | `excepthook` | a panic hook; the result of `join` | [`set_task_hook`](crate::set_task_hook) |
//! | `settrace`, `setprofile`, `stack_size` | [`thread::Builder`](std::thread::Builder) | [`task::Builder::stack_size`](crate::task::Builder::stack_size) |
//!
//! A std lock that a task holds while it waits blocks the whole thread for whoever locks it next, so that the holder
//! never goes on. Between tasks take cede's; [`no_switch`](crate::no_switch) finds such places.
//!
//! Several threads with a run each, which share a queue:
//!
//! ```
//! use cede::sync::Queue;
//! use std::{sync::Arc, thread};
//!
//! let queue = Arc::new(Queue::bounded(4));
//! let source = Arc::clone(&queue);
//! let consumer = thread::spawn(move || {
//!     cede::run(|| std::iter::from_fn(|| source.get().ok()).sum::<u32>())
//! });
//! cede::run(|| {
//!     for item in 1..=100 {
//!         queue.put(item).unwrap();
//!     }
//!     queue.shutdown(false);
//! });
//! assert_eq!(consumer.join().unwrap(), 5050);
//! ```
//!
//! # concurrent.futures
//!
//! [`cede::executor`](crate::executor) has it, for tasks and for threads alike: where a task waits it is suspended, where a thread does it blocks.
//!
//! | Python | cede |
//! |---|---|
//! | `ThreadPoolExecutor(n, thread_name_prefix=..., initializer=...)` | [`ThreadPoolExecutor::new(n)`](crate::executor::ThreadPoolExecutor::new), [`builder()`](crate::executor::ThreadPoolExecutor::builder) |
//! | `with ThreadPoolExecutor(n) as pool:` | [`with(&pool, ...)`](crate::with), or a block that the pool is a local of: dropping it waits, too |
//! | `submit(f, x)` | [`submit(move \|\| f(x))`](crate::executor::Executor::submit); [`try_submit`](crate::executor::Executor::try_submit) where `f` may fail |
//! | `map(f, xs)`, with `chunksize`, `buffersize`, `timeout` | [`map(f, xs)`](crate::executor::Executor::map), [`map_with(options, f, xs)`](crate::executor::Executor::map_with); several iterables are zipped |
//! | `shutdown(wait, cancel_futures=...)` | [`shutdown(wait, cancel_futures)`](crate::executor::Executor::shutdown) |
//! | `RuntimeError` of `submit` after that | the future's error: [`is_shut_down`](crate::executor::FutureError::is_shut_down) |
//! | `Future.result()`, `result(timeout)` | [`result()`](crate::executor::Future::result), once; [`result_cloned()`](crate::executor::Future::result_cloned) any number of times; [`result_timeout(d)`](crate::executor::Future::result_timeout) |
//! | `Future.exception()` | [`exception()`](crate::executor::Future::exception); without waiting [`outcome()`](crate::executor::Future::outcome) |
//! | `cancel`, `cancelled`, `running`, `done`, `add_done_callback` | [`cancel`](crate::executor::Future::cancel), `is_cancelled`, `is_running`, `is_finished`, [`add_done_callback`](crate::executor::Future::add_done_callback) |
//! | `wait(fs, timeout, return_when)`, `as_completed(fs, timeout)` | [`wait`](crate::executor::wait), [`as_completed`](crate::executor::as_completed) |
//! | `CancelledError`, `TimeoutError`, `BrokenExecutor`, `BrokenThreadPool` | [`FutureError`](crate::executor::FutureError), by `is_cancelled`, `is_timeout`, `is_broken`; [`TimeoutError`](crate::executor::TimeoutError) of `as_completed` |
//! | `Executor` of one's own, `set_running_or_notify_cancel`, `set_result` | [`Executor`](crate::executor::Executor) with [`Job::run`](crate::executor::Job::run) |
//! | jobs that wait for jobs of their pool until no thread is left | done by those that wait; see [`Future`](crate::executor::Future) |
//! | the interpreter waits for all jobs before it exits | a process that exits ends its threads: drop the pool, or shut it down, before |
//! | context variables, which a job does not inherit | inherited from who submits |
//! | `ProcessPoolExecutor`, `InterpreterPoolExecutor` | not going to be there: closures can't leave a process, and for computing in parallel threads do it |
//!
//! ```python
//! from concurrent.futures import ThreadPoolExecutor, as_completed
//!
//! with ThreadPoolExecutor(max_workers=2) as pool:
//!     lengths = list(pool.map(len, ["one", "three", "eleven"]))
//!     jobs = [pool.submit(pow, 2, n) for n in (3, 5)]
//!     powers = {job.result() for job in as_completed(jobs)}
//! assert lengths == [3, 5, 6]
//! assert powers == {8, 32}
//! ```
//!
//! ```
//! use cede::{executor::{Executor, FutureError, ThreadPoolExecutor, as_completed}, with};
//! use std::{collections::HashSet, error::Error};
//!
//! let pool = ThreadPoolExecutor::new(2);
//! let (lengths, powers) = with(&pool, |pool| {
//!     let lengths = pool.map(str::len, ["one", "three", "eleven"]).collect::<Result<Vec<_>, _>>()?;
//!     let jobs = [3, 5].map(|n| pool.submit(move || 2_u32.pow(n)));
//!     let powers = as_completed(jobs, None).map(|job| Ok(job?.result()?));
//!     Ok::<_, Box<dyn Error>>((lengths, powers.collect::<Result<HashSet<_>, Box<dyn Error>>>()?))
//! })?.unwrap();
//! assert_eq!(lengths, [3, 5, 6]);
//! assert_eq!(powers, HashSet::from([8, 32]));
//! # Ok::<_, Box<dyn Error>>(())
//! ```
//!
//! Work that waits more than it computes needs no pool of its own: [`unblock`](crate::unblock) is for that, on threads that all
//! runs of the process share. An executor is for work that computes, or that must not be more than so many at a time.
//!
//! # multiprocessing
//!
//! | Python | cede |
//! |---|---|
//! | `Pool`, `map`, `imap`, `imap_unordered`, `starmap`, `apply` for computing | threads: [`ThreadPoolExecutor`](crate::executor::ThreadPoolExecutor) with `map`, `submit` and [`as_completed`](crate::executor::as_completed); the workers of a [`Runtime`](crate::Runtime): [`par_map`](crate::task::par_map), [`spawn_any`](crate::spawn_any) |
//! | `Process`, `start`, `join`, `terminate`, `kill`, `exitcode`, `active_children` | [`Command`](crate::process::Command) of a program, [`Child`](crate::process::Child): a function of this one does not cross an `exec` |
//! | `Queue`, `JoinableQueue`, `SimpleQueue`, `Pipe` between processes | not there yet |
//! | `Manager`, `Value`, `Array`, `RawValue`, `RawArray`, `shared_memory` | not there yet |
//! | `Lock`, `Semaphore`, `Event` and others between processes | not there yet |
//! | `cpu_count()` | [`available_parallelism`](std::thread::available_parallelism) |
//! | `set_start_method`, `freeze_support`, pickling of what is passed | nothing |
//! | `fork` | never with a run under way: the child has a copy of a scheduler and none of its threads |
