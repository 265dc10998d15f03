//! Gathers: what they give, in which tick, and what cancelling them does to their members.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;

use cede::sync::Queue;
use cede::task::{Awaitable, Builder, Gather, Promise, gather, gather_results, shield};
use cede::{JoinError, RunError, Runner, catch_cancelled, current, sleep, spawn, try_spawn, yield_now};
use trace::{
    Logs, SECOND, log, logged, logged_since, panic_text, reported, run, silent_panic, tick, ticking, ticks,
};

/// A task that waits until it is cancelled.
fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

fn yields(times: u32) {
    (0..times).for_each(|_| yield_now());
}

#[test]
fn values_come_in_the_order_of_the_members_not_in_that_of_their_ends() {
    run(|| {
        let values = gather([3, 1, 2].map(|n| move || (sleep(n * SECOND), n).1)).join().unwrap();
        assert_eq!(values, [3, 1, 2]);
        let (one, two, three) = gather((|| 1, spawn(|| "two"), &spawn(|| 3.0))).join().unwrap();
        assert_eq!((one, two, three), (1, "two", 3.0));
        let tasks: Vec<_> = (0..3).map(|n| spawn(move || n)).collect();
        assert_eq!(gather(&tasks).join().unwrap(), [0, 1, 2]);
        let promise = Promise::new();
        promise.set_result('x').unwrap();
        assert_eq!(gather((promise,)).join().unwrap(), ('x',));
        let wide = gather((|| 1, || 2, || 3, || 4, || 5, || 6, || 7, || 8)).join().unwrap();
        assert_eq!(wide, (1, 2, 3, 4, 5, 6, 7, 8));
    });
}

#[test]
fn closures_start_in_the_order_of_the_members() {
    run(|| {
        let first = gather((|| log("a"), || log("b")));
        let second = gather([|| log("c"), || log("c")]);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(logged(), ["a", "b", "c", "c"]);
    });
}

#[test]
fn the_last_end_takes_two_ticks_to_the_waiter_and_what_is_done_already_none() {
    ticking(|| {
        let done = spawn(|| 1);
        let ended = Rc::new(Cell::new(0));
        let at = Rc::clone(&ended);
        let last = spawn(move || {
            yields(3);
            at.set(tick());
        });
        yield_now();
        gather((&done, &last)).join().unwrap();
        assert_eq!(tick() - ended.get(), 2);
        let all_done = gather(spawn_done());
        assert!(all_done.is_finished(), "at once");
        assert_eq!(ticks(|| assert_eq!(all_done.join().unwrap(), [7, 7])), 0);
        let nothing: Gather<Vec<u8>> = gather(Vec::<cede::JoinHandle<u8>>::new());
        assert_eq!(ticks(|| assert!(nothing.join().unwrap().is_empty())), 0);
    });
}

fn spawn_done() -> [cede::JoinHandle<u8>; 2] {
    let tasks = [spawn(|| 7), spawn(|| 7)];
    yield_now();
    tasks
}

#[test]
fn the_first_error_comes_after_two_ticks_and_the_siblings_go_on() {
    ticking(|| {
        let failed = Rc::new(Cell::new(0));
        let at = Rc::clone(&failed);
        let fails = try_spawn(move || {
            yield_now();
            at.set(tick());
            Err::<(), _>("fails")
        });
        let sibling = spawn(|| {
            yields(6);
            log("sibling");
        });
        let error = gather((&sibling, &fails)).join().unwrap_err();
        assert_eq!((error.to_string(), tick() - failed.get()), ("fails".to_owned(), 2));
        assert!(!sibling.is_finished());
        sibling.join().unwrap();
        assert_eq!(logged(), ["sibling"]);
    });
}

#[test]
fn an_error_that_is_there_already_ends_the_gather_at_once() {
    ticking(|| {
        let failed = try_spawn(|| Err::<(), _>("failed"));
        yield_now();
        let gathered = gather((spawn(|| ()), &failed));
        assert!(gathered.is_finished());
        assert_eq!(ticks(|| assert_eq!(gathered.join().unwrap_err().to_string(), "failed")), 0);
    });
}

