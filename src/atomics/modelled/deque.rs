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

    fn take(&self, which: fn(&mut VecDeque<T>) -> Option<T>) -> Option<T> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let item = which(&mut items)?;
        self.len.store(items.len(), Ordering::Relaxed);
        Some(item)
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.take(VecDeque::pop_front).map_or(Steal::Empty, Steal::Success)
    }

    /// A batch of one.
    pub(crate) fn steal_batch(&self, to: &Worker<T>) -> Steal<()> {
        match self.steal() {
            Steal::Success(item) => {
                to.push(item);
                Steal::Success(())
            }
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    pub(crate) fn steal_batch_and_pop(&self, _to: &Worker<T>) -> Steal<T> {
        self.steal()
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(crate) struct Worker<T> {
    queue: Arc<Injector<T>>,
    pops: fn(&mut VecDeque<T>) -> Option<T>,
}

pub(crate) struct Stealer<T>(Arc<Injector<T>>);

impl<T> Worker<T> {
    pub(crate) fn new_fifo() -> Self {
        Worker { queue: Arc::new(Injector::new()), pops: VecDeque::pop_front }
    }

    pub(crate) fn new_lifo() -> Self {
        Worker { queue: Arc::new(Injector::new()), pops: VecDeque::pop_back }
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.queue))
    }

    pub(crate) fn push(&self, item: T) {
        self.queue.push(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.take(self.pops)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl<T> Stealer<T> {
    pub(crate) fn steal(&self) -> Steal<T> {
        self.0.steal()
    }

    pub(crate) fn steal_batch(&self, to: &Worker<T>) -> Steal<()> {
        self.0.steal_batch(to)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
