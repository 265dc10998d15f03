//! Context variables: who inherits what, who changes what, and what becomes of values.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use cede::runtime::{Handle, unblock};
use cede::task::{Awaitable, Builder, Context, ContextVar, Promise, call_at, call_later, gather};
use cede::{
    Generator, GeneratorError, Runner, TaskGroup, Thrown, Yielder, call_soon, catch_cancelled,
    contextmanager, scope, sleep, spawn, time, with, yield_now,
};
use trace::{SECOND, log, logged, panic_text, run, silent_panic};

static WORD: ContextVar<&str> = ContextVar::with_default("word", || "none");
static NUMBER: ContextVar<u32> = ContextVar::new("number");

fn word() -> &'static str {
    WORD.get().unwrap()
}

#[test]
fn a_variable_is_its_default_until_it_is_set_and_again_when_that_is_taken_back() {
    run(|| {
        assert_eq!((word(), NUMBER.get()), ("none", None));
        let first = WORD.set("first");
        let second = WORD.set("second");
        let number = NUMBER.set(1);
        assert_eq!((word(), NUMBER.get()), ("second", Some(1)));
        WORD.reset(second);
        NUMBER.reset(number);
        assert_eq!((word(), NUMBER.get()), ("first", None));
        WORD.reset(first);
        assert_eq!(word(), "none");
        assert_eq!((WORD.name(), format!("{NUMBER:?}").contains("number")), ("word", true));
    });
}

#[test]
fn tasks_inherit_what_is_set_when_they_are_spawned_and_change_their_own() {
    run(|| {
        WORD.set("before");
        let child = spawn(|| {
            let inherited = word();
            WORD.set("child");
            yield_now();
            (inherited, word(), spawn(word).join().unwrap())
        });
        WORD.set("after");
        yield_now();
        assert_eq!(word(), "after");
        assert_eq!(child.join().unwrap(), ("before", "child", "child"));
        assert_eq!(word(), "after");
    });
}

#[test]
fn children_of_scopes_groups_and_gathers_inherit_too() {
    run(|| {
        WORD.set("parent");
        scope(|s| {
            assert_eq!(s.spawn(word).join().unwrap(), "parent");
            assert_eq!(Builder::new().spawn_scoped(s, word).join().unwrap(), "parent");
        })
        .unwrap();
        let group = TaskGroup::new();
        let member = group.spawn(word);
        group.join().unwrap();
        assert_eq!(member.join().unwrap(), "parent");
        assert_eq!(gather((word, word)).join().unwrap(), ("parent", "parent"));
        let nothing = spawn(|| NUMBER.get());
        assert_eq!(nothing.join().unwrap(), None);
    });
}

#[test]
fn callbacks_run_in_copies_of_what_was_set_when_they_were_made() {
    run(|| {
        WORD.set("made");
        let say = |name: &'static str| {
            move || {
                log(format!("{name} {}", word()));
                WORD.set("changed");
            }
        };
        let promise = Promise::new();
        call_soon(say("soon"));
        call_later(SECOND, say("later"));
        call_at(time::now() + SECOND, say("at"));
        let done = say("done");
        promise.on_done(move |_| done());
        let reused = say("again");
        WORD.set("after");
        call_soon(reused);
        promise.set_result(()).unwrap();
        let late = say("late");
        promise.on_done(move |_| late());
        sleep(2 * SECOND);
        assert_eq!(word(), "after");
        let seen = ["soon made", "again after", "done made", "late after", "later made", "at made"];
        assert_eq!(logged(), seen);
    });
}

#[test]
fn a_callback_leaves_nothing_behind_for_the_next_also_when_it_panics() {
    trace::reported(|| {
        run(|| {
            call_soon(|| {
                WORD.set("left behind");
                silent_panic("callback")
            });
            call_soon(|| {
                assert_eq!(word(), "none");
                WORD.set("of the callback");
                spawn(|| log(word()));
            });
            call_soon(|| log(word()));
            (0..3).for_each(|_| yield_now());
        });
    });
    assert_eq!((logged(), word()), (vec!["none".to_owned(), "of the callback".to_owned()], "none"));
}

#[test]
fn a_thread_has_values_with_which_a_run_begins_and_which_it_leaves_alone() {
    let token = WORD.set("of the thread");
    let runner = Runner::builder().virtual_time(true).build();
    assert_eq!(runner.run(word).unwrap(), "of the thread");
    WORD.set("later");
    let in_a_task_and_a_callback = runner.run(|| {
        let seen = Rc::new(Cell::new(""));
        let slot = Rc::clone(&seen);
        call_soon(move || slot.set(word()));
        yield_now();
        let task = spawn(word).join().unwrap();
        WORD.set("of the run");
        (seen.get(), task)
    });
    let once = ("of the thread", "of the thread");
    assert_eq!(in_a_task_and_a_callback.unwrap(), once, "copied at the first run");
    assert_eq!((word(), runner.run(word).unwrap()), ("later", "of the run"));
    assert_eq!(cede::run(|| Builder::new().context(Context::new()).spawn(word).join().unwrap()), "none");
    WORD.reset(token);
    assert_eq!(thread::spawn(word).join().unwrap(), "none");
}

