//! Each way of waiting for several results, cancelled at each tick of its life: who goes on, who does not, and that nothing is left.

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;
use std::time::Duration;

use cede::task::{
    Awaitable, Builder, Promise, ReturnWhen, as_completed, gather, gather_results, shield, wait, wait_for,
};
use cede::{JoinHandle, catch_cancelled, scope, spawn, yield_now};
use trace::{SECOND, reported, run};

/// How many ticks are tried; all is over before.
const TICKS: u32 = 14;

type Members = Rc<[JoinHandle<Rc<()>>; 2]>;

/// What becomes of members whose waiter was cancelled before they had ended.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    AreCancelled,
    GoOn,
}

fn members(alive: &Rc<()>) -> Members {
    Rc::new([3, 5].map(|ticks| {
        let token = Rc::clone(alive);
        spawn(move || {
            (0..ticks).for_each(|_| yield_now());
            token
        })
    }))
}

/// Cancels the waiter after each number of ticks, and looks at what is left.
fn sweep(name: &str, fate: Fate, waiter: fn(&Members)) {
    let mut outcomes = [0, 0];
    for tick in 0..TICKS {
        let alive = Rc::new(());
        let ((), reports) = reported(|| {
            run(|| {
                let members = members(&alive);
                let inside = Rc::clone(&members);
                let task = spawn(move || waiter(&inside));
                (0..tick).for_each(|_| yield_now());
                let in_time = task.cancel();
                let ended_before = members.each_ref().map(|member| member.is_finished());
                let cancelled = task.join().is_err_and(|error| error.is_cancelled());
                outcomes[usize::from(cancelled)] += 1;
                assert_eq!(cancelled, in_time, "{name} after {tick} ticks");
                (0..TICKS).for_each(|_| yield_now());
                for (member, ended) in members.iter().zip(ended_before) {
                    let spared = ended || !cancelled || fate == Fate::GoOn;
                    // A waiter that never began has touched nobody.
                    let spared = spared || tick == 0;
                    assert_eq!(member.is_cancelled(), !spared, "{name} after {tick} ticks");
                }
            });
        });
        assert_eq!(reports, [""; 0], "{name} after {tick} ticks");
        assert_eq!(Rc::strong_count(&alive), 1, "{name} after {tick} ticks");
    }
    assert!(outcomes.iter().all(|&count| count > 0), "{name} was not cancelled both in time and too late");
}

#[test]
fn gathers() {
    sweep("gather", Fate::AreCancelled, |members| drop(gather(&**members).join()));
    sweep("gather_results", Fate::AreCancelled, |members| drop(gather_results(&**members).join()));
    sweep("a gather of gathers", Fate::AreCancelled, |members| {
        drop(gather((gather([&members[0]]), gather_results([&members[1]]))).join());
    });
    sweep("gather with a limit", Fate::AreCancelled, |members| {
        drop(wait_for(Some(SECOND), gather(&**members)));
    });
}

#[test]
fn waits() {
    sweep("wait for all", Fate::GoOn, |members| {
        drop(wait(&**members, ReturnWhen::AllCompleted, None));
    });
    sweep("wait for the first", Fate::GoOn, |members| {
        drop(wait(&**members, ReturnWhen::FirstCompleted, Some(SECOND)));
    });
    sweep("wait for no time", Fate::GoOn, |members| {
        for _ in 0..3 {
            drop(wait(&**members, ReturnWhen::AllCompleted, Some(Duration::ZERO)));
        }
    });
    sweep("as_completed", Fate::GoOn, |members| as_completed(&**members, None).for_each(drop));
    sweep("as_completed that is left early", Fate::GoOn, |members| {
        let _ = as_completed(&**members, Some(SECOND)).next();
    });
}

#[test]
fn shields() {
    sweep("shield", Fate::GoOn, |members| {
        members.iter().for_each(|member| drop(shield(member).join()));
    });
    sweep("a shield of a gather", Fate::GoOn, |members| drop(shield(gather(&**members)).join()));
    sweep("a gather of shields", Fate::GoOn, |members| {
        drop(gather(members.each_ref().map(shield)).join());
    });
    sweep("a shield with a limit", Fate::GoOn, |members| {
        members.iter().for_each(|member| drop(wait_for(Some(SECOND), shield(member))));
    });
}

#[test]
fn a_waiter_that_catches_its_cancellation_waits_for_the_rest() {
    for tick in 1..TICKS {
        let alive = Rc::new(());
        run(|| {
            let members = members(&alive);
            let inside = Rc::clone(&members);
            let task = spawn(move || {
                let first = catch_cancelled(|| wait(&*inside, ReturnWhen::AllCompleted, None).done.len());
                first.unwrap_or_else(|_| wait(&*inside, ReturnWhen::AllCompleted, None).done.len())
            });
            (0..tick).for_each(|_| yield_now());
            task.cancel();
            assert_eq!(task.join().unwrap(), 2, "after {tick} ticks");
        });
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}

#[test]
fn promises_that_are_kept_and_cancelled_in_every_order() {
    for keep in 0..5 {
        for cancel in 0..5 {
            run(|| {
                let promise = Promise::new();
                let inside = promise.clone();
                let task = spawn(move || inside.join_cloned());
                let mut kept = false;
                for tick in 0..5 {
                    if tick == keep {
                        kept = promise.set_result(7).is_ok();
                    }
                    if tick == cancel {
                        task.cancel();
                    }
                    yield_now();
                }
                match task.join() {
                    Ok(value) => assert_eq!(value.unwrap(), 7),
                    Err(error) => assert!(error.is_cancelled()),
                }
                // What is promised is there for others, unless a waiter took the promise with it.
                assert_eq!(promise.join().is_ok(), kept);
            });
        }
    }
}

#[test]
fn scopes_whose_children_wait_for_each_other_end_whenever_they_are_cancelled() {
    for tick in 0..TICKS {
        for eager in [false, true] {
            run(|| {
                let task = spawn(move || {
                    let word = String::from("cede");
                    let settings = Builder::new().eager(eager);
                    scope(|s| {
                        let first = settings.clone().spawn_scoped(s, || {
                            (0..3).for_each(|_| yield_now());
                            word.len()
                        });
                        let second = settings.spawn_scoped(s, || (yield_now(), word.len()).1);
                        drop(gather((shield(&first), &second)).join());
                        drop(wait([&first], ReturnWhen::AllCompleted, None));
                    })
                });
                (0..tick).for_each(|_| yield_now());
                task.cancel();
                if let Err(error) = task.join() {
                    assert!(error.is_cancelled());
                }
            });
        }
    }
}
