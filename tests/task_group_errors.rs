//! The errors of groups: as texts, by type, by condition, along their sources, and when nobody is there to get them.

#[path = "task_order/trace.rs"]
mod trace;

use std::error::Error;
use std::io;
use std::iter;
use std::num::ParseIntError;

use cede::task::Builder;
use cede::{
    GroupError, JoinError, SpawnError, TaskGroup, catch_cancelled, no_cancel, scope, sleep, try_scope,
    yield_now,
};
use trace::{SECOND, panic_text, reported, run, silent_panic};

#[derive(Debug, thiserror::Error)]
#[error("cannot save")]
struct CannotSave(#[source] io::Error);

fn cannot_save() -> Result<(), CannotSave> {
    Err(CannotSave(io::Error::new(io::ErrorKind::StorageFull, "the disk is full")))
}

fn is<E: Error + 'static>(error: &JoinError) -> bool {
    error.error().is_some_and(|error| error.is::<E>())
}

/// A group of: an error with a source; a number that is none; a group of another and a panic.
fn nested() -> GroupError {
    run(|| {
        scope(|s| {
            s.try_spawn(cannot_save);
            s.try_spawn(|| {
                scope(|s| {
                    s.try_spawn(|| "x".parse::<u8>());
                    s.spawn(|| silent_panic("went wrong"));
                })
            });
            s.spawn(|| sleep(SECOND));
            s.try_spawn(|| "y".parse::<u8>());
        })
        .unwrap_err()
    })
}

fn texts(group: &GroupError) -> Vec<String> {
    group.iter().map(ToString::to_string).collect()
}

#[test]
fn errors_are_found_by_type_also_in_groups_in_the_group() {
    let error = nested();
    assert_eq!(error.len(), 3);
    assert_eq!(error.of_type::<CannotSave>().count(), 1);
    assert_eq!(error.of_type::<ParseIntError>().count(), 2);
    assert_eq!(error.of_type::<io::Error>().count(), 0, "a source is not an error of the group");
    assert_eq!(error.of_type::<GroupError>().map(GroupError::len).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_split_keeps_the_order_and_the_nesting() {
    let error = nested();
    let (numbers, others) = error.split_by(is::<ParseIntError>);
    let (numbers, others) = (numbers.unwrap(), others.unwrap());
    assert_eq!((numbers.len(), others.len()), (2, 2));
    assert_eq!(numbers.of_type::<ParseIntError>().count(), 2);
    let inner: Vec<_> = numbers.of_type::<GroupError>().collect();
    assert_eq!((inner.len(), inner[0].len()), (1, 1));
    assert_eq!(others.of_type::<ParseIntError>().count(), 0);
    assert_eq!(texts(&others), ["cannot save", "the task panicked: went wrong"]);
    let inner: Vec<_> = others.of_type::<GroupError>().collect();
    assert!(inner[0].iter().next().unwrap().is_panic());
    assert_eq!(error.len(), 3, "it is as it was");
}

#[test]
fn a_split_of_which_one_part_would_be_empty_has_none() {
    let error = nested();
    let (all, none) = error.split_by(|_| true);
    assert_eq!(texts(&all.unwrap()), texts(&error));
    assert!(none.is_none());
    let (none, all) = error.split_by(|_| false);
    assert_eq!(texts(&all.unwrap()), texts(&error));
    assert!(none.is_none());
}

#[test]
fn a_condition_is_asked_of_each_error_once_and_may_panic() {
    let error = nested();
    let mut asked = Vec::new();
    drop(error.split_by(|error| {
        asked.push(error.to_string());
        asked.len() % 2 == 0
    }));
    assert_eq!(asked.len(), 4);
    assert!(asked[3].contains("went wrong"));
    assert_eq!(panic_text(|| error.split_by(|_| silent_panic("condition"))), "condition");
}

#[test]
fn the_chain_of_sources_leads_through_the_first_error_itself() {
    let error = nested();
    let chain: Vec<_> = iter::successors(error.source(), |&error| error.source()).collect();
    assert!(chain[0].is::<CannotSave>());
    assert_eq!(chain[1].downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::StorageFull);
    assert_eq!(chain.len(), 2);
    let inner = error.of_type::<GroupError>().next().unwrap();
    assert!(inner.source().unwrap().is::<ParseIntError>());
    let panics = run(|| scope(|s| drop(s.spawn(|| silent_panic("went wrong")))).unwrap_err());
    assert!(panics.source().unwrap().downcast_ref::<JoinError>().unwrap().is_panic());
    let outer = run(|| {
        scope(|s| {
            s.try_spawn(|| scope(|s| drop(s.try_spawn(cannot_save))));
        })
        .unwrap_err()
    });
    let chain: Vec<_> = iter::successors(outer.source(), |&error| error.source()).collect();
    assert!(chain[0].is::<GroupError>() && chain[1].is::<CannotSave>() && chain[2].is::<io::Error>());
}

#[test]
fn the_short_text_is_the_first_error_and_the_long_one_has_all() {
    let error = nested();
    assert_eq!(error.to_string(), "cannot save (and 2 other errors)");
    let expected = "3 errors:\n  cannot save, because: the disk is full\n  invalid digit found in string\n  2 errors:\n    \
                    invalid digit found in string\n    the task panicked: went wrong";
    assert_eq!(format!("{error:#}"), expected);
    let one = run(|| scope(|s| drop(s.try_spawn(|| Err::<(), _>("no disk")))).unwrap_err());
    assert_eq!(
        (one.to_string(), format!("{one:#}")),
        ("no disk".to_owned(), "1 error:\n  no disk".to_owned())
    );
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Other);
}

#[test]
fn a_group_says_why_it_takes_no_more_tasks() {
    run(|| {
        let group = TaskGroup::new();
        group.cancel();
        let refused = |error: JoinError| *error.error().unwrap().downcast_ref::<SpawnError>().unwrap();
        assert_eq!(refused(group.spawn(|| ()).join().unwrap_err()), SpawnError::ShuttingDown);
        let kept = scope(|s| {
            s.try_spawn(|| Err::<(), _>("fails"));
            let refused_late = s.spawn(|| {
                let _ = catch_cancelled(|| sleep(SECOND));
                s.spawn(|| ()).join().unwrap_err()
            });
            refused_late.join()
        });
        assert_eq!(kept.unwrap_err().len(), 1);
    });
}

#[test]
fn the_errors_of_children_are_reported_when_the_body_panics_and_the_panic_goes_on() {
    let (text, reports) = reported(|| {
        run(|| {
            panic_text(|| {
                scope(|s| {
                    Builder::new().name("writer").try_spawn_scoped(s, cannot_save);
                    s.spawn(|| silent_panic("child"));
                    let _ = catch_cancelled(|| sleep(SECOND)).unwrap_err();
                    silent_panic("body")
                })
            })
        })
    });
    assert_eq!(text, "body");
    let expected = [
        "task 2 \"writer\": failed in a group whose body panicked: cannot save",
        "task 3 \"Task-3\": failed in a group whose body panicked: the task panicked: child",
    ];
    assert_eq!(reports, expected);
    let (text, reports) = reported(|| run(|| panic_text(|| scope(|_| silent_panic("body")))));
    assert_eq!((text, reports), ("body".to_owned(), vec![]));
}

#[test]
fn an_error_whose_text_panics_is_reported_without_it_when_the_body_panics() {
    #[derive(Debug)]
    struct Unspeakable;
    impl std::fmt::Display for Unspeakable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            silent_panic("Display")
        }
    }
    impl Error for Unspeakable {}
    let (text, reports) = reported(|| {
        run(|| {
            panic_text(|| {
                scope(|s| {
                    s.try_spawn(|| Err::<(), _>(Unspeakable));
                    let _ = catch_cancelled(|| sleep(SECOND)).unwrap_err();
                    silent_panic("body")
                })
            })
        })
    });
    assert_eq!(text, "body");
    assert_eq!(reports.len(), 1);
    assert!(reports[0].ends_with("with an error whose Display panicked"), "{reports:?}");
}

