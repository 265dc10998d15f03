//! tokio: its current-thread runtime for one thread, the multi-thread runtime with so many workers for more; hyper for HTTP.

use std::convert::Infallible;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use peers::{
    ECHO_BUFFER, FOREVER, Peer, SETTLING, SLICES, check_worked, cpu_time, memory, rounds_of_slice, sleeps,
    sum_below, tasks_of_tree, timed_future, unsupported, work,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

/// Runs a future on a runtime with so many threads. It is a task itself, and so runs on a worker.
fn on_worker<F>(threads: u64, root: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(threads as usize).enable_all().build(),
    };
    let runtime = runtime.expect("a runtime");
    let value = runtime.block_on(async { tokio::spawn(root).await.expect("no task fails") });
    runtime.shutdown_background();
    value
}

/// The same for what is measured as a whole.
fn timed_on_worker(threads: u64, root: impl Future<Output = ()> + Send + 'static) -> Duration {
    on_worker(threads, timed_future(root)).1
}

async fn yields(tasks: u64, each: u64) {
    let spawned = (0..tasks).map(|_| {
        tokio::spawn(async move {
            for _ in 0..each {
                yield_now().await;
            }
        })
    });
    for task in spawned.collect::<Vec<_>>() {
        task.await.expect("no task fails");
    }
}

async fn spawns(tasks: u64, batch: u64) {
    let mut sum = 0;
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|number| tokio::spawn(async move { number }));
        for task in spawned.collect::<Vec<_>>() {
            sum += task.await.expect("no task fails");
        }
    }
    assert_eq!(sum, sum_below(tasks));
}

async fn messages(messages: u64) {
    let (there, mut inbox) = mpsc::channel(1);
    let (outbox, mut back) = mpsc::channel(1);
    let ping = tokio::spawn(async move {
        for number in 0..messages / 2 {
            there.send(number).await.expect("the other end is open");
            assert_eq!(back.recv().await, Some(number));
        }
    });
    let pong = tokio::spawn(async move {
        for _ in 0..messages / 2 {
            let number = inbox.recv().await.expect("the other end is open");
            outbox.send(number).await.expect("the other end is open");
        }
    });
    ping.await.expect("no task fails");
    pong.await.expect("no task fails");
}

fn tree(first: u64, leaves: u64) -> JoinHandle<u64> {
    tokio::spawn(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        let children: Vec<_> = (0..10).map(|child| tree(first + child * part, part)).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.expect("no task fails");
        }
        sum
    })
}

async fn skynet(leaves: u64, times: u64) -> Duration {
    let mut last = Duration::ZERO;
    for _ in 0..times {
        let (sum, took) = timed_future(async move { tree(0, leaves).await.expect("no task fails") }).await;
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

async fn skew(tasks: u64, batch: u64) {
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|task| tokio::spawn(uneven(task)));
        let mut results = Vec::new();
        for task in spawned.collect::<Vec<_>>() {
            results.push(task.await.expect("no task fails"));
        }
        check_worked(first, &results);
    }
}

async fn idle(peer: Peer, tasks: u64) {
    let begun = Arc::new(AtomicU64::new(0));
    let before = memory();
    for _ in 0..tasks {
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            begun.fetch_add(1, Relaxed);
            sleep(FOREVER).await;
        });
    }
    while begun.load(Relaxed) < tasks {
        yield_now().await;
    }
    sleep(SETTLING).await;
    peer.report_memory(tasks, memory() - before);
    process::exit(0)
}

async fn timers(peer: Peer, tasks: u64) {
    let before = cpu_time();
    let ((), took) = timed_future(async {
        let spawned = sleeps(tasks).map(|length| tokio::spawn(sleep_for(length)));
        for task in spawned.collect::<Vec<_>>() {
            task.await.expect("no task fails");
        }
    })
    .await;
    peer.report_cpu(tasks, cpu_time() - before, took);
}

/// tokio's `sleep` must be called inside the task that waits.
async fn sleep_for(length: Duration) {
    sleep(length).await;
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

async fn hello(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world!")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

async fn answer(stream: TcpStream) -> hyper::Result<()> {
    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)).await
}

async fn serve<E: Send + 'static, F>(peer: Peer, connection: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", peer.number(0) as u16)).await?;
    peer.ready();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}

fn main() -> io::Result<()> {
    let peer = Peer::from_command_line("tokio");
    let first = peer.number(0);
    match peer.workload() {
        "yield" => {
            let each = peer.number(1);
            peer.report(first * each, timed_on_worker(1, yields(first, each)));
        }
        "spawn" => {
            let took = timed_on_worker(peer.number(1), spawns(first, peer.number(2)));
            peer.report(first, took);
        }
        "pingpong" => peer.report(first, timed_on_worker(peer.number(1), messages(first))),
        "skynet" => {
            let took = on_worker(peer.number(1), skynet(first, peer.number(2)));
            peer.report(tasks_of_tree(first), took);
        }
        "skew" => peer.report(first, timed_on_worker(peer.number(1), skew(first, peer.number(2)))),
        "idle" => on_worker(1, idle(peer, first)),
        "timers" => on_worker(peer.number(1), timers(peer, first)),
        "echo" => on_worker(peer.number(1), serve(peer, echo))?,
        "http" => on_worker(peer.number(1), serve(peer, answer))?,
        _ => unsupported(),
    }
    Ok(())
}
