//! What a task costs beside its rivals: `cargo bench --bench task`.
//!
//! Every figure that criterion prints is for one unit of work on one thread, because each routine times a whole batch of units
//! itself and gives criterion its share:
//!
//! | group | unit |
//! |---|---|
//! | `task_yield` | one task of 100, or of 10,000, lets the others run, and is back when each of them had its turn |
//! | `task_spawn_join` | one task spawned and joined, in batches of 1,000; its result is used |
//! | `task_wake` | one of two tasks wakes the other and waits for it: a message through an unbounded queue |
//!
//! In `task_yield` the clock runs from the moment when the first task goes on after its first yield, by which time all have
//! begun, until the last one has yielded as often as it should; all yield once more before they end. So neither making the
//! tasks nor ending them counts. There are at least [`YIELDS_MIN`] yields for each task, however few criterion asks for.
//! `corosensei` is the least that a scheduler of such tasks could do: bare coroutines that are resumed in turn from a
//! `VecDeque`, without its feature `unwind` as in the other benches.
//!
//! Each rival runs as its authors mean it to be used on one thread: tokio's current-thread runtime, smol's `LocalExecutor`,
//! and may with one worker. The work is started from inside of a task, so that no wake-up crosses threads.

use std::collections::VecDeque;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cede::sync::Queue;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use tokio::sync::mpsc;

/// The stack of the rival that leaves its size to the user.
const STACK_SIZE: usize = 32 * 1024;

/// How often a task yields at least, so that what happens once for each task weighs little.
const YIELDS_MIN: u64 = 100;

/// How many tasks are spawned before they are joined.
const BATCH: u64 = 1_000;

/// Measures `batch`, which is told how many units are wanted and says how many it did, and how long they took.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    mut batch: impl FnMut(u64) -> (u64, Duration),
) {
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|units| {
            let (done, took) = batch(units);
            took.mul_f64(units as f64 / done as f64)
        });
    });
}

/// When the first of some tasks began to count, and when the last one had done all that counts.
struct Span {
    tasks: u64,
    begun: AtomicU64,
    done: AtomicU64,
    first: OnceLock<Instant>,
    last: OnceLock<Instant>,
}

impl Span {
    fn of(tasks: u64) -> Self {
        Span {
            tasks,
            begun: AtomicU64::new(0),
            done: AtomicU64::new(0),
            first: OnceLock::new(),
            last: OnceLock::new(),
        }
    }

    /// One more has begun.
    fn begin(&self) {
        if self.begun.fetch_add(1, Relaxed) == 0 {
            self.first.set(Instant::now()).expect("one task is the first");
        }
    }

    /// One more is done.
    fn end(&self) {
        if self.done.fetch_add(1, Relaxed) + 1 == self.tasks {
            self.last.set(Instant::now()).expect("one task is the last");
        }
    }

    fn length(&self) -> Duration {
        *self.last.get().expect("all are done") - *self.first.get().expect("all have begun")
    }
}

/// How often each of so many tasks yields, for this many yields in all or some more.
fn yields_each(tasks: u64, units: u64) -> u64 {
    units.div_ceil(tasks).max(YIELDS_MIN)
}

fn cede_yield(tasks: u64, yields: u64) -> Duration {
    let span = Rc::new(Span::of(tasks));
    cede::run(|| {
        let spawned = (0..tasks).map(|_| {
            let span = Rc::clone(&span);
            cede::spawn(move || {
                cede::yield_now();
                span.begin();
                for _ in 0..yields {
                    cede::yield_now();
                }
                span.end();
                cede::yield_now();
            })
        });
        for task in spawned.collect::<Vec<_>>() {
            task.join().expect("no task fails");
        }
    });
    span.length()
}

/// `spare` keeps the stacks from one round to the next, as a pool would.
fn corosensei_yield(tasks: u64, yields: u64, spare: &mut Vec<DefaultStack>) -> Duration {
    let span = Rc::new(Span::of(tasks));
    let fresh = || DefaultStack::new(STACK_SIZE).expect("a stack");
    let mut ready: VecDeque<Coroutine<(), (), (), DefaultStack>> = VecDeque::new();
    for _ in 0..tasks {
        let span = Rc::clone(&span);
        ready.push_back(Coroutine::with_stack(spare.pop().unwrap_or_else(fresh), move |yielder, ()| {
            yielder.suspend(());
            span.begin();
            for _ in 0..yields {
                yielder.suspend(());
            }
            span.end();
            yielder.suspend(());
        }));
    }
    while let Some(mut coroutine) = ready.pop_front() {
        match coroutine.resume(()) {
            CoroutineResult::Yield(()) => ready.push_back(coroutine),
            CoroutineResult::Return(()) => spare.push(coroutine.into_stack()),
        }
    }
    span.length()
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn tokio_yield(runtime: &tokio::runtime::Runtime, tasks: u64, yields: u64) -> Duration {
    let span = Arc::new(Span::of(tasks));
    let noted = Arc::clone(&span);
    let root = async move {
        let spawned = (0..tasks).map(|_| {
            let span = Arc::clone(&noted);
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                span.begin();
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
                span.end();
                tokio::task::yield_now().await;
            })
        });
        for task in spawned.collect::<Vec<_>>() {
            task.await.expect("no task fails");
        }
    };
    runtime.block_on(async { tokio::spawn(root).await }).expect("no task fails");
    span.length()
}

fn may_yield(tasks: u64, yields: u64) -> Duration {
    let span = Arc::new(Span::of(tasks));
    let noted = Arc::clone(&span);
    let root = may::go!(move || {
        let spawned = (0..tasks).map(|_| {
            let span = Arc::clone(&noted);
            may::go!(move || {
                may::coroutine::yield_now();
                span.begin();
                for _ in 0..yields {
                    may::coroutine::yield_now();
                }
                span.end();
                may::coroutine::yield_now();
            })
        });
        for task in spawned.collect::<Vec<_>>() {
            task.join().expect("no task fails");
        }
    });
    root.join().expect("no task fails");
    span.length()
}

