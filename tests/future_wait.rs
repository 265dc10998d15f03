//! Futures that tasks wait for: when they are polled, where, and what happens to them in the end.

mod future_shared;

use std::cell::{Cell, RefCell};
use std::future::{self, Future, IntoFuture, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use cede::future::{Wait, wait};
use cede::sync::{Event, Queue};
use cede::time::after;
use cede::{Deadlock, Generator, RunError, Runner, select, spawn, yield_now};
use future_shared::trace::{SECOND, log, logged, panic_text, run, silent_panic, tick, ticking, ticks};
use future_shared::{Gate, NO_SWITCH, NO_TASK};

/// Is ready after so many polls, and wakes itself at each.
fn countdown(mut polls: u32) -> impl Future<Output = &'static str> {
    poll_fn(move |context| {
        if polls == 0 {
            return Poll::Ready("done");
        }
        polls -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Logs when it is dropped, and in which task.
struct Tells;

impl Drop for Tells {
    fn drop(&mut self) {
        log(format!("dropped in {}", cede::current().unwrap().name()));
    }
}

#[test]
fn a_future_that_is_ready_takes_no_tick() {
    ticking(|| {
        assert_eq!(ticks(|| assert_eq!(future::ready(1).wait(), 1)), 0);
        assert_eq!(ticks(|| assert_eq!(async { 2 }.waiting().wait_for_it(), 2)), 0);
    });
}

/// So that `wait` of both traits is not in scope at once.
trait WaitForIt: cede::Operation + Sized {
    fn wait_for_it(self) -> Self::Output {
        cede::Operation::wait(self)
    }
}

impl<O: cede::Operation> WaitForIt for O {}

#[test]
fn a_future_may_borrow_and_need_not_be_send() {
    let outside = String::from("outside");
    let text = run(|| {
        let inside = Rc::new(Cell::new(1));
        let borrowed = async {
            inside.set(inside.get() + 1);
            Gate::new().open();
            format!("{outside} {}", inside.get())
        };
        borrowed.wait()
    });
    assert_eq!(text, "outside 2");
}

#[test]
fn what_is_waited_for_by_name_is_turned_into_a_future() {
    struct Twice(u32);
    impl IntoFuture for Twice {
        type Output = u32;
        type IntoFuture = future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            future::ready(self.0 * 2)
        }
    }
    assert_eq!(run(|| wait(Twice(3))), 6);
}

#[test]
fn others_run_while_a_future_is_pending_and_a_wake_up_takes_one_tick_as_any_other() {
    ticking(|| {
        let (gate, event) = (Gate::new(), Rc::new(Event::new()));
        let (of_gate, of_event) = (gate.clone(), Rc::clone(&event));
        let ends = [
            spawn(move || {
                of_gate.wait();
                tick()
            }),
            spawn(move || {
                of_event.wait();
                tick()
            }),
        ];
        yield_now();
        gate.open();
        event.set();
        let now = tick();
        assert_eq!(ends.map(|end| end.join().unwrap()), [now + 1, now + 1]);
    });
}

#[test]
fn a_future_that_wakes_itself_is_polled_once_in_each_tick() {
    ticking(|| {
        assert_eq!(ticks(|| assert_eq!(countdown(100).wait(), "done")), 100);
        let other = spawn(|| countdown(7).wait());
        assert_eq!(ticks(|| assert_eq!(countdown(7).wait(), "done")), 7);
        assert_eq!(other.join().unwrap(), "done");
    });
}

#[test]
fn a_future_that_wakes_itself_does_not_keep_time_or_cancellation_away() {
    run(|| {
        let endless = || {
            poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            })
        };
        let task = spawn(move || endless().wait());
        yield_now();
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
    });
    // In real time: under the virtual clock time stands still as long as anything is ready.
    cede::run(|| {
        let endless = poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(endless.wait_timeout(Duration::from_millis(2)).is_err());
    });
}

