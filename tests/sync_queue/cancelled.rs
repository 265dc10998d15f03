//! Queues whose getters and putters are cancelled: no item, no place and no wake-up is lost.

use std::rc::Rc;
use std::time::Duration;

use cede::sync::Queue;
use cede::{spawn, timeout, yield_now};

use super::sync_shared::trace::{Logs, log, logged, run};
use super::sync_shared::{cancel_at_each_tick, pass, task, was_cancelled};

/// Cancels the task of a pipeline after each number of ticks, whatever it is doing then: no item may be lost or doubled.
#[test]
fn nothing_is_lost_when_a_getter_is_cancelled_at_any_wait() {
    for after in 0..30 {
        run(|| {
            let queue = Rc::new(Queue::bounded(1));
            let put = Rc::clone(&queue);
            let putter = spawn(move || (0..10).for_each(|i| put.put(i).unwrap()));
            let getters: Vec<_> = (0..3)
                .map(|_| {
                    let queue = Rc::clone(&queue);
                    spawn(move || {
                        while let Ok(item) = queue.get() {
                            log(item.to_string());
                        }
                    })
                })
                .collect();
            (0..after).for_each(|_| yield_now());
            getters[after % 3].cancel();
            putter.join().unwrap();
            queue.shutdown(false);
            getters.iter().for_each(|getter| drop(getter.join()));
        });
        let mut items: Vec<u32> = logged().iter().map(|line| line.parse().unwrap()).collect();
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>(), "cancelled after {after} ticks");
    }
}

#[test]
fn no_place_is_lost_when_a_putter_is_cancelled_at_any_wait() {
    for after in 0..30 {
        run(|| {
            let queue = Rc::new(Queue::bounded(1));
            let putters: Vec<_> = (0..3u32)
                .map(|n| {
                    let queue = Rc::clone(&queue);
                    spawn(move || (0..4).for_each(|i| queue.put(n * 10 + i).unwrap()))
                })
                .collect();
            let got = Rc::clone(&queue);
            let getter = spawn(move || std::iter::from_fn(|| got.get().ok()).collect::<Vec<_>>());
            (0..after).for_each(|_| yield_now());
            let victim = after % 3;
            putters[victim].cancel();
            let ended: Vec<_> = putters.iter().map(|putter| putter.join().is_ok()).collect();
            queue.shutdown(false);
            let items = getter.join().unwrap();
            for n in 0..3u32 {
                let own: Vec<_> = items.iter().filter(|&item| item / 10 == n).map(|item| item % 10).collect();
                let whole = ended[n as usize];
                assert!(whole || n as usize == victim);
                assert!(own.iter().copied().eq(0..own.len() as u32), "{own:?}");
                assert!(!whole || own.len() == 4, "cancelled after {after} ticks: {items:?}");
            }
        });
    }
}

#[test]
fn a_woken_waiter_that_goes_away_passes_its_wake_up_on_and_one_that_took_its_turn_does_not() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let queue = Rc::clone(&queue);
                spawn(move || queue.get())
            })
            .collect();
        yield_now();
        queue.put(1).unwrap();
        waiters[0].cancel();
        yield_now();
        waiters[1].cancel();
        assert_eq!(waiters[2].join().unwrap(), Ok(1));
    });
}

#[test]
fn an_item_of_a_cancelled_putter_is_dropped_and_not_put() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put(Logs("in the queue")).unwrap();
        let other = Rc::clone(&queue);
        let putter = spawn(move || other.put(Logs("not put")).is_ok());
        yield_now();
        putter.cancel();
        assert!(putter.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["not put"]);
        assert_eq!(queue.len(), 1);
    });
}

#[test]
fn those_who_join_see_the_end_wherever_a_task_is_cancelled() {
    let cancelled = cancel_at_each_tick(
        || {
            let queue = Rc::new(Queue::bounded(1));
            let mut tasks: Vec<_> = (0..2)
                .map(|_| {
                    task(&queue, |queue| {
                        while queue.get().is_ok() {
                            queue.task_done().unwrap();
                        }
                    })
                })
                .collect();
            tasks.extend((0..2).map(|_| task(&queue, Queue::join)));
            tasks.push(task(&queue, |queue| {
                // As long as it lives: it may be cancelled as well.
                let queue = ShutDownWhenDropped(queue);
                (0..4).for_each(|i| queue.0.put(i).unwrap());
            }));
            tasks.push(task(&queue, |queue| {
                pass(20);
                queue.shutdown(true);
            }));
            (queue, tasks)
        },
        |queue| {
            queue.shutdown(true);
            queue.join();
            assert!(format!("{queue:?}").contains("getters: 0, putters: 0"), "{queue:?}");
        },
    );
    assert!(cancelled > 20, "{cancelled}");
}

