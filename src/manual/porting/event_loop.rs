//! What the loop object offers: callbacks, threads, signals, hooks, debug mode, introspection.
//!
//! There is no loop object. Functions find the run by the thread that they are called on, and panic where there is none; a
//! [`Handle`](crate::Handle) stands for a run in other threads.
//!
//! Where an example waits, its `run` is [`cede::run`](crate::run) under a virtual clock.
//!
//! # Callbacks
//!
//! ```python
//! import asyncio
//!
//! async def main():
//!     loop, log = asyncio.get_running_loop(), []
//!     loop.call_soon(log.append, "soon")
//!     loop.call_later(2, log.append, "later")
//!     regretted = loop.call_later(1, log.append, "never")
//!     loop.call_at(loop.time() + 3, log.append, "at last")
//!     regretted.cancel()
//!     assert regretted.cancelled() and log == []
//!     await asyncio.sleep(4)
//!     assert log == ["soon", "later", "at last"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::task::{call_at, call_later, call_soon};
//! use std::{cell::RefCell, rc::Rc, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| {
//!     let log = Rc::<RefCell<Vec<&str>>>::default();
//!     let append = |text| {
//!         let log = Rc::clone(&log);
//!         move || log.borrow_mut().push(text)
//!     };
//!     call_soon(append("soon"));
//!     call_later(Duration::from_secs(2), append("later"));
//!     let regretted = call_later(Duration::from_secs(1), append("never"));
//!     call_at(cede::time::now() + Duration::from_secs(3), append("at last"));
//!     regretted.cancel();
//!     assert!(regretted.is_cancelled() && log.borrow().is_empty());
//!     cede::sleep(Duration::from_secs(4));
//!     assert_eq!(*log.borrow(), ["soon", "later", "at last"]);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `loop.call_soon(f)`, `call_later(s, f)`, `call_at(when, f)` | [`call_soon`](crate::task::call_soon), [`call_later`](crate::task::call_later), [`call_at`](crate::task::call_at) |
//! | `handle.cancel()`, `cancelled()`, `when()` | the same on a [`CallHandle`](crate::task::CallHandle): `cancel`, `is_cancelled`, `when` |
//! | they run in a copy of the caller's context; `context=c` | the same; `call_soon(move \|\| c.run(f))` |
//! | `loop.time()` | [`time::now()`](crate::time::now) |
//! | an exception in a callback | a panic, which goes to the hook of [`set_task_hook`](crate::set_task_hook) |
//!
//! A callback can't wait. What a callback starts mostly wants to be a task.
//!
//! # Threads for what blocks
//!
//! ```python
//! import asyncio
//!
//! def steps_to_one(number):
//!     steps = 0
//!     while number != 1:
//!         number = 3 * number + 1 if number % 2 else number // 2
//!         steps += 1
//!     return steps
//!
//! async def main():
//!     assert await asyncio.to_thread(steps_to_one, 27) == 111
//!     loop = asyncio.get_running_loop()
//!     both = [loop.run_in_executor(None, steps_to_one, number) for number in (6, 7)]
//!     assert await asyncio.gather(*both) == [8, 16]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{task::gather, unblock};
//!
//! fn steps_to_one(mut number: u64) -> u32 {
//!     let mut steps = 0;
//!     while number != 1 {
//!         number = if number % 2 == 1 { 3 * number + 1 } else { number / 2 };
//!         steps += 1;
//!     }
//!     steps
//! }
//!
//! cede::run(|| {
//!     assert_eq!(unblock(|| steps_to_one(27)), 111);
//!     let both = [6, 7].map(|number| move || unblock(move || steps_to_one(number)));
//!     assert_eq!(gather(both).join().unwrap(), [8, 16]);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `await to_thread(f, x)` | [`unblock(move \|\| f(x))`](crate::unblock) |
//! | `loop.run_in_executor(None, f, x)` | a task that calls `unblock`, where it is to go on beside this one, or a closure that does in a gather |
//! | `loop.run_in_executor(pool, f)`, `wrap_future(future)` | [`run_in_executor(&pool, f)`](crate::executor::run_in_executor), [`wrap_future(future)`](crate::executor::wrap_future); see [`threads`](super::threads) |
//! | `loop.set_default_executor(ThreadPoolExecutor(n))` | [`max_blocking_threads(n)`](crate::runtime::Builder::max_blocking_threads) of the runner, or [that](crate::runtime::RuntimeBuilder::max_blocking_threads) of the runtime |
//! | `loop.shutdown_default_executor()` | nothing to call: a run waits at its end for the functions that it has on threads |
//! | context variables in `to_thread`, though not in `run_in_executor` | carried along by both |
//!
//! A cancelled `unblock` unwinds at once; the function goes on by itself and its value is dropped, as in asyncio.
//!
//! # Calls from other threads
//!
//! ```python
//! import asyncio, threading
//!
//! async def double(number):
//!     await asyncio.sleep(0.01)
//!     return 2 * number
//!
//! def outsider(loop, done, seen):
//!     seen.append(asyncio.run_coroutine_threadsafe(double(21), loop).result())
//!     loop.call_soon_threadsafe(done.set)
//!
//! async def main():
//!     loop, done, seen = asyncio.get_running_loop(), asyncio.Event(), []
//!     thread = threading.Thread(target=outsider, args=(loop, done, seen))
//!     thread.start()
//!     await done.wait()
//!     thread.join()
//!     assert seen == [42]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{Handle, sync::Event};
//! use std::{sync::Arc, thread, time::Duration};
//!
//! fn double(number: u32) -> u32 {
//!     cede::sleep(Duration::from_millis(10));
//!     2 * number
//! }
//!
//! cede::run(|| {
//!     let (handle, done) = (Handle::current(), Arc::new(Event::new()));
//!     let set = Arc::clone(&done);
//!     let thread = thread::spawn(move || {
//!         let doubled = handle.spawn(|| double(21)).join().unwrap();
//!         handle.call_soon(move || set.set()).unwrap();
//!         doubled
//!     });
//!     done.wait();
//!     assert_eq!(thread.join().unwrap(), 42);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `run_coroutine_threadsafe(f(), loop)` | [`handle.spawn(f)`](crate::Handle::spawn), with an `f` that is `Send` |
//! | the same with an `f` that may raise | [`handle.try_spawn(f)`](crate::Handle::try_spawn) |
//! | its `concurrent.futures.Future`: `result(timeout)`, `cancel()`, `done()` | [`RemoteJoinHandle`](crate::RemoteJoinHandle): `join` (which blocks a thread, and suspends a task), `join_timeout`, `cancel`, `is_finished` |
//! | a loop that is closed: `RuntimeError` | [`RunEnded`](crate::runtime::RunEnded); an error of `join` |
//! | `loop.call_soon_threadsafe(f)` | [`handle.call_soon(f)?`](crate::Handle::call_soon) |
//! | calling anything else from another thread: undefined | does not compile: handles of tasks are not `Send`; the types of [`sync`](crate::sync) are, and may be used |
//!
//! # Running and stopping
//!
//! | asyncio | cede |
//! |---|---|
//! | `get_running_loop()`, `get_event_loop()` | nothing in the run's own thread; for others [`Handle::current()`](crate::Handle::current), or [`Runner::handle`](crate::Runner::handle) before it runs |
//! | `new_event_loop()`, `set_event_loop()`, `loop.close()`, `is_closed()` | [`Runner`](crate::Runner), its end |
//! | `loop.run_until_complete(f())` | [`Runner::run`](crate::Runner::run) |
//! | `loop.run_forever()`, `loop.stop()` | `run` of a main function that waits for an [`Event`](crate::sync::Event), which is set |
//! | `loop.is_running()` | [`cede::current()`](crate::current) is there |
//! | `get_event_loop_policy`, `set_event_loop_policy`, `loop_factory`, `SelectorEventLoop`, uvloop, other loops | nothing: there is one scheduler |
//! | `_register_task`, `_enter_task` and what else is for tasks of other makes | nothing |
//! | `loop.shutdown_asyncgens()` | nothing to call: generators end with their owners |
//!
//! # Signals and Ctrl-C
//!
//! ```python
//! import asyncio, os, signal
//!
//! async def main():
//!     loop, stop, reloads = asyncio.get_running_loop(), asyncio.Event(), []
//!     loop.add_signal_handler(signal.SIGHUP, reloads.append, "again")
//!     loop.add_signal_handler(signal.SIGTERM, stop.set)
//!     os.kill(os.getpid(), signal.SIGHUP)
//!     assert reloads == []
//!     os.kill(os.getpid(), signal.SIGTERM)
//!     await stop.wait()
//!     assert reloads == ["again"]
//!     assert loop.remove_signal_handler(signal.SIGTERM)
//!     assert not loop.remove_signal_handler(signal.SIGTERM)
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::signal::{SignalKind, add_signal_handler, remove_signal_handler};
//! use cede::sync::Event;
//! use std::{cell::RefCell, rc::Rc};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| -> std::io::Result<()> {
//!     let (stop, reloads) = (Rc::new(Event::new()), Rc::<RefCell<Vec<&str>>>::default());
//!     let (set, log) = (Rc::clone(&stop), Rc::clone(&reloads));
//!     add_signal_handler(SignalKind::HUP, move || log.borrow_mut().push("again"))?;
//!     add_signal_handler(SignalKind::TERM, move || set.set())?;
//!     SignalKind::HUP.raise()?;
//!     assert!(reloads.borrow().is_empty());
//!     SignalKind::TERM.raise()?;
//!     stop.wait();
//!     assert_eq!(*reloads.borrow(), ["again"]);
//!     assert!(remove_signal_handler(SignalKind::TERM));
//!     assert!(!remove_signal_handler(SignalKind::TERM));
//!     Ok(())
//! })
//! # .unwrap();
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `loop.add_signal_handler(sig, f)`, `remove_signal_handler(sig)` | [`add_signal_handler`](crate::signal::add_signal_handler), [`remove_signal_handler`](crate::signal::remove_signal_handler), in any run of any thread; several runs may have the same signal |
//! | a handler that is called in the tick after the loop has heard of the signal, in the context of who has added it | the same |
//! | a handler for each signal that was written to the loop's pipe, as long as there was room | one call for all that came before it |
//! | `RuntimeError` for SIGKILL, `ValueError` for a number that is none | an error that says why ([`InvalidInput`](std::io::ErrorKind::InvalidInput)) |
//! | the handler goes with `loop.close()`; the signal then does what it does by default | it goes with the run; the signal then does what it did before |
//! | a handler that sets an event, for who wants to wait | [`signal`](crate::signal::signal), [`signals`](crate::signal::signals): streams to receive from, also by `.await` in other executors; [`Shutdown`](crate::signal::Shutdown) for an orderly end, and for what a second signal does |
//! | `signal.raise_signal(sig)`, `signal.SIGTERM.name` | [`SignalKind::raise`](crate::signal::SignalKind::raise), [`SignalKind::name`](crate::signal::SignalKind::name) |
//! | `signal.set_wakeup_fd`, `siginterrupt`, `pthread_sigmask`, `sigwait` | nothing |
//! | `run`: the first Ctrl-C cancels the main task, and `KeyboardInterrupt` comes out | [`cede::run`](crate::run) on the main thread: the first cancels the main task; when all has been cleaned up, the process ends by the signal |
//! | the second Ctrl-C stops at once | the same |
//! | `except KeyboardInterrupt:` around `run` | a [`Runner`](crate::Runner) with [`interrupts(true)`](crate::runtime::Builder::interrupts), whose `run` gives [`RunError::Interrupted`](crate::RunError::Interrupted) |
//! | a `Runner` in the main thread takes SIGINT over, unless there is a handler for it | off unless it is asked for |
//! | a handler for SIGINT that is added in the run takes it from the run, and leaves nothing of that when it is removed | whoever listens to SIGINT has it; when the last one goes it is the run's again |
//!
//! # Errors that nobody sees
//!
//! | asyncio | cede |
//! |---|---|
//! | `loop.set_exception_handler(f)`, `get_exception_handler`, `default_exception_handler` | [`set_task_hook(f)`](crate::set_task_hook), [`take_task_hook`](crate::take_task_hook); by default it goes to stderr |
//! | `loop.call_exception_handler(context)` | nothing |
//! | "Task exception was never retrieved" | reported when a task that failed goes and nobody has joined it |
//! | "Task was destroyed but it is pending!" | only where a runner goes during an unwind, in which no task can be ended: its tasks are reported, and leaked |
//! | "coroutine was never awaited" | a closure that is not called; [`Operation`](crate::Operation)s and handles that are not used are the compiler's to warn of |
//!
//! # Debug mode
//!
//! | asyncio | cede |
//! |---|---|
//! | `asyncio.run(main(), debug=True)`, `PYTHONASYNCIODEBUG=1`, `loop.set_debug`, `get_debug` | [`Builder::debug`](crate::runtime::Builder::debug), `CEDE_DEBUG=1` in the environment |
//! | slow callbacks, `loop.slow_callback_duration` of 100 ms | reported to the hook of [`set_task_hook`](crate::set_task_hook), with the task: [`Builder::slow_step`](crate::runtime::Builder::slow_step) |
//! | calls from the wrong thread | refused by the compiler, debug mode or not |
//! | where a task was created | always known: [`spawned_at`](crate::JoinHandle::spawned_at) |
//!
//! # Introspection
//!
//! | asyncio | cede |
//! |---|---|
//! | `asyncio.all_tasks()`, `current_task()` | [`task::all_tasks()`](crate::task::all_tasks), [`cede::current()`](crate::current) |
//! | `task.print_stack()` | [`TaskHandle::waits_for`](crate::TaskHandle::waits_for), [`spawned_at`](crate::TaskHandle::spawned_at) |
//! | `capture_call_graph()`, `print_call_graph()` (3.14) | not there yet; `waits_for` names the task that is joined |
//! | `python -m asyncio ps`, `pstree` (3.14) | not there yet |
//! | tasks that wait for each other | the report of a deadlock names them: [`Deadlock`](crate::Deadlock) |