fn smol_yield(tasks: u64, yields: u64) -> Duration {
    let span = Rc::new(Span::of(tasks));
    let executor = Rc::new(smol::LocalExecutor::new());
    let root = {
        let (span, executor) = (Rc::clone(&span), Rc::clone(&executor));
        async move {
            let spawned = (0..tasks).map(|_| {
                let span = Rc::clone(&span);
                executor.spawn(async move {
                    smol::future::yield_now().await;
                    span.begin();
                    for _ in 0..yields {
                        smol::future::yield_now().await;
                    }
                    span.end();
                    smol::future::yield_now().await;
                })
            });
            for task in spawned.collect::<Vec<_>>() {
                task.await;
            }
        }
    };
    smol::block_on(executor.run(executor.spawn(root)));
    span.length()
}

fn yields(criterion: &mut Criterion) {
    may::config().set_workers(1);
    let runtime = tokio_runtime();
    let mut spare = Vec::new();
    let mut group = criterion.benchmark_group("task_yield");
    for tasks in [100, 10_000] {
        let mut among = |id: &str, work: &mut dyn FnMut(u64) -> Duration| {
            measure(&mut group, BenchmarkId::new(id, tasks), |units| {
                let yields = yields_each(tasks, units);
                (tasks * yields, work(yields))
            });
        };
        among("cede", &mut |yields| cede_yield(tasks, yields));
        among("corosensei", &mut |yields| corosensei_yield(tasks, yields, &mut spare));
        among("tokio", &mut |yields| tokio_yield(&runtime, tasks, yields));
        among("may", &mut |yields| may_yield(tasks, yields));
        among("smol", &mut |yields| smol_yield(tasks, yields));
    }
    group.finish();
}

fn cede_spawn_join(batches: u64) -> Duration {
    cede::run(|| {
        let begin = Instant::now();
        let mut sum = 0;
        for _ in 0..batches {
            let tasks: Vec<_> = (0..BATCH).map(|number| cede::spawn(move || black_box(number))).collect();
            sum += tasks.into_iter().map(|task| task.join().expect("no task fails")).sum::<u64>();
        }
        assert_eq!(sum, batches * (BATCH * (BATCH - 1) / 2));
        begin.elapsed()
    })
}

async fn tokio_spawn_join(batches: u64) -> Duration {
    let begin = Instant::now();
    let mut sum = 0;
    for _ in 0..batches {
        let tasks: Vec<_> = (0..BATCH).map(|number| tokio::spawn(async move { black_box(number) })).collect();
        for task in tasks {
            sum += task.await.expect("no task fails");
        }
    }
    assert_eq!(sum, batches * (BATCH * (BATCH - 1) / 2));
    begin.elapsed()
}

fn spawn_join(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("task_spawn_join");
    let batches = |units: u64| units.div_ceil(BATCH);
    measure(&mut group, BenchmarkId::from_parameter("cede"), |units| {
        (batches(units) * BATCH, cede_spawn_join(batches(units)))
    });
    measure(&mut group, BenchmarkId::from_parameter("tokio"), |units| {
        let root = async move { tokio::spawn(tokio_spawn_join(batches(units))).await };
        (batches(units) * BATCH, runtime.block_on(root).expect("no task fails"))
    });
    group.finish();
}

/// So many rounds of two wake-ups each. The clock runs in the task that begins, and has all of them in it.
fn cede_wake(rounds: u64) -> Duration {
    let (there, back) = (Queue::unbounded(), Queue::unbounded());
    let took = cede::run(|| {
        cede::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    there.get().expect("nobody shuts it down");
                    back.put(()).expect("nobody shuts it down");
                }
            });
            let first = scope.spawn(|| {
                let begin = Instant::now();
                for _ in 0..rounds {
                    there.put(()).expect("nobody shuts it down");
                    back.get().expect("nobody shuts it down");
                }
                begin.elapsed()
            });
            first.join().expect("no task fails")
        })
    });
    took.expect("no task fails")
}

async fn tokio_wake(rounds: u64) -> Duration {
    let (there, mut arrived) = mpsc::unbounded_channel();
    let (back, mut returned) = mpsc::unbounded_channel();
    let second = tokio::spawn(async move {
        for _ in 0..rounds {
            arrived.recv().await.expect("the sender is there");
            back.send(()).expect("the receiver is there");
        }
    });
    let first = tokio::spawn(async move {
        let begin = Instant::now();
        for _ in 0..rounds {
            there.send(()).expect("the receiver is there");
            returned.recv().await.expect("the sender is there");
        }
        begin.elapsed()
    });
    let took = first.await.expect("no task fails");
    second.await.expect("no task fails");
    took
}

fn wake(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("task_wake");
    let rounds = |units: u64| units.div_ceil(2);
    measure(&mut group, BenchmarkId::from_parameter("cede"), |units| {
        (rounds(units) * 2, cede_wake(rounds(units)))
    });
    measure(&mut group, BenchmarkId::from_parameter("tokio"), |units| {
        let root = async move { tokio::spawn(tokio_wake(rounds(units))).await };
        (rounds(units) * 2, runtime.block_on(root).expect("no task fails"))
    });
    group.finish();
}

/// Short samples: the figures are stable to a few per cent, and the whole file takes about a minute.
fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .nresamples(10_000)
}

criterion_group! {
    name = task;
    config = config();
    targets = yields, spawn_join, wake
}
criterion_main!(task);