#[test]
fn a_future_in_a_select_loses_and_is_dropped_or_goes_on_by_reference() {
    run(|| {
        let gate = Gate::new();
        let queue = Queue::unbounded();
        queue.put(1).unwrap();
        let tells = Tells;
        let first = async {
            gate.clone().await;
            drop(tells);
        };
        select! {
            () = first.waiting() => unreachable!(),
            item = queue.getting() => assert_eq!(item, Ok(1)),
        }
        assert_eq!(logged(), ["dropped in Task-1"]);

        let mut kept = pin!(async {
            gate.clone().await;
            "opened"
        });
        for _ in 0..3 {
            select! {
                _ = kept.as_mut().waiting() => unreachable!(),
                _ = after(SECOND) => {}
            }
        }
        let opener = gate.clone();
        spawn(move || opener.open());
        select! {
            text = kept.as_mut().waiting() => assert_eq!(text, "opened"),
            _ = after(SECOND) => unreachable!(),
        }
    });
}

#[test]
fn a_future_that_wakes_itself_in_a_select_lets_others_run() {
    ticking(|| {
        let spent = ticks(|| {
            select! {
                text = countdown(5).waiting() => assert_eq!(text, "done"),
                () = after(Duration::MAX) => unreachable!(),
            }
        });
        assert_eq!(spent, 5);
    });
}

#[test]
fn a_timeout_gives_an_error_and_drops_the_future() {
    run(|| {
        let gate = Gate::new();
        let begin = cede::time::now();
        let (tells, inner) = (Tells, gate.clone());
        let slow = async move {
            inner.await;
            drop(tells);
        };
        assert!(slow.wait_timeout(SECOND).is_err());
        assert_eq!(cede::time::now() - begin, SECOND);
        assert_eq!(logged(), ["dropped in Task-1"]);

        let before = gate.polls();
        assert!(gate.clone().wait_timeout(Duration::ZERO).is_err(), "it is polled once");
        assert_eq!(gate.polls(), before + 1);
        gate.open();
        assert!(gate.clone().wait_timeout(Duration::ZERO).is_ok());
        assert!(gate.wait_timeout(SECOND).is_ok());
    });
}

#[test]
fn what_is_there_when_the_time_is_up_is_never_called_late() {
    run(|| {
        let gate = Gate::new();
        let opener = gate.clone();
        cede::task::call_later(SECOND, move || opener.open());
        assert!(gate.wait_timeout(SECOND).is_ok());
    });
}

#[test]
fn cancellation_unwinds_and_drops_the_future_in_its_own_task() {
    run(|| {
        let task = spawn(|| {
            let tells = Tells;
            async move {
                future::pending::<()>().await;
                drop(tells);
            }
            .wait()
        });
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["dropped in Task-2"]);

        let gate = Gate::new();
        let waits = gate.clone();
        let masked = spawn(move || {
            cede::no_cancel(|| waits.wait());
            log("goes on");
            yield_now();
            unreachable!()
        });
        yield_now();
        masked.cancel();
        yield_now();
        assert_eq!(logged(), [""; 0]);
        gate.open();
        assert!(masked.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["goes on"]);
    });
}

#[test]
fn a_panic_of_a_future_goes_on_and_the_task_may_wait_again() {
    run(|| {
        let first = Cell::new(true);
        let panics = poll_fn(|context| {
            if first.replace(false) {
                context.waker().wake_by_ref();
                return Poll::<()>::Pending;
            }
            silent_panic("in the second poll")
        });
        assert_eq!(panic_text(|| panics.wait()), "in the second poll");
        yield_now();
        assert_eq!(countdown(1).wait(), "done");
    });
}

#[test]
fn a_poll_that_wants_to_suspend_is_refused_loudly() {
    run(|| {
        let suspends = |f: fn()| poll_fn(move |_| Poll::Ready([f()]));
        assert_eq!(panic_text(|| suspends(yield_now).wait()), NO_SWITCH);
        assert_eq!(panic_text(|| suspends(|| cede::sleep(SECOND)).wait()), NO_SWITCH);
        assert_eq!(panic_text(|| suspends(|| future::pending::<()>().wait()).wait()), NO_SWITCH);
        let joins = poll_fn(|_| Poll::Ready(spawn(|| ()).join()));
        assert_eq!(panic_text(|| joins.wait()), NO_SWITCH);
        // The promise is over with the poll.
        yield_now();
        let task = spawn(|| panic_text(|| poll_fn(|_| Poll::Ready([yield_now()])).wait()));
        assert_eq!(task.join().unwrap(), NO_SWITCH);
    });
}