#[test]
fn a_cancelled_member_ends_the_gather_with_a_cancellation_that_is_not_its_own() {
    run(|| {
        let member = spawn(forever);
        let gathered = gather([&member]);
        yield_now();
        member.cancel();
        let error = gathered.join().unwrap_err();
        assert!(error.is_cancelled() && !gathered.is_cancelled());
        let member = spawn(forever);
        let results = gather_results([&member]);
        member.cancel();
        assert!(results.join().unwrap()[0].as_ref().unwrap_err().is_cancelled());
    });
}

#[test]
fn results_hold_errors_as_values_and_wait_for_all() {
    run(|| {
        let results = gather_results((
            try_spawn(|| "x".parse::<u8>()),
            spawn(|| silent_panic("went wrong")).end(),
            || {
                sleep(SECOND);
                "late"
            },
        ));
        let (number, panicked, late) = results.join().unwrap();
        assert!(number.unwrap_err().error().is_some());
        assert!(panicked.unwrap_err().is_panic());
        assert_eq!(late.unwrap(), "late");
        assert!(results.join().unwrap_err().is_already_taken());
    });
}

#[test]
fn cancelling_a_task_that_joins_a_gather_cancels_all_members_and_comes_out_when_they_have_ended() {
    ticking(|| {
        let member = |name: &'static str, more: u32| {
            spawn(move || {
                let cancelled = catch_cancelled(forever).unwrap_err();
                yields(more);
                log(name);
                cancelled.resume()
            })
        };
        let members = Rc::new([member("quick", 0), member("slow", 2)]);
        let inside = Rc::clone(&members);
        let task = spawn(move || {
            let gathered = gather_results(&*inside);
            let cancelled = catch_cancelled(|| gathered.join()).unwrap_err();
            log("joiner");
            assert!(gathered.is_finished() && !gathered.is_cancelled());
            cancelled.resume()
        });
        yields(2);
        let at = tick();
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        let seen = [(1, "quick"), (3, "slow"), (5, "joiner")];
        assert_eq!(logged_since(at), seen.map(|(at, text)| (at, text.to_owned())));
    });
}

#[test]
fn members_that_swallow_the_cancellation_of_the_gather_do_not_save_it() {
    run(|| {
        let members = [(); 2].map(|()| spawn(|| catch_cancelled(forever).is_err()));
        let gathered = gather(&members);
        yield_now();
        assert!(gathered.cancel());
        let error = gathered.join().unwrap_err();
        assert!(error.is_cancelled() && !gathered.is_cancelled());
        assert!(members.iter().all(|member| member.join().unwrap()));
        assert!(!gathered.cancel(), "it has ended");
        assert!(!gather(&members).cancel());
    });
}

#[test]
fn a_gather_none_of_whose_members_can_be_cancelled_is_not() {
    run(|| {
        let promise = Promise::<u8>::new();
        let gathered = gather([&promise]);
        promise.set_result(1).unwrap();
        assert!(!gathered.is_finished(), "the callback comes in the next tick");
        assert!(!gathered.cancel());
        assert_eq!(gathered.join().unwrap(), [1]);
    });
}

#[test]
fn a_member_that_is_there_twice_counts_once_and_is_cancelled_twice() {
    run(|| {
        let task = spawn(|| {
            let _ = catch_cancelled(forever).unwrap_err();
            current().unwrap().cancelling()
        });
        let ends = gather([task.end(), task.end()]);
        yield_now();
        ends.cancel();
        assert!(ends.join().unwrap_err().is_cancelled());
        assert_eq!(task.join().unwrap(), 2);
        let task = spawn(|| 1);
        let twice = gather([&task, &task]);
        assert!(twice.join().unwrap_err().is_already_taken());
        assert_eq!(task.join().unwrap(), 1, "the value has stayed where it was");
        let task = spawn(|| 1);
        let twice = gather((&task, || 2, &task));
        assert!(twice.join().unwrap_err().is_already_taken());
        assert_eq!(task.join().unwrap(), 1);
        let results = gather_results([&spawn(|| 1), &task]).join().unwrap();
        assert!(results[0].is_ok() && results[1].as_ref().unwrap_err().is_already_taken());
    });
}

