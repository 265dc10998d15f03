//! Where a future that waits for an operation leaves its waker, and how that is called.
//!
//! A wait ends under the lock of what was waited for, and a std [`Waker`] is code of users, which must not run there. So it is
//! called in two parts:
//!
//! ```text
//!   under the lock:   node ──▶ cell: the waker is taken out ──▶ the thread's list of those that are due
//!   lock released:                                              wake_due: calls them
//! ```
//!
//! Whoever may have woken somebody calls [`wake_due`] when nothing is locked or borrowed any more: a
//! [`Guarded`](super::guarded::Guarded) that is shared as its guard goes, a [`Completion`](super::completion::Completion) after it
//! has told all, the scheduler when it has heard of I/O. A `Guarded` that one thread owns does not look: futures never put
//! their nodes into one, since they come as [visitors](super::guarded::visit), for whom it is shared. So tasks among themselves
//! pay nothing for this.
//!
//! Who holds another lock around that of what is waited for, as a priority queue does, has them held back ([`HoldWakers`]).
//!
//! So it is with the system call that ends the sleep of another run: whoever that wakes would find the lock taken.
//!
//! The cell stays in place as long as the wait is registered: it is a part of the future, which is pinned, and withdraws the wait before
//! it goes. It is rung under the lock that withdrawing takes.

use std::cell::{Cell, RefCell};
use std::marker::{PhantomData, PhantomPinned};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use super::inbox::Inbox;
use super::report;
use super::waiter::Waiter;
use crate::atomics::{Mutex, MutexGuard, PoisonError, thread_local};

thread_local! {
    /// Whether any are due: looked at often.
    static ANY_DUE: Cell<bool> = const { Cell::new(false) };
    /// How many are on the stack that hold a lock, under which nothing is to be called.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
    /// Empty but for moments. Without a destructor, so that it is there for as long as the thread is.
    static DUE: ManuallyDrop<RefCell<Vec<Waker>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// How many locks are held under which somebody may be woken.
    static DEFERRING: Cell<u32> = const { Cell::new(0) };
    /// A run of another thread that sleeps and has a message. The same holds.
    static TO_NOTIFY: ManuallyDrop<Cell<Option<Arc<Inbox>>>> = const { ManuallyDrop::new(Cell::new(None)) };
}

/// From here on sleeps of other runs are not ended by this thread before [`end_deferring`], which comes soon, on the same thread, when the
/// lock under which somebody is woken is free. The two may nest.
#[inline]
pub(crate) fn begin_deferring() {
    DEFERRING.set(DEFERRING.get() + 1);
}

/// See [`begin_deferring`]. Calls the wakers that are due, too.
#[inline]
pub(crate) fn end_deferring() {
    DEFERRING.set(DEFERRING.get() - 1);
    wake_due();
}

/// Ends the sleep of another thread's run, which the caller has claimed to do: when nothing is locked any more, or now.
#[cold]
pub(super) fn notify_soon(inbox: &Arc<Inbox>) {
    if DEFERRING.get() == 0 {
        return inbox.ring();
    }
    let before = TO_NOTIFY.with(|slot| slot.replace(Some(Arc::clone(inbox))));
    ANY_DUE.set(true);
    if let Some(before) = before {
        before.ring();
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct WakerCell {
    state: Mutex<State>,
    _pinned: PhantomPinned,
}

#[derive(Debug, Default)]
struct State {
    /// Whom to call; none once it was taken to be called.
    waker: Option<Waker>,
    /// It was rung.
    rung: bool,
}

impl WakerCell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to register with an operation, which is withdrawn before this goes.
    pub(crate) fn waiter(self: Pin<&Self>) -> Waiter {
        Waiter::of_cell(self.get_ref())
    }

    /// Keeps whom to call.
    pub(crate) fn keep(&self, waker: &Waker) {
        if self.lock().waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return;
        }
        // Made and dropped without the lock: both are code of users.
        let new = waker.clone();
        let old = self.lock().waker.replace(new);
        drop(old);
    }

    /// Whether it was rung since this was last asked.
    pub(crate) fn take_rung(&self) -> bool {
        std::mem::take(&mut self.lock().rung)
    }

    /// The wait has ended: its waker is due.
    pub(super) fn ring(&self) {
        let mut state = self.lock();
        state.rung = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            DUE.with(|due| due.borrow_mut().push(waker));
            ANY_DUE.set(true);
        }
    }
}

/// Calls the wakers that are due, if any are. Nothing is locked or borrowed.
#[inline(always)]
pub(crate) fn wake_due() {
    if ANY_DUE.get() {
        wake_all_due();
    }
}

/// As long as this lives no waker is called on this thread; those that are due by then are called as it goes. For who holds a lock
/// around the lock of what is waited for. It stays on its stack, and nothing suspends meanwhile.
#[derive(Debug)]
pub(crate) struct HoldWakers(PhantomData<*const ()>);

impl HoldWakers {
    pub(crate) fn new() -> Self {
        HOLDS.set(HOLDS.get() + 1);
        HoldWakers(PhantomData)
    }
}

impl Drop for HoldWakers {
    fn drop(&mut self) {
        HOLDS.set(HOLDS.get() - 1);
        wake_due();
    }
}

#[cold]
#[inline(never)]
fn wake_all_due() {
    if HOLDS.get() > 0 {
        return;
    }
    ANY_DUE.set(false);
    if let Some(inbox) = TO_NOTIFY.with(|slot| slot.take()) {
        inbox.ring();
    }
    let due = DUE.with(|due| due.take());
    for waker in due {
        report::calling("a waker", || waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_cell_that_is_rung_has_its_waker_called_once_and_later() {
        let count = Arc::new(Count::default());
        let cell = WakerCell::default();
        cell.keep(&Arc::clone(&count).into());
        cell.ring();
        cell.ring();
        assert_eq!(count.0.load(Ordering::Relaxed), 0, "a lock may be held");
        wake_due();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(cell.take_rung());
        assert!(!cell.take_rung());
        assert_eq!(Arc::strong_count(&count), 1, "it was called by value");
    }

    #[test]
    fn a_waker_is_replaced_only_by_one_of_somebody_else() {
        let (one, other) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let cell = WakerCell::default();
        let waker = Waker::from(Arc::clone(&one));
        cell.keep(&waker);
        cell.keep(&waker);
        assert_eq!(Arc::strong_count(&one), 3);
        cell.keep(&Arc::clone(&other).into());
        assert_eq!(Arc::strong_count(&one), 2);
        cell.ring();
        wake_due();
        assert_eq!((one.0.load(Ordering::Relaxed), other.0.load(Ordering::Relaxed)), (0, 1));
    }

    #[test]
    fn a_waker_that_panics_does_not_keep_the_others_from_being_called() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("the waker of a future");
            }
        }
        let count = Arc::new(Count::default());
        let (first, second) = (WakerCell::default(), WakerCell::default());
        first.keep(&Arc::new(Panics).into());
        second.keep(&Arc::clone(&count).into());
        first.ring();
        second.ring();
        wake_due();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
