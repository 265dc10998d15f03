//! What tasks share: queues, for now.

mod queue;

pub use queue::{GetNowaitError, Getting, PutError, PutNowaitError, Putting, Queue, QueueShutDown};
