//! A flag that tasks wait for: `asyncio.Event`.
//!
//! The flag counts how often it was set, so that who waited when that happened goes on, even if it has been cleared before it runs.

use std::fmt;
use std::panic::Location;
use std::pin::{Pin, pin};

use pin_project_lite::pin_project;

use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park;
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;

/// A flag that is set or not, and that tasks wait for: `asyncio.Event`.
///
/// # Examples
///
/// ```
/// use cede::sync::Event;
/// use std::rc::Rc;
///
/// cede::run(|| {
///     let start = Rc::new(Event::new());
///     let runners = [1, 2, 3].map(|number| {
///         let start = Rc::clone(&start);
///         cede::spawn(move || {
///             start.wait();
///             number
///         })
///     });
///     cede::yield_now();
///     assert!(runners.iter().all(|runner| !runner.is_finished()));
///     start.set();
///     assert!(runners.iter().zip(1..).all(|(runner, number)| runner.join().unwrap() == number));
/// });
/// ```
pub struct Event {
    state: Guarded<State>,
    made_at: &'static Location<'static>,
}

struct State {
    set: bool,
    /// How often it was set.
    times_set: u64,
    waiters: List,
}

impl Default for Event {
    #[track_caller]
    fn default() -> Self {
        Event::new()
    }
}

impl Event {
    /// An event that is not set.
    #[track_caller]
    pub const fn new() -> Self {
        let state = State { set: false, times_set: 0, waiters: List::new() };
        Event { state: Guarded::new(state), made_at: Location::caller() }
    }

    /// Sets it: all who wait are woken, and who comes later does not wait.
    #[inline]
    pub fn set(&self) {
        let mut state = self.state.lock();
        if !state.set {
            state.set = true;
            state.times_set += 1;
            state.waiters.complete_all();
        }
    }

    /// Takes it back: who comes from now on waits. Those who were woken go on.
    #[inline]
    pub fn clear(&self) {
        self.state.lock().set = false;
    }

    /// Whether it is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.state.lock().set
    }

    /// Waits until it is set; not at all if it is.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; nothing is lost.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline]
    pub fn wait(&self) {
        let state = self.state.lock();
        if !state.set {
            let seen = Some(state.times_set);
            drop(state);
            park::wait_attempted(pin!(WaitingForEvent { event: self, seen, node: Node::default() }));
        }
    }

    /// The operation behind [`wait`](Event::wait), for `select!`.
    pub fn waiting(&self) -> WaitingForEvent<'_> {
        WaitingForEvent { event: self, seen: None, node: Node::default() }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (set, waiting) = {
            let state = self.state.lock();
            (state.set, state.waiters.count_waiting())
        };
        f.debug_struct("Event").field("set", &set).field("waiting", &waiting).finish()
    }
}

pin_project! {
    /// The operation of [`Event::wait`].
    #[derive(Debug)]
    #[must_use = "it does nothing unless it is waited for"]
    pub struct WaitingForEvent<'a> {
        event: &'a Event,
        // How often the event had been set when this wait began.
        seen: Option<u64>,
        #[pin]
        node: Node,
    }
}

impl sealed::Sealed for WaitingForEvent<'_> {}

impl Operation for WaitingForEvent<'_> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let this = self.project();
        let state = this.event.state.lock();
        let seen = *this.seen.get_or_insert(state.times_set);
        (state.set || state.times_set != seen).then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.event.state.lock();
        if state.set || this.seen.is_some_and(|seen| state.times_set != seen) {
            waiter.wake_later();
        } else {
            state.waiters.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.event.state.lock().waiters.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.event.state.lock().waiters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waits for Event made at {}", self.event.made_at)
    }
}
