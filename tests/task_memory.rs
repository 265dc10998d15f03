//! What tasks cost in memory: none has a stack before it runs, and suspended ones cost little more than a page.

#![cfg(target_os = "linux")]

use std::fs;
use std::rc::Rc;

use cede::stack::stats;
use cede::sync::Queue;
use cede::{JoinHandle, Runner, spawn, yield_now};

#[path = "generator_statements/child.rs"]
mod child;

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

#[test]
fn tasks_that_have_not_begun_have_no_stack_and_those_that_never_wait_share_one() {
    on_a_thread(|| {
        let runner = Runner::new();
        runner
            .run(|| {
                let tasks: Vec<_> = (0..1_000).map(|i| spawn(move || i)).collect();
                assert_eq!(stats().in_use, 1, "that of the main task");
                assert_eq!(tasks.iter().map(|task| task.join().unwrap()).sum::<u32>(), 499_500);
                assert_eq!((stats().in_use, stats().high_water), (1, 2));
            })
            .unwrap();
        assert_eq!(stats().in_use, 0);
    });
}

#[test]
fn stacks_are_given_back_when_tasks_end_however_that_is() {
    on_a_thread(|| {
        cede::run(|| {
            let queue = Rc::new(Queue::<u8>::unbounded());
            let tasks: Vec<JoinHandle<()>> = (0..300)
                .map(|i| {
                    let queue = Rc::clone(&queue);
                    spawn(move || match i % 3 {
                        0 => drop(queue.get()),
                        1 => {
                            queue.get().map(drop).unwrap_or_else(|_| std::panic::resume_unwind(Box::new(())))
                        }
                        _ => drop(queue.get()),
                    })
                })
                .collect();
            yield_now();
            assert_eq!(stats().in_use, 301);
            tasks.iter().step_by(3).for_each(|task| assert!(task.cancel()));
            queue.shutdown(true);
            let ended = tasks.iter().filter(|task| task.join().is_ok()).count();
            assert_eq!((ended, stats().in_use), (100, 1));
        });
        assert_eq!(stats().in_use, 0);
    });
}

/// 1.1 pages each besides the record, for which 400 bytes are allowed.
#[test]
fn a_suspended_task_costs_hardly_more_than_a_page_and_its_record() {
    child::alone("a_suspended_task_costs_hardly_more_than_a_page_and_its_record", None, || {
        const COUNT: usize = 100_000;
        cede::run(|| {
            let queue = Rc::new(Queue::<u8>::unbounded());
            let waits = |queue: &Rc<Queue<u8>>| {
                let queue = Rc::clone(queue);
                spawn(move || queue.get().is_ok())
            };
            let mut tasks = Vec::with_capacity(COUNT);
            tasks.push(waits(&queue));
            yield_now();
            let before = resident_bytes();
            tasks.extend((1..COUNT).map(|_| waits(&queue)));
            let records = (resident_bytes() - before) / COUNT;
            yield_now();
            let each = (resident_bytes() - before) / COUNT;
            println!("{each} bytes each, of which {records} for records and the run queue");
            assert_eq!(stats().in_use, COUNT + 1);
            if cfg!(debug_assertions) {
                println!("skipped: what a frame needs without optimisation is not what is promised");
            } else {
                assert!(each <= 4_505 + 400, "{each} bytes each");
            }
            queue.shutdown(true);
            assert!(tasks.iter().all(|task| !task.join().unwrap()));
            assert_eq!(stats().in_use, 1);
        });
    });
}

#[test]
fn tasks_that_come_and_go_do_not_grow_memory() {
    child::alone("tasks_that_come_and_go_do_not_grow_memory", None, || {
        cede::run(|| {
            let rounds = |n: usize| {
                for _ in 0..n {
                    let task = spawn(yield_now);
                    drop(cede::timeout(std::time::Duration::from_secs(100), || task.join()).unwrap());
                }
            };
            rounds(1_000);
            let before = resident_bytes();
            rounds(200_000);
            let grown = resident_bytes().saturating_sub(before);
            assert!(grown < 512 << 10, "{grown} bytes more");
        });
    });
}
