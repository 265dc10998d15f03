//! In which order items come out: first in first out, last in first out, the smallest first.
//!
//! The first two keep their items under the lock of the queue's state, so that a put or a get takes that lock once. The third
//! compares items, which is code of users and must not run under it: the heap has a mutex of its own that is taken before that
//! lock, and held while the heap and the state change together. So whenever nobody is inside, the state counts what the heap
//! holds, and a comparison that panics leaves all items in the heap.
//!
//! Rejected: to reserve a place in the state, change the heap, and count the item then. Between these steps a shutdown, or another
//! put, would have to know of items that are neither here nor there.

use std::collections::VecDeque;

use super::exclusive::{Exclusive, Inside};
use super::heap::Heap;
use super::{GetNowaitError, PutNowaitError, QueueBy, State};
use crate::runtime::wait_list::Node;
use crate::task::no_switch;

/// In which order the items of a queue come out. Sealed: [`Fifo`], [`Lifo`] and [`Priority`] are the only ones.
pub trait Order<T>: keep::Keep<T> {}

/// First in, first out: the order of a [`Queue`](super::Queue).
#[derive(Debug)]
pub enum Fifo {}

/// Last in, first out: the order of a [`LifoQueue`](super::LifoQueue).
#[derive(Debug)]
pub enum Lifo {}

/// The smallest first: the order of a [`PriorityQueue`](super::PriorityQueue).
#[derive(Debug)]
pub enum Priority {}

impl<T> Order<T> for Fifo {}
impl<T> Order<T> for Lifo {}
impl<T: Ord> Order<T> for Priority {}

pub(super) mod keep {
    use super::*;

    /// How the items are kept. The nodes are those of who waited for this, if anybody did.
    pub trait Keep<T>: Sized {
        /// What the queue is called.
        #[doc(hidden)]
        const NOUN: &'static str;

        /// What is under the lock of the state.
        #[doc(hidden)]
        type Items: Items;

        /// What is beside it.
        #[doc(hidden)]
        type Beside: Default;

        #[doc(hidden)]
        fn put(queue: &QueueBy<T, Self>, item: T, putter: Waited<'_>) -> Result<(), PutNowaitError<T>>
        where
            Self: Order<T>;

        #[doc(hidden)]
        fn get(queue: &QueueBy<T, Self>, getter: Waited<'_>) -> Result<T, GetNowaitError>
        where
            Self: Order<T>;

        /// Shuts the queue down, and takes all items out if `immediate`.
        #[doc(hidden)]
        fn shut_down(queue: &QueueBy<T, Self>, immediate: bool) -> Vec<T>
        where
            Self: Order<T>;
    }

    /// The node of who waited, which uses its wake-up up.
    #[derive(Debug)]
    pub struct Waited<'a>(pub(in crate::sync::queue) Option<&'a Node>);

    /// What can be counted.
    pub trait Items: Default {
        #[doc(hidden)]
        fn count(&self) -> usize;
    }
}

use keep::{Items, Keep, Waited};

impl<T> Items for VecDeque<T> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }
}

impl<T> Items for Vec<T> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }
}

/// How many items are beside the lock.
impl Items for usize {
    #[inline(always)]
    fn count(&self) -> usize {
        *self
    }
}

/// Items under the lock.
trait Line<T>: Items {
    fn push(&mut self, item: T);
    fn pop(&mut self) -> Option<T>;
}

impl<T> Line<T> for VecDeque<T> {
    #[inline(always)]
    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }
}

impl<T> Line<T> for Vec<T> {
    #[inline(always)]
    fn push(&mut self, item: T) {
        self.push(item);
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<T> {
        self.pop()
    }
}

impl<T> Keep<T> for Fifo {
    const NOUN: &'static str = "Queue";
    type Items = VecDeque<T>;
    type Beside = ();

    #[inline(always)]
    fn put(queue: &QueueBy<T, Self>, item: T, putter: Waited<'_>) -> Result<(), PutNowaitError<T>> {
        put_in_line(queue, item, putter)
    }

    #[inline(always)]
    fn get(queue: &QueueBy<T, Self>, getter: Waited<'_>) -> Result<T, GetNowaitError> {
        get_from_line(queue, getter)
    }

    fn shut_down(queue: &QueueBy<T, Self>, immediate: bool) -> Vec<T> {
        shut_line_down(queue, immediate).into()
    }
}

impl<T> Keep<T> for Lifo {
    const NOUN: &'static str = "LifoQueue";
    type Items = Vec<T>;
    type Beside = ();

    #[inline(always)]
    fn put(queue: &QueueBy<T, Self>, item: T, putter: Waited<'_>) -> Result<(), PutNowaitError<T>> {
        put_in_line(queue, item, putter)
    }

    #[inline(always)]
    fn get(queue: &QueueBy<T, Self>, getter: Waited<'_>) -> Result<T, GetNowaitError> {
        get_from_line(queue, getter)
    }