#[test]
fn a_poll_may_do_all_that_does_not_wait() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let theirs = Rc::clone(&queue);
        let task = async move {
            let spawned = spawn(move || theirs.put(2).unwrap());
            queue.put(1).unwrap();
            assert_eq!(queue.get(), Ok(1));
            assert_eq!(async { 3 }.wait(), 3, "a ready future in a poll");
            let eager = cede::task::Builder::new().eager(true).spawn(yield_now);
            spawned.await.unwrap();
            eager.await.unwrap();
            queue.get_nowait()
        };
        assert_eq!(task.wait(), Ok(2));
    });
}

#[test]
fn a_future_is_refused_outside_of_tasks_and_not_polled() {
    let gate = Gate::new();
    assert_eq!(panic_text(|| gate.clone().wait()), NO_TASK);
    assert_eq!(panic_text(|| wait(gate.clone())), NO_TASK);
    assert_eq!(panic_text(|| gate.clone().wait_timeout(SECOND)), NO_TASK);
    run(|| {
        let seen = Rc::new(RefCell::new(String::new()));
        let (says, inner) = (Rc::clone(&seen), gate.clone());
        cede::call_soon(move || *says.borrow_mut() = panic_text(|| inner.wait()));
        yield_now();
        assert_eq!(*seen.borrow(), NO_TASK);
    });
    assert_eq!(gate.polls(), 0);
}

