//! What runs when: what a port may rely on.
//!
//! Programs of asyncio rely on the order in which its loop runs things, often without saying so: "the consumer
//! has seen the item before the producer goes on", "the callback was called when `sleep(0)` comes back". cede has the same
//! order, event by event. It is held to that by random programs whose runs under CPython were recorded, and which it repeats line
//! by line, and by the pairs of programs in `examples/ports`.
//!
//! # A tick
//!
//! The scheduler goes in ticks. In each of them:
//! 1. what is ready stays at the front, in the order in which it became ready;
//! 2. behind it come the tasks whose I/O is ready, then those that other threads have woken, then the timers that are due;
//! 3. exactly the entries that are there now are carried out, in order. What they add waits for the next tick.
//!
//! An entry is a step of a task, up to its next wait, or a callback. Nothing else interrupts a step: between two
//! waits a task has the thread for itself. Callbacks and wake-ups are never carried out on the spot by whoever causes them.
//!
//! ```python
//! import asyncio
//!
//! async def main():
//!     loop, order = asyncio.get_running_loop(), []
//!
//!     async def child():
//!         order.append("the child's first step")
//!         loop.call_soon(order.append, "a callback of the child")
//!         await asyncio.sleep(0)
//!         order.append("the child's second step")
//!
//!     task = asyncio.create_task(child())
//!     loop.call_soon(order.append, "a callback of the parent")
//!     order.append("the parent goes on")
//!     await task
//!     assert order == [
//!         "the parent goes on",
//!         "the child's first step",
//!         "a callback of the parent",
//!         "a callback of the child",
//!         "the child's second step",
//!     ]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use std::{cell::RefCell, rc::Rc};
//!
//! cede::run(|| {
//!     let order = Rc::<RefCell<Vec<&str>>>::default();
//!     let append = |text| {
//!         let order = Rc::clone(&order);
//!         move || order.borrow_mut().push(text)
//!     };
//!     let (first, callback, second) = (
//!         append("the child's first step"),
//!         append("a callback of the child"),
//!         append("the child's second step"),
//!     );
//!     let child = move || {
//!         first();
//!         cede::call_soon(callback);
//!         cede::yield_now();
//!         second();
//!     };
//!
//!     let task = cede::spawn(child);
//!     cede::call_soon(append("a callback of the parent"));
//!     append("the parent goes on")();
//!     task.join().unwrap();
//!     assert_eq!(
//!         *order.borrow(),
//!         [
//!             "the parent goes on",
//!             "the child's first step",
//!             "a callback of the parent",
//!             "a callback of the child",
//!             "the child's second step",
//!         ]
//!     );
//! });
//! ```
//!
//! # How long a wake-up takes
//!
//! Ticks from a cause until whoever waits for it runs; 0 means that it does not wait. They are asyncio's:
//!
//! | event | ticks |
//! |---|---|
//! | a task is spawned, until its first step; `yield_now`, `sleep` of nothing | 1 |
//! | waiting for what is there: a task that has ended, a free lock or permit, an event that is set, an item in a queue, bytes in a buffer | 0 |
//! | a promise is set or cancelled, until the waiter or callback | 1 |
//! | a task ends, until whoever joins it | 1, for each task between |
//! | the last child of a gather, `wait`, `as_completed` or the one of a shield ends, until the waiter | 2 |
//! | a gather of children that have ended, or of none | 0 |
//! | `wait` of what has ended | 2 |
//! | `wait_for`: the end of a closure, of a task, the time is up | 0, 1, 1 |
//! | a timer is due, until the sleeper | 1 |
//! | a timeout fires, until its block is left | 1 |
//! | the last child of a group ends, until the group is left; an empty group | 2; 0 |
//! | a child of a group fails, until the siblings and the body are cancelled; until the group is left | 2; 4 |
//! | the body of a group fails, until the siblings are cancelled; until the group is left | 1; 3 |
//! | a task that waits is cancelled, until it unwinds; until whoever cancelled and joins it goes on | 1; 2 |
//! | a cancellation through tasks that join each other | 1 for the last of them, and 1 more for each on the way back |
//! | a task is cancelled before its first step, until whoever joins it; its closure never runs | 2 |
//! | `Event::set`, `Lock::release`, a permit, put → get, get → put, `task_done` → `join` | 1 |
//! | `notify_all`, with the lock released in the same step, where no holder waits | all 1, in order (1, 3, 5, … where each waits) |
//! | a barrier: the last to arrive, the others | 0, 1 |
//!
//! A task that gives way in a loop counts them:
//!
//! ```
//! use cede::task::{Awaitable, Promise, ReturnWhen, gather, wait};
//! use std::{cell::Cell, rc::Rc};
//!
//! cede::run(|| {
//!     let count = Rc::new(Cell::new(0));
//!     let counted = Rc::clone(&count);
//!     cede::spawn(move || loop {
//!         counted.set(counted.get() + 1);
//!         cede::yield_now();
//!     });
//!     let ticks = |f: &dyn Fn()| {
//!         let begin = count.get();
//!         f();
//!         count.get() - begin
//!     };
//!     let (ended, kept) = (cede::spawn(|| ()), Promise::new());
//!     assert_eq!(ticks(&|| cede::yield_now()), 1);
//!     assert_eq!(ticks(&|| ended.join().unwrap()), 0);
//!     // Its first step, its end.
//!     assert_eq!(ticks(&|| cede::spawn(|| ()).join().unwrap()), 1 + 1);
//!     assert_eq!(ticks(&|| drop(gather([|| ()]).join().unwrap())), 1 + 2);
//!     assert_eq!(ticks(&|| drop(wait([&ended], ReturnWhen::AllCompleted, None))), 2);
//!     // A callback that keeps the promise.
//!     let keep = || {
//!         let keeper = kept.clone();
//!         cede::call_soon(move || keeper.set_result(()).unwrap());
//!         kept.join().unwrap();
//!     };
//!     assert_eq!(ticks(&keep), 1 + 1);
//! });
//! ```
//!
//! So "0" is also a promise: a `get` from a queue that has items, or a lock that is free, doesn't let others run. A loop
//! of these alone starves all other tasks, here as there.
//!
//! ```
//! use cede::sync::Queue;
//! use std::cell::RefCell;
//!
//! cede::run(|| {
//!     let (queue, seen) = (Queue::bounded(2), RefCell::new(Vec::new()));
//!     cede::scope(|s| {
//!         s.spawn(|| {
//!             for item in 1..=4 {
//!                 queue.put(item).unwrap();
//!                 seen.borrow_mut().push(format!("put {item}"));
//!             }
//!         });
//!         s.spawn(|| {
//!             for _ in 1..=4 {
//!                 let item = queue.get().unwrap();
//!                 seen.borrow_mut().push(format!("got {item}"));
//!             }
//!         });
//!     })
//!     .unwrap();
//!     let seen = seen.into_inner();
//!     // Two fit in without waiting; then the two take turns.
//!     assert_eq!(seen, ["put 1", "put 2", "got 1", "got 2", "put 3", "put 4", "got 3", "got 4"]);
//! });
//! ```
//!
//! # Fairness
//!
//! - Locks, semaphores, conditions, barriers and queues serve those who wait in the order in which they came. Nobody
//!   overtakes at a lock or semaphore; at a queue a newcomer may take the item for which another was woken, as in
//!   asyncio. That one then waits again, at the end of the line.
//! - `notify(n)` wakes the first `n`, which then take the lock in that order.
//! - Callbacks of one task or promise, and those who join it, come in the order in which they were added.
//! - Timers come by deadline.
//!
//! # Races
//!
//! - A task was woken and has not run yet when it is cancelled, or when its timeout fires: the cancellation wins. What it was
//!   woken for is passed on to the next who waits; the result of a task that it joins stays there.
//! - A task that cancels itself passes through waits that are complete at once, and is cancelled at the first one that suspends
//!   it, or at its end.
//! - Two requests to cancel a task before it has seen one give one cancellation; `cancelling` is 2.
//!
//! ```
//! cede::run(|| {
//!     let queue = std::rc::Rc::new(cede::sync::Queue::unbounded());
//!     let source = std::rc::Rc::clone(&queue);
//!     let getter = cede::spawn(move || source.get());
//!     cede::yield_now();
//!     queue.put("an item").unwrap();
//!     getter.cancel();
//!     assert!(getter.join().unwrap_err().is_cancelled());
//!     assert_eq!(queue.get_nowait(), Ok("an item"));
//! });
//! ```
//!
//! # Where cede differs
//!
//! Where CPython leaves an order open, or to the addresses of objects, cede has one:
//!
//! | | CPython | cede |
//! |---|---|---|
//! | timers with the same deadline | as its heap has them | in the order in which they were made |
//! | a group that is aborted cancels its children | in the order of a set | in the order in which they were made |
//! | `wait` and `as_completed` meet members that have ended | in the order of a set | in the order of the arguments |
//! | `done` and `pending` of `wait` | sets | in the order of the arguments |
//! | the end of a run cancels what is left | in the order of a set | in the order in which they were made |
//! | a generator that nobody refers to any more | closed by the collector, some time | closed where its owner ends |
//!
//! And in a few points it does not do the same thing at the same time:
//!
//! - asyncio asks the system for I/O in every tick. cede does so when nothing is ready, and else after some number of entries;
//!   a reader may so be woken a few ticks later while others keep the thread busy. A program that waits for one
//!   thing after the other sees no difference.
//! - A read or write that can be done at once is, without a wait, like a buffered read of a `StreamReader`. In asyncio the
//!   transport reads ahead into its buffer in a callback of its own. Which of two sockets is served first is up to the system in both.
//! - A generator body that waits costs no tick beyond its waits, and a `yield` none at all, as in asyncio. There is no
//!   scheduled `aclose` at the end of a run, since no generator is left to the collector.
//! - Under the virtual clock of [`Builder::virtual_time`](crate::runtime::Builder::virtual_time) the time is that of the next deadline,
//!   exactly. A program that depends on what `time()` reads after some work sees none of it pass.