#[test]
fn a_value_that_somebody_else_took_leaves_the_others_in_place() {
    run(|| {
        let tasks = [spawn(|| 1), spawn(|| 2)];
        let gathered = gather(&tasks);
        assert_eq!(tasks[1].join().unwrap(), 2);
        assert!(gathered.join().unwrap_err().is_already_taken());
        assert_eq!(tasks[0].join().unwrap(), 1);
    });
}

#[test]
fn join_cloned_leaves_the_values_for_others() {
    run(|| {
        let tasks = [spawn(|| vec![1]), spawn(|| vec![2])];
        let gathered = gather(&tasks);
        assert_eq!(gathered.join_cloned().unwrap(), [[1], [2]]);
        assert_eq!(tasks[0].join_cloned().unwrap(), [1]);
        assert_eq!(gathered.join().unwrap(), [[1], [2]]);
        assert!(gathered.join_cloned().unwrap_err().is_already_taken());
        let (a, b) = (spawn(|| String::from("a")), spawn(|| 'b'));
        let pair = gather((&a, &b));
        assert_eq!(pair.join_cloned().unwrap(), ("a".to_owned(), 'b'));
        assert_eq!(b.join().unwrap(), 'b');
    });
}

#[test]
fn gathers_nest_and_each_level_takes_one_tick_more() {
    ticking(|| {
        let ended = Rc::new(Cell::new(0));
        let at = Rc::clone(&ended);
        let inner = gather((
            move || {
                yields(2);
                at.set(tick());
                1
            },
            || 2,
        ));
        let outer = gather((gather((&inner, || 3)), || 4));
        assert_eq!(outer.join().unwrap(), (((1, 2), 3), 4));
        assert_eq!(tick() - ended.get(), 4);
    });
}

