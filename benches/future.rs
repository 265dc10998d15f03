//! What it costs a task to wait for a future: `cargo bench --bench future`.
//!
//! Every figure that criterion prints is for one unit of work on one thread; each routine times a whole batch itself.
//!
//! | group | unit |
//! |---|---|
//! | `future_ready` | a future that is ready is awaited |
//! | `future_yield` | a future that wakes itself once: the others, of which there are none, get their turn |
//! | `future_wake` | a message through a bounded async-channel to the other of two tasks, which waits for it |
//! | `future_operation` | an item of a queue of cede, awaited while a task of the same thread puts it |
//!
//! Rivals drive the same futures: tokio's current-thread runtime, and smol's local executor.

use std::future::{self, poll_fn};
use std::hint::black_box;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use cede::future::Wait;
use cede::sync::Queue;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

/// Measures a routine that is told how many units to do and says how long they took.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, mut routine: impl FnMut(u64) -> Duration) {
    group.bench_function(id, |bencher| bencher.iter_custom(&mut routine));
}

fn timed(units: u64, mut unit: impl FnMut()) -> Duration {
    let begin = Instant::now();
    (0..units).for_each(|_| unit());
    begin.elapsed()
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

/// Is pending once, and has woken itself.
async fn give_way() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Awaits `unit` so many times.
async fn repeated<F: Future>(units: u64, unit: impl Fn() -> F) -> Duration {
    let begin = Instant::now();
    for _ in 0..units {
        unit().await;
    }
    begin.elapsed()
}

fn ready(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("future_ready");
    measure(&mut group, "cede", |units| cede::run(|| timed(units, || black_box(future::ready(())).wait())));
    measure(&mut group, "tokio", |units| runtime.block_on(repeated(units, || black_box(future::ready(())))));
    measure(&mut group, "tokio_block_on", |units| {
        timed(units, || runtime.block_on(black_box(future::ready(()))))
    });
    measure(&mut group, "smol_block_on", |units| {
        timed(units, || smol::block_on(black_box(future::ready(()))))
    });
}

fn give_way_once(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("future_yield");
    measure(&mut group, "cede", |units| cede::run(|| timed(units, || give_way().wait())));
    measure(&mut group, "tokio", |units| {
        let task = async move { tokio::spawn(repeated(units, give_way)).await.expect("no panic") };
        runtime.block_on(task)
    });
    measure(&mut group, "tokio_block_on", |units| timed(units, || runtime.block_on(give_way())));
    measure(&mut group, "smol_block_on", |units| timed(units, || smol::block_on(give_way())));
}

async fn send_all(units: u64, to: async_channel::Sender<u64>) {
    for n in 0..units {
        to.send(n).await.expect("somebody receives");
    }
}

async fn receive_all(from: async_channel::Receiver<u64>) -> Duration {
    let begin = Instant::now();
    while let Ok(n) = from.recv().await {
        black_box(n);
    }
    begin.elapsed()
}

fn wake(criterion: &mut Criterion) {
    let runtime = tokio_runtime();
    let mut group = criterion.benchmark_group("future_wake");
    measure(&mut group, "cede", |units| {
        cede::run(|| {
            let (tx, rx) = async_channel::bounded(1);
            let sender =
                cede::spawn(move || (0..units).for_each(|n| tx.send(n).wait().expect("it receives")));
            let took = timed(units, || black_box(rx.recv().wait()).map(drop).expect("it sends"));
            sender.join().expect("no panic");
            took
        })
    });
    measure(&mut group, "tokio", |units| {
        runtime.block_on(async {
            let (tx, rx) = async_channel::bounded(1);
            let sender = tokio::spawn(send_all(units, tx));
            let took = tokio::spawn(receive_all(rx)).await.expect("no panic");
            sender.await.expect("no panic");
            took
        })
    });
    measure(&mut group, "smol", |units| {
        let executor = smol::LocalExecutor::new();
        let (tx, rx) = async_channel::bounded(1);
        executor.spawn(send_all(units, tx)).detach();
        let receiver = executor.spawn(receive_all(rx));
        smol::block_on(executor.run(receiver))
    });
}

fn operation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("future_operation");
    let puts = |queue: &Rc<Queue<u64>>, units| {
        let queue = Rc::clone(queue);
        cede::spawn(move || (0..units).for_each(|n| queue.put(n).expect("it is open")))
    };
    measure(&mut group, "awaited", |units| {
        cede::run(|| {
            let queue = Rc::new(Queue::bounded(1));
            let sender = puts(&queue, units);
            let took = repeated(units, || queue.getting().into_future()).wait();
            sender.join().expect("no panic");
            took
        })
    });
    measure(&mut group, "waited", |units| {
        cede::run(|| {
            let queue = Rc::new(Queue::bounded(1));
            let sender = puts(&queue, units);
            let took = timed(units, || black_box(queue.get()).map(drop).expect("it is open"));
            sender.join().expect("no panic");
            took
        })
    });
}

criterion_group!(benches, ready, give_way_once, wake, operation);
criterion_main!(benches);
