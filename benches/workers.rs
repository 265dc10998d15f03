//! What several workers cost beside their rivals: `cargo bench --bench workers`.
//!
//! Two workers each. Every figure is for one unit of work, because each routine times a whole batch of units itself and gives
//! criterion its share. The clock runs inside of the run, so that starting the threads does not count.
//!
//! | group | unit |
//! |---|---|
//! | `workers_ping_pong` | a message from a task on one thread to one on another, which waits for it, and answers |
//! | `workers_spawn` | a task for any worker, spawned and joined by one task, in batches of 1,000; its result is used |
//! | `workers_skynet` | a task of a tree of them, ten to each inner one, that adds up the numbers of its leaves |
//! | `workers_skewed` | a batch of 512 tasks, spawned by one, of which a few take a hundred times as long as the rest |
//!
//! In `workers_ping_pong` each side is on its thread: cede's by `spawn_on_each`; tokio's first task runs on the thread that blocks on
//! it, which is no worker, and the second on a worker; `tokio_one_worker` has both spawned, and then they share a worker as a rule, since
//! a task goes to the worker that wakes it. may places its coroutines as it likes. `cache_line` is what the machine takes for it: two threads
//! that wait awake for a word of each other. may is not in
//! `workers_skynet`, for which it runs out of memory mappings: its stacks take some of their own each, of which a process may have
//! 65,530.

use std::hint::{self, black_box};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};

/// How many workers there are.
const WORKERS: usize = 2;

/// How many tasks are spawned before they are joined.
const BATCH: u64 = 1_000;

/// Leaves of the tree.
const LEAVES: u64 = 100_000;

/// Tasks of a skewed batch.
const SKEWED: u64 = 512;

/// Measures `batch`, which is told how many units are wanted and says how many it did, and how long they took.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    mut batch: impl FnMut(u64) -> (u64, Duration),
) {
    group.bench_function(BenchmarkId::from_parameter(id), |bencher| {
        bencher.iter_custom(|units| {
            let (done, took) = batch(units);
            took.mul_f64(units as f64 / done as f64)
        });
    });
}

/// Runs a task on cede's workers, which go on from one measurement to the next.
fn cede<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    static WORKERS_OF_CEDE: OnceLock<cede::Handle> = OnceLock::new();
    let run = WORKERS_OF_CEDE.get_or_init(|| {
        let runtime = cede::Runtime::builder().workers(WORKERS).build().expect("two workers are possible");
        let run = runtime.handle();
        thread::spawn(move || runtime.run(|| cede::sleep(Duration::MAX)));
        run
    });
    run.spawn(main).join().expect("no task fails")
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_time()
        .build()
        .expect("a runtime is to be had")
}

fn set_may_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        may::config().set_workers(WORKERS);
    });
}

/// A word in a cache line of its own.
#[repr(align(128))]
struct Line(AtomicU64);

/// What the processors take to hand a cache line to and fro, and nothing else: each side waits awake for a word of the other.
fn bare_ping_pong(rounds: u64) -> Duration {
    let lines = [const { Line(AtomicU64::new(0)) }; 2];
    let [there, back] = &lines;
    let wait = |line: &Line, number| {
        while line.0.load(Ordering::Acquire) != number {
            hint::spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=rounds {
                wait(there, number);
                back.0.store(number, Ordering::Release);
            }
        });
        let begin = Instant::now();
        for number in 1..=rounds {
            there.0.store(number, Ordering::Release);
            wait(back, number);
        }
        begin.elapsed()
    })
}