fn deadlock_of(runner: Runner, main: impl FnOnce()) -> Deadlock {
    match runner.run(main) {
        Err(RunError::Deadlock(deadlock)) => deadlock,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_future_that_never_wakes_is_a_deadlock_that_names_it() {
    let runner = Runner::builder().virtual_time(true).build();
    // Its waker is kept, so that somebody could call it.
    let gate = Gate::new();
    let deadlock = deadlock_of(runner, || {
        spawn(|| async { future::pending::<()>().await }.wait());
        gate.clone().wait();
    });
    let [main, other] = &deadlock.tasks[..] else { panic!("{deadlock}") };
    assert!(main.waits_for.starts_with("awaits future_wait::future_shared::Gate at tests/future_wait.rs:"));
    assert!(other.waits_for.starts_with("awaits future_wait::a_future_that_never_wakes"), "{deadlock}");
}

#[test]
fn a_future_of_which_nobody_has_a_waker_is_a_deadlock_whatever_other_threads_there_are() {
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = thread::spawn(move || stopped.recv());
    let deadlock = deadlock_of(Runner::new(), || future::pending::<()>().wait());
    assert!(deadlock.tasks[0].waits_for.starts_with("awaits core::future::pending::Pending<()>"));
    drop(stop);
    thread.join().unwrap().unwrap_err();
}

#[test]
fn a_deadlock_comes_to_light_when_another_thread_drops_the_last_waker() {
    for _ in 0..50 {
        let (gate, (give, given)) = (Gate::new(), mpsc::channel());
        let waits = gate.clone();
        let thread = thread::spawn(move || {
            let gate: Gate = given.recv().unwrap();
            // It may be asleep by now, or on the way.
            let waker = gate.take_waker();
            drop(waker.clone());
            drop(waker);
        });
        deadlock_of(Runner::new(), || {
            let give = RefCell::new(Some(give));
            let told = poll_fn(|context| {
                let pending = Pin::new(&mut waits.clone()).poll(context);
                if let Some(give) = give.take() {
                    give.send(waits.clone()).unwrap();
                }
                pending
            });
            told.wait();
        });
        thread.join().unwrap();
    }
}

#[test]
fn a_generator_in_a_task_may_wait_for_futures() {
    run(|| {
        let (gate, opener) = (Gate::new(), Gate::new());
        let (first, second) = (gate.clone(), opener.clone());
        let items = Generator::new(move |y| {
            first.clone().wait();
            y.yield_(1);
            second.clone().wait();
            y.yield_(2);
        });
        spawn(move || {
            gate.open();
            yield_now();
            opener.open();
        });
        assert_eq!(items.collect::<Vec<_>>(), [1, 2]);
    });
}

#[test]
fn a_generator_can_not_yield_out_of_a_poll() {
    run(|| {
        let items = Generator::new(|y| {
            let yields = poll_fn(|_| Poll::Ready([y.yield_(1)]));
            yields.wait();
        });
        let mut items = items;
        let next = panic::catch_unwind(AssertUnwindSafe(|| items.next()));
        assert!(next.is_err(), "a value came out of a poll");
    });
}

#[test]
fn a_future_may_be_driven_by_one_task_after_the_other() {
    run(|| {
        let gate = Gate::new();
        let mut future = gate.clone();
        assert!((&mut future).wait_timeout(SECOND).is_err());
        let first = gate.waker();
        let task = spawn(move || future.wait());
        yield_now();
        assert!(!gate.waker().will_wake(&first), "it is another task's");
        let polls = gate.polls();
        first.wake();
        yield_now();
        assert_eq!(gate.polls(), polls, "the task that waited before is told, and does not wait");
        gate.open();
        task.join().unwrap();
    });
}

#[test]
fn an_operation_that_was_polled_is_finished_by_another_task() {
    run(|| {
        let gate = Gate::new();
        let mut waiting = Some(Box::pin(gate.clone().waiting()));
        let mut operation = waiting.take().unwrap();
        assert!(cede::Operation::attempt(operation.as_mut()).is_none());
        let task = spawn(move || poll_until_ready(operation));
        yield_now();
        gate.open();
        task.join().unwrap();
    });
}

/// Attempts in each tick.
fn poll_until_ready<O: cede::Operation>(mut operation: Pin<Box<O>>) -> O::Output {
    loop {
        match cede::Operation::attempt(operation.as_mut()) {
            Some(output) => return output,
            None => yield_now(),
        }
    }
}

#[test]
fn futures_of_other_crates_work() {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    run(|| {
        let (tx, rx) = async_channel::bounded(1);
        let sender = spawn(move || {
            for n in 0..10 {
                tx.send(n).wait().unwrap();
            }
        });
        let received: Vec<u32> = rx.collect::<Vec<_>>().wait();
        assert_eq!(received, (0..10).collect::<Vec<_>>());
        sender.join().unwrap();

        let event = event_listener::Event::new();
        let listener = event.listen();
        event.notify(1);
        listener.wait_timeout(SECOND).unwrap();

        let gates: Vec<Gate> = (0..20).map(|_| Gate::new()).collect();
        let all: FuturesUnordered<_> = gates.iter().cloned().collect();
        let opened = gates.clone();
        spawn(move || {
            for gate in opened.iter().rev() {
                gate.open();
                yield_now();
            }
        });
        assert_eq!(all.count().wait(), 20);
        assert!(gates.iter().all(|gate| gate.polls() == 2), "each is polled when it was woken");
        let both = futures_util::future::join(countdown(3), countdown(9)).wait();
        assert_eq!(both, ("done", "done"));
    });
}

#[test]
fn the_context_of_a_poll_is_that_of_the_task() {
    run(|| {
        let names = Rc::new(RefCell::new(Vec::new()));
        let inner = Rc::clone(&names);
        let asks = async move {
            inner.borrow_mut().push(cede::current().unwrap().name());
            poll_fn(|context: &mut Context<'_>| {
                inner.borrow_mut().push(cede::current().unwrap().name());
                if inner.borrow().len() < 4 {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
        };
        cede::task::Builder::new().name("driver").spawn(move || asks.wait()).join().unwrap();
        assert_eq!(*names.borrow(), ["driver"; 4]);
    });
}
