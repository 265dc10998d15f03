//! Results in the order in which they come: `asyncio.as_completed`.
//!
//! Each handle has a callback, which moves its number from those that are to come to those that have come, where the iterator fetches
//! it: a tick later, as in asyncio. The callbacks know numbers only; the handles stay in the iterator.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use pin_project_lite::pin_project;

use super::alarm::Alarm;
use super::awaitable::Awaitable;
use super::latch::{name_pending, told};
use super::timeout::Elapsed;
use crate::runtime::callback::Callback;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::outcome::{Outcome, call_at_end};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// Iterates over handles in the order in which they end: `asyncio.as_completed`.
///
/// Takes handles by value or by reference, and gives them back; those of different types by their [`End`](super::End)s. A handle
/// that is in it twice comes once. Each `next` waits for the next one. When the time is up before all have come, each that
/// is missing counts as an [`Elapsed`]. Nothing is cancelled, neither then nor when the iterator is dropped.
///
/// # Errors
///
/// [`Elapsed`] for each handle that has not come in time.
///
/// # Cancellation
///
/// `next` unwinds when the task is cancelled meanwhile; the iterator has lost nothing.
///
/// # Panics
///
/// Panics outside of a run, unless there are no handles. `next` panics where a task may not wait, if it has to; see
/// [`Operation::wait`].
///
/// # Examples
///
/// ```
/// use cede::task::as_completed;
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let tasks = [3, 1, 2].map(|n| cede::spawn(move || { cede::sleep(Duration::from_secs(n)); n }));
///     let order: Vec<u64> = as_completed(tasks, None).map(|task| task.unwrap().join().unwrap()).collect();
///     assert_eq!(order, [1, 2, 3]);
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
pub fn as_completed<H: Awaitable>(
    handles: impl IntoIterator<Item = H>,
    timeout: Option<Duration>,
) -> AsCompleted<H> {
    let mut seen = HashSet::new();
    let mut handles: Vec<Option<H>> = handles.into_iter().map(Some).collect();
    handles.retain(|handle| {
        handle.as_ref().is_some_and(|handle| seen.insert(ptr::from_ref(handle.outcome_of().completion())))
    });
    let state = Rc::new(State {
        awaited: RefCell::new(vec![true; handles.len()]),
        missing: Cell::new(handles.len()),
        come: RefCell::new(VecDeque::new()),
        waiters: List::new(),
        alarm: Alarm::default(),
    });
    let watch = |(number, handle): (usize, &Option<H>)| {
        let state = Rc::clone(&state);
        let callback = told("as_completed", move |_| state.one_has_come(number));
        call_at_end(handle.as_ref()?.outcome_of(), &callback);
        Some(callback)
    };
    let callbacks = handles.iter().enumerate().map(watch).collect();
    if let Some(timeout) = timeout.filter(|_| !handles.is_empty()) {
        let rung = Rc::clone(&state);
        state.alarm.set(timeout, move || rung.time_is_up());
    }
    let left = handles.len();
    AsCompleted { handles, callbacks, state, left }
}

/// What [`as_completed`] gives.
pub struct AsCompleted<H: Awaitable> {
    /// By number, until they are given back.
    handles: Vec<Option<H>>,
    callbacks: Vec<Option<Rc<Callback>>>,
    state: Rc<State>,
    /// How many items are to come.
    left: usize,
}

struct State {
    /// By number: whether it has neither come nor is too late.
    awaited: RefCell<Vec<bool>>,
    /// How many of them are awaited.
    missing: Cell<usize>,
    /// Those that have come, and a nothing for each that is too late.
    come: RefCell<VecDeque<Option<usize>>>,
    waiters: List,
    alarm: Alarm,
}

impl State {
    fn one_has_come(&self, number: usize) {
        if std::mem::take(&mut self.awaited.borrow_mut()[number]) {
            self.missing.set(self.missing.get() - 1);
            self.put(Some(number));
            if self.missing.get() == 0 {
                self.alarm.cancel();
            }
        }
    }

    fn time_is_up(&self) {
        self.awaited.borrow_mut().fill(false);
        for _ in 0..self.missing.take() {
            self.put(None);
        }
    }

    fn put(&self, item: Option<usize>) {
        self.come.borrow_mut().push_back(item);
        self.waiters.pop_first();
    }
}

impl<H: Awaitable> Iterator for AsCompleted<H> {
    type Item = Result<H, Elapsed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let item = Next { iterator: self, node: Node::default() }.wait();
        self.left -= 1;
        Some(match item {
            Some(number) => Ok(self.handles[number].take().expect("each comes once")),
            None => Err(Elapsed::new()),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<H: Awaitable> ExactSizeIterator for AsCompleted<H> {}

impl<H: Awaitable> std::iter::FusedIterator for AsCompleted<H> {}

impl<H: Awaitable> fmt::Debug for AsCompleted<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<H: Awaitable> Drop for AsCompleted<H> {
    fn drop(&mut self) {
        self.state.alarm.cancel();
        for (handle, callback) in self.handles.iter().zip(&self.callbacks) {
            if let (Some(handle), Some(callback)) = (handle, callback) {
                handle.outcome_of().completion().forget(callback);
            }
        }
    }
}

pin_project! {
    // Waiting for the next that has come.
    struct Next<'a, H: Awaitable> {
        iterator: &'a AsCompleted<H>,
        #[pin]
        node: Node,
    }
}

impl<H: Awaitable> sealed::Sealed for Next<'_, H> {}

impl<H: Awaitable> Operation for Next<'_, H> {
    type Output = Option<usize>;

    fn attempt(self: Pin<&mut Self>) -> Option<Option<usize>> {
        let state = &self.iterator.state;
        let item = state.come.borrow_mut().pop_front()?;
        state.waiters.use_up(&self.node);
        Some(item)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.iterator.state.waiters.link(this.node.as_ref(), waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        let state = &self.iterator.state;
        let woken = state.waiters.remove(&self.node) == Wait::Completed;
        if woken && !state.come.borrow().is_empty() {
            state.waiters.pop_first();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.iterator.state.waiters.cancel_wait(&self.node)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for the next of ")?;
        let handles = self.iterator.handles.iter().flatten();
        name_pending(handles.map(|handle| handle.outcome_of() as &dyn Outcome), 0, f)
    }
}
