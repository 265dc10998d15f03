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
//! | Python | cede |
//! |---|---|
//! | `ThreadPoolExecutor(n)`, `submit`, `map`, `shutdown` | not there yet. For calls that block: [`unblock`](crate::runtime::unblock), whose threads belong to the process |
//! | `max_workers=n` | a [`Semaphore`](crate::sync::Semaphore) of `n` around `unblock` |
//! | `ProcessPoolExecutor`, `InterpreterPoolExecutor` | not there yet; for computing in parallel threads do it |
//! | `Future.result(timeout)`, `exception`, `cancel`, `done`, `add_done_callback` | those of a task that calls `unblock`: [`join`](crate::JoinHandle::join), [`outcome`](crate::task::Awaitable::outcome), ... |
//! | `wait(fs)`, `as_completed(fs)` | [`wait`](crate::task::wait), [`as_completed`](crate::task::as_completed) over such tasks |
//! | `set_running_or_notify_cancel`, `Executor` of one's own | nothing |
//! | `BrokenExecutor`, `BrokenThreadPool` | nothing: a panic goes on in the task that called |
//!
//! ```python
//! from concurrent.futures import ThreadPoolExecutor
//!
//! with ThreadPoolExecutor(max_workers=2) as pool:
//!     lengths = list(pool.map(len, ["one", "three", "eleven"]))
//! assert lengths == [3, 5, 6]
//! ```
//!
//! ```
//! use cede::{runtime::unblock, sync::Semaphore, task::gather};
//! use std::rc::Rc;
//!
//! let lengths = cede::run(|| {
//!     let workers = Rc::new(Semaphore::new(2));
//!     let tasks = ["one", "three", "eleven"].map(|word| {
//!         let workers = Rc::clone(&workers);
//!         move || {
//!             let _worker = workers.acquire();
//!             unblock(|| word.len())
//!         }
//!     });
//!     gather(tasks).join()
//! });
//! assert_eq!(lengths.unwrap(), [3, 5, 6]);
//! ```
//!
//! # multiprocessing
//!
//! | Python | cede |
//! |---|---|
//! | `Pool`, `map`, `imap`, `starmap`, `apply` for computing | the workers of a [`Runtime`](crate::Runtime): [`par_map`](crate::task::par_map), [`spawn_any`](crate::spawn_any) |
//! | `Process`, `start`, `join`, `terminate`, `kill`, `exitcode`, `active_children` | not there yet; [`std::process::Command`], in `unblock` where it waits |
//! | `Queue`, `JoinableQueue`, `SimpleQueue`, `Pipe` between processes | not there yet |
//! | `Manager`, `Value`, `Array`, `RawValue`, `RawArray`, `shared_memory` | not there yet |
//! | `Lock`, `Semaphore`, `Event` and others between processes | not there yet |
//! | `cpu_count()` | [`available_parallelism`](std::thread::available_parallelism) |
//! | `set_start_method`, `freeze_support`, pickling of what is passed | nothing |
//! | `fork` | never with a run under way: the child has a copy of a scheduler and none of its threads |