#[test]
fn a_cancellation_from_outside_is_not_lost_when_the_body_panics() {
    run(|| {
        let task = cede::spawn(|| {
            let text = panic_text(|| {
                scope(|_| {
                    let _ = catch_cancelled(|| sleep(SECOND)).unwrap_err();
                    silent_panic("body")
                })
            });
            assert_eq!(text, "body");
            sleep(SECOND);
            unreachable!();
        });
        yield_now();
        task.cancel();
        assert!(task.join().map(|(): ()| ()).unwrap_err().is_cancelled());
    });
}

#[test]
fn the_errors_of_a_group_that_nobody_joins_are_reported() {
    let ((), reports) = reported(|| {
        run(|| {
            let group = TaskGroup::new();
            Builder::new().name("early").try_spawn_in(&group, || Err::<(), _>("early error"));
            Builder::new().name("late").try_spawn_in(&group, || {
                catch_cancelled(|| sleep(SECOND)).map_err(|_| {
                    no_cancel(yield_now);
                    "late error"
                })
            });
            let asked = Builder::new()
                .name("asked")
                .try_spawn_in(&group, || catch_cancelled(|| sleep(SECOND)).map_err(|_| "asked for"));
            // The first error cancels this task, which owns the group.
            let _ = catch_cancelled(|| sleep(SECOND)).unwrap_err();
            cede::current().unwrap().uncancel();
            drop(group);
            assert!(asked.join().is_err());
            (0..4).for_each(|_| yield_now());
        });
    });
    let expected = [
        "task 2 \"early\": failed in a group that nobody joined: early error",
        "task 3 \"late\": failed and nobody asked: late error",
    ];
    assert_eq!(reports, expected);
}

#[test]
fn an_error_of_the_body_is_one_of_the_group_and_names_no_task() {
    let error = run(|| {
        try_scope(|s| {
            s.try_spawn(cannot_save);
            let _ = catch_cancelled(|| sleep(SECOND)).unwrap_err();
            Err::<(), _>("the body")
        })
        .unwrap_err()
    });
    assert_eq!(texts(&error), ["cannot save", "the body"]);
}
