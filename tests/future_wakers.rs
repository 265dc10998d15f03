//! Wakers of tasks: called late, often, never, from elsewhere, and in the worst moments.

mod future_shared;

use std::cell::{Cell, RefCell};
use std::future::{self, Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use cede::future::Wait;
use cede::sync::{Event, Lock};
use cede::time::after;
use cede::{Runner, select, spawn, yield_now};
use future_shared::Gate;
use future_shared::trace::{SECOND, run, tick, ticking};

/// Waits for a gate that is never opened, and gives the waker of that.
fn waker_of_a_wait_that_is_over() -> Waker {
    let gate = Gate::new();
    gate.clone().wait_timeout(SECOND).unwrap_err();
    gate.waker()
}

#[test]
fn a_waker_may_be_called_when_its_task_its_run_and_its_thread_are_gone() {
    let of_task = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&of_task);
    let of_run = thread::spawn(move || {
        run(|| {
            let task = spawn(waker_of_a_wait_that_is_over);
            let waker = task.join().unwrap();
            waker.wake_by_ref();
            let clone = waker.clone();
            clone.wake();
            // The place of the task is used again.
            let gate = Gate::new();
            let waits = gate.clone();
            let next = spawn(move || waits.wait());
            yield_now();
            waker.wake_by_ref();
            yield_now();
            assert_eq!(gate.polls(), 1, "it is another task's");
            gate.open();
            next.join().unwrap();
            *theirs.lock().unwrap() = Some(waker);
            waker_of_a_wait_that_is_over()
        })
    })
    .join()
    .unwrap();
    let of_task = of_task.lock().unwrap().take().unwrap();
    for waker in [of_task, of_run] {
        waker.wake_by_ref();
        let clone = waker.clone();
        assert!(clone.will_wake(&waker));
        drop(waker);
        clone.wake();
    }
}

#[test]
fn a_waker_may_be_called_between_two_runs_and_in_the_next() {
    let runner = Runner::builder().virtual_time(true).build();
    let waker = runner.run(waker_of_a_wait_that_is_over).unwrap();
    waker.wake_by_ref();
    runner.run(yield_now).unwrap();
    let gate = Gate::new();
    let main = gate.clone();
    runner
        .run(|| {
            let other = spawn(move || main.wait());
            waker.wake_by_ref();
            yield_now();
            waker.wake();
            gate.open();
            other.join().unwrap();
        })
        .unwrap();
    assert_eq!(gate.polls(), 2);
}

#[test]
fn a_waker_may_be_called_and_dropped_while_the_locals_of_its_thread_are_destroyed() {
    struct CalledLate(RefCell<Vec<Waker>>, Arc<AtomicUsize>);
    impl Drop for CalledLate {
        fn drop(&mut self) {
            for waker in self.0.take() {
                waker.wake_by_ref();
                drop(waker.clone());
                waker.wake();
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    thread_local!(static LATE: RefCell<Option<CalledLate>> = const { RefCell::new(None) });
    let called = Arc::new(AtomicUsize::new(0));
    for first_used in [true, false] {
        let called = Arc::clone(&called);
        thread::spawn(move || {
            if first_used {
                LATE.with(|_| ());
            }
            let runner = Runner::builder().virtual_time(true).build();
            let wakers = runner.run(|| [waker_of_a_wait_that_is_over(), waker_of_a_wait_that_is_over()]);
            LATE.set(Some(CalledLate(RefCell::new(wakers.unwrap().into()), called)));
        })
        .join()
        .unwrap();
    }
    assert_eq!(called.load(Ordering::SeqCst), 4);
}

#[test]
fn a_run_in_a_destructor_of_a_thread_local_says_that_the_thread_is_exiting() {
    struct Waits(mpsc::Sender<bool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let ran = Runner::new().run(|| future::ready(()).wait());
            self.0.send(ran.is_ok()).unwrap();
        }
    }
    thread_local!(static WAITS: RefCell<Option<Waits>> = const { RefCell::new(None) });
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        WAITS.set(Some(Waits(tell)));
        run(|| assert!(Gate::new().wait_timeout(SECOND).is_err()));
    })
    .join()
    .unwrap();
    // Either the run is refused or it works; nothing else.
    told.recv().unwrap();
}

