//! What happens between a task's try and its wait, as another thread may do, wakes the task all the same.
//!
//! The gap is a few instructions wide, so threads hardly ever meet in it. Here it is held open: a race of two operations tries both
//! before it registers either, and the try of the second is what the other thread would do.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;

use super::{OnceCell, RwLock, broadcast, mpsc, oneshot, watch};
use crate::runtime::Runner;
use crate::runtime::operation::{Operation, sealed};
use crate::runtime::waiter::Waiter;
use crate::task::{First, race, spawn};

/// Never complete. Does something when it is tried for the first time.
struct Meanwhile<'a, F> {
    what: Option<F>,
    done: &'a Cell<bool>,
}

impl<F> sealed::Sealed for Meanwhile<'_, F> {}

impl<F: FnOnce() + Unpin> Operation for Meanwhile<'_, F> {
    type Output = ();

    fn attempt(mut self: Pin<&mut Self>) -> Option<()> {
        if let Some(what) = self.what.take() {
            what();
            self.done.set(true);
        }
        None
    }

    fn register(self: Pin<&mut Self>, _waiter: Waiter) {}

    fn withdraw(self: Pin<&mut Self>) {}

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("does something")
    }
}

/// Waits for an operation that is not complete, and is completed before the task is registered. Else the run ends in a deadlock.
fn wait_with<O: Operation>(operation: O, meanwhile: impl FnOnce() + Unpin) -> O::Output {
    let done = Cell::new(false);
    match race((operation, Meanwhile { what: Some(meanwhile), done: &done })).wait() {
        First::A(output) => {
            assert!(done.get(), "it was complete before");
            output
        }
        First::B(()) => unreachable!("it never is"),
    }
}

fn run(main: impl FnOnce()) {
    Runner::builder().virtual_time(true).build().run(main).unwrap();
}

#[test]
fn an_item_and_an_end_wake_a_receiver() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        assert_eq!(wait_with(rx.receiving(), || tx.try_send(1).unwrap()), Ok(1));
        assert!(wait_with(rx.receiving(), || drop(tx)).is_err());
        let (_tx, rx) = mpsc::bounded::<u8>(1);
        assert!(wait_with(rx.receiving(), || rx.close()).is_err());
    });
}

#[test]
fn a_place_and_an_end_wake_a_sender() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        tx.try_send(1).unwrap();
        assert!(wait_with(tx.sending(2), || assert!(rx.try_recv().is_ok())).is_ok());
        assert!(wait_with(tx.sending(3), || rx.close()).is_err());
        let (tx, rx) = mpsc::bounded::<u8>(1);
        wait_with(tx.closing(), || drop(rx));
    });
}

#[test]
fn a_value_and_its_absence_wake_the_receiver_of_one() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        assert_eq!(wait_with(rx.receiving(), || tx.send(1).unwrap()), Ok(1));
        let (tx, rx) = oneshot::channel::<u8>();
        assert!(wait_with(rx.receiving(), || drop(tx)).is_err());
        let (tx, rx) = oneshot::channel::<u8>();
        wait_with(tx.closing(), || drop(rx));
    });
}

#[test]
fn an_item_and_an_end_wake_who_listens_to_a_broadcast() {
    run(|| {
        let (tx, rx) = broadcast::channel(1);
        assert_eq!(wait_with(rx.receiving(), || assert!(tx.send(1).is_ok())), Ok(1));
        assert!(wait_with(rx.receiving(), || drop(tx)).is_err());
        let (tx, rx) = broadcast::channel::<u8>(1);
        wait_with(tx.closing(), || drop(rx));
    });
}

#[test]
fn a_change_and_an_end_wake_who_watches() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        assert!(wait_with(rx.changing(), || assert!(tx.send(1).is_ok())).is_ok());
        assert!(wait_with(rx.changing(), || drop(tx)).is_err());
        let (tx, rx) = watch::channel(0);
        wait_with(tx.closing(), || drop(rx));
    });
}

#[test]
fn a_guard_that_goes_wakes_who_waits_for_the_lock() {
    run(|| {
        let lock = RwLock::new(());
        let writer = lock.write();
        drop(wait_with(lock.reading(), || drop(writer)));
        let reader = lock.read();
        drop(wait_with(lock.writing(), || drop(reader)));
    });
}

#[test]
fn a_value_and_a_turn_wake_who_wants_the_value_of_a_cell() {
    run(|| {
        let cell = OnceCell::new();
        assert_eq!(*wait_with(cell.waiting(), || cell.set(1).unwrap()), 1);

        // Another task has the turn when it is tried, and has given it up when the task is to wait.
        let cell: &'static OnceCell<u8> = Box::leak(Box::default());
        let turn = Rc::new(Cell::new(None));
        let taken = Rc::clone(&turn);
        spawn(move || taken.set(cell.taking().wait())).join().unwrap();
        assert!(wait_with(cell.taking(), || drop(turn.take())).is_some());
    });
}