    fn shut_down(queue: &QueueBy<T, Self>, immediate: bool) -> Vec<T> {
        shut_line_down(queue, immediate)
    }
}

#[inline(always)]
fn put_in_line<T, K>(queue: &QueueBy<T, K>, item: T, putter: Waited<'_>) -> Result<(), PutNowaitError<T>>
where
    K: Order<T, Items: Line<T>>,
{
    let mut state = queue.state.lock();
    let item = queue.admit(&state, item)?;
    state.items.push(item);
    state.note_put(putter);
    Ok(())
}

#[inline(always)]
fn get_from_line<T, K>(queue: &QueueBy<T, K>, getter: Waited<'_>) -> Result<T, GetNowaitError>
where
    K: Order<T, Items: Line<T>>,
{
    let mut state = queue.state.lock();
    match state.items.pop() {
        Some(item) => {
            state.note_taken(getter);
            Ok(item)
        }
        None => Err(state.nothing(getter)),
    }
}

fn shut_line_down<T, K>(queue: &QueueBy<T, K>, immediate: bool) -> K::Items
where
    K: Order<T, Items: Line<T>>,
{
    let mut state = queue.state.lock();
    let items = if immediate { std::mem::take(&mut state.items) } else { K::Items::default() };
    state.shut_down(immediate.then_some(items.count()));
    items
}

impl<T: Ord> Keep<T> for Priority {
    const NOUN: &'static str = "PriorityQueue";
    type Items = usize;
    type Beside = Exclusive<Heap<T>>;

    fn put(queue: &QueueBy<T, Self>, item: T, putter: Waited<'_>) -> Result<(), PutNowaitError<T>> {
        let mut pushing = Pushing { heap: enter(queue), queue, putter: Waited(None) };
        let item = queue.admit(&queue.state.lock(), item)?;
        pushing.putter = putter;
        no_switch(|| pushing.heap.push(item));
        Ok(())
    }

    fn get(queue: &QueueBy<T, Self>, getter: Waited<'_>) -> Result<T, GetNowaitError> {
        let mut heap = enter(queue);
        let item = no_switch(|| heap.pop());
        let mut state = queue.state.lock();
        match item {
            Some(item) => {
                state.items = heap.len();
                state.note_taken(getter);
                Ok(item)
            }
            None => Err(state.nothing(getter)),
        }
    }

    fn shut_down(queue: &QueueBy<T, Self>, immediate: bool) -> Vec<T> {
        let mut heap = enter(queue);
        let items = if immediate { heap.take() } else { Vec::new() };
        let mut state = queue.state.lock();
        state.items = heap.len();
        state.shut_down(immediate.then_some(items.len()));
        items
    }
}

/// The heap, for this thread alone.
fn enter<T: Ord>(queue: &QueueBy<T, Priority>) -> Inside<'_, Heap<T>> {
    queue.beside.enter().unwrap_or_else(|| {
        panic!(
            "cede: a comparison of two items of a PriorityQueue used that same queue, which is in between: an Ord must \
             not touch the queue that it orders (made at {})",
            queue.made_at
        )
    })
}

/// An item is being pushed. It counts as put once it is in the heap, also where a comparison panicked then.
struct Pushing<'a, T: Ord> {
    queue: &'a QueueBy<T, Priority>,
    putter: Waited<'a>,
    /// Is left last.
    heap: Inside<'a, Heap<T>>,
}

impl<T: Ord> Drop for Pushing<'_, T> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        if self.heap.len() > state.items {
            state.items = self.heap.len();
            state.note_put(Waited(self.putter.0.take()));
        }
    }
}

impl<I: Items> State<I> {
    /// There is one item more.
    #[inline(always)]
    fn note_put(&mut self, putter: Waited<'_>) {
        self.unfinished += 1;
        self.getters.pop_first();
        if let Some(putter) = putter.0 {
            self.putters.use_up(putter);
        }
    }

    /// There is one item less.
    #[inline(always)]
    fn note_taken(&mut self, getter: Waited<'_>) {
        self.putters.pop_first();
        if let Some(getter) = getter.0 {
            self.getters.use_up(getter);
        }
    }

    /// Why there is no item.
    #[inline]
    fn nothing(&mut self, getter: Waited<'_>) -> GetNowaitError {
        if !self.shut {
            return GetNowaitError::Empty;
        }
        if let Some(getter) = getter.0 {
            self.getters.use_up(getter);
        }
        GetNowaitError::ShutDown
    }

    /// Nothing is put any more, and so many items were dropped.
    fn shut_down(&mut self, dropped: Option<usize>) {
        self.shut = true;
        if let Some(number) = dropped {
            self.unfinished = self.unfinished.saturating_sub(number);
            if self.unfinished == 0 {
                self.note_idle();
            }
        }
        self.getters.pop_all();
        self.putters.pop_all();
    }
}
