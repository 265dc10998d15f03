//! Waiting for some of several results, and taking them as they come: ticks, limits, cancellation.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::Queue;
use cede::task::{Awaitable, Promise, ReturnWhen, Waited, as_completed, gather, wait};
use cede::{
    JoinHandle, RunError, Runner, call_soon, catch_cancelled, current, sleep, spawn, time, try_spawn,
    yield_now,
};
use trace::{SECOND, log, logged, logged_since, panic_text, run, silent_panic, tick, ticking, ticks};

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

fn yields(times: u32) {
    (0..times).for_each(|_| yield_now());
}

fn counts<H>(waited: &Waited<H>) -> (usize, usize) {
    (waited.done.len(), waited.pending.len())
}

/// A task that ends after some ticks, and a cell that says in which.
fn ends_after(times: u32) -> (JoinHandle<u32>, Rc<Cell<u64>>) {
    let at = Rc::new(Cell::new(0));
    let inside = Rc::clone(&at);
    let task = spawn(move || {
        yields(times);
        inside.set(tick());
        times
    });
    (task, at)
}

#[test]
fn the_first_comes_two_ticks_after_its_end_and_the_rest_goes_on() {
    ticking(|| {
        let ((first, at), (second, _)) = (ends_after(2), ends_after(9));
        let waited = wait([&second, &first], ReturnWhen::FirstCompleted, None);
        assert_eq!(tick() - at.get(), 2);
        assert_eq!((waited.done[0].id(), waited.pending[0].id()), (first.id(), second.id()));
        assert_eq!(counts(&waited), (1, 1));
        assert_eq!(second.join().unwrap(), 9);
    });
}

#[test]
fn all_come_two_ticks_after_the_last_in_the_order_of_the_arguments() {
    ticking(|| {
        let tasks = [ends_after(4), ends_after(1), ends_after(2)];
        let last = Rc::clone(&tasks[0].1);
        let waited = wait(tasks.map(|(task, _)| task), ReturnWhen::AllCompleted, None);
        assert_eq!(tick() - last.get(), 2);
        assert!(waited.pending.is_empty());
        assert_eq!(waited.done.iter().map(|task| task.join().unwrap()).collect::<Vec<_>>(), [4, 1, 2]);
    });
}

#[test]
fn what_is_done_already_takes_two_ticks_and_nothing_takes_none() {
    ticking(|| {
        let (done, _) = ends_after(0);
        yields(2);
        for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
            assert_eq!(ticks(|| assert_eq!(counts(&wait([&done], when, None)), (1, 0))), 2);
            assert_eq!(
                ticks(|| assert_eq!(counts(&wait(Vec::<JoinHandle<u8>>::new(), when, None)), (0, 0))),
                0
            );
        }
        assert_eq!(ReturnWhen::default(), ReturnWhen::AllCompleted);
    });
}

#[test]
fn the_first_error_ends_the_wait_and_cancellations_are_no_errors() {
    ticking(|| {
        let cancelled = spawn(forever);
        let failed = Rc::new(Cell::new(0));
        let at = Rc::clone(&failed);
        let fails = try_spawn(move || {
            yields(4);
            at.set(tick());
            Err::<(), _>("fails")
        });
        let slow = spawn(|| yields(20));
        yield_now();
        cancelled.cancel();
        let waited = wait([&cancelled, &fails, &slow], ReturnWhen::FirstException, None);
        assert_eq!((counts(&waited), tick() - failed.get()), ((2, 1), 2));
        assert!(fails.join().is_err());
        let waited = wait([&cancelled], ReturnWhen::FirstException, None);
        assert_eq!(counts(&waited), (1, 0));
        let panics = spawn(|| silent_panic("went wrong"));
        let waited = wait([panics.end(), slow.end()], ReturnWhen::FirstException, None);
        assert_eq!(counts(&waited), (1, 1));
        panics.join().map(|(): ()| ()).unwrap_err();
    });
}