#[test]
fn a_task_with_no_values_in_a_run_of_a_thread_with_some_gives_none_to_its_callbacks() {
    WORD.set("of the thread");
    run(|| {
        let task = Builder::new().context(Context::new()).spawn(|| {
            call_soon(|| log(word()));
            yield_now();
        });
        task.join().unwrap();
    });
    assert_eq!(logged(), ["none"]);
}

#[test]
fn a_context_keeps_what_is_set_in_it_and_nothing_of_it_is_seen_outside() {
    run(|| {
        WORD.set("outside");
        let context = Context::current();
        WORD.set("later");
        assert_eq!(context.run(word), "outside");
        let waited = context.run(|| {
            WORD.set("inside");
            sleep(SECOND);
            let nested = Context::new().run(word);
            (word(), nested, spawn(word).join().unwrap())
        });
        assert_eq!(waited, ("inside", "none", "inside"));
        assert_eq!((word(), context.get(&WORD), context.get(&NUMBER)), ("later", Some("inside"), None));
        let shared = context.clone();
        shared.run(|| NUMBER.set(1));
        assert_eq!(context.get(&NUMBER), Some(1));
        let copy = context.run(Context::current);
        copy.run(|| NUMBER.set(2));
        assert_eq!(context.get(&NUMBER), Some(1));
        assert_eq!(Context::default().get(&WORD), Some("none"));
    });
}

#[test]
fn others_run_in_their_own_contexts_while_one_waits_inside_of_another() {
    run(|| {
        WORD.set("main");
        let other = spawn(|| {
            yield_now();
            log(word());
        });
        Context::new().run(|| {
            WORD.set("inside");
            yield_now();
            yield_now();
            log(word());
        });
        other.join().unwrap();
        assert_eq!((logged(), word()), (vec!["main".to_owned(), "inside".to_owned()], "main"));
    });
}

#[test]
fn a_context_is_left_however_its_function_is() {
    run(|| {
        WORD.set("outside");
        let context = Context::new();
        let text = panic_text(|| context.run(|| -> u8 { silent_panic("inside") }));
        assert_eq!((text.as_str(), word()), ("inside", "outside"));
        let inside = context.clone();
        let task = spawn(move || {
            let cancelled = catch_cancelled(|| inside.run(|| sleep(SECOND))).unwrap_err();
            log(word());
            cancelled.resume()
        });
        yield_now();
        task.cancel();
        assert!(task.join().map(|(): ()| ()).unwrap_err().is_cancelled());
        assert_eq!(logged(), ["outside"]);
    });
}

#[test]
fn tasks_that_are_given_one_context_share_it() {
    run(|| {
        let context = Context::new();
        let settings = Builder::new().context(context.clone());
        let first = settings.clone().spawn(|| {
            NUMBER.set(1);
            yield_now();
            NUMBER.get()
        });
        let second = settings.spawn(|| {
            let seen = NUMBER.get();
            NUMBER.set(2);
            seen
        });
        assert_eq!(second.join().unwrap(), Some(1));
        assert_eq!(first.join().unwrap(), Some(2));
        assert_eq!((context.get(&NUMBER), NUMBER.get()), (Some(2), None));
    });
}

#[test]
fn a_token_is_good_for_its_variable_in_its_context_only() {
    static OTHER: ContextVar<&str> = ContextVar::new("other");
    run(|| {
        let token = WORD.set("here");
        let text = panic_text(|| OTHER.reset(token));
        assert_eq!(text, "cede: the token is not one of the context variable \"other\"");
        let token = WORD.set("here");
        let text = panic_text(|| Context::current().run(|| WORD.reset(token)));
        assert_eq!(text, "cede: the token of the context variable \"word\" was made in another context");
        let token = WORD.set("here");
        let task = spawn(move || panic_text(|| WORD.reset(token)));
        assert!(task.join().unwrap().ends_with("was made in another context"));
        assert_eq!(word(), "here");
    });
}

