//! What becomes of items and of those who wait when one side of a channel goes.

use std::cell::RefCell;
use std::rc::Rc;

use cede::sync::mpsc::{
    self, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use cede::{spawn, yield_now};

use super::trace::{SECOND, log, logged, panic_text, run, silent_panic};

#[test]
fn dropping_the_last_sender_ends_the_receiver_after_what_is_left() {
    run(|| {
        let (tx, rx) = mpsc::unbounded();
        let other = tx.clone();
        assert!(tx.same_channel(&other) && !tx.same_channel(&mpsc::unbounded().0));
        tx.send(1).unwrap();
        drop(tx);
        assert_eq!((rx.sender_count(), rx.is_closed()), (1, false));
        other.send(2).unwrap();
        drop(other);
        assert!(rx.is_closed());
        assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Ok(2)));
        assert_eq!((rx.recv(), rx.try_recv()), (Err(RecvError), Err(TryRecvError::Closed)));
        assert_eq!(rx.recv_timeout(SECOND), Err(RecvTimeoutError::Closed));
    });
}

#[test]
fn the_end_wakes_all_receivers_that_wait() {
    run(|| {
        let (tx, rx) = mpsc::unbounded::<u8>();
        let rx = Rc::new(rx);
        let waiters = [0; 3].map(|_| {
            let rx = Rc::clone(&rx);
            spawn(move || rx.recv())
        });
        yield_now();
        tx.send(7).unwrap();
        drop(tx);
        let received = waiters.map(|waiter| waiter.join().unwrap());
        assert_eq!(received, [Ok(7), Err(RecvError), Err(RecvError)]);
    });
}

#[test]
fn dropping_the_receiver_gives_senders_their_items_back() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        tx.send(1).unwrap();
        let waiters = [2, 3].map(|item| {
            let tx = tx.clone();
            spawn(move || tx.send(item))
        });
        let closing = tx.clone();
        let told = spawn(move || closing.closed());
        yield_now();
        assert!(!tx.is_closed() && !told.is_finished());
        drop(rx);
        assert!(tx.is_closed());
        assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), [Err(SendError(2)), Err(SendError(3))]);
        told.join().unwrap();
        tx.closed();
        assert_eq!(tx.try_send(4), Err(TrySendError::Closed(4)));
        assert_eq!(tx.send_timeout(5, SECOND), Err(SendTimeoutError::Closed(5)));
        assert_eq!(tx.send(6), Err(SendError(6)));
        assert!(tx.is_empty());
    });
}

#[test]
fn closing_lets_nothing_in_and_leaves_what_is_there() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        tx.send(1).unwrap();
        let theirs = tx.clone();
        let waiter = spawn(move || theirs.send(2));
        yield_now();
        rx.close();
        rx.close();
        assert_eq!(waiter.join().unwrap(), Err(SendError(2)));
        assert!(tx.is_closed() && rx.is_closed());
        assert_eq!((rx.recv(), rx.recv()), (Ok(1), Err(RecvError)));
    });
}

#[test]
fn closing_while_a_sender_and_a_receiver_were_woken_strands_nothing() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let (tx, rx) = (Rc::new(tx), Rc::new(rx));
        tx.send(1).unwrap();
        let theirs = Rc::clone(&tx);
        let sender = spawn(move || theirs.send(2));
        yield_now();
        assert_eq!(rx.recv(), Ok(1));
        rx.close();
        assert_eq!(sender.join().unwrap(), Err(SendError(2)));

        for closes in [false, true] {
            let (tx, rx) = mpsc::bounded(1);
            let rx = Rc::new(rx);
            let theirs = Rc::clone(&rx);
            let woken = spawn(move || theirs.recv());
            yield_now();
            tx.send(3).unwrap();
            if closes {
                rx.close();
            } else {
                drop(tx);
            }
            woken.cancel();
            // Nothing else will come, so whoever asks may have it.
            assert_eq!(rx.recv(), Ok(3));
            assert!(woken.join().unwrap_err().is_cancelled());
        }
    });
}

/// Uses the channel that it is dropped by.
struct SendsInDrop(u8, Rc<RefCell<Option<mpsc::Sender<SendsInDrop>>>>);

impl Drop for SendsInDrop {
    fn drop(&mut self) {
        log(format!("dropped {}", self.0));
        if let Some(tx) = &*self.1.borrow() {
            let again = SendsInDrop(self.0 + 10, Rc::default());
            match tx.try_send(again) {
                Err(TrySendError::Closed(again)) => log(format!("refused {}", again.0)),
                _ => log("not refused"),
            }
        }
    }
}

#[test]
fn items_that_use_the_channel_in_their_destructor_may_be_dropped_by_it() {
    run(|| {
        let (tx, rx) = mpsc::unbounded();
        let shared = Rc::new(RefCell::new(None));
        (1..=2).for_each(|i| tx.send(SendsInDrop(i, Rc::clone(&shared))).unwrap());
        shared.replace(Some(tx));
        drop(rx);
        shared.take();
    });
    let expected =
        ["dropped 1", "refused 11", "dropped 11", "dropped 2", "refused 12", "dropped 12"].map(str::to_owned);
    assert_eq!(logged(), expected);
}

struct PanicsInDrop(&'static str);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        log(self.0);
        if self.0 == "panics" {
            silent_panic("in drop")
        }
    }
}

#[test]
fn a_panic_in_the_destructor_of_an_item_leaves_nobody_waiting() {
    run(|| {
        let (tx, rx) = mpsc::bounded(2);
        tx.send(PanicsInDrop("panics")).unwrap();
        tx.send(PanicsInDrop("is dropped too")).unwrap();
        let theirs = tx.clone();
        let waiter = spawn(move || theirs.send(PanicsInDrop("comes back")).is_err());
        yield_now();
        assert_eq!(panic_text(|| drop(rx)), "in drop");
        assert!(waiter.join().unwrap() && tx.is_closed());
    });
    assert_eq!(logged(), ["panics", "is dropped too", "comes back"]);
}