#[test]
fn a_million_calls_are_one_wake_up() {
    cede::run(|| {
        let gate = Gate::new();
        let waits = gate.clone();
        let task = spawn(move || waits.wait());
        yield_now();
        let waker = gate.waker();
        // The thread of the run is busy meanwhile.
        thread::spawn(move || (0..1_000_000).for_each(|_| waker.wake_by_ref())).join().unwrap();
        for _ in 0..10 {
            yield_now();
        }
        assert_eq!(gate.polls(), 2);
        // And by its own thread.
        let waker = gate.waker();
        (0..1_000_000).for_each(|_| waker.wake_by_ref());
        for _ in 0..10 {
            yield_now();
        }
        assert_eq!(gate.polls(), 3);
        gate.open();
        task.join().unwrap();
        assert_eq!(gate.polls(), 4);
    });
}

#[test]
fn a_call_while_the_future_is_polled_is_not_lost() {
    for elsewhere in [false, true] {
        cede::run(|| {
            let polls = Cell::new(0);
            let woken_within = poll_fn(|context| {
                polls.set(polls.get() + 1);
                if polls.get() == 3 {
                    return Poll::Ready(());
                }
                let waker = context.waker().clone();
                if elsewhere {
                    thread::spawn(move || waker.wake()).join().unwrap();
                } else {
                    waker.wake();
                }
                Poll::Pending
            });
            woken_within.wait();
            assert_eq!(polls.get(), 3);
        });
    }
}

