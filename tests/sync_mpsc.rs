//! Channels with several senders and one receiver: order, bounds, ends on both sides, time, cancellation at every wait.

#[path = "sync_mpsc/ends.rs"]
mod ends;
#[path = "sync_model/mpsc.rs"]
mod model;
#[path = "sync_model/random.rs"]
mod random;
#[path = "sync_model/refusals.rs"]
mod refusals;
#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use cede::sync::mpsc::{self, Receiver, RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use cede::time::{after, now};
use cede::{select, sleep, spawn, yield_now};
use refusals::{assert_refused, deadlock, everywhere};
use trace::{Logs, SECOND, log, logged, panic_text, run, tick, ticking};

#[test]
fn items_come_out_in_the_order_in_which_they_went_in() {
    run(|| {
        let (tx, rx) = mpsc::unbounded();
        (0..5).for_each(|i| tx.send(i).unwrap());
        assert_eq!((tx.len(), rx.len(), rx.is_empty(), rx.capacity()), (5, 5, false, None));
        assert!((0..5).all(|i| rx.recv() == Ok(i)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(rx.is_empty() && tx.is_empty());
    });
}

#[test]
fn a_bounded_channel_holds_no_more_than_its_bound_and_gives_items_back() {
    run(|| {
        let (tx, rx) = mpsc::bounded(2);
        tx.try_send('a').unwrap();
        tx.send('b').unwrap();
        assert_eq!(tx.try_send('c'), Err(TrySendError::Full('c')));
        assert_eq!((rx.len(), rx.capacity(), tx.capacity()), (2, Some(2), Some(2)));
        assert_eq!(rx.recv(), Ok('a'));
        tx.try_send('d').unwrap();
        assert_eq!((rx.recv(), rx.recv()), (Ok('b'), Ok('d')));
    });
}

#[test]
fn a_channel_without_room_is_refused() {
    let text = "cede: a channel holds one item at least: give it a bound of 1 or more";
    assert_eq!(panic_text(|| mpsc::bounded::<u8>(0)), text);
}

#[test]
fn senders_and_receivers_are_served_in_the_order_in_which_they_came() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let rx = Rc::new(rx);
        for name in ["first", "second", "third"] {
            let rx = Rc::clone(&rx);
            spawn(move || log(format!("{name} got {}", rx.recv().unwrap())));
        }
        yield_now();
        for i in 0..6 {
            let tx = tx.clone();
            spawn(move || {
                tx.send(i).unwrap();
                log(format!("sent {i}"));
            });
        }
        (0..12).for_each(|_| yield_now());
        assert_eq!(rx.recv(), Ok(3));
    });
    let (got, sent): (Vec<_>, Vec<_>) = logged().into_iter().partition(|line| line.contains("got"));
    assert_eq!(got, ["first got 0", "second got 1", "third got 2"]);
    assert_eq!(sent[..4], ["sent 0", "sent 1", "sent 2", "sent 3"]);
}

#[test]
fn what_somebody_was_woken_for_is_left_to_them() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let (tx, rx) = (Rc::new(tx), Rc::new(rx));
        let theirs = Rc::clone(&rx);
        let waiter = spawn(move || theirs.recv());
        yield_now();
        tx.try_send(1).unwrap();
        // The waiter was woken and has not run yet.
        assert_eq!((rx.try_recv(), rx.len()), (Err(TryRecvError::Empty), 1));
        assert_eq!(waiter.join().unwrap(), Ok(1));

        tx.try_send(2).unwrap();
        let theirs = Rc::clone(&tx);
        let waiter = spawn(move || theirs.send(3));
        yield_now();
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!((tx.try_send(4), rx.len()), (Err(TrySendError::Full(4)), 0));
        assert_eq!(waiter.join().unwrap(), Ok(()));
        assert_eq!(rx.try_recv(), Ok(3));
    });
}

#[test]
fn a_waiter_goes_on_in_the_tick_after_it_is_woken() {
    ticking(|| {
        let (tx, rx) = mpsc::bounded(1);
        let waiter = spawn(move || (rx.recv(), tick()));
        yield_now();
        let sent = tick();
        tx.send(1).unwrap();
        assert_eq!(waiter.join().unwrap(), (Ok(1), sent + 1));
    });
}

