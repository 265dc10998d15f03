//! Where work runs: on this thread, on any worker, on a thread where it may block; and how to choose.
//!
//! A task takes its thread for as long as it computes, and lends it to the others where it waits. So the question is what a piece of work does
//! with its time, and what it holds.
//!
//! | the work | start it by | it runs | it may hold |
//! |---|---|---|---|
//! | waits, mostly: connections, timers, messages | [`spawn`](crate::spawn), [`scope`](crate::scope) | on this thread, in turn with its other tasks | anything |
//! | computes, or is one of many that wait, on all processors | [`spawn_any`](crate::spawn_any), [`Scope::spawn_any`](crate::Scope::spawn_any) | on the worker that is free first | at its start what is `Send`; then anything |
//! | the same to each of many things | [`par_map`](crate::task::par_map) | in chunks, on all workers | borrows of what is `Sync` |
//! | one of a kind for each worker: a listener, a cache | [`spawn_on_each`](crate::runtime::spawn_on_each) | on each worker | as for `spawn_any` |
//! | comes from a thread that is none of the runtime's | [`Handle::spawn`](crate::Handle::spawn) | in the run of the handle | as for `spawn_any` |
//! | blocks its thread: a C library, a lock of std that is held long; for files there is [`fs`](crate::fs) | [`unblock`](crate::unblock) | on a thread that is there for it; the task waits | what is `Send` |
//! | computes for long, where tasks must not wait behind it; or wants the interface of `concurrent.futures` | [`ThreadPoolExecutor`](crate::executor::ThreadPoolExecutor), with a limit of its own | beside the run; the task waits for the future | what is `Send` |
//!
//! # One thread or several
//!
//! Begin with [`cede::run`](crate::run): one thread, in which nothing happens at once. Tasks share an `Rc<RefCell<_>>`, the order in which they
//! go on is the same each time, and a test may use virtual time. One thread serves tens of thousands of connections, as long as
//! none of them computes much.
//!
//! A [`Runtime`](crate::Runtime) is for the program that fills a processor. Nothing of the code above changes: `spawn` stays where it is, and tasks that
//! belong together may be kept together. What is to be spread is started by `spawn_any`, and the compiler then asks of the closure that
//! it be `Send`. Only the closure: once it has begun, an `Rc`, a `RefCell` or a guard may live on its stack across any wait, since a
//! task that has begun never leaves its thread.
//!
//! ```
//! use cede::{Runtime, sync::mpsc};
//!
//! let runtime = Runtime::builder().workers(2).build()?;
//! let total = runtime.run(|| {
//!     let (send, receive) = mpsc::unbounded();
//!     for part in 0..8u64 {
//!         let send = send.clone();
//!         cede::spawn_any(move || {
//!             // An `Rc` across a wait, on whichever worker this is.
//!             let local = std::rc::Rc::new(part * 100);
//!             cede::yield_now();
//!             send.send(*local).unwrap();
//!         });
//!     }
//!     drop(send);
//!     receive.iter().sum::<u64>()
//! })?;
//! assert_eq!(total, 2800);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What follows from staying
//!
//! The spread is decided when work begins. A hundred tasks that have begun on one worker and all compute from then on share that
//! worker, though others be idle; a runtime that moves futures would even that out. What helps is to make the pieces small and fresh: a task
//! that gets a request starts the expensive part of it by `spawn_any` and joins that. Closures that have not begun are taken one at a time by
//! whoever is free, so that a long one holds up no others.
//!
//! # How connections are spread
//!
//! | way | for it | against it |
//! |---|---|---|
//! | one task accepts, and each connection is begun by `spawn_any` | the idle worker gets it | one task is the door |
//! | a listener on each worker, on one port ([`set_reuse_port`](crate::net::TcpSocket::set_reuse_port)) | no worker waits for another | the system spreads by a hash of the addresses, whatever the workers do |
//!
//! `examples/workers.rs` has both.
//!
//! # What not to do
//!
//! - Do not block a worker: a `std::sync::mpsc::Receiver::recv`, a `std::thread::sleep`, a `join` of a thread keep all tasks of the
//!   worker from going on, and on worker 0 the main task among them. That is what `unblock` is for; everything in
//!   [`sync`](crate::sync) and [`time`](crate::time) suspends the task only.
//! - Do not use `spawn_any` for what takes less than a microsecond: handing it over costs about as much. `par_map` makes chunks.
//! - Do not hold a lock of std across a wait; see [`soundness`](super::soundness).
//! - Do not `fork` in a task but to `exec`. A child that goes on comes out of its run: what its calls of `unblock` and `unblock_scoped` wait for
//!   is under way in the parent alone, and is not waited for.
