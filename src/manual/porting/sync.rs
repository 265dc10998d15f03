//! Locks, events, conditions, semaphores, barriers, queues.
//!
//! The types of [`sync`](crate::sync) are asyncio's by name and by rule: who waits is served in the order in which it came, nothing
//! is lost when one that was woken is cancelled, and a wake-up takes one tick. In addition each may be used by several threads, each
//! with a run of its own, and each verb that waits has the operation beside it, for [`select!`](crate::select).
//!
//! Where an example waits, its `run` is [`cede::run`](crate::run) under a virtual clock.
//!
//! # Lock
//!
//! ```python
//! import asyncio
//!
//! async def withdraw(account, amount):
//!     async with account["lock"]:
//!         balance = account["balance"]
//!         await asyncio.sleep(1)
//!         if balance >= amount:
//!             account["balance"] = balance - amount
//!
//! async def main():
//!     account = {"lock": asyncio.Lock(), "balance": 100}
//!     async with asyncio.TaskGroup() as group:
//!         for amount in (60, 50, 40):
//!             group.create_task(withdraw(account, amount))
//!     assert account["balance"] == 0
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::sync::Lock;
//! use std::{cell::Cell, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! #[derive(Default)]
//! struct Account {
//!     lock: Lock,
//!     balance: Cell<u32>,
//! }
//!
//! fn withdraw(account: &Account, amount: u32) {
//!     let _held = account.lock.acquire();
//!     let balance = account.balance.get();
//!     cede::sleep(Duration::from_secs(1));
//!     if balance >= amount {
//!         account.balance.set(balance - amount);
//!     }
//! }
//!
//! run(|| {
//!     let account = &Account { balance: Cell::new(100), ..Account::default() };
//!     cede::scope(|group| {
//!         for amount in [60, 50, 40] {
//!             group.spawn(move || withdraw(account, amount));
//!         }
//!     })
//!     .unwrap();
//!     assert_eq!(account.balance.get(), 0);
//! });
//! ```
//!
//! [`Lock`](crate::sync::Lock) is asyncio's, which guards code and has no data. [`Mutex`](crate::sync::Mutex) holds the value that it
//! guards, so that nobody can forget to lock it:
//!
//! ```
//! use cede::sync::Mutex;
//! use std::time::Duration;
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn withdraw(balance: &Mutex<u32>, amount: u32) {
//!     let mut balance = balance.lock();
//!     cede::sleep(Duration::from_secs(1));
//!     if *balance >= amount {
//!         *balance -= amount;
//!     }
//! }
//!
//! run(|| {
//!     let balance = &Mutex::new(100);
//!     cede::scope(|group| {
//!         for amount in [60, 50, 40] {
//!             group.spawn(move || withdraw(balance, amount));
//!         }
//!     })
//!     .unwrap();
//!     assert_eq!(*balance.lock(), 0);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `Lock()` | [`Lock::new`](crate::sync::Lock::new) |
//! | `async with lock:` | `let _held = lock.acquire();`: the guard releases it when it is dropped |
//! | `await lock.acquire()` with a `release()` elsewhere | [`lock.acquire().forget()`](crate::sync::LockGuard::forget), [`release`](crate::sync::Lock::release) |
//! | `lock.locked()` | [`is_locked`](crate::sync::Lock::is_locked) |
//! | `if not lock.locked(): await lock.acquire()` | [`try_acquire`](crate::sync::Lock::try_acquire) |
//! | "Lock is not acquired." | [`NotAcquired`](crate::sync::NotAcquired) |
//! | (none) | [`Mutex`](crate::sync::Mutex), [`RwLock`](crate::sync::RwLock) |
//!
//! A task that is cancelled inside of a lock releases it as it unwinds, and there is no poisoning: what the lock guards is as far
//! as it got, as in Python.
//!
//! # Event
//!
//! ```python
//! import asyncio
//!
//! async def runner(name, start, log):
//!     await start.wait()
//!     log.append(name)
//!
//! async def main():
//!     start, log = asyncio.Event(), []
//!     async with asyncio.TaskGroup() as group:
//!         for name in ("ann", "bob"):
//!             group.create_task(runner(name, start, log))
//!         await asyncio.sleep(1)
//!         log.append("go")
//!         start.set()
//!     assert log == ["go", "ann", "bob"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::sync::Event;
//! use std::{cell::RefCell, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! type Log = RefCell<Vec<&'static str>>;
//!
//! fn runner(name: &'static str, start: &Event, log: &Log) {
//!     start.wait();
//!     log.borrow_mut().push(name);
//! }
//!
//! run(|| {
//!     let (start, log) = (&Event::new(), &Log::default());
//!     cede::scope(|group| {
//!         for name in ["ann", "bob"] {
//!             group.spawn(move || runner(name, start, log));
//!         }
//!         cede::sleep(Duration::from_secs(1));
//!         log.borrow_mut().push("go");
//!         start.set();
//!     })
//!     .unwrap();
//!     assert_eq!(*log.borrow(), ["go", "ann", "bob"]);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `Event()`, `set`, `clear`, `is_set` | [`Event`](crate::sync::Event) and the same names |
//! | `await event.wait()` | [`wait`](crate::sync::Event::wait), or [`waiting`](crate::sync::Event::waiting) in `select!` |
//! | `await wait_for(event.wait(), s)` | `select!` over `event.waiting()` and [`after`](crate::time::after), or [`timeout`](crate::timeout) |
//!
//! # Condition
//!
//! ```python
//! import asyncio
//!
//! async def customer(shop, stock, log):
//!     async with shop:
//!         await shop.wait_for(lambda: stock)
//!         log.append(stock.pop())
//!
//! async def main():
//!     shop, stock, log = asyncio.Condition(), [], []
//!     async with asyncio.TaskGroup() as group:
//!         for _ in range(2):
//!             group.create_task(customer(shop, stock, log))
//!         for item in ("a loaf", "a cake"):
//!             await asyncio.sleep(1)
//!             async with shop:
//!                 stock.append(item)
//!                 shop.notify()
//!     assert log == ["a loaf", "a cake"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::sync::Condition;
//! use std::{cell::RefCell, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! type List = RefCell<Vec<&'static str>>;
//!
//! fn customer(shop: &Condition, stock: &List, log: &List) {
//!     let _held = shop.acquire();
//!     shop.wait_for(|| !stock.borrow().is_empty()).unwrap();
//!     log.borrow_mut().extend(stock.borrow_mut().pop());
//! }
//!
//! run(|| {
//!     let (shop, stock, log) = (Condition::new(), List::default(), List::default());
//!     cede::scope(|group| {
//!         for _ in 0..2 {
//!             group.spawn(|| customer(&shop, &stock, &log));
//!         }
//!         for item in ["a loaf", "a cake"] {
//!             cede::sleep(Duration::from_secs(1));
//!             let _held = shop.acquire();
//!             stock.borrow_mut().push(item);
//!             shop.notify(1).unwrap();
//!         }
//!     })
//!     .unwrap();
//!     assert_eq!(*log.borrow(), ["a loaf", "a cake"]);
//! });
//! ```
//!
//! [`Condition`](crate::sync::Condition) is asyncio's, with a lock that has no data. [`Condvar`](crate::sync::Condvar) is std's,
//! over a `Mutex`: the guard goes into the wait and comes out of it.
//!
//! | asyncio | cede |
//! |---|---|
//! | `Condition()`, `Condition(lock)` | [`Condition::new`](crate::sync::Condition::new), [`with_lock`](crate::sync::Condition::with_lock) |
//! | `async with condition:` | `let _held = condition.acquire();` |
//! | `await condition.wait()`, `wait_for(predicate)` | the same, with an error where the lock is not held |
//! | `notify(n)`, `notify_all()` | the same |
//!
//! # Semaphore
//!
//! ```python
//! import asyncio
//!
//! async def download(slots, name, seconds, log):
//!     async with slots:
//!         log.append(f"begin {name}")
//!         await asyncio.sleep(seconds)
//!         log.append(f"end {name}")
//!
//! async def main():
//!     slots, log = asyncio.Semaphore(2), []
//!     async with asyncio.TaskGroup() as group:
//!         for name, seconds in (("a", 1), ("b", 3), ("c", 1)):
//!             group.create_task(download(slots, name, seconds, log))
//!     assert log == ["begin a", "begin b", "end a", "begin c", "end c", "end b"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::sync::Semaphore;
//! use std::{cell::RefCell, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! fn download(slots: &Semaphore, name: &str, seconds: u64, log: &RefCell<Vec<String>>) {
//!     let _slot = slots.acquire();
//!     log.borrow_mut().push(format!("begin {name}"));
//!     cede::sleep(Duration::from_secs(seconds));
//!     log.borrow_mut().push(format!("end {name}"));
//! }
//!
//! run(|| {
//!     let (slots, log) = (&Semaphore::new(2), &RefCell::new(Vec::new()));
//!     cede::scope(|group| {
//!         for (name, seconds) in [("a", 1), ("b", 3), ("c", 1)] {
//!             group.spawn(move || download(slots, name, seconds, log));
//!         }
//!     })
//!     .unwrap();
//!     assert_eq!(*log.borrow(), ["begin a", "begin b", "end a", "begin c", "end c", "end b"]);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `Semaphore(n)`, `BoundedSemaphore(n)` | [`Semaphore::new(n)`](crate::sync::Semaphore::new), [`BoundedSemaphore::new(n)`](crate::sync::BoundedSemaphore::new) |
//! | `async with semaphore:` | `let _permit = semaphore.acquire();` |
//! | `acquire()` without a `release()` in the same function | [`acquire().forget()`](crate::sync::Permit::forget), [`release`](crate::sync::Semaphore::release) |
//! | `locked()` | [`is_locked`](crate::sync::Semaphore::is_locked); how many are free: [`available`](crate::sync::Semaphore::available) |
//! | "BoundedSemaphore released too many times" | [`ReleasedTooOften`](crate::sync::ReleasedTooOften) |
//!
//! # Barrier
//!
//! | asyncio | cede |
//! |---|---|
//! | `Barrier(n)` | [`Barrier::new(n)`](crate::sync::Barrier::new) |
//! | `await barrier.wait()` | [`wait()?`](crate::sync::Barrier::wait): the index of the one who came |
//! | `async with barrier as index:` | `let index = barrier.wait()?;` |
//! | `reset()`, `abort()` | the same |
//! | `parties`, `n_waiting`, `broken` | `parties()`, `n_waiting()`, `is_broken()` |
//! | `BrokenBarrierError` | [`BrokenBarrier`](crate::sync::BrokenBarrier) |
//!
//! ```
//! use cede::sync::Barrier;
//! use std::cell::RefCell;
//!
//! cede::run(|| {
//!     let (barrier, indices) = (&Barrier::new(3), &RefCell::new(Vec::new()));
//!     cede::scope(|s| {
//!         for _ in 0..3 {
//!             s.spawn(move || {
//!                 let index = barrier.wait().unwrap();
//!                 indices.borrow_mut().push(index);
//!             });
//!         }
//!     })
//!     .unwrap();
//!     // The last to arrive doesn't wait.
//!     assert_eq!(*indices.borrow(), [2, 0, 1]);
//! });
//! ```
//!
//! # Queues
//!
//! ```python
//! import asyncio
//!
//! async def worker(queue, seen):
//!     while True:
//!         item = await queue.get()
//!         await asyncio.sleep(1)
//!         seen.append(item)
//!         queue.task_done()
//!
//! async def main():
//!     queue, seen = asyncio.Queue(maxsize=2), []
//!     workers = [asyncio.create_task(worker(queue, seen)) for _ in range(2)]
//!     for item in range(5):
//!         await queue.put(item)
//!     await queue.join()
//!     for task in workers:
//!         task.cancel()
//!     assert seen == [0, 1, 2, 3, 4]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::sync::Queue;
//! use std::{cell::RefCell, rc::Rc, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! type Shared = Rc<(Queue<u32>, RefCell<Vec<u32>>)>;
//!
//! fn worker(shared: &Shared) {
//!     let (queue, seen) = &**shared;
//!     while let Ok(item) = queue.get() {
//!         cede::sleep(Duration::from_secs(1));
//!         seen.borrow_mut().push(item);
//!         queue.task_done().unwrap();
//!     }
//! }
//!
//! run(|| {
//!     let shared = Shared::new((Queue::bounded(2), RefCell::default()));
//!     let workers = [Rc::clone(&shared), Rc::clone(&shared)].map(|shared| cede::spawn(move || worker(&shared)));
//!     let (queue, seen) = &*shared;
//!     for item in 0..5 {
//!         queue.put(item).unwrap();
//!     }
//!     queue.join();
//!     for task in &workers {
//!         task.cancel();
//!     }
//!     assert_eq!(*seen.borrow(), [0, 1, 2, 3, 4]);
//! });
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `Queue()`, `Queue(n)` | [`Queue::unbounded()`](crate::sync::Queue::unbounded), [`Queue::bounded(n)`](crate::sync::Queue::bounded) |
//! | `LifoQueue` | [`LifoQueue`](crate::sync::LifoQueue) |
//! | `PriorityQueue`: the smallest first | [`PriorityQueue`](crate::sync::PriorityQueue) of what is [`Ord`]: `(priority, item)` as there, or [`Reverse`](std::cmp::Reverse) for the largest |
//! | `await q.put(x)` | [`q.put(x)?`](crate::sync::Queue::put): the item comes back in the error |
//! | `await q.get()` | [`q.get()?`](crate::sync::Queue::get) |
//! | `put_nowait`, `get_nowait`; `QueueFull`, `QueueEmpty` | the same names; variants of [`PutNowaitError`](crate::sync::PutNowaitError), [`GetNowaitError`](crate::sync::GetNowaitError) |
//! | `task_done()`, `await join()` | the same |
//! | `shutdown()`, `shutdown(immediate=True)`, `QueueShutDown` | [`q.shutdown(false)`](crate::sync::Queue::shutdown), `q.shutdown(true)`, [`QueueShutDown`](crate::sync::QueueShutDown) |
//! | `qsize()`, `empty()`, `full()`, `maxsize` | `len()`, `is_empty()`, `is_full()`, `capacity()` |
//!
//! A `while let Ok(item) = queue.get()` ends when the queue was shut down and is empty, so that `shutdown(false)` replaces both the
//! sentinel value and the cancelling of the workers.
//!
//! # What asyncio has not
//!
//! | what a program of asyncio has for it | cede |
//! |---|---|
//! | a queue and a sentinel value, where one side goes away and the other is to learn of it | a channel: [`mpsc`](crate::sync::mpsc) |
//! | a future that is passed along, to be answered once | [`oneshot`](crate::sync::oneshot), whose receiver learns of a sender that goes; or a [`Promise`](crate::task::Promise) |
//! | a set of queues, one for each who listens | [`broadcast`](crate::sync::broadcast) |
//! | a value and a condition that tells of its changes | [`watch`](crate::sync::watch) |
//! | a flag and a lock around what is made once | [`OnceCell`](crate::sync::OnceCell), [`Lazy`](crate::sync::Lazy): the function that makes it may wait |
//! | a counter of readers | [`RwLock`](crate::sync::RwLock) |
