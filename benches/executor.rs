//! Jobs on threads: `cargo bench --bench executor`.
//!
//! Every figure that criterion prints is for one unit of work; each routine times a whole batch itself. All pools have two threads.
//!
//! | group | unit |
//! |---|---|
//! | `executor_submit` | a small job that is handed in, done, and whose value is taken; a batch is in flight at a time |
//! | `executor_round_trip` | the same, one after the other |
//! | `executor_map` | an item of a map, which costs some nanoseconds, with the results in order |
//! | `executor_unblock` | a blocking call of a task that does nothing, one after the other |
//!
//! `std` is what one would write by hand: threads that share the receiver of a channel under a lock, and a channel for each
//! result. rayon is made for something else, data that is split among threads; its `spawn` has no futures, so that a
//! channel brings its value, and its map borrows and splits as it likes, which is the least that such a map can cost.

use std::hint::black_box;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cede::executor::{Executor, MapOptions, ThreadPoolExecutor};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// How many threads a pool has.
const THREADS: usize = 2;

/// How many jobs are in flight.
const BATCH: u64 = 1_000;

/// How many items a job of a map gets, where it gets several.
const CHUNK: usize = 256;

type Call = Box<dyn FnOnce() + Send>;

/// A pool as one would write it by hand.
struct Channel {
    calls: mpsc::Sender<Call>,
}

impl Channel {
    /// Its threads end when it is dropped.
    fn new() -> Self {
        let (calls, to_do) = mpsc::channel::<Call>();
        let to_do = Arc::new(Mutex::new(to_do));
        for _ in 0..THREADS {
            let to_do = Arc::clone(&to_do);
            thread::spawn(move || {
                loop {
                    let next = to_do.lock().expect("no call panics under it").recv();
                    let Ok(call) = next else { break };
                    call();
                }
            });
        }
        Channel { calls }
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
        let (give, given) = mpsc::channel();
        let call = Box::new(move || give.send(f()).expect("somebody waits"));
        self.calls.send(call).expect("the threads are there");
        given
    }
}

/// The same on the threads of rayon.
fn rayon_submit<T: Send + 'static>(
    pool: &rayon::ThreadPool,
    f: impl FnOnce() -> T + Send + 'static,
) -> mpsc::Receiver<T> {
    let (give, given) = mpsc::channel();
    pool.spawn(move || give.send(f()).expect("somebody waits"));
    given
}

fn rayon_pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().expect("threads")
}

/// What a job does.
fn work(n: u64) -> u64 {
    black_box(n).wrapping_mul(6_364_136_223_846_793_005).rotate_left(17)
}

/// Measures a routine that is told how many units to do and says how long they took.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, mut routine: impl FnMut(u64) -> Duration) {
    group.bench_function(id, |bencher| bencher.iter_custom(&mut routine));
}

/// Times so many units, of which at most `batch` are begun before the first of them is ended.
fn timed<H>(units: u64, batch: u64, begin: impl Fn(u64) -> H, end: impl Fn(H) -> u64) -> Duration {
    let start = Instant::now();
    let mut left = units;
    while left > 0 {
        let now = left.min(batch);
        let begun: Vec<H> = (0..now).map(&begin).collect();
        begun.into_iter().for_each(|handle| _ = black_box(end(handle)));
        left -= now;
    }
    start.elapsed()
}

fn submit(criterion: &mut Criterion) {
    for (name, batch) in [("executor_submit", BATCH), ("executor_round_trip", 1)] {
        let mut group = criterion.benchmark_group(name);
        let pool = ThreadPoolExecutor::new(THREADS);
        measure(&mut group, "cede/thread", |units| {
            timed(units, batch, |n| pool.submit(move || work(n)), |job| job.result().expect("it is done"))
        });
        measure(&mut group, "cede/task", |units| {
            let begin = |n| pool.submit(move || work(n));
            cede::run(|| timed(units, batch, begin, |job| job.result().expect("it is done")))
        });
        let channel = Channel::new();
        measure(&mut group, "std", |units| {
            timed(
                units,
                batch,
                |n| channel.submit(move || work(n)),
                |given| given.recv().expect("it is done"),
            )
        });
        let pool = rayon_pool();
        measure(&mut group, "rayon", |units| {
            let begin = |n| rayon_submit(&pool, move || work(n));
            timed(units, batch, begin, |given| given.recv().expect("it is done"))
        });
    }
}

fn map(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("executor_map");
    let pool = ThreadPoolExecutor::new(THREADS);
    for (id, chunk) in [("cede/one_by_one", 1), ("cede/chunks", CHUNK)] {
        measure(&mut group, id, |units| {
            let begin = Instant::now();
            let options = MapOptions::new().chunk_size(chunk);
            let results = pool.map_with(options, work, 0..units).map(|result| result.expect("it is done"));
            black_box(results.fold(0, u64::wrapping_add));
            begin.elapsed()
        });
    }
    let channel = Channel::new();
    measure(&mut group, "std/chunks", |units| {
        let begin = Instant::now();
        let items: Vec<u64> = (0..units).collect();
        let chunks = items.chunks(CHUNK).map(|chunk| {
            let chunk = chunk.to_vec();
            channel.submit(move || chunk.into_iter().map(work).collect::<Vec<u64>>())
        });
        let chunks: Vec<_> = chunks.collect();
        let results = chunks.into_iter().flat_map(|chunk| chunk.recv().expect("it is done"));
        black_box(results.fold(0, u64::wrapping_add));
        begin.elapsed()
    });
    let pool = rayon_pool();
    measure(&mut group, "rayon", |units| {
        let begin = Instant::now();
        let results: Vec<u64> = pool.install(|| (0..units).into_par_iter().map(work).collect());
        black_box(results.into_iter().fold(0, u64::wrapping_add));
        begin.elapsed()
    });
}

fn unblock(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("executor_unblock");
    measure(&mut group, "cede", |units| {
        cede::run(|| timed(units, 1, |n| n, |n| cede::unblock(move || work(n))))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    measure(&mut group, "tokio", |units| {
        runtime.block_on(async {
            let start = Instant::now();
            for n in 0..units {
                black_box(tokio::task::spawn_blocking(move || work(n)).await.expect("it is done"));
            }
            start.elapsed()
        })
    });
}

criterion_group!(benches, submit, map, unblock);
criterion_main!(benches);
