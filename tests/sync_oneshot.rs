//! Channels for one value: sent, dropped, closed and cancelled in every order.

#[path = "sync_model/random.rs"]
mod random;
#[path = "sync_model/refusals.rs"]
mod refusals;
#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use cede::sync::oneshot::{self, Receiver, RecvError, RecvTimeoutError, SendError, Sender, TryRecvError};
use cede::time::{after, now};
use cede::{select, sleep, spawn, yield_now};
use random::Random;
use refusals::{assert_refused, deadlock, everywhere};
use trace::{Logs, SECOND, logged, panic_text, run, silent_panic, tick, ticking};

#[test]
fn a_value_is_received_once() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!((rx.recv(), rx.try_recv()), (Err(RecvError), Err(TryRecvError::Closed)));
    });
}

#[test]
fn a_receiver_that_waits_goes_on_in_the_tick_after_the_value_is_sent() {
    ticking(|| {
        let (tx, rx) = oneshot::channel();
        let waiter = spawn(move || (rx.recv(), tick()));
        yield_now();
        let sent = tick();
        tx.send("value").unwrap();
        assert_eq!(waiter.join().unwrap(), (Ok("value"), sent + 1));
    });
}

#[test]
fn a_sender_that_is_dropped_ends_the_wait() {
    run(|| {
        let (tx, rx) = oneshot::channel::<u8>();
        let rx = Rc::new(rx);
        let waiters = [0; 2].map(|_| {
            let rx = Rc::clone(&rx);
            spawn(move || rx.recv())
        });
        yield_now();
        drop(tx);
        assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), [Err(RecvError); 2]);
        assert_eq!(rx.recv_timeout(SECOND), Err(RecvTimeoutError::Closed));
    });
}

#[test]
fn one_of_several_that_wait_has_the_value_and_the_others_learn_that_it_is_gone() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        let rx = Rc::new(rx);
        let waiters = [0; 3].map(|_| {
            let rx = Rc::clone(&rx);
            spawn(move || rx.recv())
        });
        yield_now();
        tx.send(1).unwrap();
        waiters[0].cancel();
        assert_eq!(waiters[1].join().unwrap(), Ok(1));
        assert_eq!(waiters[2].join().unwrap(), Err(RecvError));
        assert!(waiters[0].join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_receiver_that_is_gone_gives_the_value_back_and_wakes_who_waits_for_that() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        let tx = Rc::new(tx);
        let theirs = Rc::clone(&tx);
        let told = spawn(move || theirs.closed());
        yield_now();
        assert!(!tx.is_closed() && !told.is_finished());
        drop(rx);
        told.join().unwrap();
        assert!(tx.is_closed());
        tx.closed();
        assert_eq!(Rc::into_inner(tx).unwrap().send(1), Err(SendError(1)));
    });
}

#[test]
fn closing_leaves_a_value_that_was_sent_and_refuses_others() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        tx.send(1).unwrap();
        rx.close();
        assert_eq!((rx.recv(), rx.recv()), (Ok(1), Err(RecvError)));

        let (tx, rx) = oneshot::channel();
        let rx = Rc::new(rx);
        let theirs = Rc::clone(&rx);
        let waiter = spawn(move || theirs.recv());
        yield_now();
        rx.close();
        assert_eq!(waiter.join().unwrap(), Err(RecvError));
        assert_eq!(tx.send(2), Err(SendError(2)));
    });
}

#[test]
fn a_value_that_nobody_takes_is_dropped_with_the_receiver() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        tx.send(Logs("value")).unwrap();
        assert!(logged().is_empty());
        drop(rx);
        assert_eq!(logged(), ["value"]);
    });
}

/// Uses the channel that it is dropped by.
struct AsksInDrop(Rc<Receiver<AsksInDrop>>);

impl Drop for AsksInDrop {
    fn drop(&mut self) {
        assert!(matches!(self.0.try_recv(), Err(TryRecvError::Closed)));
        self.0.close();
    }
}

struct PanicsInDrop(#[allow(dead_code, reason = "dropped after the panic")] Logs);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        silent_panic("in drop")
    }
}

#[test]
fn destructors_of_values_may_use_the_channel_and_may_panic() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        let rx = Rc::new(rx);
        tx.send(AsksInDrop(Rc::clone(&rx))).unwrap();
        drop(rx.try_recv());
        let (tx, rx) = oneshot::channel();
        tx.send(PanicsInDrop(Logs("dropped"))).unwrap();
        assert_eq!(panic_text(|| drop(rx)), "in drop");
        assert_eq!(logged(), ["dropped"]);
    });
}

#[test]
fn a_timeout_is_an_error_and_the_value_can_come_later() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        let start = now();
        assert_eq!(rx.recv_timeout(SECOND), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(now() - start, SECOND);
        spawn(move || {
            sleep(SECOND);
            tx.send(1).unwrap();
        });
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
        assert_eq!(now() - start, 2 * SECOND);
    });
}

#[test]
fn what_loses_a_select_has_had_no_effect() {
    run(|| {
        let (tx, rx) = oneshot::channel();
        let (other_tx, other_rx) = oneshot::channel();
        let racer = spawn(move || {
            let first = select! { value = other_rx.receiving() => value, value = rx.receiving() => value };
            (first, rx)
        });
        yield_now();
        tx.send(1).unwrap();
        other_tx.send(2).unwrap();
        let (first, rx) = racer.join().unwrap();
        assert_eq!((first, rx.recv()), (Ok(2), Ok(1)));

        let (tx, rx) = oneshot::channel();
        let first = select! { () = tx.closing() => "closed", () = after(SECOND) => "time" };
        assert_eq!((first, tx.send(3), rx.recv()), ("time", Ok(()), Ok(3)));
    });
}

