//! What a future of an operation promises to who polls it, in every order of that and of the thread that wakes: its cell keeps the right
//! waker, which is called once the wait has ended, and is left alone when the future is dropped.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::*;
use crate::runtime::models::{Notifier, model};
use crate::sync::oneshot;

struct Rings(Notifier);

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn waker(bell: &Notifier) -> Waker {
    Arc::new(Rings(bell.clone())).into()
}

fn channel() -> (oneshot::Sender<u8>, oneshot::Receiver<u8>) {
    let (tx, rx) = oneshot::channel();
    assert!(!tx.is_closed());
    (tx, rx)
}

#[test]
fn whoever_polls_is_called_when_there_is_something() {
    model(|| {
        let (tx, rx) = channel();
        let sends = thread::spawn(move || tx.send(1).unwrap());
        let bell = Notifier::default();
        let waker = waker(&bell);
        let mut receives = std::pin::pin!(as_future(rx.receiving()));
        let received = loop {
            match receives.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(received) => break received,
                Poll::Pending => bell.wait(),
            }
        };
        assert_eq!(received, Ok(1));
        assert!(bell.rings() <= 1);
        sends.join().unwrap();
    });
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_called() {
    model(|| {
        let (tx, rx) = channel();
        let (first, last) = (Notifier::default(), Notifier::default());
        let mut receives = std::pin::pin!(as_future(rx.receiving()));
        assert!(receives.as_mut().poll(&mut Context::from_waker(&waker(&first))).is_pending());
        let sends = thread::spawn(move || tx.send(1).unwrap());
        let last_waker = waker(&last);
        let received = loop {
            match receives.as_mut().poll(&mut Context::from_waker(&last_waker)) {
                Poll::Ready(received) => break received,
                Poll::Pending => last.wait(),
            }
        };
        assert_eq!(received, Ok(1));
        sends.join().unwrap();
        assert!(first.rings() + last.rings() <= 1);
    });
}

#[test]
fn what_comes_while_a_future_is_dropped_is_there_for_the_next() {
    model(|| {
        let (tx, rx) = channel();
        let bell = Notifier::default();
        let sends = {
            let mut receives = Box::pin(as_future(rx.receiving()));
            assert!(receives.as_mut().poll(&mut Context::from_waker(&waker(&bell))).is_pending());
            let sends = thread::spawn(move || tx.send(1).unwrap());
            drop(receives);
            sends
        };
        sends.join().unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
        assert!(bell.rings() <= 1);
    });
}
