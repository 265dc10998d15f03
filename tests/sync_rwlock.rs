//! Locks for many readers or one writer: who is let in beside whom, in which order, and what becomes of those who go away.

#[path = "sync_model/random.rs"]
mod random;
#[path = "sync_model/refusals.rs"]
mod refusals;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cede::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use cede::time::after;
use cede::{JoinHandle, select, sleep, spawn, yield_now};
use random::Random;
use refusals::{assert_refused, deadlock, everywhere};
use trace::{SECOND, log, logged, panic_text, run, silent_panic, tick, ticking};

/// Starts a task that locks, logs, and holds the lock for a while.
fn holds(lock: &Rc<RwLock<()>>, name: &'static str, writes: bool, time: Duration) -> JoinHandle<()> {
    let lock = Rc::clone(lock);
    spawn(move || {
        let (read, write) = if writes { (None, Some(lock.write())) } else { (Some(lock.read()), None) };
        log(format!("{name} comes"));
        sleep(time);
        log(format!("{name} goes"));
        drop((read, write));
    })
}

fn join_all<const N: usize>(tasks: [JoinHandle<()>; N]) {
    tasks.iter().for_each(|task| task.join().unwrap());
}

#[test]
fn readers_are_inside_together_and_a_writer_alone() {
    run(|| {
        let lock = RwLock::new(1);
        let first = lock.read();
        let second = lock.try_read().unwrap();
        assert_eq!((*first, *second, lock.try_write().is_none()), (1, 1, true));
        drop((first, second));
        let mut writer = lock.write();
        *writer += 1;
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        drop(writer);
        assert_eq!(*lock.read(), 2);
    });
}

#[test]
fn all_are_served_in_the_order_in_which_they_came() {
    run(|| {
        let lock = Rc::new(RwLock::new(()));
        let tasks = [("r1", false), ("r2", false), ("w1", true), ("r3", false), ("r4", false), ("w2", true)];
        join_all(tasks.map(|(name, writes)| holds(&lock, name, writes, SECOND)));
    });
    let expected = "r1 comes,r2 comes,r1 goes,r2 goes,w1 comes,w1 goes,r3 comes,r4 comes,r3 goes,r4 goes,w2 comes,w2 goes";
    assert_eq!(logged().join(","), expected);
}

#[test]
fn a_writer_that_waits_holds_later_readers_back_also_those_that_only_try() {
    run(|| {
        let lock = Rc::new(RwLock::new(()));
        let reader = lock.read();
        let writer = holds(&lock, "writer", true, SECOND);
        yield_now();
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        drop(reader);
        // It was let in, and has not run yet.
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        writer.join().unwrap();
        assert!(lock.try_read().is_some());
        logged();
    });
}

#[test]
fn who_waits_goes_on_in_the_tick_after_the_lock_is_released() {
    ticking(|| {
        let lock = Rc::new(RwLock::new(0));
        let writer = lock.write();
        let readers = [(); 2].map(|()| {
            let lock = Rc::clone(&lock);
            spawn(move || (*lock.read(), tick()))
        });
        yield_now();
        let released = tick();
        drop(writer);
        assert_eq!(readers.map(|reader| reader.join().unwrap()), [(0, released + 1); 2]);
    });
}

