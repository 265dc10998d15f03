//! Sleeping: durations at the edges of the types, and timers in large numbers.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cede::time::{after, now, sleep_until};
use cede::{Operation, RunError, Runner, sleep, spawn, timeout, yield_now};
use trace::{SECOND, run};

#[test]
fn a_sleep_takes_as_long_as_it_says_under_virtual_time() {
    run(|| {
        for bits in 0..62 {
            for off in [-1i64, 0, 1] {
                let duration = Duration::from_nanos(((1i64 << bits) + off) as u64);
                let start = now();
                sleep(duration);
                assert_eq!(now() - start, duration, "2^{bits}{off:+} ns");
            }
        }
    });
}

#[test]
fn durations_beyond_all_measure_are_no_error() {
    let runner = Runner::new();
    let cancelled = runner.run(|| {
        let tasks: Vec<_> = [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 62)]
            .map(|long| (spawn(move || sleep(long)), spawn(move || timeout(long, || sleep(long)).unwrap())))
            .into_iter()
            .flat_map(|(sleeps, times_out)| [sleeps, times_out])
            .collect();
        yield_now();
        tasks.iter().all(|task| task.cancel() && task.join().unwrap_err().is_cancelled())
    });
    assert!(cancelled.unwrap());
}

#[test]
fn what_is_for_ever_never_ends_also_under_virtual_time() {
    let runner = Runner::builder().virtual_time(true).build();
    let ended = Rc::new(Cell::new(0));
    let asleep = runner.run(|| {
        for _ in 0..2 {
            let ended = Rc::clone(&ended);
            spawn(move || {
                sleep(Duration::MAX);
                ended.set(ended.get() + 1);
            });
        }
        let count = Rc::clone(&ended);
        let late = spawn(move || {
            timeout(Duration::MAX, || sleep(Duration::from_secs(1 << 40))).unwrap();
            count.get()
        });
        late.join().unwrap()
    });
    assert_eq!(asleep.unwrap(), 0);
    runner.close().unwrap();
    assert_eq!(ended.get(), 0);
}

#[test]
fn a_run_that_only_sleeps_for_ever_is_a_deadlock() {
    let error = Runner::new().run(|| {
        spawn(|| {
            cede::select! {
                _ = after(Duration::MAX) => unreachable!(),
                _ = after(Duration::from_secs(u64::MAX)) => unreachable!(),
            }
        });
        timeout(Duration::MAX, || sleep(Duration::MAX))
    });
    let Err(RunError::Deadlock(deadlock)) = error else { panic!("{error:?}") };
    let waits: Vec<_> = deadlock.tasks.iter().map(|task| task.waits_for.as_str()).collect();
    assert_eq!(waits, ["sleeps for ever", "waits for the first: sleeps for ever, sleeps for ever"]);
}

#[test]
fn moments_that_have_passed_let_the_others_run_once() {
    run(|| {
        let ran = Rc::new(Cell::new(false));
        let flag = Rc::clone(&ran);
        spawn(move || flag.set(true));
        sleep_until(now() - SECOND);
        assert!(ran.get());
    });
}

#[test]
fn a_real_sleep_is_not_shorter_than_it_says() {
    cede::run(|| {
        let start = std::time::Instant::now();
        sleep(Duration::from_millis(3));
        assert!(start.elapsed() >= Duration::from_millis(3));
    });
}

#[test]
fn an_operation_counts_from_its_making_and_can_be_waited_for_late() {
    run(|| {
        let (start, operation) = (now(), after(2 * SECOND));
        sleep(SECOND);
        operation.wait();
        assert_eq!(now() - start, 2 * SECOND);
        let operation = after(SECOND);
        sleep(5 * SECOND);
        let start = now();
        operation.wait();
        assert_eq!(now(), start);
    });
}

#[test]
fn many_timers_fire_in_order_of_their_deadlines() {
    run(|| {
        const COUNT: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
        let last = Rc::new(Cell::new((0, 0)));
        let fired = Rc::new(Cell::new(0));
        for i in 0..COUNT {
            let (last, fired) = (Rc::clone(&last), Rc::clone(&fired));
            spawn(move || {
                let seconds = i * 7919 % 1_000 + 1;
                sleep(Duration::from_secs(seconds));
                assert!(last.replace((seconds, i)) < (seconds, i));
                fired.set(fired.get() + 1);
            });
        }
        sleep(Duration::from_secs(2_000));
        assert_eq!(fired.get(), COUNT);
    });
}

/// A thousand tasks with a thousand timeouts around each other (fewer in debug builds), all of which are unwound.
#[test]
fn a_million_timers_live_at_once_and_are_cancelled() {
    run(|| {
        let handles: Vec<_> = (0..if cfg!(debug_assertions) { 50 } else { 1_000 })
            .map(|i| spawn(move || (i, timeout(Duration::from_secs(1_000 + i), || nested(1_000)))))
            .collect();
        yield_now();
        for handle in handles.iter().rev() {
            assert!(handle.cancel());
        }
        let start = now();
        assert!(handles.iter().all(|handle| handle.join().is_err()));
        assert_eq!(now(), start, "none of them has fired");
    });
}

/// Sleeps under this many timeouts.
fn nested(depth: u32) {
    if depth == 0 {
        sleep(Duration::MAX);
    } else {
        cede::grow(|| timeout(Duration::from_secs(3_000 + u64::from(depth)), || nested(depth - 1)).unwrap());
    }
}