fn cede_ping_pong(rounds: u64) -> Duration {
    use cede::sync::mpsc;
    cede(move || {
        let (there, arrived) = mpsc::unbounded();
        let (back, returned) = mpsc::unbounded();
        let sides = std::sync::Mutex::new((Some((arrived, back)), Some((there, returned))));
        let tasks = cede::runtime::spawn_on_each(move |worker| {
            if worker == 1 {
                let (arrived, back) = sides.lock().unwrap().0.take().expect("one answers");
                while let Ok(()) = arrived.recv() {
                    back.send(()).expect("somebody asks");
                }
                return Duration::ZERO;
            }
            let (there, returned) = sides.lock().unwrap().1.take().expect("one asks");
            let begin = Instant::now();
            for _ in 0..rounds {
                there.send(()).expect("somebody answers");
                returned.recv().expect("somebody answers");
            }
            begin.elapsed()
        });
        tasks[0].join().expect("no task fails")
    })
}

async fn tokio_answer(
    mut arrived: tokio::sync::mpsc::UnboundedReceiver<()>,
    back: tokio::sync::mpsc::UnboundedSender<()>,
) {
    while arrived.recv().await.is_some() {
        back.send(()).expect("somebody asks");
    }
}

async fn tokio_ask(rounds: u64) -> Duration {
    let (there, arrived) = tokio::sync::mpsc::unbounded_channel();
    let (back, mut returned) = tokio::sync::mpsc::unbounded_channel();
    let answers = tokio::spawn(tokio_answer(arrived, back));
    let begin = Instant::now();
    for _ in 0..rounds {
        there.send(()).expect("somebody answers");
        returned.recv().await.expect("somebody answers");
    }
    let took = begin.elapsed();
    drop(there);
    answers.await.expect("no task fails");
    took
}

fn may_ping_pong(rounds: u64) -> Duration {
    let (there, arrived) = may::sync::mpsc::channel();
    let (back, returned) = may::sync::mpsc::channel();
    let answers = may::go!(move || {
        while let Ok(()) = arrived.recv() {
            back.send(()).expect("somebody asks");
        }
    });
    let asks = may::go!(move || {
        let begin = Instant::now();
        for _ in 0..rounds {
            there.send(()).expect("somebody answers");
            returned.recv().expect("somebody answers");
        }
        begin.elapsed()
    });
    let took = asks.join().expect("no task fails");
    answers.join().expect("no task fails");
    took
}

fn ping_pong(criterion: &mut Criterion) {
    set_may_up();
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("workers_ping_pong");
    let rounds = |units: u64| units.div_ceil(2).max(1_000);
    measure(&mut group, "cede", |units| (rounds(units) * 2, cede_ping_pong(rounds(units))));
    measure(&mut group, "cache_line", |units| (rounds(units) * 2, bare_ping_pong(rounds(units))));
    measure(&mut group, "tokio", |units| (rounds(units) * 2, runtime.block_on(tokio_ask(rounds(units)))));
    measure(&mut group, "tokio_one_worker", |units| {
        let root = async move { tokio::spawn(tokio_ask(rounds(units))).await };
        (rounds(units) * 2, runtime.block_on(root).expect("no task fails"))
    });
    measure(&mut group, "may", |units| (rounds(units) * 2, may_ping_pong(rounds(units))));
    group.finish();
}

fn cede_spawn(batches: u64) -> Duration {
    cede(move || {
        let begin = Instant::now();
        let mut sum = 0;
        for _ in 0..batches {
            let tasks: Vec<_> = (0..BATCH).map(|number| cede::spawn_any(move || black_box(number))).collect();
            sum += tasks.into_iter().map(|task| task.join().expect("no task fails")).sum::<u64>();
        }
        assert_eq!(sum, batches * (BATCH * (BATCH - 1) / 2));
        begin.elapsed()
    })
}