struct ShutDownWhenDropped<'a>(&'a Queue<u32>);

impl Drop for ShutDownWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.shutdown(false);
    }
}

// test_get_cancelled_race
#[test]
fn a_getter_that_was_cancelled_before_the_put_does_not_get_the_item() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let [first, second] = [(); 2].map(|()| task(&queue, Queue::get));
        yield_now();
        first.cancel();
        yield_now();
        assert!(first.is_finished());
        queue.put("a").unwrap();
        yield_now();
        assert_eq!(second.join().unwrap(), Ok("a"));
    });
}

// test_cancelled_getters_not_being_held_in_self_getters
#[test]
fn a_getter_whose_time_is_over_leaves_no_trace() {
    run(|| {
        let queue = Queue::<u32>::bounded(5);
        assert!(timeout(Duration::from_millis(100), || queue.get()).is_err());
        assert!(format!("{queue:?}").contains("getters: 0"), "{queue:?}");
    });
}

// test_get_cancel_drop_one_pending_reader
#[test]
fn a_getter_that_is_cancelled_beside_the_put_takes_nothing() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let reader = task(&queue, Queue::get);
        yield_now();
        queue.put_nowait(1).unwrap();
        queue.put_nowait(2).unwrap();
        reader.cancel();
        assert!(was_cancelled(&reader));
        assert_eq!(task(&queue, Queue::get).join().unwrap(), Ok(1));
    });
}

// test_get_cancel_drop_many_pending_readers
#[test]
fn of_three_getters_and_two_items_one_may_be_cancelled() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let readers = [(); 3].map(|()| task(&queue, Queue::get));
        yield_now();
        queue.put_nowait(1).unwrap();
        queue.put_nowait(2).unwrap();
        readers[0].cancel();
        assert!(was_cancelled(&readers[0]));
        assert_eq!((readers[1].join().unwrap(), readers[2].join().unwrap()), (Ok(1), Ok(2)));
    });
}

// test_put_cancel_drop, test_cancelled_put_silence_value_error_exception
#[test]
fn a_putter_that_is_cancelled_beside_the_get_puts_nothing() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put_nowait(1).unwrap();
        let writes = || task(&queue, |queue| queue.put(2).unwrap());
        let writer = writes();
        yield_now();
        assert_eq!(queue.get_nowait(), Ok(1));
        writer.cancel();
        assert!(was_cancelled(&writer));
        assert_eq!(queue.len(), 0);
        writes().join().unwrap();
        assert_eq!((queue.get_nowait(), queue.len()), (Ok(2), 0));
    });
}

// test_put_cancelled
#[test]
fn a_putter_that_need_not_wait_has_put_its_item_when_it_is_cancelled() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let putter = task(&queue, |queue| queue.put(1));
        assert_eq!(queue.get(), Ok(1));
        assert!(!putter.cancel());
        putter.join().unwrap().unwrap();
    });
}

// test_put_cancelled_race
#[test]
fn the_item_of_a_cancelled_putter_is_passed_by() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        let [a, b, c] = ["a", "b", "x"].map(|item| task(&queue, move |queue| queue.put(item).unwrap()));
        yield_now();
        assert!(a.is_finished() && !b.is_finished());
        c.cancel();
        yield_now();
        assert!(c.is_finished());
        assert_eq!(queue.get_nowait(), Ok("a"));
        yield_now();
        assert_eq!(queue.get_nowait(), Ok("b"));
        b.join().unwrap();
    });
}

// test_cancelled_puts_not_being_held_in_self_putters
#[test]
fn a_putter_that_is_cancelled_leaves_no_trace() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put_nowait(1).unwrap();
        let putter = task(&queue, |queue| queue.put(1));
        yield_now();
        assert!(format!("{queue:?}").contains("putters: 1"), "{queue:?}");
        putter.cancel();
        assert!(was_cancelled(&putter));
        assert!(format!("{queue:?}").contains("putters: 0"), "{queue:?}");
    });
}