#[test]
fn a_writer_that_reads_on_lets_readers_in_and_no_writer() {
    run(|| {
        let lock = Rc::new(RwLock::new(0));
        let mut writer = lock.write();
        let waiters = [false, false, true, false].map(|writes| {
            let lock = Rc::clone(&lock);
            spawn(move || {
                let seen = if writes { std::mem::replace(&mut *lock.write(), 2) } else { *lock.read() };
                yield_now();
                seen
            })
        });
        yield_now();
        *writer = 1;
        let reader = RwLockWriteGuard::downgrade(writer);
        sleep(SECOND);
        let inside: Vec<_> = waiters.iter().map(JoinHandle::is_finished).collect();
        assert_eq!((inside, *reader), (vec![true, true, false, false], 1));
        drop(reader);
        assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), [1, 1, 1, 2]);
        drop(RwLockWriteGuard::downgrade(lock.write()));
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn a_guard_that_an_unwind_drops_releases_the_lock_and_poisons_nothing() {
    run(|| {
        let lock = Rc::new(RwLock::new(0));
        let text = panic_text(|| {
            *lock.write() = 1;
            let _reader = lock.read();
            silent_panic("while reading")
        });
        assert_eq!((text, *lock.try_write().unwrap()), ("while reading".to_owned(), 1));
        let theirs = Rc::clone(&lock);
        let writer = spawn(move || {
            let mut guard = theirs.write();
            *guard = 2;
            sleep(Duration::MAX);
        });
        yield_now();
        assert!(lock.try_read().is_none());
        writer.cancel();
        assert!(writer.join().unwrap_err().is_cancelled());
        assert_eq!(*lock.read(), 2);
    });
}

#[test]
fn those_behind_a_writer_that_goes_away_are_let_in() {
    run(|| {
        let lock = Rc::new(RwLock::new(()));
        let reader = lock.read();
        let writer = holds(&lock, "writer", true, SECOND);
        let readers = ["r1", "r2"].map(|name| holds(&lock, name, false, SECOND));
        yield_now();
        writer.cancel();
        // At once, not when the writer has left.
        yield_now();
        assert_eq!(logged(), ["r1 comes", "r2 comes"]);
        drop(reader);
        join_all(readers);

        // The same where it loses a race.
        let reader = lock.read();
        let theirs = Rc::clone(&lock);
        let racer = spawn(move || select! { _ = theirs.writing() => "wrote", () = after(SECOND) => "time" });
        yield_now();
        let behind = holds(&lock, "r3", false, SECOND);
        sleep(SECOND / 2);
        assert!(logged().iter().all(|line| line != "r3 comes"));
        assert_eq!(racer.join().unwrap(), "time");
        yield_now();
        assert_eq!(logged(), ["r3 comes"]);
        drop(reader);
        join_all([behind]);
        logged();
    });
}

#[test]
fn one_that_was_let_in_and_is_cancelled_or_loses_a_race_releases_the_lock() {
    run(|| {
        for writes in [false, true] {
            let lock = Rc::new(RwLock::new(()));
            let held = lock.write();
            let woken = holds(&lock, "woken", writes, SECOND);
            let behind = holds(&lock, "behind", true, SECOND);
            yield_now();
            drop(held);
            woken.cancel();
            behind.join().unwrap();
            assert!(woken.join().unwrap_err().is_cancelled());
            assert_eq!(logged(), ["behind comes", "behind goes"]);

            let other = Rc::new(RwLock::new(()));
            let held = (lock.write(), other.write());
            let (a, b) = (Rc::clone(&lock), Rc::clone(&other));
            let racer = spawn(move || match writes {
                true => select! { _ = a.writing() => "first", _ = b.writing() => "second" },
                false => select! { _ = a.reading() => "first", _ = b.reading() => "second" },
            });
            yield_now();
            // Both let it in before it runs.
            drop(held);
            assert_eq!(racer.join().unwrap(), "first");
            assert!(lock.try_write().is_some() && other.try_write().is_some());
        }
    });
}

/// Cancels one of many after each number of ticks: nobody is ever beside a writer, and in the end nobody is inside.
#[test]
fn a_cancellation_at_any_wait_leaves_the_lock_free() {
    for after in 0..60 {
        run(|| {
            let lock = Rc::new(RwLock::new(Cell::new(0_i32)));
            let done = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..6)
                .map(|n| {
                    let (lock, done) = (Rc::clone(&lock), Rc::clone(&done));
                    spawn(move || {
                        for turn in 0..4 {
                            if (n + turn) % 3 == 0 {
                                let inside = lock.write();
                                assert_eq!(inside.replace(-1), 0);
                                let _leaves = Leaves(&inside, 1);
                                yield_now();
                            } else {
                                let inside = lock.read();
                                inside.set(inside.get() + 1);
                                assert!(inside.get() > 0);
                                let _leaves = Leaves(&inside, -1);
                                yield_now();
                            }
                        }
                        done.set(done.get() + 1);
                    })
                })
                .collect();
            (0..after / 6).for_each(|_| yield_now());
            let late = !tasks[after % 6].cancel();
            tasks.iter().for_each(|task| drop(task.join()));
            assert_eq!((lock.try_write().unwrap().get(), done.get()), (0, if late { 6 } else { 5 }));
        });
    }
    struct Leaves<'a>(&'a Cell<i32>, i32);
    impl Drop for Leaves<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + self.1);
        }
    }
}

