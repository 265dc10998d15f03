//! Runs that wait for other threads, in a process that has none but those that it makes.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cede::runtime::spawn_on_each;
use cede::sync::Queue;
use cede::{Deadlock, RunError, Runner, Runtime, set_task_hook};

use crate::harness::Case;

/// A thread that has the queue too, and ends when the run has said that it waits, which it gives.
fn silent(queue: &Arc<Queue<u32>>) -> thread::JoinHandle<String> {
    let (said, says) = mpsc::channel();
    let said = Mutex::new(said);
    set_task_hook(move |report| said.lock().unwrap().send(report.to_string()).unwrap());
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        let report = says.recv().unwrap();
        drop(queue);
        report
    })
}

fn deadlock<T>(result: Result<T, RunError>) -> Deadlock {
    match result {
        Err(RunError::Deadlock(deadlock)) => deadlock,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("nobody has woken it"),
    }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_deadlock_is_found_when_the_last_thread_has_gone_without_a_word",
        body: || {
            let queue = Arc::new(Queue::unbounded());
            let thread = silent(&queue);
            assert_eq!(deadlock(Runner::new().run(|| queue.get())).tasks.len(), 1);
            assert!(thread.join().unwrap().contains("gets from"));
        },
        script: |run| run.succeeds_after(&[]),
    },
    Case {
        name: "a_deadlock_of_workers_is_found_when_the_last_thread_has_gone_without_a_word",
        body: || {
            let queue = Arc::new(Queue::unbounded());
            let thread = silent(&queue);
            let run = || {
                let theirs = Arc::clone(&queue);
                spawn_on_each(move |_| theirs.get()).iter().for_each(|task| assert!(task.join().is_ok()));
            };
            let runtime = Runtime::builder().workers(2).build().unwrap();
            assert_eq!(deadlock(runtime.run(run)).tasks.len(), 3);
            let report = thread.join().unwrap();
            assert_eq!(report.matches("gets from").count(), 2, "tasks of both workers: {report}");
        },
        script: |run| run.succeeds_after(&[]),
    },
    Case {
        name: "a_run_whose_other_worker_is_woken_over_and_over_does_not_say_that_it_waits",
        body: || {
            set_task_hook(|report| panic!("{report}"));
            let (there, back) = (Arc::new(Queue::unbounded()), mpsc::channel());
            let theirs = Arc::clone(&there);
            let thread = thread::spawn(move || {
                let begin = Instant::now();
                // Longer than it takes a run to say so.
                while begin.elapsed() < Duration::from_millis(1500) {
                    theirs.put_nowait(1).unwrap();
                    back.1.recv().unwrap();
                }
                theirs.shutdown(false);
            });
            let answer = Mutex::new(back.0);
            let run = || {
                let answers = move |number| {
                    let answer = answer.lock().unwrap().clone();
                    while number == 1 && there.get().is_ok() {
                        answer.send(()).unwrap();
                    }
                };
                spawn_on_each(answers).iter().for_each(|task| task.join().unwrap());
            };
            Runtime::builder().workers(2).build().unwrap().run(run).unwrap();
            thread.join().unwrap();
        },
        script: |run| run.succeeds_after(&[]),
    },
    Case {
        name: "a_deadlock_is_found_though_a_thread_has_spoken_a_moment_ago",
        body: || {
            let queue = Arc::new(Queue::unbounded());
            let theirs = Arc::clone(&queue);
            let (ask, asked) = mpsc::channel();
            let thread = thread::spawn(move || {
                while let Ok(item) = asked.recv() {
                    theirs.put_nowait(item).unwrap();
                }
            });
            let run = || {
                for item in 0..100 {
                    ask.send(item).unwrap();
                    assert_eq!(queue.get(), Ok(item));
                }
                drop(ask);
                thread.join().unwrap();
                queue.get()
            };
            assert_eq!(deadlock(Runner::new().run(run)).tasks.len(), 1);
        },
        script: |run| run.succeeds_after(&[]),
    },
];
