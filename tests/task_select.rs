//! `select!` and `race`: the first in order wins, and the others have had no effect.

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;

use cede::sync::Queue;
use cede::task::{First, race};
use cede::time::{after, now};
use cede::{Operation, select, sleep, spawn, try_spawn, yield_now};
use trace::{SECOND, run, tick, ticking};

fn queues<const N: usize>() -> [Rc<Queue<u32>>; N] {
    std::array::from_fn(|_| Rc::new(Queue::unbounded()))
}

#[test]
fn the_first_in_order_wins_where_several_are_complete() {
    run(|| {
        let [a, b] = queues();
        a.put(1).unwrap();
        b.put(2).unwrap();
        assert_eq!(race((a.getting(), b.getting())).wait(), First::A(Ok(1)));
        assert_eq!((a.len(), b.len()), (0, 1));
        assert_eq!(race((a.getting(), b.getting())).wait(), First::B(Ok(2)));
    });
}

#[test]
fn no_item_is_lost_when_two_become_ready_in_one_tick() {
    ticking(|| {
        let [a, b] = queues();
        let (x, y) = (Rc::clone(&a), Rc::clone(&b));
        let waiter = spawn(move || {
            let first = select! { item = y.getting() => item, item = x.getting() => item };
            (first, tick())
        });
        yield_now();
        let put = tick();
        a.put(1).unwrap();
        b.put(2).unwrap();
        let (first, at) = waiter.join().unwrap();
        assert_eq!((first, at - put), (Ok(2), 1));
        assert_eq!((a.get_nowait(), b.len()), (Ok(1), 0));
    });
}

#[test]
fn a_loser_that_was_woken_passes_its_wake_up_on() {
    run(|| {
        let [a, b] = queues();
        let (x, y) = (Rc::clone(&a), Rc::clone(&b));
        let racer = spawn(move || select! { item = y.getting() => item, item = x.getting() => item });
        let other = Rc::clone(&a);
        let waits = spawn(move || other.get());
        yield_now();
        a.put(1).unwrap();
        b.put(2).unwrap();
        assert_eq!(racer.join().unwrap(), Ok(2));
        assert_eq!(waits.join().unwrap(), Ok(1));
    });
}

#[test]
fn one_queue_may_be_waited_for_twice_and_both_ways() {
    run(|| {
        let [a] = queues();
        let x = Rc::clone(&a);
        let racer = spawn(move || race((x.getting(), x.getting())).wait());
        let x = Rc::clone(&a);
        let waits = spawn(move || x.get());
        yield_now();
        a.put(1).unwrap();
        a.put(2).unwrap();
        assert_eq!(racer.join().unwrap(), First::A(Ok(1)));
        assert_eq!(waits.join().unwrap(), Ok(2));

        let full = Rc::new(Queue::bounded(1));
        full.put(1).unwrap();
        assert_eq!(race((full.putting(2), full.getting())).wait(), First::B(Ok(1)));
        assert_eq!(full.len(), 0, "what lost was not put");
        assert!(matches!(race((full.putting(3), full.getting())).wait(), First::A(Ok(()))));
    });
}

#[test]
fn sleeps_and_joins_lose_without_effect() {
    run(|| {
        let task = spawn(|| {
            sleep(2 * SECOND);
            "joined"
        });
        let start = now();
        let first = select! {
            text = task.joining() => text.unwrap(),
            () = after(SECOND) => "slept",
        };
        assert_eq!((first, now() - start), ("slept", SECOND));
        let first = select! { () = after(5 * SECOND) => "slept", text = task.joining() => text.unwrap() };
        assert_eq!((first, now() - start), ("joined", 2 * SECOND));
        sleep(10 * SECOND);
    });
}

#[test]
fn a_cancellation_during_a_select_leaves_the_joined_task_and_the_items_alone() {
    run(|| {
        let [a] = queues();
        let leaf = Rc::new(spawn(|| sleep(SECOND)));
        let (x, joined) = (Rc::clone(&a), Rc::clone(&leaf));
        let racer = spawn(move || race((joined.joining(), x.getting(), x.getting())).wait());
        yield_now();
        yield_now();
        a.put(1).unwrap();
        racer.cancel();
        assert!(racer.join().map(drop).unwrap_err().is_cancelled());
        assert_eq!(a.get_nowait(), Ok(1));
        assert!(leaf.join().is_ok());
    });
}

#[test]
fn eight_arms_of_any_form_are_accepted_and_describe_themselves() {
    let error = cede::Runner::builder().by_itself(true).build().run(|| {
        let [a, b, c, d, e, f, g] = queues();
        let leaf = try_spawn(|| Queue::<u8>::unbounded().get());
        select! {
            Ok(_) | Err(_) = a.getting() => {}
            _ = b.getting() => {},
            item = c.getting() => assert!(item.is_err()),
            _ = d.getting() => (),
            _ = e.getting() => {}
            _ = f.getting() => {}
            _ = g.getting() => {}
            _ = leaf.joining() => {}
        }
    });
    let text = error.unwrap_err().to_string();
    assert!(text.contains("waits for the first: gets from Queue(0) made at tests/task_select.rs:"), "{text}");
    assert!(text.contains(", joins task 2 \"Task-2\""), "{text}");
}

#[test]
fn the_body_of_an_arm_may_leave_the_function_and_borrow_what_others_borrow() {
    fn first(queue: &Queue<u32>, log: &mut Vec<u32>) -> Result<u32, cede::sync::QueueShutDown> {
        loop {
            select! {
                item = queue.getting() => return item,
                () = after(SECOND) => {
                    log.push(1);
                    queue.put(9)?;
                }
            }
        }
    }
    run(|| {
        let mut log = Vec::new();
        assert_eq!(first(&Queue::unbounded(), &mut log), Ok(9));
        assert_eq!(log, [1]);
    });
}