#[test]
fn receivers_iterate_until_the_end_or_until_nothing_is_there() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let sender = spawn(move || (0..6).try_for_each(|i| tx.send(i)));
        assert_eq!(rx.iter().take(2).collect::<Vec<_>>(), [0, 1]);
        yield_now();
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [2]);
        assert_eq!((&rx).into_iter().next(), Some(3));
        assert_eq!(rx.into_iter().collect::<Vec<_>>(), [4, 5]);
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn a_timeout_is_an_error_that_gives_the_item_back_and_unwinds_nothing() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let start = now();
        assert_eq!(rx.recv_timeout(SECOND), Err(RecvTimeoutError::Timeout));
        assert_eq!(now() - start, SECOND);
        tx.send_timeout('a', SECOND).unwrap();
        assert_eq!(tx.send_timeout('b', 2 * SECOND), Err(SendTimeoutError::Timeout('b')));
        assert_eq!(now() - start, 3 * SECOND);
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok('a'));
        assert_eq!(now() - start, 3 * SECOND);
        assert_eq!(tx.try_send('c').map_err(TrySendError::into_inner), Ok(()));
        let given_up = tx.send_timeout('d', Duration::from_nanos(1)).map_err(SendTimeoutError::into_inner);
        assert_eq!(given_up, Err('d'));
    });
}

#[test]
fn no_time_at_all_is_a_try_that_works_where_nothing_may_wait() {
    let (tx, rx) = mpsc::bounded(1);
    assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!(tx.send_timeout(1, Duration::ZERO), Ok(()));
    assert_eq!(tx.send_timeout(2, Duration::ZERO), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
}

#[test]
fn an_item_that_comes_with_the_deadline_is_not_late() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let sender = spawn(move || {
            sleep(SECOND);
            tx.send(1)
        });
        yield_now();
        // The timer of the sleep is the older one, and the item is there when the other task runs again.
        assert_eq!(rx.recv_timeout(SECOND), Ok(1));
        assert_eq!(sender.join().unwrap(), Ok(()));
    });
}

#[test]
fn who_gives_up_at_the_deadline_leaves_its_turn_to_the_next() {
    run(|| {
        let (tx, rx) = mpsc::bounded::<u8>(1);
        let (tx, rx) = (Rc::new(tx), Rc::new(rx));
        let [patient, late] = [2 * SECOND, SECOND].map(|limit| {
            let rx = Rc::clone(&rx);
            spawn(move || rx.recv_timeout(limit))
        });
        sleep(SECOND + SECOND / 2);
        assert!(late.is_finished() && !patient.is_finished());
        tx.send(1).unwrap();
        assert_eq!((patient.join().unwrap(), late.join().unwrap()), (Ok(1), Err(RecvTimeoutError::Timeout)));

        tx.send(2).unwrap();
        let [late, patient] = [SECOND, 2 * SECOND].map(|limit| {
            let tx = Rc::clone(&tx);
            spawn(move || tx.send_timeout(3, limit))
        });
        sleep(SECOND + SECOND / 2);
        assert_eq!(rx.recv(), Ok(2));
        assert_eq!(late.join().unwrap(), Err(SendTimeoutError::Timeout(3)));
        assert_eq!((patient.join().unwrap(), rx.recv()), (Ok(()), Ok(3)));
    });
}

/// Cancels the receiver of a pipeline after each number of ticks, whatever it is doing then.
#[test]
fn nothing_is_lost_when_a_receiver_is_cancelled_at_any_wait() {
    for after in 0..30 {
        run(|| {
            let (tx, rx) = mpsc::bounded(1);
            let rx = Rc::new(rx);
            let sender = spawn(move || (0..10).try_for_each(|i| tx.send(i)));
            let receivers = [0; 3].map(|_| {
                let rx = Rc::clone(&rx);
                spawn(move || rx.iter().for_each(|item| log(item.to_string())))
            });
            (0..after).for_each(|_| yield_now());
            receivers[after % 3].cancel();
            sender.join().unwrap().unwrap();
            receivers.iter().for_each(|receiver| drop(receiver.join()));
        });
        let mut items: Vec<u32> = logged().iter().map(|line| line.parse().unwrap()).collect();
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>(), "cancelled after {after} ticks");
    }
}

