//! The inbox with a reactor and without, and threads that send.

use super::super::reactor::Reactor;
use super::*;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn inbox_of(reactor: &Reactor) -> Arc<Inbox> {
    let inbox = Inbox::new();
    inbox.set_notifier(reactor.notifier());
    inbox
}

/// Stands for an interrupt.
const INTERRUPTED: TaskKey = TaskKey { scheduler: 0, index: u32::MAX, generation: 0 };
/// Stands for signals.
const SIGNALLED: TaskKey = TaskKey { scheduler: 0, index: u32::MAX, generation: 1 };

fn drained(inbox: &Inbox) -> Vec<TaskKey> {
    let mut tasks = Vec::new();
    inbox.drain(&mut |message| match message {
        Message::Wake(task) => tasks.push(task),
        Message::Call(call) => call(),
        Message::Interrupt => tasks.push(INTERRUPTED),
        Message::Signals => tasks.push(SIGNALLED),
    });
    tasks
}

fn sleep(inbox: &Inbox, reactor: &Reactor) {
    if inbox.begin_sleep() {
        reactor.wait(None).unwrap();
        inbox.end_sleep();
    }
}

#[test]
fn no_wake_up_of_many_threads_is_lost_over_many_sleeps() {
    for portable in [false, true] {
        let reactor = Reactor::new(portable).unwrap();
        let inbox = inbox_of(&reactor);
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let theirs = Arc::clone(&inbox);
                thread::spawn(move || (0..5000).for_each(|_| theirs.wake(TaskKey::for_test(thread))))
            })
            .collect();
        let mut counts = [0; 4];
        while counts.iter().sum::<u32>() < 20_000 {
            sleep(&inbox, &reactor);
            drained(&inbox).iter().for_each(|task| counts[task.index as usize] += 1);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counts, [5000; 4]);
    }
}

#[test]
fn one_sleep_is_notified_once_and_a_scheduler_that_is_awake_never() {
    let reactor = Reactor::new(false).unwrap();
    let inbox = inbox_of(&reactor);
    inbox.wake(TaskKey::for_test(1));
    assert_eq!(inbox.front.state.load(Ordering::SeqCst), AWAKE);
    assert!(!inbox.begin_sleep(), "something is there");
    assert_eq!(drained(&inbox).len(), 1);
    assert!(inbox.begin_sleep());
    inbox.wake(TaskKey::for_test(1));
    assert_eq!(inbox.front.state.load(Ordering::SeqCst), NOTIFIED);
    inbox.wake(TaskKey::for_test(2));
    reactor.wait(None).unwrap();
    inbox.end_sleep();
    assert_eq!(drained(&inbox).len(), 2);
}

#[test]
fn the_last_handle_to_go_ends_the_sleep() {
    let reactor = Reactor::new(false).unwrap();
    let inbox = inbox_of(&reactor);
    let first = inbox.sender();
    let second = inbox.sender();
    drop(first);
    assert!(inbox.has_senders());
    let (go, gone) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        gone.recv().unwrap();
        drop(second);
    });
    assert!(inbox.begin_sleep());
    go.send(()).unwrap();
    reactor.wait(None).unwrap();
    inbox.end_sleep();
    thread.join().unwrap();
    assert!(!inbox.has_senders());
}

#[test]
fn an_inbox_that_is_closed_takes_nothing_and_gives_functions_back() {
    let inbox = Inbox::new();
    let (alive, dropped) = mpsc::channel::<()>();
    inbox.call(Box::new(move || drop(alive))).ok().unwrap();
    inbox.close();
    assert!(
        dropped
            .recv_timeout(Duration::ZERO)
            .is_err_and(|error| error == mpsc::RecvTimeoutError::Disconnected)
    );
    inbox.wake(TaskKey::for_test(1));
    assert!(inbox.call(Box::new(|| {})).is_err());
    assert!(!inbox.has_messages());
}

#[test]
fn an_inbox_that_is_opened_again_takes_things_in() {
    let inbox = Inbox::new();
    inbox.close();
    inbox.open();
    inbox.wake(TaskKey::for_test(1));
    assert_eq!(drained(&inbox).len(), 1);
}

#[test]
fn an_interrupt_is_heard_once_and_ends_a_sleep() {
    for portable in [false, true] {
        let reactor = Reactor::new(portable).unwrap();
        let inbox = inbox_of(&reactor);
        inbox.interrupt();
        inbox.interrupt();
        assert!(!inbox.begin_sleep());
        assert_eq!(drained(&inbox), [INTERRUPTED]);
        assert_eq!(drained(&inbox), []);
        assert!(inbox.begin_sleep());
        inbox.interrupt();
        reactor.wait(None).unwrap();
        inbox.end_sleep();
        assert!(inbox.take_interrupt() && !inbox.take_interrupt());
        assert_eq!(drained(&inbox), []);
    }
}

#[test]
fn signals_are_heard_once_however_many_came_and_beside_an_interrupt() {
    let reactor = Reactor::new(false).unwrap();
    let inbox = inbox_of(&reactor);
    assert!(inbox.begin_sleep());
    (0..1000).for_each(|_| inbox.signal());
    assert_eq!(inbox.front.state.load(Ordering::SeqCst), NOTIFIED);
    inbox.interrupt();
    reactor.wait(None).unwrap();
    inbox.end_sleep();
    assert_eq!(drained(&inbox), [INTERRUPTED, SIGNALLED]);
    assert_eq!(drained(&inbox), []);
    inbox.signal();
    assert!(!inbox.take_interrupt());
    assert_eq!(drained(&inbox), [SIGNALLED], "to take an interrupt back leaves the others");
}

#[test]
fn a_nap_ends_with_a_message() {
    let inbox = Inbox::new();
    let theirs = Arc::clone(&inbox);
    let (asleep, go) = mpsc::channel();
    let thread = thread::spawn(move || {
        go.recv().unwrap();
        while theirs.front.state.load(Ordering::SeqCst) != ASLEEP {
            thread::yield_now();
        }
        theirs.wake(TaskKey::for_test(1));
    });
    asleep.send(()).unwrap();
    inbox.nap(Duration::MAX);
    assert_eq!(drained(&inbox).len(), 1);
    thread.join().unwrap();
}

#[test]
fn functions_are_called_in_order_with_wake_ups() {
    let inbox = Inbox::new();
    let (log, calls) = mpsc::channel();
    for i in 0..3 {
        let log = log.clone();
        inbox.call(Box::new(move || log.send(i).unwrap())).ok().unwrap();
    }
    assert_eq!(drained(&inbox), []);
    assert_eq!(calls.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
}