#[test]
fn the_parts_of_a_lock_are_those_of_std() {
    let mut lock = RwLock::from("a".to_owned());
    lock.get_mut().push('b');
    assert_eq!(format!("{lock:?} {:?} {}", lock.try_read().unwrap(), lock.try_read().unwrap()), {
        r#"RwLock { value: "ab" } "ab" ab"#
    });
    let guard = lock.try_write().unwrap();
    assert_eq!(format!("{lock:?} {guard:?} {guard}"), r#"RwLock { value: <locked> } "ab" ab"#);
    drop(guard);
    let unsized_lock: &RwLock<[u8]> = &RwLock::new([1, 2]);
    unsized_lock.try_write().unwrap()[0] = 3;
    assert_eq!((lock.into_inner(), &*unsized_lock.try_read().unwrap()), ("ab".to_owned(), &[3, 2][..]));
    assert_eq!(*RwLock::<u8>::default().try_read().unwrap(), 0);
    static LOCK: RwLock<u32> = RwLock::new(1);
    *LOCK.try_write().unwrap() += 1;
    assert_eq!(*LOCK.try_read().unwrap(), 2);
    std::mem::forget(LOCK.try_read());
    assert!(LOCK.try_write().is_none() && LOCK.try_read().is_some());
}

#[test]
fn tasks_of_several_threads_exclude_each_other() {
    const TURNS: u64 = 3000;
    let lock = Arc::new(RwLock::new((0_u64, 0_u64)));
    let threads = [0, 1].map(|_| {
        let lock = Arc::clone(&lock);
        thread::spawn(move || {
            cede::run(|| {
                let tasks = [0, 1, 2].map(|n| {
                    let lock = Arc::clone(&lock);
                    spawn(move || {
                        for turn in 0..TURNS {
                            if n == 0 {
                                let mut guard = lock.write();
                                guard.0 += 1;
                                if turn % 100 == 0 {
                                    yield_now();
                                }
                                guard.1 += 1;
                            } else {
                                let guard = lock.read();
                                assert_eq!(guard.0, guard.1);
                                if turn % 150 == 0 {
                                    yield_now();
                                }
                                assert_eq!(guard.0, guard.1);
                            }
                        }
                    })
                });
                tasks.iter().for_each(|task| task.join().unwrap());
            });
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), (2 * TURNS, 2 * TURNS));
}

/// One who is inside, or waits: its number, whether it writes, its task, and what makes it leave.
struct Visitor {
    number: usize,
    writes: bool,
    task: JoinHandle<()>,
    leave: Rc<Cell<bool>>,
}

impl Visitor {
    /// One that asks to be let in. As long as it is inside, the bit of its number is set.
    fn come(number: usize, writes: bool, lock: &Rc<RwLock<()>>, inside: &Rc<Cell<u64>>) -> Self {
        struct Leaves<'a>(&'a Cell<u64>, u64);
        impl Drop for Leaves<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() & !self.1);
            }
        }
        let leave = Rc::new(Cell::new(false));
        let (lock, gate, inside) = (Rc::clone(lock), Rc::clone(&leave), Rc::clone(inside));
        let task = spawn(move || {
            let guards = if writes { (None, Some(lock.write())) } else { (Some(lock.read()), None) };
            let _leaves = Leaves(&inside, 1 << number);
            inside.set(inside.get() | 1 << number);
            while !gate.get() {
                sleep(Duration::from_micros(1));
            }
            drop(guards);
        });
        Visitor { number, writes, task, leave }
    }
}

