//! What channels, semaphores and events promise to tasks of different threads, in every order of these. In each of them a wait is
//! registered, completed, withdrawn and cancelled while the other side does something, by the lists that all of `sync` has.
//!
//! Each is used once before the threads begin: so the first thread owns its lock, and the others end that at some moment.

use std::pin::pin;
use std::sync::Arc;

use loom::thread;

use super::{Event, Semaphore, mpsc as channels, oneshot as oneshots};
use crate::runtime::models::{Run, model, model_of};

/// A value that is counted: there is one owner more for each.
fn counted() -> (Arc<()>, Arc<()>) {
    let count = Arc::new(());
    (Arc::clone(&count), count)
}

fn is_gone(count: &Arc<()>) -> bool {
    Arc::strong_count(count) == 1
}

fn oneshot<T>() -> (oneshots::Sender<T>, oneshots::Receiver<T>) {
    let (tx, rx) = oneshots::channel();
    assert!(!tx.is_closed());
    (tx, rx)
}

fn channel<T>(capacity: usize) -> (channels::Sender<T>, channels::Receiver<T>) {
    let (tx, rx) = channels::bounded(capacity);
    assert!(tx.is_empty());
    (tx, rx)
}

fn semaphore() -> Arc<Semaphore> {
    let semaphore = Arc::new(Semaphore::new(0));
    assert!(semaphore.is_locked());
    semaphore
}

fn event() -> Arc<Event> {
    let event = Arc::new(Event::new());
    assert!(!event.is_set());
    event
}

/// A thread that requests the cancellation of the task that waits in this run.
fn canceller(run: &Run) -> thread::JoinHandle<()> {
    let inbox = run.inbox();
    // The run may have ended meanwhile.
    thread::spawn(move || drop(inbox.call(Box::new(|| ()))))
}

#[test]
fn a_value_is_received_once() {
    model(|| {
        let run = Run::new();
        let (tx, rx) = oneshot();
        let (value, count) = counted();
        let thread = thread::spawn(move || tx.send(value).unwrap());
        let received = run.wait(pin!(rx.receiving())).unwrap();
        drop(received.unwrap());
        assert!(rx.try_recv().is_err());
        thread.join().unwrap();
        assert!(is_gone(&count));
    });
}

#[test]
fn a_sender_that_goes_without_a_value_is_noticed() {
    model(|| {
        let run = Run::new();
        let (tx, rx) = oneshot::<()>();
        let thread = thread::spawn(move || drop(tx));
        assert!(run.wait(pin!(rx.receiving())).unwrap().is_err());
        thread.join().unwrap();
    });
}

#[test]
fn a_value_comes_back_or_goes_with_the_receiver() {
    model(|| {
        let (tx, rx) = oneshot();
        let (value, count) = counted();
        let thread = thread::spawn(move || tx.send(value).is_ok());
        rx.close();
        let received = rx.try_recv().is_ok();
        assert_eq!(thread.join().unwrap(), received, "what comes after the close comes back");
        drop(rx);
        assert!(is_gone(&count));
    });
}

#[test]
fn a_receiver_that_goes_is_noticed_by_who_waits_for_that() {
    model(|| {
        let run = Run::new();
        let (tx, rx) = oneshot::<()>();
        let thread = thread::spawn(move || drop(rx));
        run.wait(pin!(tx.closing())).unwrap();
        assert!(tx.is_closed());
        thread.join().unwrap();
    });
}

#[test]
fn a_value_that_comes_as_the_wait_is_cancelled_is_not_lost() {
    model(|| {
        let run = Run::new();
        let (tx, rx) = oneshot();
        let cancels = canceller(&run);
        let sends = thread::spawn(move || tx.send(1).unwrap());
        let received = run.wait(pin!(rx.receiving()));
        sends.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(received.or_else(|| Some(rx.recv())), Some(Ok(1)));
    });
}