#[test]
fn values_go_when_the_last_context_that_has_them_does() {
    static HELD: ContextVar<Arc<()>> = ContextVar::new("held");
    let alive = Arc::new(());
    run(|| {
        HELD.set(Arc::clone(&alive));
        let task = spawn(|| {
            yield_now();
            HELD.set(Arc::default());
        });
        let copy = Context::current();
        HELD.set(Arc::default());
        assert_eq!(Arc::strong_count(&alive), 2, "one for all copies");
        task.join().unwrap();
        drop(copy);
        assert_eq!(Arc::strong_count(&alive), 1);
        let token = HELD.set(Arc::clone(&alive));
        let inner = HELD.set(Arc::default());
        assert_eq!(Arc::strong_count(&alive), 2, "the token keeps it");
        HELD.reset(inner);
        HELD.reset(token);
        assert_eq!(Arc::strong_count(&alive), 1);
        HELD.set(Arc::clone(&alive));
    });
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn code_of_values_may_use_the_variable_itself() {
    #[derive(Debug, Default)]
    struct Reenters(u32);
    static SELF: ContextVar<Reenters> = ContextVar::with_default("self", Reenters::default);
    impl Clone for Reenters {
        fn clone(&self) -> Self {
            // The value is out of the context's hands by now, whatever is set meanwhile.
            if self.0 == 1 {
                SELF.set(Reenters(5));
            }
            Reenters(self.0)
        }
    }
    impl Drop for Reenters {
        fn drop(&mut self) {
            if self.0 == 5 {
                log(format!("{:?}", SELF.get().map(|value| value.0)));
            }
        }
    }
    run(|| {
        SELF.set(Reenters(1));
        assert_eq!(SELF.get().unwrap().0, 1);
        SELF.set(Reenters(6));
        assert_eq!(logged(), ["Some(6)"]);
    });
}

#[test]
fn generators_use_the_values_of_whoever_resumes_them() {
    run(|| {
        WORD.set("main");
        let mut words = Generator::new(|y| {
            y.yield_(word());
            WORD.set("set inside");
            y.yield_(word());
        });
        assert_eq!(words.next(), Some("main"));
        let task = spawn(move || {
            WORD.set("task");
            (words.next(), word())
        });
        assert_eq!(task.join().unwrap(), (Some("set inside"), "set inside"));
        assert_eq!(word(), "main");
    });
}

#[test]
fn a_generator_does_not_yield_from_inside_of_a_context() {
    run(|| {
        let trap = Generator::new(|y: &Yielder<i32>| {
            let Err(Thrown::Error(error)) = Context::new().run(|| y.try_yield(1)) else { panic!() };
            assert!(matches!(error.downcast_ref(), Some(GeneratorError::InExtent)));
        });
        assert_eq!(trap.count(), 0);
    });
}

#[test]
fn a_context_manager_may_put_its_block_into_a_context() {
    run(|| {
        WORD.set("outside");
        let manager = contextmanager(|y| {
            Context::new().run(|| {
                WORD.set("inside");
                y.yield_(());
            });
        });
        with(manager, |()| {
            log(word());
            Ok::<_, std::io::Error>(())
        })
        .unwrap()
        .unwrap();
        assert_eq!((logged(), word()), (vec!["inside".to_owned()], "outside"));
    });
}

#[test]
fn values_cross_to_other_threads_with_what_runs_there() {
    let runner = Runner::new();
    runner
        .run(|| {
            WORD.set("main");
            assert_eq!(unblock(word), "main");
            unblock(|| drop(WORD.set("elsewhere")));
            assert_eq!(unblock(word), "main", "the thread has forgotten it");
            let handle = Handle::current();
            let context = Context::current();
            let outsider = thread::spawn(move || {
                assert_eq!(word(), "none");
                WORD.set("outsider");
                let task = handle.spawn(word);
                handle.call_soon(|| log(word())).unwrap();
                (task.join().unwrap(), context.run(word))
            });
            while !outsider.is_finished() {
                sleep(std::time::Duration::from_millis(1));
            }
            assert_eq!(outsider.join().unwrap(), ("outsider", "main"));
            assert_eq!((logged(), word()), (vec!["outsider".to_owned()], "main"));
        })
        .unwrap();
}

#[test]
fn threads_that_share_a_context_lose_nothing() {
    static COUNTS: [ContextVar<u32>; 4] = [const { ContextVar::new("count") }; 4];
    let context = Context::new();
    let threads = [0, 1, 2, 3].map(|index: usize| {
        let context = context.clone();
        thread::spawn(move || {
            context.run(|| {
                for count in 0..1000 {
                    COUNTS[index].set(count);
                    assert_eq!(COUNTS[index].get(), Some(count));
                }
            });
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(COUNTS.iter().all(|count| context.get(count) == Some(999)));
}

#[test]
fn variables_work_in_the_destructors_of_a_threads_locals() {
    struct Asks;
    impl Drop for Asks {
        fn drop(&mut self) {
            let token = WORD.set("late");
            let _ = (word(), Context::current());
            drop(token);
        }
    }
    thread_local!(static ASKS: Asks = const { Asks });
    let thread = thread::spawn(|| {
        ASKS.with(|_| ());
        WORD.set("of the thread");
        word()
    });
    assert_eq!(thread.join().unwrap(), "of the thread");
}