/// Cancels one of the two sides after each number of ticks.
#[test]
fn a_cancellation_at_any_wait_leaves_the_value_whole_or_unsent() {
    for after in 0..12 {
        run(|| {
            let (ask, asked) = oneshot::channel();
            let (answer, answers) = oneshot::channel();
            let answers = Rc::new(answers);
            let server = spawn(move || {
                let question = asked.recv().ok();
                yield_now();
                yield_now();
                question.map(|question: Rc<()>| answer.send(question))
            });
            let theirs = Rc::clone(&answers);
            let question = Rc::new(());
            let client = spawn({
                let question = Rc::clone(&question);
                move || {
                    yield_now();
                    ask.send(question).unwrap();
                    theirs.recv().unwrap();
                }
            });
            (0..after / 2).for_each(|_| yield_now());
            let victim = if after % 2 == 0 { client.cancel() } else { server.cancel() };
            let served = server.join();
            drop(client.join());
            // What the client did not take can be taken by another.
            let left = answers.try_recv().is_ok();
            assert!(!left || matches!(served, Ok(Some(Ok(())))), "{after}: {victim}");
            drop((served, answers));
            assert_eq!(Rc::strong_count(&question), 1);
        });
    }
}

#[test]
fn values_go_from_thread_to_thread() {
    for _ in 0..300 {
        let (ask, asked) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let server = thread::spawn(move || cede::run(|| answer.send(asked.recv().unwrap() + 1).unwrap()));
        let got = cede::run(|| {
            ask.send(41).unwrap();
            answered.recv()
        });
        assert_eq!(got, Ok(42));
        server.join().unwrap();
    }
    let (tx, rx) = oneshot::channel::<Vec<u8>>();
    let thread = thread::spawn(move || cede::run(|| tx.closed()));
    drop(rx);
    thread.join().unwrap();
}

/// All that can be done with both sides, in random orders, beside what should come of it.
#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 0..2000 {
        run(|| {
            let mut random = Random::new(seed);
            let (tx, rx) = oneshot::channel();
            let mut tx: Option<Sender<u32>> = Some(tx);
            let mut rx = Some(Rc::new(rx));
            let (mut value, mut closed) = (None, false);
            let mut waiters = Vec::new();
            for _ in 0..8 {
                match random.below(8) {
                    0 => {
                        let Some(tx) = tx.take() else { continue };
                        let gone = closed || (rx.is_none() && waiters.is_empty());
                        let expected = if gone { Err(SendError(7)) } else { Ok(()) };
                        assert_eq!(tx.send(7), expected);
                        value = (!gone).then_some(7);
                    }
                    1 => tx = None,
                    2 => {
                        rx = None;
                        if waiters.is_empty() {
                            value = None;
                        }
                    }
                    3 => {
                        if let Some(rx) = &rx {
                            rx.close();
                            closed = true;
                        }
                    }
                    4 | 5 => {
                        let Some(rx) = rx.clone() else { continue };
                        waiters.push(spawn(move || rx.recv()));
                    }
                    6 => {
                        let Some(waiter) = random.choose(&waiters) else { continue };
                        waiter.cancel();
                        yield_now();
                        waiters.retain(|waiter| !waiter.is_finished());
                        if rx.is_none() && waiters.is_empty() {
                            value = None;
                        }
                    }
                    _ => {
                        let Some(rx) = &rx else { continue };
                        let over = tx.is_none() || closed;
                        let nothing = if over { TryRecvError::Closed } else { TryRecvError::Empty };
                        if waiters.is_empty() {
                            assert_eq!(rx.try_recv(), value.take().ok_or(nothing), "seed {seed}");
                        }
                    }
                }
                sleep(Duration::from_nanos(1));
                let over = tx.is_none() || closed;
                let ready = if over || value.is_some() { waiters.len() } else { 0 };
                for waiter in waiters.drain(..ready) {
                    assert!(waiter.is_finished(), "seed {seed}");
                    assert_eq!(waiter.join().unwrap(), value.take().ok_or(RecvError), "seed {seed}");
                }
                assert!(waiters.iter().all(|waiter| !waiter.is_finished()), "seed {seed}");
            }
        });
    }
}

fn assert_waits_are_refused(why: &str) {
    let (tx, rx) = oneshot::channel();
    assert_refused(why, || rx.recv());
    assert_refused(why, || rx.recv_timeout(SECOND));
    assert_refused(why, || tx.closed());
    tx.send(1).unwrap();
    assert_eq!(rx.recv(), Ok(1));
}

#[test]
fn where_nothing_may_wait_the_reason_is_given_and_the_rest_works() {
    everywhere(assert_waits_are_refused);
}

#[test]
fn the_report_says_where_the_channel_was_made() {
    let (tx, rx) = oneshot::channel::<u8>();
    let made_at = format!("oneshot channel made at tests/sync_oneshot.rs:{}:", line!() - 1);
    let text = deadlock(|| assert!(rx.recv().is_ok()));
    assert!(text.contains(&format!("receives from {made_at}")), "{text}");
    let text = deadlock(|| tx.closed());
    assert!(text.contains(&format!("waits for the receivers to leave {made_at}")), "{text}");
    assert_eq!(format!("{tx:?}"), "Sender { is_closed: false }");
    assert_eq!(format!("{rx:?}"), "Receiver { has_value: false, is_over: false }");
}
