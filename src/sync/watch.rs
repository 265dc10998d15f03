//! A channel that holds one value, the latest: for settings, states, progress.
//!
//! Sending replaces the value and never waits; receivers learn that there is another one, and see the latest, not each. A value
//! that is sent counts up the version; each receiver remembers the version that it has seen.
//!
//! The value is shared, not locked: [`borrow`](Receiver::borrow) gives a snapshot that may be kept as long as one likes, across waits
//! as well, while others are sent. So nobody waits for a reader. What changes the value in place works on a copy, and again on
//! another one where somebody has sent in between.
//!
//! # Examples
//!
//! ```
//! use cede::sync::watch;
//!
//! cede::run(|| {
//!     let (tx, rx) = watch::channel("starting");
//!     let seen = cede::spawn(move || {
//!         let mut seen = vec![*rx.borrow()];
//!         while rx.changed().is_ok() {
//!             seen.push(*rx.borrow());
//!         }
//!         seen
//!     });
//!     cede::yield_now();
//!     tx.send("loading").unwrap();
//!     tx.send("ready").unwrap();
//!     drop(tx);
//!     assert_eq!(seen.join().unwrap(), ["starting", "ready"]);
//! });
//! ```

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::channel::Receivers;
pub use super::channel::{Closing, RecvError, RecvTimeoutError, SendError};
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;
use crate::runtime::with_deadline::wait_within;

struct Channel<T> {
    state: Guarded<State<T>>,
    made_at: &'static Location<'static>,
}

struct State<T> {
    value: Arc<T>,
    /// How often it was replaced.
    version: u64,
    senders: usize,
    receivers: usize,
    changing: List,
    closing: List,
}

impl<T> State<T> {
    /// Puts another value in, and gives the one that was there.
    #[must_use = "it is dropped without the lock"]
    fn replace(&mut self, value: Arc<T>) -> Arc<T> {
        self.version += 1;
        self.changing.pop_all();
        std::mem::replace(&mut self.value, value)
    }
}

impl<T> Channel<T> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "watch channel made at {}", self.made_at)
    }

    fn snapshot(&self) -> Ref<T> {
        Ref(Arc::clone(&self.state.lock().value))
    }

    /// A receiver that has seen what is there.
    fn subscribe(self: &Arc<Self>) -> Receiver<T> {
        let mut state = self.state.lock();
        state.receivers += 1;
        Receiver { channel: Arc::clone(self), seen: AtomicU64::new(state.version) }
    }
}

impl<T> Receivers for Sender<T> {
    fn look<R>(&self, f: impl FnOnce(bool, &List) -> R) -> R {
        let state = self.channel.state.lock();
        f(state.receivers == 0, &state.closing)
    }

    fn describe_channel(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.describe(f)
    }
}

/// A channel that holds this value first. Its receiver has seen it.
#[track_caller]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let state = State {
        value: Arc::new(value),
        version: 0,
        senders: 1,
        receivers: 0,
        changing: List::new(),
        closing: List::new(),
    };
    let channel = Arc::new(Channel { state: Guarded::new(state), made_at: Location::caller() });
    let receiver = channel.subscribe();
    (Sender { channel }, receiver)
}

/// A value as it was at some moment. It may be kept: nobody waits for it to go.
pub struct Ref<T>(Arc<T>);

impl<T> Ref<T> {
    /// The value, shared.
    pub fn into_arc(this: Self) -> Arc<T> {
        this.0
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The side that sends. Clones send into the same channel; when the last is dropped, receivers learn it.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Replaces the value. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back when nobody receives; what is there stays. [`send_replace`](Sender::send_replace) does not ask.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let value = Arc::new(value);
        let mut state = self.channel.state.lock();
        if state.receivers == 0 {
            drop(state);
            return Err(SendError(Arc::into_inner(value).expect("nobody else has it")));
        }
        let old = state.replace(value);
        drop(state);
        // What drops here may use the channel.
        drop(old);
        Ok(())
    }

    /// Replaces the value, whether or not anybody receives, and gives the one that was there.
    pub fn send_replace(&self, value: T) -> Ref<T> {
        let value = Arc::new(value);
        Ref(self.channel.state.lock().replace(value))
    }

    /// Changes the value, whether or not anybody receives: of a copy, which then replaces it.
    ///
    /// Where somebody has sent meanwhile, `change` is called again, with a copy of that, so that nothing is lost. On one
    /// thread this happens only when `change` waits.
    ///
    /// # Cancellation, panics
    ///
    /// Where `change` is left by an unwind, the value stays as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = cede::sync::watch::channel(vec![1]);
    /// tx.send_modify(|list| list.push(2));
    /// assert_eq!(*rx.borrow(), [1, 2]);
    /// ```
    pub fn send_modify(&self, mut change: impl FnMut(&mut T))
    where
        T: Clone,
    {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// As [`send_modify`](Sender::send_modify), if `change` gives true; else the value stays as it was, and nobody is told. Gives what
    /// `change` gave.
    ///
    /// # Cancellation, panics
    ///
    /// As [`send_modify`](Sender::send_modify).
    pub fn send_if_modified(&self, mut change: impl FnMut(&mut T) -> bool) -> bool
    where
        T: Clone,
    {
        loop {
            let state = self.channel.state.lock();
            let (old, version) = (Arc::clone(&state.value), state.version);
            drop(state);
            // Without the lock: this is code of users.
            let mut new = T::clone(&old);
            if !change(&mut new) {
                return false;
            }
            let new = Arc::new(new);
            let mut state = self.channel.state.lock();
            if state.version == version {
                let replaced = state.replace(new);
                drop(state);
                drop((old, replaced));
                return true;
            }
        }
    }

    /// The value as it is now.
    pub fn borrow(&self) -> Ref<T> {
        self.channel.snapshot()
    }

    /// Another receiver, which has seen what is there.
    pub fn subscribe(&self) -> Receiver<T> {
        self.channel.subscribe()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.channel.state.lock().receivers
    }

    /// Whether nobody receives. Somebody may [`subscribe`](Sender::subscribe) later.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until nobody receives any more.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn closed(&self) {
        self.closing().wait()
    }