#[test]
fn many_levels_of_gathers_are_cancelled_without_a_deep_stack() {
    run(|| {
        let task = spawn(forever);
        let mut end = task.end();
        for _ in 0..20_000 {
            end = gather([end]).end();
        }
        yield_now();
        assert!(end.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        std::mem::forget(end);
    });
}

#[test]
fn a_task_that_gathers_itself_is_a_deadlock_and_can_be_cancelled() {
    let runner = Runner::builder().virtual_time(true).build();
    let slot: Rc<Cell<Option<cede::JoinHandle<()>>>> = Rc::default();
    let main = || {
        let inside = Rc::clone(&slot);
        let task = spawn(move || {
            let me = inside.take().unwrap();
            let end = me.end();
            inside.set(Some(me));
            let error = gather([end]).join();
            unreachable!("{error:?}");
        });
        let end = task.end();
        slot.set(Some(task));
        end
    };
    let error = runner.run(|| main().join()).unwrap_err();
    let RunError::Deadlock(deadlock) = error else { panic!("{error}") };
    let waits = &deadlock.tasks[1].waits_for;
    assert!(waits.starts_with("joins a gather made at tests/task_gather.rs:"), "{waits}");
    assert!(waits.ends_with(" of task 2 \"Task-2\""), "{waits}");
    let end = runner
        .run(|| {
            let end = main();
            yields(2);
            assert!(end.cancel());
            end
        })
        .unwrap();
    runner.close().unwrap();
    assert!(end.is_cancelled());
    drop(slot.take());
}

#[test]
fn a_deadlock_names_the_members_that_are_missing() {
    let runner = Runner::builder().virtual_time(true).build();
    let error = runner.run(|| {
        let never = Promise::<u8>::new();
        let names: Vec<_> = (0..9).map(|_| spawn(forever)).collect();
        gather((|| 1, &never, gather(&names))).join().map(|_| ())
    });
    let RunError::Deadlock(deadlock) = error.unwrap_err() else { panic!() };
    let waits = &deadlock.tasks[0].waits_for;
    assert!(waits.contains(" of a promise made at tests/task_gather.rs:"), "{waits}");
    assert!(waits.ends_with("task 9 \"Task-9\" and 1 more"), "{waits}");
    assert!(!waits.contains("Task-11"), "it has ended: {waits}");
}

#[test]
fn errors_of_members_are_reported_unless_somebody_joins_the_gather() {
    let fail = |name: &'static str| move || try_spawn(move || Err::<(), _>(name));
    let ((), reports) = reported(|| {
        run(|| {
            let joined = gather([fail("one")(), fail("two")()]);
            joined.join().unwrap_err();
            yield_now();
            drop(gather([fail("three")()]));
            let asked = gather_results([fail("four")()]);
            yields(3);
            assert!(asked.outcome().unwrap().is_ok());
        });
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("three"), "{reports:?}");
}

#[test]
fn a_gather_that_is_dropped_lets_go_of_its_members_and_leaves_them_alone() {
    run(|| {
        let promise = Promise::<Rc<()>>::new();
        let gathered = gather([&promise]);
        drop(gathered);
        let alive = Rc::new(());
        promise.set_result(Rc::clone(&alive)).unwrap();
        drop(promise);
        assert_eq!(Rc::strong_count(&alive), 1);
        let task = spawn(|| {
            yields(3);
            log("goes on");
        });
        drop(gather([&task]));
        drop(gather((|| log("also"), || log("this"))));
        task.join().unwrap();
        assert_eq!(logged(), ["also", "this", "goes on"]);
    });
}

#[test]
fn a_circle_of_a_promise_and_a_gather_is_freed() {
    struct Counts(Rc<()>);
    run(|| {
        let alive = Rc::new(());
        let promise = Promise::<Counts>::new();
        let held = Counts(Rc::clone(&alive));
        promise.on_done(move |_| drop(held.0));
        let outer = gather([gather([&promise])]);
        drop((promise, outer));
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_callback_on_a_gather_whose_handle_is_gone_comes_with_the_first_error() {
    ticking(|| {
        let begin = tick();
        gather((
            || {
                yields(9);
                "slow"
            },
            try_spawn(|| Err::<(), _>("fails")),
        ))
        .on_done(|_| log("ended"));
        yields(4);
        assert_eq!(logged_since(begin), [(3, "ended".to_owned())]);
    });
}

#[test]
fn a_panic_in_a_callback_of_a_member_goes_to_the_hook_and_the_gather_ends() {
    let (value, reports) = reported(|| {
        run(|| {
            let task = spawn(|| 1);
            task.on_done(|_| silent_panic("in a callback"));
            gather([&task]).join().unwrap()
        })
    });
    assert_eq!((value, reports), (vec![1], vec!["callback: panicked: in a callback".to_owned()]));
}

#[test]
fn callbacks_may_cancel_and_join_the_gather_they_belong_to() {
    run(|| {
        let gathered = Rc::new(gather((|| 1, || 2)));
        let inside = Rc::clone(&gathered);
        gathered.on_done(move |_| {
            assert!(!inside.cancel());
            log(format!("{:?}", inside.join().unwrap()));
        });
        yields(3);
        assert_eq!(logged(), ["(1, 2)"]);
        let promise = Promise::<u8>::new();
        let gathered = Rc::new(gather([&promise]));
        let inside = Rc::clone(&gathered);
        promise.on_done(move |_| {
            // Called after the gather's own, which came first.
            log(format!("{}", inside.is_finished()));
        });
        gathered.cancel();
        assert!(gathered.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["true"]);
    });
}

#[test]
fn a_clone_that_panics_leaves_all_values_in_their_places() {
    #[derive(Debug)]
    struct Bad(u8);
    impl Clone for Bad {
        fn clone(&self) -> Self {
            if self.0 == 2 {
                silent_panic("clone")
            }
            Bad(self.0)
        }
    }
    run(|| {
        let gathered = gather((|| Bad(1), || Bad(2)));
        assert_eq!(panic_text(|| gathered.join_cloned()), "clone");
        let (one, two) = gathered.join().unwrap();
        assert_eq!((one.0, two.0), (1, 2));
    });
}

#[test]
fn tasks_of_a_scope_are_members_and_may_give_what_they_borrow() {
    run(|| {
        let words = [String::from("to"), String::from("cede")];
        let kept = cede::scope(|s| {
            let children = words.each_ref().map(|word| s.spawn(move || word.as_str()));
            let all = gather(&children);
            let owned = gather(words.each_ref().map(|word| s.spawn(move || word.len())));
            assert_eq!(all.join_cloned().unwrap(), ["to", "cede"]);
            (all, owned)
        })
        .unwrap();
        assert_eq!(kept.0.join().unwrap(), ["to", "cede"]);
        assert_eq!(kept.1.join().unwrap(), [2, 4]);
    });
}

#[test]
fn outside_of_a_run_only_what_has_ended_can_be_gathered() {
    let promise = Promise::new();
    let text = panic_text(|| gather([&promise]).is_finished());
    assert_eq!(text, "cede: gather works inside a run: call it inside cede::run");
    promise.set_result(1).unwrap();
    let gathered = gather([&promise]);
    assert!(gathered.is_finished());
    assert_eq!(run(|| gathered.join().unwrap()), [1]);
}

#[test]
fn the_cancellation_of_a_joiner_reaches_through_all_levels() {
    ticking(|| {
        let leaf = Rc::new(spawn(forever));
        let (a, b) = (Rc::clone(&leaf), Rc::clone(&leaf));
        let middle = spawn(move || gather([a.end()]).join().map(|_| ()));
        let top = spawn(move || gather([middle.end(), b.end()]).join().map(|_| ()));
        yields(3);
        top.cancel();
        assert!(top.join().unwrap_err().is_cancelled());
        assert!(leaf.is_cancelled());
        assert_eq!(leaf.cancelling(), 2);
    });
}

#[test]
fn debug_output_says_what_it_is() {
    run(|| {
        let gathered = gather([|| 1]);
        assert_eq!(format!("{gathered:?}"), "Gather { finished: false, .. }");
        gathered.join().unwrap();
        let taken: JoinError = gathered.join().unwrap_err();
        assert!(taken.is_already_taken());
    });
}

/// asyncio: a gather whose members have all ended can't be cancelled any more, and the task that waits for it is woken by its
/// end, in its turn.
#[test]
fn tasks_that_gather_the_same_and_are_all_cancelled_end_in_the_order_in_which_they_came() {
    run(|| {
        let promise = Promise::<()>::new();
        let tasks = ["first", "second", "third"].map(|name| {
            let promise = promise.clone();
            spawn(move || {
                let _guard = Logs(name);
                gather([&promise]).join()
            })
        });
        yield_now();
        for task in &tasks {
            assert!(task.cancel());
        }
        for task in tasks {
            assert!(task.join().unwrap_err().is_cancelled());
        }
        assert_eq!(logged(), ["first", "second", "third"]);
    });
}

#[test]
fn a_gather_that_is_kept_beyond_a_scope_keeps_nothing_of_its_closures() {
    struct Looks<'a>(&'a str);
    impl Drop for Looks<'_> {
        fn drop(&mut self) {
            log(self.0);
        }
    }
    run(|| {
        for stack_size in [None, Some(usize::MAX)] {
            let settings = Builder::new();
            let settings = stack_size.map_or(settings.clone(), |bytes| settings.stack_size(bytes));
            let mut kept = None;
            let has_failed = {
                let word = String::from("of the closure");
                let ended = cede::scope(|s| {
                    let looks = Looks(&word);
                    let child = settings.spawn_scoped(s, move || drop(looks));
                    kept = Some((gather([&child]), shield(&child), child.end()));
                });
                ended.is_err()
            };
            assert_eq!(has_failed, stack_size.is_some());
            assert_eq!(logged(), ["of the closure"], "when the scope has ended, at the latest");
            drop(kept);
        }
    });
}
