//! A panic that is kept for whoever asks on any thread: its text for all, and what it was made with for the first.

use std::any::Any;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::task::panic_message;

/// See the head of this file.
pub(crate) struct KeptPanic {
    message: String,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl KeptPanic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        KeptPanic { message: panic_message(&*payload).to_owned(), payload: Mutex::new(Some(payload)) }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What it was made with, for the first who asks.
    pub(crate) fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for KeptPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}