#[test]
fn no_place_is_lost_when_a_sender_is_cancelled_at_any_wait() {
    for after in 0..30 {
        run(|| {
            let (tx, rx) = mpsc::bounded(1);
            let senders: Vec<_> = (0..3u32)
                .map(|n| {
                    let tx = tx.clone();
                    spawn(move || (0..4).try_for_each(|i| tx.send(n * 10 + i)))
                })
                .collect();
            drop(tx);
            let receiver = spawn(move || rx.iter().collect::<Vec<_>>());
            (0..after).for_each(|_| yield_now());
            let victim = after % 3;
            senders[victim].cancel();
            let ended: Vec<_> = senders.iter().map(|sender| sender.join().is_ok()).collect();
            let items = receiver.join().unwrap();
            for n in 0..3u32 {
                let own: Vec<_> = items.iter().filter(|&item| item / 10 == n).map(|item| item % 10).collect();
                let whole = ended[n as usize];
                assert!(whole || n as usize == victim);
                assert!(own.iter().copied().eq(0..own.len() as u32), "{own:?}");
                assert!(!whole || own.len() == 4, "cancelled after {after} ticks: {items:?}");
            }
        });
    }
}

#[test]
fn one_that_was_woken_and_is_cancelled_passes_its_turn_on() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        let (tx, rx) = (Rc::new(tx), Rc::new(rx));
        let receivers = [0; 3].map(|_| {
            let rx = Rc::clone(&rx);
            spawn(move || rx.recv())
        });
        yield_now();
        tx.send(1).unwrap();
        receivers[0].cancel();
        yield_now();
        receivers[1].cancel();
        assert_eq!(receivers[2].join().unwrap(), Ok(1));

        tx.send(0).unwrap();
        let senders = [1, 2, 3].map(|item| {
            let tx = Rc::clone(&tx);
            spawn(move || tx.send(item))
        });
        yield_now();
        assert_eq!(rx.recv(), Ok(0));
        senders[0].cancel();
        yield_now();
        senders[1].cancel();
        assert_eq!((senders[2].join().unwrap(), rx.recv()), (Ok(()), Ok(3)));
    });
}

#[test]
fn what_loses_a_select_has_had_no_effect() {
    run(|| {
        let (tx, rx) = mpsc::bounded(1);
        tx.send(Logs("first")).unwrap();
        let first = select! {
            _ = tx.sending(Logs("not sent")) => "sent",
            item = rx.receiving() => item.unwrap().0,
        };
        assert_eq!((first, rx.len()), ("first", 0));
        assert_eq!(logged(), ["not sent", "first"]);

        let (other_tx, other_rx) = mpsc::bounded::<u8>(1);
        let racer = spawn(move || {
            let won = select! {
                item = other_rx.receiving() => item.is_ok(),
                item = rx.receiving() => item.is_err(),
            };
            (won, rx)
        });
        yield_now();
        // Both become ready before it runs; what loses was promised an item.
        tx.send(Logs("kept")).unwrap();
        other_tx.send(1).unwrap();
        let (won, rx) = racer.join().unwrap();
        assert!(won && logged().is_empty());
        assert_eq!(rx.try_recv().unwrap().0, "kept");
        let first = select! { _ = rx.receiving() => "item", () = after(SECOND) => "time" };
        assert_eq!(first, "time");
        assert_eq!(logged(), ["kept"]);
    });
}

#[test]
fn tasks_of_two_threads_talk_each_in_its_own_run() {
    let (ping, pings) = mpsc::bounded(1);
    let (pong, pongs) = mpsc::bounded(1);
    let other = thread::spawn(move || cede::run(|| pings.iter().try_for_each(|n: u32| pong.send(n + 1))));
    let sum = cede::run(|| {
        (0..2000).fold(0, |sum, n| {
            ping.send(n).unwrap();
            sum + pongs.recv().unwrap()
        })
    });
    drop(ping);
    other.join().unwrap().unwrap();
    assert_eq!(sum, (1..=2000).sum());
}

#[test]
fn nothing_is_lost_between_many_tasks_of_several_threads() {
    const EACH: u64 = 3000;
    for capacity in [1, 3, 64] {
        let (tx, rx) = mpsc::bounded(capacity);
        let sums = thread::scope(|scope| {
            for n in 0..2 {
                let tx = tx.clone();
                scope.spawn(move || {
                    cede::run(|| {
                        let senders = [0, 1].map(|m| {
                            let tx = tx.clone();
                            let first = (n * 2 + m) * EACH;
                            spawn(move || (first..first + EACH).for_each(|i| tx.send(i).unwrap()))
                        });
                        senders.iter().for_each(|sender| sender.join().unwrap());
                    });
                });
            }
            drop(tx);
            let receivers = [0; 2].map(|_| {
                let rx = &rx;
                scope.spawn(move || {
                    cede::run(|| {
                        let mut sums = [0, 0];
                        let [a, b] = &mut sums;
                        let sum = |part: &mut u64| *part = rx.iter().sum();
                        cede::scope(|s| {
                            s.spawn(|| sum(a));
                            s.spawn(|| sum(b));
                        })
                        .unwrap();
                        sums[0] + sums[1]
                    })
                })
            });
            receivers.map(|receiver| receiver.join().unwrap())
        });
        assert_eq!(sums[0] + sums[1], (0..4 * EACH).sum::<u64>(), "capacity {capacity}");
    }
}

