//! Queues with the interface of crossbeam's, which loom does not know. Whether one is empty is told without a lock, as there, and
//! orders nothing: whoever relies on it needs fences.

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use crossbeam_deque::Steal;

use super::{AtomicUsize, Mutex, Ordering, PoisonError};

pub(crate) struct Injector<T> {
    items: Mutex<VecDeque<T>>,
    len: AtomicUsize,
}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        let len = AtomicUsize::new(0);
        len.load(Ordering::Relaxed);
        Injector { items: Mutex::new(VecDeque::new()), len }
    }

    pub(crate) fn push(&self, item: T) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push_back(item);
        self.len.store(items.len(), Ordering::Relaxed);
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(item) = items.pop_front() else { return Steal::Empty };
        self.len.store(items.len(), Ordering::Relaxed);
        Steal::Success(item)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}

pub(crate) struct Worker<T>(Arc<Injector<T>>);

pub(crate) struct Stealer<T>(Arc<Injector<T>>);

impl<T> Worker<T> {
    pub(crate) fn new_fifo() -> Self {
        Worker(Arc::new(Injector::new()))
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.0))
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.steal().success()
    }
}

impl<T> Stealer<T> {
    pub(crate) fn steal(&self) -> Steal<T> {
        self.0.steal()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
