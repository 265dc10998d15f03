//! Async crates and cede: how each calls the other.
//!
//! A function of cede waits by suspending its task; an `async fn` gives a future, which somebody has to poll. Neither has to be rewritten
//! for the other:
//!
//! | from | to | how |
//! |---|---|---|
//! | a task | any [`Future`] | [`future.wait()`](crate::future::Wait::wait) |
//! | a task | the first of a future and other things | [`future.waiting()`](crate::future::Wait::waiting) in `select!` |
//! | a task | a future, but not for ever | [`future.wait_timeout(limit)`](crate::future::Wait::wait_timeout), or any [`timeout`](crate::timeout()) around it |
//! | an async function, anywhere | a channel, queue, lock, event | `.await` on its operation: `rx.receiving().await` ([`Independent`](crate::future::Independent)) |
//! | an async function, anywhere | a task of a run | [`Handle::spawn`](crate::Handle::spawn), and `.await` on what it gives |
//! | an async function that a task drives | a task beside it | [`spawn`](crate::spawn), and `.await` on the handle |
//! | a library on futures-io's traits | a connection of cede | `AsyncStream::new(stream)`, with the feature `futures-io` |
//!
//! # Waiting for a future
//!
//! ```
//! use cede::{future::Wait, time::after};
//! use std::{pin::pin, time::Duration};
//!
//! // Of any crate: it has never heard of cede.
//! async fn relay(from: async_channel::Receiver<u32>, to: async_channel::Sender<u32>) {
//!     while let Ok(item) = from.recv().await {
//!         to.send(item * 2).await.unwrap();
//!     }
//! }
//!
//! cede::run(|| {
//!     let (tx, from) = async_channel::bounded(1);
//!     let (to, rx) = async_channel::bounded(1);
//!     cede::spawn(move || relay(from, to).wait());
//!     tx.send(4).wait().unwrap();
//!     assert_eq!(rx.recv().wait(), Ok(8));
//!
//!     let mut next = pin!(rx.recv());
//!     cede::select! {
//!         item = next.as_mut().waiting() => unreachable!("{item:?}"),
//!         () = after(Duration::from_millis(1)) => println!("nothing yet"),
//!     }
//!     tx.close();
//!     assert!(next.wait().is_err());
//! });
//! ```
//!
//! The future lies on the task's stack. So it may borrow what lies there, and need not be `Send`; one large state machine is no more than
//! a few locals. It is polled on that stack, in the context of the task: [`current`](crate::current) and context variables are the
//! task's. A task that is cancelled unwinds from the wait, and the future is dropped on the way, which is what cancellation is to futures.
//!
//! **A poll is not interrupted.** In it the task can't be suspended: whatever would wait panics, as in [`no_switch`](crate::no_switch),
//! with the same message. Futures take it for granted that nothing else runs on their thread in the middle of a poll: they keep a lock, or
//! put something into a thread-local, and take it away at the end (tokio its budget, and the runtime that is entered). What does not wait
//! is fine in a poll: `spawn`, `try_send`, `put_nowait`, setting an event, waiting for what is there already. An async function that
//! needs what a task waits for spawns it and awaits the handle:
//!
//! ```
//! use cede::future::Wait;
//! use std::time::Duration;
//!
//! async fn report() -> String {
//!     let slow = cede::spawn(|| {
//!         cede::sleep(Duration::from_millis(1));
//!         "slept".to_owned()
//!     });
//!     slow.await.unwrap()
//! }
//! assert_eq!(cede::run(|| report().wait()), "slept");
//! ```
//!
//! **Fairness.** A future that wakes itself while it is polled is polled again in the next tick, after the others have run. One that is
//! woken a million times before its task runs is polled once for all of them.
//!
//! **Wakers** may be kept, called and dropped on any thread, as late as one likes: when the wait, the task, the run or the thread is
//! gone a call does nothing. On the thread of the run a call puts the task into the run queue; on others it sends one message.
//!
//! **A future that nobody wakes.** Where nobody has its waker and nothing else can happen the run is at a deadlock, and the report names
//! the type of the future and the line that waits for it. Where somebody has it, that may be another thread: the run waits, as it does for a
//! queue that is shared with other threads, and says so after a second
//! ([`by_itself`](crate::runtime::Builder::by_itself)).
//!
//! **Virtual time** is the time of one run. A future that another runtime completes is in real time: a run under virtual time does not
//! wait for it while any timer of its own is set, and is at a deadlock where none is, unless the builder said `by_itself(false)`.
//!
//! # A library that needs tokio
//!
//! Timers, sockets and `tokio::spawn` need a runtime of tokio, whose threads do the work; the futures are polled by cede. Enter it around
//! the run, once:
//!
//! ```
//! use cede::future::Wait;
//! use std::time::Duration;
//!
//! let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
//! let _entered = runtime.enter();
//! let sum = cede::run(|| {
//!     tokio::time::sleep(Duration::from_millis(1)).wait();
//!     let parts = [1, 2, 3].map(|n| cede::spawn(move || tokio::spawn(async move { n * n }).wait().unwrap()));
//!     parts.iter().map(|part| part.join().unwrap()).sum::<u32>()
//! });
//! assert_eq!(sum, 14);
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! Don't hold the guard of `enter` in a task over something that waits: such guards have to be dropped in the opposite order of
//! their making, and tasks interleave. Where only one future needs the runtime, enter it in each poll, as the crate async-compat does:
//!
//! ```
//! use cede::future::Wait;
//! use std::{future::{Future, poll_fn}, time::Duration};
//!
//! let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
//! let tokio = runtime.handle().clone();
//! cede::run(|| {
//!     let mut inner = Box::pin(async { tokio::time::sleep(Duration::from_millis(1)).await });
//!     poll_fn(|context| {
//!         let _entered = tokio.enter();
//!         inner.as_mut().poll(context)
//!     })
//!     .wait();
//! });
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! `Runtime::block_on` blocks the thread, and with it all tasks: not in a task. `spawn_blocking` of tokio and
//! [`unblock`](crate::runtime::unblock) do the same.
//!
//! smol, async-std and async-io have threads of their own that need no entering.
//!
//! # From an executor to a run
//!
//! A run has a thread, which is its own while it runs. Other threads reach it by a [`Handle`](crate::Handle); what comes back is awaited:
//!
//! ```
//! use cede::{Handle, sync::oneshot};
//! use std::thread;
//!
//! let (give, given) = oneshot::channel();
//! let (stop, stopped) = oneshot::channel::<()>();
//! let run = thread::spawn(move || cede::run(|| {
//!     give.send(Handle::current()).unwrap();
//!     // Until the sender goes.
//!     let _ = stopped.recv();
//! }));
//! let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
//! let name = runtime.block_on(async move {
//!     let cede = given.receiving().await.unwrap();
//!     let task = cede.spawn(|| cede::current().unwrap().name());
//!     // The future is `Send`, so tokio may poll it on any worker.
//!     tokio::spawn(task.into_future()).await.unwrap()
//! });
//! assert_eq!(name?, "Task-2");
//! drop(stop);
//! run.join().unwrap();
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! All in [`sync`](crate::sync) that has an operation may be awaited: channels, [`Queue`](crate::sync::Queue), [`Event`](crate::sync::Event),
//! [`Mutex`](crate::sync::Mutex), [`Semaphore`](crate::sync::Semaphore) and the others. Futures and tasks that wait for the same thing are
//! served in the order in which they came. A future that is dropped has had no effect: what it was woken for is the next one's. One
//! that is leaked keeps its turn, and a lock whose turn it is stays locked: `mem::forget` is no way out of a wait.
//!
//! Timers and I/O belong to the run whose reactor watches them. Their operations are no [`Independent`](crate::future::Independent) ones,
//! and `.await` on them does not compile. Guards of locks stay on their thread, as std's do, so a future that holds one over an `.await`
//! is not `Send`.
//!
//! Awaiting costs more than waiting in a task: wakers are allocated by whoever makes them, and the lock of a thing that
//! was awaited once is an ordinary mutex from then on, since its waiters may be anywhere.
//!
//! # Libraries on futures-io
//!
//! With the feature `futures-io`, `cede::future::AsyncStream` gives a [`TcpStream`](crate::net::TcpStream), or whatever is
//! [`Watched`](crate::io::Watched), the traits `AsyncRead` and `AsyncWrite`. What is built on these runs unchanged, driven by a task:
//!
//! ```ignore
//! let stream = AsyncStream::new(TcpStream::connect("chat.example:80")?);
//! let (mut socket, _) = async_tungstenite::client_async("ws://chat.example/room", stream).wait()?;
//! let greeting = socket.next().wait();
//! ```
//!
//! A poll never suspends the task; it leaves its waker with the reactor of the run that it is in, and so it works in tasks only. Libraries
//! on tokio's traits take it through `compat()` of tokio-util.