#[test]
fn items_come_in_order_through_a_channel_that_is_full() {
    model(|| {
        let run = Run::new();
        let (tx, rx) = channel(1);
        let thread = thread::spawn(move || {
            let run = Run::new();
            for item in 1..=2 {
                run.wait(pin!(tx.sending(item))).unwrap().unwrap();
            }
        });
        let receive = || run.wait(pin!(rx.receiving())).unwrap();
        assert_eq!([receive(), receive(), receive()], [Ok(1), Ok(2), Err(channels::RecvError)]);
        thread.join().unwrap();
    });
}

#[test]
fn the_last_of_several_senders_ends_a_channel() {
    model(|| {
        let run = Run::new();
        let (tx, rx) = channel(3);
        let threads = [tx.clone(), tx].map(|tx| thread::spawn(move || tx.try_send(1).unwrap()));
        let receive = || run.wait(pin!(rx.receiving())).unwrap();
        assert_eq!([receive(), receive(), receive()], [Ok(1), Ok(1), Err(channels::RecvError)]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_receiver_that_goes_tells_all_and_drops_what_is_left() {
    model(|| {
        let (tx, rx) = channel(1);
        let (value, count) = counted();
        let other = value.clone();
        let theirs = tx.clone();
        let waits = thread::spawn(move || {
            let run = Run::new();
            let sent = run.wait(pin!(theirs.sending(value))).unwrap();
            drop(sent);
        });
        let closes = thread::spawn(move || drop(rx));
        let sent = tx.try_send(other);
        drop(sent);
        waits.join().unwrap();
        closes.join().unwrap();
        assert!(tx.is_closed() && tx.is_empty());
        assert!(is_gone(&count));
    });
}

#[test]
fn an_item_whose_receiver_is_cancelled_goes_to_the_next() {
    model_of(2, || {
        let run = Run::new();
        let (tx, rx) = channel(3);
        let rx = Arc::new(rx);
        let theirs = Arc::clone(&rx);
        let receives = thread::spawn(move || {
            let run = Run::new();
            run.wait(pin!(theirs.receiving())).unwrap()
        });
        let cancels = canceller(&run);
        let theirs = tx.clone();
        let sends = thread::spawn(move || theirs.try_send(1).unwrap());
        // Hands it back if it gets it: the other must get it in any case, though the channel goes on.
        if let Some(item) = run.wait(pin!(rx.receiving())) {
            tx.try_send(item.unwrap()).unwrap();
        }
        assert_eq!(receives.join().unwrap(), Ok(1));
        assert!(tx.is_empty());
        sends.join().unwrap();
        cancels.join().unwrap();
    });
}

#[test]
fn a_permit_survives_whoever_is_cancelled() {
    model(|| {
        let run = Run::new();
        let semaphore = semaphore();
        let theirs = Arc::clone(&semaphore);
        let cancels = canceller(&run);
        let releases = thread::spawn(move || theirs.release());
        let had = run.wait(pin!(semaphore.acquiring())).map(|permit| permit.forget()).is_some();
        releases.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(semaphore.available(), usize::from(!had));
    });
}

#[test]
fn a_permit_whose_taker_is_cancelled_goes_to_the_next() {
    model(|| {
        let run = Run::new();
        let semaphore = semaphore();
        let theirs = Arc::clone(&semaphore);
        let acquires = thread::spawn(move || {
            let run = Run::new();
            drop(run.wait(pin!(theirs.acquiring())).unwrap());
        });
        let cancels = canceller(&run);
        semaphore.release();
        // Gives it back at once if it gets it: the other thread must get it in any case.
        drop(run.wait(pin!(semaphore.acquiring())));
        acquires.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn an_event_wakes_all_who_wait() {
    model(|| {
        let run = Run::new();
        let event = event();
        let theirs = Arc::clone(&event);
        let waits = thread::spawn(move || {
            let run = Run::new();
            run.wait(pin!(theirs.waiting())).unwrap();
        });
        let theirs = Arc::clone(&event);
        let sets = thread::spawn(move || theirs.set());
        run.wait(pin!(event.waiting())).unwrap();
        waits.join().unwrap();
        sets.join().unwrap();
    });
}