#[test]
fn a_call_while_an_operation_among_others_is_polled_is_not_lost() {
    cede::run(|| {
        let polls = Cell::new(0);
        let mut woken_within = poll_fn(|context| {
            polls.set(polls.get() + 1);
            if polls.get() == 3 {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        });
        select! {
            () = (&mut woken_within).waiting() => {}
            () = after(SECOND * 60) => unreachable!(),
        }
        assert_eq!(polls.get(), 3);
    });
}

#[test]
fn the_waker_stays_the_same_during_a_wait_and_is_another_in_the_next() {
    run(|| {
        let wakers = RefCell::new(Vec::<Waker>::new());
        let looks = || {
            let mut polls = 0;
            let wakers = &wakers;
            poll_fn(move |context| {
                wakers.borrow_mut().push(context.waker().clone());
                context.waker().wake_by_ref();
                polls += 1;
                if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        looks().wait();
        looks().wait();
        let wakers = wakers.borrow();
        assert!(wakers[..3].iter().all(|waker| waker.will_wake(&wakers[0])));
        assert!(wakers[3..].iter().all(|waker| waker.will_wake(&wakers[3])));
        assert!(!wakers[0].will_wake(&wakers[3]), "the first is kept by somebody");
    });
}

#[test]
fn a_late_call_does_not_disturb_the_next_wait_of_the_task() {
    ticking(|| {
        let lock = Rc::new(Lock::new());
        let order = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::new(RefCell::new(None));
        let held = lock.acquire();
        let (its_lock, its_order, its_kept) = (Rc::clone(&lock), Rc::clone(&order), Rc::clone(&kept));
        let first = spawn(move || {
            *its_kept.borrow_mut() = Some(waker_now());
            let _guard = its_lock.acquire();
            its_order.borrow_mut().push("first");
        });
        yield_now();
        let (its_lock, its_order) = (Rc::clone(&lock), Rc::clone(&order));
        let second = spawn(move || {
            let _guard = its_lock.acquire();
            its_order.borrow_mut().push("second");
        });
        yield_now();
        for _ in 0..3 {
            kept.borrow().as_ref().unwrap().wake_by_ref();
            yield_now();
        }
        drop(held);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(*order.borrow(), ["first", "second"]);
    });
}

/// The waker of a wait that has just ended.
fn waker_now() -> Waker {
    poll_fn(|context| Poll::Ready(context.waker().clone())).wait()
}

#[test]
fn a_call_in_the_tick_of_a_cancellation_or_a_timeout_changes_nothing() {
    run(|| {
        let gate = Gate::new();
        let waits = gate.clone();
        let task = spawn(move || waits.wait());
        yield_now();
        task.cancel();
        gate.waker().wake();
        assert!(task.join().unwrap_err().is_cancelled());

        let gate = Gate::new();
        let caller = gate.clone();
        cede::task::call_later(SECOND, move || caller.waker().wake());
        assert!(gate.wait_timeout(SECOND).is_err());
    });
}

#[test]
fn a_wake_up_from_another_thread_comes_while_the_run_sleeps_and_while_it_works() {
    for busy in [false, true] {
        cede::run(|| {
            let stop = Rc::new(Cell::new(false));
            if busy {
                let stop = Rc::clone(&stop);
                spawn(move || {
                    while !stop.get() {
                        yield_now()
                    }
                });
            }
            for _ in 0..if busy { 20 } else { 200 } {
                let gate = Gate::new();
                let opener = gate.clone();
                let (go, gone) = mpsc::channel();
                let thread = thread::spawn(move || {
                    gone.recv().unwrap();
                    opener.open();
                });
                go.send(()).unwrap();
                gate.wait();
                thread.join().unwrap();
            }
            stop.set(true);
        });
    }
}

#[test]
fn two_runs_wake_each_other_many_times() {
    let start = Arc::new(Barrier::new(2));
    let (left, right) = (async_channel::bounded(1), async_channel::bounded(1));
    let threads = [(left.0, right.1), (right.0, left.1)].map(|(tx, rx)| {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            cede::run(|| {
                let sender = spawn(move || {
                    for n in 0..3000u32 {
                        tx.send(n).wait().unwrap();
                    }
                });
                let received = (0..3000u32).all(|n| rx.recv().wait() == Ok(n));
                sender.join().unwrap();
                received
            })
        })
    });
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn wakers_are_called_by_many_threads_while_their_waits_come_and_go() {
    let (give, given) = mpsc::channel::<Waker>();
    let over = Arc::new(AtomicBool::new(false));
    let given = Arc::new(Mutex::new(given));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (given, over) = (Arc::clone(&given), Arc::clone(&over));
            thread::spawn(move || {
                let mut kept = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let waker = given.lock().unwrap().try_recv();
                    if let Ok(waker) = waker {
                        kept.push(waker.clone());
                        waker.wake();
                    }
                    if let Some(waker) = kept.get(kept.len() / 2) {
                        waker.wake_by_ref();
                    }
                    if kept.len() > 50 {
                        kept.clear();
                    }
                }
            })
        })
        .collect();
    cede::run(|| {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let give = give.clone();
                spawn(move || {
                    for _ in 0..50 {
                        let mut given = false;
                        poll_fn(|context| {
                            if given {
                                return Poll::Ready(());
                            }
                            given = true;
                            give.send(context.waker().clone()).unwrap();
                            Poll::Pending
                        })
                        .wait();
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
    });
    over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_waker_that_is_dropped_without_a_call_lets_the_wait_go_on() {
    run(|| {
        let gate = Gate::new();
        let waits = gate.clone();
        let task = spawn(move || waits.wait());
        yield_now();
        drop(gate.take_waker());
        gate.open_silently();
        yield_now();
        assert!(!task.is_finished(), "nobody has told it");
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_waker_that_is_called_in_a_destructor_during_an_unwind_wakes() {
    struct Opens(Gate);
    impl Drop for Opens {
        fn drop(&mut self) {
            self.0.open();
        }
    }
    run(|| {
        let gate = Gate::new();
        let opens = Opens(gate.clone());
        let task = spawn(move || {
            let _opens = opens;
            future::pending::<()>().wait();
        });
        yield_now();
        task.cancel();
        gate.wait();
        assert!(task.is_finished());
    });
}

#[test]
fn an_event_of_cede_and_a_future_wake_in_the_order_in_which_they_came() {
    ticking(|| {
        let (event, gate) = (Rc::new(Event::new()), Gate::new());
        let order = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..4 {
            let (event, mut gate, order) = (Rc::clone(&event), gate.clone(), Rc::clone(&order));
            tasks.push(spawn(move || {
                if number % 2 == 0 {
                    event.wait();
                } else {
                    // Only the last one has its waker in the gate.
                    poll_fn(|context| Pin::new(&mut gate).poll(context)).wait();
                }
                order.borrow_mut().push((number, tick()));
            }));
            yield_now();
        }
        event.set();
        gate.open();
        let now = tick();
        yield_now();
        assert_eq!(*order.borrow(), [(0, now + 1), (2, now + 1), (3, now + 1)]);
        assert!(tasks[1].cancel());
    });
}

#[test]
fn tasks_on_several_workers_are_woken_on_their_own() {
    let runtime = cede::Runtime::builder().workers(2).build().unwrap();
    let sum = runtime.run(|| {
        let (tx, rx) = async_channel::bounded(1);
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let tx = tx.clone();
                cede::spawn_any(move || {
                    let home = thread::current().id();
                    for n in 0..100u32 {
                        tx.send(n).wait().unwrap();
                        assert_eq!(thread::current().id(), home);
                    }
                })
            })
            .collect();
        drop(tx);
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let rx = rx.clone();
                cede::spawn_any(move || std::iter::from_fn(|| rx.recv().wait().ok()).sum::<u32>())
            })
            .collect();
        // By handle, as a future, on this worker.
        senders.into_iter().for_each(|sender| cede::future::wait(sender).unwrap());
        receivers.into_iter().map(|receiver| cede::future::wait(receiver).unwrap()).sum::<u32>()
    });
    assert_eq!(sum.unwrap(), 4 * 4950);
}
