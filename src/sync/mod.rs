//! What tasks share: locks, events, semaphores, queues, channels, and values that are made once.
//!
//! All of it may be shared by tasks of several threads as well. Waiting is fair, first come, first served, allocates nothing, and
//! loses nothing when it is cancelled. What doesn't wait works everywhere, in callbacks and outside of runs too.

mod barrier;
mod bounded_semaphore;
pub mod broadcast;
mod channel;
mod condition;
mod condvar;
mod event;
mod lazy;
mod lock;
#[cfg(all(test, cede_loom))]
mod models;
pub mod mpsc;
mod mutex;
mod notified;
mod once_cell;
pub mod oneshot;
mod queue;
mod rwlock;
mod semaphore;
pub mod watch;

pub use barrier::{Barrier, BrokenBarrier};
pub use bounded_semaphore::{BoundedSemaphore, ReleasedTooOften};
pub use condition::Condition;
pub use condvar::{Condvar, WaitTimeoutResult};
pub use event::{Event, WaitingForEvent};
pub use lazy::Lazy;
pub use lock::{AcquiringLock, Lock, LockGuard, NotAcquired};
pub use mutex::{Locking, Mutex, MutexGuard};
pub use once_cell::{OnceCell, SetError, WaitingForValue};
pub use queue::{
    DoneTooOften, Fifo, GetNowaitError, Getting, JoiningQueue, Lifo, LifoQueue, Order, Priority,
    PriorityQueue, PutError, PutNowaitError, Putting, Queue, QueueBy, QueueShutDown,
};
pub use rwlock::{ReadingRwLock, RwLock, RwLockReadGuard, RwLockWriteGuard, WritingRwLock};
pub use semaphore::{AcquiringPermit, Permit, Semaphore};

#[cfg(all(test, not(cede_loom)))]
mod tests;
