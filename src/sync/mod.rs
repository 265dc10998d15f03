//! What tasks share: queues, channels, locks, and values that are made once.

pub mod broadcast;
mod channel;
mod lazy;
pub mod mpsc;
mod once_cell;
pub mod oneshot;
mod queue;
mod rwlock;
pub mod watch;

pub use lazy::Lazy;
pub use once_cell::{OnceCell, SetError, Waiting};
pub use queue::{
    DoneTooOften, GetNowaitError, Getting, PutError, PutNowaitError, Putting, Queue, QueueShutDown,
};
pub use rwlock::{Reading, RwLock, RwLockReadGuard, RwLockWriteGuard, Writing};