#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 0..2000 {
        run(|| {
            let mut random = Random::new(seed);
            let lock = Rc::new(RwLock::new(()));
            let inside: Rc<Cell<u64>> = Rc::default();
            let (mut holders, mut waiters): (Vec<Visitor>, VecDeque<Visitor>) = Default::default();
            for number in 0..40 {
                match random.below(9) {
                    0..=3 => {
                        let writes = random.below(3) == 0;
                        waiters.push_back(Visitor::come(number, writes, &lock, &inside));
                    }
                    4 | 5 if !holders.is_empty() => {
                        let visitor = holders.swap_remove(random.below(holders.len()));
                        if random.below(3) == 0 {
                            visitor.task.cancel();
                        } else {
                            visitor.leave.set(true);
                        }
                        drop(visitor.task.join());
                    }
                    6 if !waiters.is_empty() => {
                        let visitor = waiters.remove(random.below(waiters.len())).unwrap();
                        visitor.task.cancel();
                        assert!(visitor.task.join().unwrap_err().is_cancelled());
                    }
                    7 => {
                        let free = !holders.iter().any(|holder| holder.writes) && waiters.is_empty();
                        assert_eq!(lock.try_read().is_some(), free, "seed {seed}");
                    }
                    8 => {
                        let free = holders.is_empty() && waiters.is_empty();
                        assert_eq!(lock.try_write().is_some(), free, "seed {seed}");
                    }
                    _ => {}
                }
                while let Some(first) = waiters.front()
                    && (holders.is_empty() || !(first.writes || holders.iter().any(|holder| holder.writes)))
                {
                    holders.extend(waiters.pop_front());
                }
                sleep(Duration::from_micros(3));
                let expected = holders.iter().fold(0, |all, holder| all | 1 << holder.number);
                assert_eq!(inside.get(), expected, "seed {seed}");
            }
        });
    }
}

fn assert_waits_are_refused(why: &str) {
    let lock = RwLock::new(0);
    let reader: RwLockReadGuard<'_, _> = lock.read();
    assert_refused(why, || drop(lock.write()));
    // Nothing is left of what was refused.
    drop(lock.read());
    drop(reader);
    *lock.write() += 1;
    let writer = lock.write();
    assert_refused(why, || drop(lock.read()));
    assert_refused(why, || select! { _ = lock.reading() => {}, _ = lock.writing() => {} });
    drop(writer);
    assert_eq!(*lock.read(), 1);
}

#[test]
fn where_nothing_may_wait_the_reason_is_given_and_the_rest_works() {
    everywhere(assert_waits_are_refused);
}

#[test]
fn the_report_says_who_holds_the_lock_and_where_it_was_made() {
    let lock = RwLock::new(());
    let made_at = format!("made at tests/sync_rwlock.rs:{}:", line!() - 1);
    let text = deadlock(|| {
        let _held = lock.write();
        drop(lock.read());
    });
    assert!(text.contains(&format!("reads RwLock held by task 1, which writes, {made_at}")), "{text}");
    let text = deadlock(|| {
        let _held = [lock.read(), lock.read()];
        drop(lock.write());
    });
    assert!(
        text.contains(&format!("writes RwLock held by 2 since task 1 came to read, {made_at}")),
        "{text}"
    );
    let held = lock.try_write();
    let text = deadlock(|| drop(lock.write()));
    assert!(text.contains("writes RwLock held by no task, which writes, made at"), "{text}");
    drop(held);
    let lock = Rc::new(RwLock::new(()));
    let text = deadlock(|| {
        // Let in by who leaves, and named all the same.
        let held = lock.write();
        let theirs = Rc::clone(&lock);
        spawn(move || {
            let _held = theirs.write();
            sleep(SECOND);
            drop(theirs.read());
        });
        yield_now();
        drop(held);
        sleep(2 * SECOND);
        drop(lock.write());
    });
    assert!(text.contains("RwLock held by task 2, which writes, made at"), "{text}");
}
