//! smol: a `LocalExecutor` for one thread, an `Executor` that is run by so many threads for more.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use peers::{
    ECHO_BUFFER, FOREVER, Peer, SETTLING, SLICES, check_worked, cpu_time, memory, rounds_of_slice, sleeps,
    sum_below, tasks_of_tree, timed_future, unsupported, work,
};
use smol::future::{pending, yield_now};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, LocalExecutor, Task, Timer, channel};

/// What the workloads need of an executor, so that each is written once.
trait Spawn: Copy + Send + 'static {
    fn spawn<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> Task<T>;
}

impl Spawn for &'static Executor<'static> {
    fn spawn<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Executor::spawn(self, future)
    }
}

thread_local! {
    static LOCAL: Cell<Option<&'static LocalExecutor<'static>>> = const { Cell::new(None) };
}

/// The `LocalExecutor` of this thread, by a name that is `Send` as the other is.
#[derive(Clone, Copy)]
struct Local;

impl Spawn for Local {
    fn spawn<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        LOCAL.get().expect("it was made first").spawn(future)
    }
}

fn on_this_thread<F: Future + 'static>(root: impl FnOnce(Local) -> F) -> F::Output {
    let executor: &'static LocalExecutor<'static> = Box::leak(Box::default());
    LOCAL.set(Some(executor));
    smol::block_on(executor.run(executor.spawn(root(Local))))
}

fn on_threads<F>(threads: u64, root: impl FnOnce(&'static Executor<'static>) -> F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let executor: &'static Executor<'static> = Box::leak(Box::default());
    for _ in 1..threads {
        thread::spawn(|| smol::block_on(executor.run(pending::<()>())));
    }
    smol::block_on(executor.run(executor.spawn(root(executor))))
}

/// Runs a workload, which is a function of an executor and what else it needs, on the executor for so many threads.
macro_rules! on {
    ($threads:expr, $workload:ident($($rest:expr),*)) => {
        match $threads {
            1 => on_this_thread(|executor| $workload(executor, $($rest),*)),
            threads => on_threads(threads, |executor| $workload(executor, $($rest),*)),
        }
    };
}

async fn yields(executor: impl Spawn, tasks: u64, each: u64) {
    let spawned = (0..tasks).map(|_| {
        executor.spawn(async move {
            for _ in 0..each {
                yield_now().await;
            }
        })
    });
    for task in spawned.collect::<Vec<_>>() {
        task.await;
    }
}

async fn spawns(executor: impl Spawn, tasks: u64, batch: u64) -> Duration {
    let all = async {
        let mut sum = 0;
        for first in (0..tasks).step_by(batch as usize) {
            let spawned = (first..first + batch).map(|number| executor.spawn(async move { number }));
            for task in spawned.collect::<Vec<_>>() {
                sum += task.await;
            }
        }
        assert_eq!(sum, sum_below(tasks));
    };
    timed_future(all).await.1
}

async fn messages(executor: impl Spawn, messages: u64) -> Duration {
    let all = async {
        let (there, inbox) = channel::bounded(1);
        let (outbox, back) = channel::bounded(1);
        let ping = executor.spawn(async move {
            for number in 0..messages / 2 {
                there.send(number).await.expect("the other end is open");
                assert_eq!(back.recv().await, Ok(number));
            }
        });
        let pong = executor.spawn(async move {
            for _ in 0..messages / 2 {
                let number = inbox.recv().await.expect("the other end is open");
                outbox.send(number).await.expect("the other end is open");
            }
        });
        ping.await;
        pong.await;
    };
    timed_future(all).await.1
}

fn tree(executor: impl Spawn, first: u64, leaves: u64) -> Task<u64> {
    if leaves == 1 {
        return executor.spawn(async move { first });
    }
    // A future that contains itself has to be boxed.
    let inner: Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(async move {
        let part = leaves / 10;
        let children: Vec<_> = (0..10).map(|child| tree(executor, first + child * part, part)).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await;
        }
        sum
    });
    executor.spawn(inner)
}

async fn skynet(executor: impl Spawn, leaves: u64, times: u64) -> Duration {
    let mut last = Duration::ZERO;
    for _ in 0..times {
        let (sum, took) = timed_future(async { tree(executor, 0, leaves).await }).await;
        assert_eq!(sum, sum_below(leaves));
        last = took;
    }
    last
}

async fn uneven(task: u64) -> u64 {
    let mut state = task;
    for _ in 0..SLICES {
        state = work(state, rounds_of_slice(task));
        yield_now().await;
    }
    state
}

async fn skew(executor: impl Spawn, tasks: u64, batch: u64) -> Duration {
    let all = async {
        for first in (0..tasks).step_by(batch as usize) {
            let spawned = (first..first + batch).map(|task| executor.spawn(uneven(task)));
            let mut results = Vec::new();
            for task in spawned.collect::<Vec<_>>() {
                results.push(task.await);
            }
            check_worked(first, &results);
        }
    };
    timed_future(all).await.1
}

async fn idle(executor: impl Spawn, peer: Peer, tasks: u64) {
    let begun = Arc::new(AtomicU64::new(0));
    let before = memory();
    for _ in 0..tasks {
        let begun = Arc::clone(&begun);
        let task = executor.spawn(async move {
            begun.fetch_add(1, Relaxed);
            Timer::after(FOREVER).await;
        });
        task.detach();
    }
    while begun.load(Relaxed) < tasks {
        yield_now().await;
    }
    Timer::after(SETTLING).await;
    peer.report_memory(tasks, memory() - before);
    process::exit(0)
}

async fn timers(executor: impl Spawn, peer: Peer, tasks: u64) {
    let before = cpu_time();
    let ((), took) = timed_future(async {
        let spawned = sleeps(tasks).map(|length| {
            executor.spawn(async move {
                Timer::after(length).await;
            })
        });
        for task in spawned.collect::<Vec<_>>() {
            task.await;
        }
    })
    .await;
    peer.report_cpu(tasks, cpu_time() - before, took);
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; ECHO_BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
}

async fn serve(executor: impl Spawn, peer: Peer) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", peer.number(0) as u16)).await?;
    peer.ready();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        executor.spawn(echo(stream)).detach();
    }
}

fn main() -> io::Result<()> {
    let peer = Peer::from_command_line("smol");
    let first = peer.number(0);
    match peer.workload() {
        "yield" => {
            let each = peer.number(1);
            let took = on_this_thread(|executor| timed_future(yields(executor, first, each))).1;
            peer.report(first * each, took);
        }
        "spawn" => peer.report(first, on!(peer.number(1), spawns(first, peer.number(2)))),
        "pingpong" => peer.report(first, on!(peer.number(1), messages(first))),
        "skynet" => {
            let took = on!(peer.number(1), skynet(first, peer.number(2)));
            peer.report(tasks_of_tree(first), took);
        }
        "skew" => peer.report(first, on!(peer.number(1), skew(first, peer.number(2)))),
        "idle" => on_this_thread(|executor| idle(executor, peer, first)),
        "timers" => on!(peer.number(1), timers(peer, first)),
        "echo" => on!(peer.number(1), serve(peer))?,
        _ => unsupported(),
    }
    Ok(())
}