    /// The operation of [`closed`](Sender::closed), for `select!`.
    pub fn closing(&self) -> Closing<'_, Self> {
        Closing::of(self)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.state.lock().senders += 1;
        Sender { channel: Arc::clone(&self.channel) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.senders -= 1;
        if state.senders == 0 {
            state.changing.pop_all();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("value", &self.borrow()).finish_non_exhaustive()
    }
}

/// A side that receives. Clones have seen what this one has.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// The version that it has seen. Touched only under the lock of the channel.
    seen: AtomicU64,
}

impl<T> Receiver<T> {
    /// The value as it is now. It does not count as seen.
    pub fn borrow(&self) -> Ref<T> {
        self.channel.snapshot()
    }

    /// The value as it is now, which counts as seen.
    pub fn borrow_and_update(&self) -> Ref<T> {
        let state = self.channel.state.lock();
        self.seen.store(state.version, Ordering::Relaxed);
        Ref(Arc::clone(&state.value))
    }

    /// Whether there is a value that it has not seen.
    pub fn has_changed(&self) -> bool {
        let state = self.channel.state.lock();
        self.seen.load(Ordering::Relaxed) != state.version
    }

    /// Waits for a value that it has not seen, which then counts as seen.
    ///
    /// # Errors
    ///
    /// When there is none and no sender is left.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; what is there then does not count as seen.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn changed(&self) -> Result<(), RecvError> {
        self.changing().wait()
    }

    /// The operation of [`changed`](Receiver::changed), for `select!`.
    pub fn changing(&self) -> Changing<'_, T> {
        Changing { receiver: self, node: Node::default() }
    }

    /// As [`changed`](Receiver::changed), for so long at most. No time at all asks and does not wait.
    ///
    /// # Errors
    ///
    /// When the time is up, and as [`changed`](Receiver::changed).
    ///
    /// # Cancellation, panics
    ///
    /// As [`changed`](Receiver::changed).
    pub fn changed_timeout(&self, timeout: Duration) -> Result<(), RecvTimeoutError> {
        match wait_within(pin!(self.changing()), timeout) {
            Some(changed) => Ok(changed?),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Waits until a value is there for which `wanted` is true, be it the one that is there, and gives it. It counts as seen,
    /// as do those before.
    ///
    /// # Errors
    ///
    /// When there is none and no sender is left.
    ///
    /// # Cancellation, panics
    ///
    /// As [`changed`](Receiver::changed); goes on with a panic of `wanted`.
    ///
    /// # Examples
    ///
    /// ```
    /// cede::run(|| {
    ///     let (tx, rx) = cede::sync::watch::channel(0);
    ///     cede::spawn(move || (1..10).for_each(|n| { tx.send_replace(n); cede::yield_now() }));
    ///     assert_eq!(*rx.wait_for(|n| n % 7 == 3).unwrap(), 3);
    /// });
    /// ```
    pub fn wait_for(&self, mut wanted: impl FnMut(&T) -> bool) -> Result<Ref<T>, RecvError> {
        loop {
            let value = self.borrow_and_update();
            if wanted(&value) {
                return Ok(value);
            }
            drop(value);
            self.changed()?;
        }
    }

    /// Whether no sender is left.
    pub fn is_closed(&self) -> bool {
        self.channel.state.lock().senders == 0
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let mut state = self.channel.state.lock();
        state.receivers += 1;
        let seen = AtomicU64::new(self.seen.load(Ordering::Relaxed));
        Receiver { channel: Arc::clone(&self.channel), seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.receivers -= 1;
        if state.receivers == 0 {
            state.closing.pop_all();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("value", &self.borrow()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The operation of [`Receiver::changed`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Changing<'a, T> {
        receiver: &'a Receiver<T>,
        #[pin]
        node: Node,
    }
}

impl<T> fmt::Debug for Changing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changing").finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for Changing<'_, T> {}

impl<T> Operation for Changing<'_, T> {
    type Output = Result<(), RecvError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let seen = &self.receiver.seen;
        let state = self.receiver.channel.state.lock();
        if seen.load(Ordering::Relaxed) != state.version {
            seen.store(state.version, Ordering::Relaxed);
            return Some(Ok(()));
        }
        (state.senders == 0).then_some(Err(RecvError))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.receiver.channel.state.lock();
        if this.receiver.seen.load(Ordering::Relaxed) != state.version || state.senders == 0 {
            waiter.wake_later();
        } else {
            state.changing.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        // There is nothing to hand on: all are woken when there is something.
        self.receiver.channel.state.lock().changing.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.receiver.channel.state.lock().changing.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for a change of ")?;
        self.receiver.channel.describe(f)
    }
}
