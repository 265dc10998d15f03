//! What tasks share, and what ends a wait: `cargo bench --bench sync`.
//!
//! Every figure that criterion prints is for one unit of work on one thread; each routine times a whole batch itself.
//!
//! | group | unit |
//! |---|---|
//! | `sync_uncontended` | a lock taken and released; a wait for an event that is set; an item put, or got, without waiting |
//! | `sync_ping_pong` | a message through a bounded channel to the other of two tasks, which waits for it |
//! | `sync_cancel` | a task that waits beneath ten frames with destructors is cancelled, unwinds and is joined |
//! | `sync_timeout` | a wait for a message that ends because its time is up, without an unwind |
//!
//! Rivals run as their authors mean them to be used on one thread: tokio's current-thread runtime, may with one worker. tokio's
//! tasks are ended by `abort`, which drops a state machine of ten nested functions.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cede::sync::{Event, Mutex, Queue, mpsc};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

/// Measures a routine that is told how many units to do and says how long they took.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, mut routine: impl FnMut(u64) -> Duration) {
    group.bench_function(id, |bencher| bencher.iter_custom(&mut routine));
}

/// Times `unit`, so many times in a row.
fn timed(units: u64, mut unit: impl FnMut()) -> Duration {
    let begin = Instant::now();
    (0..units).for_each(|_| unit());
    begin.elapsed()
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn uncontended(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("sync_uncontended");
    measure(&mut group, "mutex/cede", |units| {
        let mutex = Mutex::new(0u64);
        cede::run(|| timed(units, || *black_box(&mutex).lock() += 1))
    });
    measure(&mut group, "mutex/tokio", |units| {
        let mutex = tokio::sync::Mutex::new(0u64);
        runtime.block_on(async {
            let begin = Instant::now();
            for _ in 0..units {
                *black_box(&mutex).lock().await += 1;
            }
            begin.elapsed()
        })
    });
    measure(&mut group, "mutex/std", |units| {
        let mutex = std::sync::Mutex::new(0u64);
        timed(units, || *black_box(&mutex).lock().expect("not poisoned") += 1)
    });
    measure(&mut group, "event/cede", |units| {
        let event = Event::new();
        event.set();
        cede::run(|| timed(units, || black_box(&event).wait()))
    });
    measure(&mut group, "queue_put_or_get/cede", |units| {
        let queue = Queue::bounded(4);
        cede::run(|| {
            timed(units.div_ceil(2), || {
                black_box(&queue).put(1u64).expect("it is open");
                black_box(queue.get().expect("it is open"));
            })
        })
    });
    measure(&mut group, "queue_put_or_get/tokio", |units| {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
        runtime.block_on(async {
            let begin = Instant::now();
            for _ in 0..units.div_ceil(2) {
                sender.send(1u64).await.expect("it is open");
                black_box(receiver.recv().await);
            }
            begin.elapsed()
        })
    });
    group.finish();
}

fn cede_ping_pong(units: u64) -> Duration {
    let (there, arrived) = mpsc::bounded(1);
    let (back, returned) = mpsc::bounded(1);
    cede::run(|| {
        let second = cede::spawn(move || {
            while let Ok(message) = arrived.recv() {
                back.send(message).expect("the receiver is there");
            }
        });
        let first = cede::spawn(move || {
            timed(units.div_ceil(2), || {
                there.send(1u64).expect("the receiver is there");
                black_box(returned.recv().expect("the sender is there"));
            })
        });
        let took = first.join().expect("no task fails");
        second.join().expect("no task fails");
        took
    })
}

async fn tokio_ping_pong(units: u64) -> Duration {
    let (there, mut arrived) = tokio::sync::mpsc::channel(1);
    let (back, mut returned) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(message) = arrived.recv().await {
            back.send(message).await.expect("the receiver is there");
        }
    });
    let first = tokio::spawn(async move {
        let begin = Instant::now();
        for _ in 0..units.div_ceil(2) {
            there.send(1u64).await.expect("the receiver is there");
            black_box(returned.recv().await.expect("the sender is there"));
        }
        begin.elapsed()
    });
    first.await.expect("no task fails")
}

fn may_ping_pong(units: u64) -> Duration {
    let (there, arrived) = may::sync::spsc::channel();
    let (back, returned) = may::sync::spsc::channel();
    let root = may::go!(move || {
        may::go!(move || {
            while let Ok(message) = arrived.recv() {
                if back.send(message).is_err() {
                    break;
                }
            }
        });
        let first = may::go!(move || {
            timed(units.div_ceil(2), || {
                there.send(1u64).expect("the receiver is there");
                black_box(returned.recv().expect("the sender is there"));
            })
        });
        first.join().expect("no task fails")
    });
    root.join().expect("no task fails")
}

fn ping_pong(criterion: &mut Criterion) {
    may::config().set_workers(1);
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("sync_ping_pong");
    measure(&mut group, "cede", cede_ping_pong);
    measure(&mut group, "tokio", |units| {
        runtime.block_on(async { tokio::spawn(tokio_ping_pong(units)).await }).expect("no task fails")
    });
    measure(&mut group, "may_unbounded", may_ping_pong);
    group.finish();
}

/// Has a destructor, which counts.
struct Counted<'a>(&'a std::cell::Cell<u64>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Waits for ever beneath so many frames.
#[inline(never)]
fn beneath(frames: u32, dropped: &std::cell::Cell<u64>) {
    let _counted = Counted(dropped);
    if frames == 1 {
        cede::sleep(Duration::MAX)
    } else {
        beneath(frames - 1, dropped)
    }
    black_box(frames);
}

fn cancel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sync_cancel");
    measure(&mut group, "cede/10_frames", |units| {
        let dropped = std::cell::Cell::new(0);
        let took = cede::run(|| {
            cede::scope(|scope| {
                timed(units, || {
                    let task = scope.spawn(|| beneath(10, &dropped));
                    cede::yield_now();
                    task.cancel();
                    assert!(task.join().is_err_and(|error| error.is_cancelled()));
                })
            })
        });
        assert_eq!(dropped.get(), units * 10);
        took.expect("a cancelled child is no failure")
    });
    group.finish();
}

fn timeout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sync_timeout");
    let nothing = Duration::from_nanos(1);
    measure(&mut group, "cede/recv_timeout", |units| {
        let (_sender, receiver) = mpsc::bounded::<u64>(1);
        cede::run(|| timed(units, || assert!(receiver.recv_timeout(nothing).is_err())))
    });
    let runtime = tokio_runtime();
    measure(&mut group, "tokio/timeout_recv", |units| {
        let (_sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(1);
        runtime.block_on(async {
            let begin = Instant::now();
            for _ in 0..units {
                assert!(tokio::time::timeout(nothing, receiver.recv()).await.is_err());
            }
            begin.elapsed()
        })
    });
    group.finish();
}

/// Short samples: the figures are stable to a few per cent, and the whole file takes half a minute.
fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1000))
        .nresamples(10_000)
}

criterion_group! {
    name = sync;
    config = config();
    targets = uncontended, ping_pong, cancel, timeout
}
criterion_main!(sync);