async fn tokio_spawn(batches: u64) -> Duration {
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

fn may_spawn(batches: u64) -> Duration {
    let root = may::go!(move || {
        let begin = Instant::now();
        let mut sum = 0;
        for _ in 0..batches {
            let tasks: Vec<_> = (0..BATCH).map(|number| may::go!(move || black_box(number))).collect();
            sum += tasks.into_iter().map(|task| task.join().expect("no task fails")).sum::<u64>();
        }
        assert_eq!(sum, batches * (BATCH * (BATCH - 1) / 2));
        begin.elapsed()
    });
    root.join().expect("no task fails")
}

fn spawn(criterion: &mut Criterion) {
    set_may_up();
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("workers_spawn");
    let batches = |units: u64| units.div_ceil(BATCH);
    measure(&mut group, "cede", |units| (batches(units) * BATCH, cede_spawn(batches(units))));
    measure(&mut group, "tokio", |units| {
        let root = async move { tokio::spawn(tokio_spawn(batches(units))).await };
        (batches(units) * BATCH, runtime.block_on(root).expect("no task fails"))
    });
    measure(&mut group, "may", |units| (batches(units) * BATCH, may_spawn(batches(units))));
    group.finish();
}

fn cede_skynet(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let part = leaves / 10;
    let tasks: [_; 10] =
        std::array::from_fn(|i| cede::spawn_any(move || cede_skynet(first + i as u64 * part, part)));
    tasks.iter().map(|task| task.join().expect("no task fails")).sum()
}

fn tokio_skynet(first: u64, leaves: u64) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        let tasks: [_; 10] =
            std::array::from_fn(|i| tokio::spawn(tokio_skynet(first + i as u64 * part, part)));
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("no task fails");
        }
        sum
    })
}

/// How many tasks the tree has.
const TREE: u64 = LEAVES * 10 / 9;

fn skynet(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("workers_skynet");
    let expected = LEAVES * (LEAVES - 1) / 2;
    let trees = |units: u64| units.div_ceil(TREE);
    measure(&mut group, "cede", |units| {
        let took = cede(move || {
            let begin = Instant::now();
            (0..trees(units)).for_each(|_| assert_eq!(cede_skynet(0, LEAVES), expected));
            begin.elapsed()
        });
        (trees(units) * TREE, took)
    });
    measure(&mut group, "tokio", |units| {
        let begin = Instant::now();
        for _ in 0..trees(units) {
            let root = async { tokio::spawn(tokio_skynet(0, LEAVES)).await };
            assert_eq!(runtime.block_on(root).expect("no task fails"), expected);
        }
        (trees(units) * TREE, begin.elapsed())
    });
    group.finish();
}

/// Keeps the processor busy: most tasks for a moment, every 32nd one for long.
fn work(number: u64) -> u64 {
    let turns = if number.is_multiple_of(32) { 50_000 } else { 500 };
    (0..turns).fold(number, |sum, turn| black_box(sum ^ turn))
}

fn skewed(criterion: &mut Criterion) {
    set_may_up();
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("workers_skewed");
    measure(&mut group, "cede", |units| {
        let took = cede(move || {
            let begin = Instant::now();
            for _ in 0..units {
                let tasks: Vec<_> = (0..SKEWED).map(|number| cede::spawn_any(move || work(number))).collect();
                for task in tasks {
                    black_box(task.join().expect("no task fails"));
                }
            }
            begin.elapsed()
        });
        (units, took)
    });
    measure(&mut group, "tokio", |units| {
        let root = async move {
            let begin = Instant::now();
            for _ in 0..units {
                let tasks: Vec<_> =
                    (0..SKEWED).map(|number| tokio::spawn(async move { work(number) })).collect();
                for task in tasks {
                    black_box(task.await.expect("no task fails"));
                }
            }
            begin.elapsed()
        };
        let root = async move { tokio::spawn(root).await };
        (units, runtime.block_on(root).expect("no task fails"))
    });
    measure(&mut group, "may", |units| {
        let root = may::go!(move || {
            let begin = Instant::now();
            for _ in 0..units {
                let tasks: Vec<_> = (0..SKEWED).map(|number| may::go!(move || work(number))).collect();
                for task in tasks {
                    black_box(task.join().expect("no task fails"));
                }
            }
            begin.elapsed()
        });
        (units, root.join().expect("no task fails"))
    });
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .nresamples(10_000)
}

criterion_group! {
    name = benches;
    config = config();
    targets = ping_pong, spawn, skynet, skewed
}
criterion_main!(benches);