#[test]
fn a_plain_thread_sends_into_a_run_and_drops_what_it_did_not_receive() {
    let (tx, rx) = mpsc::unbounded();
    let thread = thread::spawn(move || (0..100).for_each(|n| tx.send(vec![n]).unwrap()));
    let sum = cede::run(|| rx.iter().take(50).map(|item| item[0]).sum::<u32>());
    assert_eq!(sum, 1225);
    thread.join().unwrap();
    thread::spawn(move || drop(rx)).join().unwrap();
}

fn assert_waits_are_refused(why: &str) {
    let (tx, rx) = mpsc::bounded(1);
    assert_refused(why, || rx.recv());
    assert_refused(why, || rx.recv_timeout(SECOND));
    assert_refused(why, || rx.iter().next());
    assert_refused(why, || tx.closed());
    tx.send(1).unwrap();
    assert_refused(why, || tx.send(2));
    assert_refused(why, || tx.send_timeout(2, SECOND));
    assert_refused(why, || select! { _ = tx.sending(3) => {}, () = tx.closing() => {} });
    // What has not to wait works, and nothing is left behind by what was refused.
    assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
    assert_eq!((tx.send(4), rx.recv_timeout(SECOND)), (Ok(()), Ok(4)));
    drop(rx);
    tx.closed();
    assert!(tx.send(5).is_err());
}

struct Opaque;

#[test]
fn errors_are_errors_whatever_the_item_is_and_say_what_has_happened() {
    let (tx, rx) = mpsc::bounded(1);
    let error = |error: Box<dyn std::error::Error>| error.to_string();
    tx.try_send(Opaque).unwrap();
    assert_eq!(error(tx.try_send(Opaque).unwrap_err().into()), "the channel is full");
    let late = tx.send_timeout(Opaque, Duration::ZERO).unwrap_err();
    assert_eq!((format!("{late:?}"), error(late.into())), {
        ("Timeout(..)".to_owned(), "the time was up and the channel was full".to_owned())
    });
    assert!(rx.try_recv().is_ok());
    assert_eq!(error(rx.try_recv().err().unwrap().into()), "the channel is empty");
    drop(rx);
    let closed = tx.send(Opaque).unwrap_err();
    assert_eq!(format!("{closed:?} {:?}", tx.try_send(Opaque)), "SendError(..) Err(Closed(..))");
    assert_eq!(error(closed.into()), "nobody receives from the channel any more");
    let (_, rx) = mpsc::unbounded::<Opaque>();
    assert_eq!(error(rx.try_recv().err().unwrap().into()), "nobody sends into the channel any more");
}

#[test]
fn where_nothing_may_wait_the_reason_is_given_and_the_rest_works() {
    everywhere(assert_waits_are_refused);
}

#[test]
fn the_report_says_where_the_channel_was_made_and_what_it_holds() {
    let (tx, rx) = mpsc::bounded(1);
    let line = line!() - 1;
    let made_at = format!("made at tests/sync_mpsc.rs:{line}:");
    let text = deadlock(|| assert!(rx.recv().is_ok()));
    assert!(text.contains("receives from channel(0/1) made at") && text.contains(&made_at), "{text}");
    tx.send(1).unwrap();
    let text = deadlock(|| tx.send(2).unwrap());
    assert!(text.contains("sends into channel(1/1) made at"), "{text}");
    let text = deadlock(|| tx.closed());
    assert!(text.contains("waits for the receivers to leave channel(1/1)"), "{text}");
    let unbounded: (_, Receiver<u8>) = mpsc::unbounded();
    let text = deadlock(|| assert!(unbounded.1.recv().is_ok()));
    assert!(text.contains("receives from channel(0) made at"), "{text}");
    assert_eq!(format!("{tx:?} {rx:?}"), {
        let of = |name| format!("{name} {{ len: 1, capacity: Some(1) }}");
        format!("{} {}", of("Sender"), of("Receiver"))
    });
}
