//! What tasks share: queues, for now.

mod queue;

pub use queue::{
    DoneTooOften, GetNowaitError, Getting, PutError, PutNowaitError, Putting, Queue, QueueShutDown,
};