#[test]
fn a_gather_whose_member_was_cancelled_counts_as_one_that_failed() {
    run(|| {
        let (member, slow) = (spawn(forever), spawn(|| sleep(SECOND)));
        let gathered = gather([&member]);
        member.cancel();
        let waited = wait([gathered.end(), slow.end()], ReturnWhen::FirstException, None);
        assert_eq!(counts(&waited), (1, 1));
        assert!(waited.done[0].outcome().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn when_the_time_is_up_nothing_is_cancelled() {
    run(|| {
        let begin = time::now();
        let tasks = [1, 3].map(|n| spawn(move || sleep(n * SECOND)));
        let waited = wait(&tasks, ReturnWhen::AllCompleted, Some(2 * SECOND));
        assert_eq!((counts(&waited), time::now() - begin), ((1, 1), 2 * SECOND));
        assert!(tasks[1].join().is_ok());
        assert_eq!(time::now() - begin, 3 * SECOND);
        let waited = wait(&tasks, ReturnWhen::AllCompleted, Some(Duration::MAX));
        assert_eq!(counts(&waited), (2, 0));
    });
}

#[test]
fn no_time_at_all_is_two_ticks() {
    ticking(|| {
        let (task, _) = ends_after(9);
        let waited = wait([&task], ReturnWhen::AllCompleted, Some(Duration::ZERO));
        assert_eq!(counts(&waited), (0, 1));
        let taken = ticks(|| drop(wait([&task], ReturnWhen::AllCompleted, Some(Duration::ZERO))));
        assert_eq!(taken, 2);
    });
}

#[test]
fn the_timer_goes_with_the_wait() {
    run(|| {
        let begin = time::now();
        wait([spawn(|| ())], ReturnWhen::AllCompleted, Some(1000 * SECOND));
        let task = spawn(|| {
            let never = Promise::<u8>::new();
            wait([&never], ReturnWhen::AllCompleted, Some(1000 * SECOND));
        });
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        let error = Runner::builder().virtual_time(true).build();
        drop(error);
        sleep(SECOND);
        assert_eq!(time::now() - begin, SECOND);
    });
    // A timer that was left would be gone to before the deadlock is found.
    let runner = Runner::builder().virtual_time(true).build();
    let begin = Cell::new(None);
    let result = runner.run(|| {
        begin.set(Some(time::now()));
        wait([spawn(|| ())], ReturnWhen::AllCompleted, Some(SECOND));
        Promise::<u8>::new().join()
    });
    assert!(matches!(result, Err(RunError::Deadlock(_))));
    assert_eq!(runner.run(time::now).unwrap(), begin.get().unwrap());
}

#[test]
fn a_cancelled_wait_leaves_what_it_waited_for_alone_and_takes_its_callbacks_back() {
    ticking(|| {
        let promise = Promise::<u8>::new();
        let alive = Rc::new(());
        let (inside, held) = (promise.clone(), Rc::clone(&alive));
        let task = spawn(move || {
            let _held = held;
            wait([inside], ReturnWhen::AllCompleted, None);
        });
        yields(2);
        let at = tick();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(tick() - at, 2);
        assert!(!promise.is_finished());
        assert_eq!(Rc::strong_count(&alive), 1);
        promise.set_result(1).unwrap();
    });
}

#[test]
fn an_end_and_a_cancellation_in_one_tick_end_in_the_cancellation() {
    for later in 0..3 {
        run(|| {
            let promise = Promise::<u8>::new();
            let inside = promise.clone();
            let task = spawn(move || drop(wait([inside], ReturnWhen::AllCompleted, None)));
            yield_now();
            promise.set_result(1).unwrap();
            yields(later);
            let in_time = task.cancel();
            assert_eq!(task.join().is_err(), in_time, "{later} ticks after the end");
            assert_eq!(in_time, later < 2);
        });
    }
}

#[test]
fn a_handle_that_is_there_twice_is_given_back_twice() {
    run(|| {
        let (task, slow) = (spawn(|| ()), spawn(|| sleep(SECOND)));
        let waited = wait([&task, &slow, &task], ReturnWhen::FirstCompleted, None);
        assert_eq!(counts(&waited), (2, 1));
        let waited = wait([&task, &slow, &task], ReturnWhen::AllCompleted, None);
        assert_eq!(counts(&waited), (3, 0));
    });
}

#[test]
fn handles_of_many_kinds_can_be_waited_for_together() {
    run(|| {
        let (task, promise) = (spawn(|| 1), Promise::<&str>::new());
        let gathered = gather((|| 'a', || 2.0));
        let teller = promise.clone();
        call_soon(move || teller.set_result("word").unwrap());
        let waited = wait([task.end(), promise.end(), gathered.end()], ReturnWhen::AllCompleted, None);
        assert_eq!(counts(&waited), (3, 0));
        assert_eq!(promise.join().unwrap(), "word");
        let shared = Rc::new(spawn(|| 1));
        assert_eq!(counts(&wait([Rc::clone(&shared)], ReturnWhen::AllCompleted, None)), (1, 0));
    });
}

#[test]
fn children_of_a_scope_that_borrow_can_be_waited_for_by_value_and_by_reference() {
    run(|| {
        let word = String::from("cede");
        cede::scope(|s| {
            let children = [1, 2].map(|n| {
                s.spawn({
                    let word = &word;
                    move || (sleep(n * SECOND), &word[..n as usize]).1
                })
            });
            let waited = wait(&children, ReturnWhen::FirstCompleted, None);
            assert_eq!(waited.done[0].join().unwrap(), "c");
            let [_, last] = children;
            let mut all = as_completed([last], None);
            assert_eq!(all.next().unwrap().unwrap().join().unwrap(), "ce");
        })
        .unwrap();
    });
}

#[test]
fn waits_refuse_where_no_task_can_wait() {
    let promise = Promise::<u8>::new();
    let text = panic_text(|| drop(wait([&promise], ReturnWhen::AllCompleted, None)));
    assert!(text.contains("only a task can wait"), "{text}");
    let text = panic_text(|| drop(as_completed([&promise], None)));
    assert_eq!(text, "cede: as_completed works inside a run: call it inside cede::run");
    assert_eq!(as_completed(Vec::<Promise<u8>>::new(), Some(SECOND)).count(), 0);
    run(|| {
        let text = panic_text(|| {
            cede::no_switch(|| drop(wait([&promise], ReturnWhen::AllCompleted, None)));
        });
        assert!(text.contains("no_switch"), "{text}");
    });
}

#[test]
fn deadlocks_say_what_is_waited_for() {
    let waits = |f: fn(&Promise<u8>)| {
        let runner = Runner::builder().virtual_time(true).build();
        let promise = Promise::new();
        match runner.run(|| f(&promise)) {
            Err(RunError::Deadlock(deadlock)) => {
                deadlock.tasks[0].waits_for.split(" made at").next().unwrap().to_owned()
            }
            _ => panic!("no deadlock"),
        }
    };
    let wait_when = |when| match when {
        ReturnWhen::FirstCompleted => waits(|p| drop(wait([p], ReturnWhen::FirstCompleted, None))),
        ReturnWhen::FirstException => waits(|p| drop(wait([p], ReturnWhen::FirstException, None))),
        ReturnWhen::AllCompleted => waits(|p| drop(wait([p], ReturnWhen::AllCompleted, None))),
    };
    assert_eq!(wait_when(ReturnWhen::FirstCompleted), "waits for the first of a promise");
    assert_eq!(wait_when(ReturnWhen::FirstException), "waits for the first error of a promise");
    assert_eq!(wait_when(ReturnWhen::AllCompleted), "waits for all of a promise");
    assert_eq!(waits(|p| as_completed([p], None).for_each(drop)), "waits for the next of a promise");
}

#[test]
fn results_come_in_the_order_of_their_ends_two_ticks_after_each() {
    ticking(|| {
        let tasks = [ends_after(5), ends_after(1), ends_after(3)];
        let at: Vec<_> = tasks.iter().map(|(_, at)| Rc::clone(at)).collect();
        let mut all = as_completed(tasks.map(|(task, _)| task), None);
        assert_eq!(all.len(), 3);
        for (place, times) in [(1, 1), (2, 3), (0, 5)] {
            let task = all.next().unwrap().unwrap();
            assert_eq!((task.join().unwrap(), tick() - at[place].get()), (times, 2));
        }
        assert!(all.next().is_none() && all.next().is_none());
    });
}

#[test]
fn those_that_are_done_already_come_one_after_the_other_from_the_second_tick_on() {
    ticking(|| {
        let tasks = [ends_after(0), ends_after(0)].map(|(task, _)| task);
        yields(2);
        let mut all = as_completed(&tasks, None);
        assert_eq!(ticks(|| assert_eq!(all.next().unwrap().unwrap().id(), tasks[0].id())), 2);
        assert_eq!(ticks(|| assert_eq!(all.next().unwrap().unwrap().id(), tasks[1].id())), 0);
    });
}

#[test]
fn what_has_come_waits_until_it_is_fetched_and_a_handle_that_is_there_twice_comes_once() {
    run(|| {
        let tasks = [2, 1].map(|n| spawn(move || (sleep(n * SECOND), n).1));
        let all = as_completed([&tasks[0], &tasks[1], &tasks[0]], Some(4 * SECOND));
        sleep(3 * SECOND);
        let order: Vec<_> = all.map(|task| task.unwrap().join().unwrap()).collect();
        assert_eq!(order, [1, 2]);
    });
}

#[test]
fn each_that_is_missing_when_the_time_is_up_counts_and_is_left_alone() {
    run(|| {
        let begin = time::now();
        let tasks = [1, 8, 9].map(|n| spawn(move || sleep(n * SECOND)));
        let came: Vec<_> = as_completed(&tasks, Some(2 * SECOND)).map(|task| task.is_ok()).collect();
        assert_eq!((came, time::now() - begin), (vec![true, false, false], 2 * SECOND));
        assert!(tasks[2].join().is_ok());
        assert_eq!(time::now() - begin, 9 * SECOND);
        let mut all = as_completed([spawn(forever)], Some(Duration::ZERO));
        assert!(all.next().unwrap().is_err() && all.next().is_none());
    });
}

#[test]
fn an_iterator_that_is_left_early_cancels_nothing_and_leaves_no_timer() {
    let runner = Runner::builder().virtual_time(true).build();
    let begin = Cell::new(None);
    let alive = Rc::new(());
    let result = runner.run(|| {
        begin.set(Some(time::now()));
        let promise = Promise::<Rc<()>>::new();
        let task = spawn(|| ());
        let mut all = as_completed([task.end(), promise.end()], Some(1000 * SECOND));
        assert!(all.next().unwrap().unwrap().is_finished());
        drop(all);
        promise.set_result(Rc::clone(&alive)).unwrap();
        drop(promise);
        assert_eq!(Rc::strong_count(&alive), 1);
        forever()
    });
    assert!(matches!(result, Err(RunError::Deadlock(_))));
    assert_eq!(runner.run(time::now).unwrap(), begin.get().unwrap());
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_for_the_next_loses_none() {
    for later in 0..4 {
        run(|| {
            let promises = [Promise::new(), Promise::new()];
            let inside = promises.clone();
            let task = spawn(move || {
                let mut all = as_completed(&inside, None);
                let cancelled =
                    catch_cancelled(|| log(format!("got {}", all.next().unwrap().unwrap().join().unwrap())));
                log(if cancelled.is_err() { "cancelled" } else { "in time" });
                all.for_each(|rest| log(format!("got {}", rest.unwrap().join().unwrap())));
            });
            yield_now();
            promises[0].set_result(1).unwrap();
            yields(later);
            assert!(task.cancel());
            yields(2);
            promises[1].set_result(2).unwrap();
            let ended = task.join();
            let expected: &[_] = match later {
                0 | 1 => &["cancelled", "got 1", "got 2"],
                _ => &["got 1", "in time"],
            };
            assert_eq!(logged(), expected, "{later} ticks after the first");
            assert_eq!(ended.is_err(), later >= 2);
        });
    }
}

#[test]
fn an_iterator_may_be_taken_on_by_another_task_and_outlive_its_run() {
    let runner = Runner::builder().virtual_time(true).build();
    let promise = Promise::new();
    let mut all = runner
        .run(|| {
            let mut all = as_completed([promise.clone(), Promise::new()], Some(SECOND));
            promise.set_result(1).unwrap();
            let other = spawn(move || {
                assert_eq!(all.next().unwrap().unwrap().join().unwrap(), 1);
                all
            });
            other.join().unwrap()
        })
        .unwrap();
    let other = Runner::builder().virtual_time(true).build();
    let text = panic_text(|| all.next());
    assert!(text.contains("only a task can wait"), "{text}");
    other.run(|| drop(all)).unwrap();
    drop(runner);
}

#[test]
fn errors_and_own_handles_are_given_like_all_others() {
    run(|| {
        let fails = try_spawn(|| Err::<u8, _>("fails"));
        let results: Vec<_> = as_completed([&fails], None).map(|task| task.unwrap().join()).collect();
        assert_eq!(results[0].as_ref().unwrap_err().to_string(), "fails");
        let me = current().unwrap();
        let waited = wait([spawn(move || me.id())], ReturnWhen::AllCompleted, None);
        assert_eq!(waited.done[0].join().unwrap(), 1);
    });
}

#[test]
fn a_wait_that_is_over_is_not_touched_by_what_ends_later() {
    ticking(|| {
        let promises = [(); 3].map(|()| Promise::<u8>::new());
        let inside = promises.clone();
        let task = spawn(move || {
            let waited = wait(&inside, ReturnWhen::FirstCompleted, Some(SECOND));
            log(format!("{:?}", counts(&waited)));
        });
        yields(2);
        let at = tick();
        promises[1].set_result(1).unwrap();
        promises[0].set_result(1).unwrap();
        yields(2);
        promises[2].set_result(1).unwrap();
        task.join().unwrap();
        assert_eq!(logged_since(at), [(2, "(2, 1)".to_owned())]);
    });
}
