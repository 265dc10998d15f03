//! Both ways between tasks and [`std::future`].
//!
//! - A task waits for a future: [`Wait`] gives all futures `.wait()`, which suspends the task and not the thread.
//! - A future waits for what tasks do: handles of tasks and the operations of channels, locks and queues may be awaited
//!   in any executor ([`Independent`], [`AsFuture`]).
//!
//! With the feature `futures-io` streams come with futures' traits for reading and writing (`AsyncStream`), for libraries that
//! are written against those.
//!
//! The chapter [`manual::futures`](crate::manual::futures) says how to use libraries of other runtimes.
//!
//! # Examples
//!
//! ```
//! use cede::{future::Wait, sync::oneshot};
//!
//! // An async function, from a task.
//! async fn double(n: u32) -> u32 {
//!     n * 2
//! }
//! assert_eq!(cede::run(|| double(21).wait()), 42);
//!
//! // A channel, in another executor.
//! let (tx, rx) = oneshot::channel();
//! let other = std::thread::spawn(move || smol::block_on(async { rx.receiving().await }));
//! tx.send("from here").unwrap();
//! assert_eq!(other.join().unwrap(), Ok("from here"));
//! ```

mod as_future;
mod independent;
mod joined;
#[cfg(feature = "futures-io")]
mod stream;
mod task_waker;
mod waiting;

pub use as_future::{AsFuture, as_future};
pub use independent::Independent;
#[cfg(feature = "futures-io")]
pub use stream::AsyncStream;
pub use waiting::{Wait, WaitingForFuture, wait};
