//! Both ways between cede and a tokio runtime in the same process.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use cede::future::{Wait, wait};
use cede::sync::{Event, Queue, mpsc, oneshot};
use cede::time::after;
use cede::{Runner, select, spawn, yield_now};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A runtime with two workers.
fn tokio() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn channels_timers_and_tasks_of_tokio_are_awaited_in_cede_tasks() {
    let runtime = tokio();
    let _entered = runtime.enter();
    cede::run(|| {
        let (tx, mut rx) = tokio::sync::mpsc::channel(2);
        let sender = tokio::spawn(async move {
            for n in 0..500u32 {
                tx.send(n).await.unwrap();
            }
        });
        let receiver = spawn(move || {
            let mut seen = Vec::new();
            while let Some(n) = rx.recv().wait() {
                seen.push(n);
            }
            seen
        });
        assert_eq!(receiver.join().unwrap(), (0..500).collect::<Vec<_>>());
        sender.wait().unwrap();

        let (tx, rx) = tokio::sync::oneshot::channel();
        spawn(move || tx.send("from a task").unwrap());
        assert_eq!(rx.wait(), Ok("from a task"));

        let begin = Instant::now();
        tokio::time::sleep(3 * MILLISECOND).wait();
        assert!(begin.elapsed() >= 3 * MILLISECOND);
        assert!(tokio::time::timeout(MILLISECOND, std::future::pending::<()>()).wait().is_err());

        let panicked = tokio::spawn(async { std::panic::resume_unwind(Box::new("away")) });
        let error: tokio::task::JoinError = panicked.wait().unwrap_err();
        assert!(error.is_panic());
        let sum = tokio::task::spawn_blocking(|| 1 + 1);
        assert_eq!(wait(sum).unwrap(), 2);
    });
}

#[test]
fn many_tasks_await_tokio_at_once_while_cede_goes_on() {
    let runtime = tokio();
    let _entered = runtime.enter();
    cede::run(|| {
        let semaphore = Arc::new(tokio::sync::Semaphore::new(3));
        let tasks: Vec<_> = (0..50)
            .map(|n| {
                let semaphore = Arc::clone(&semaphore);
                spawn(move || {
                    let _permit = semaphore.acquire().wait().unwrap();
                    tokio::time::sleep(MILLISECOND).wait();
                    tokio::spawn(async move { n }).wait().unwrap()
                })
            })
            .collect();
        let ticker = spawn(|| (0..20).for_each(|_| yield_now()));
        assert_eq!(tasks.iter().map(|task| task.join().unwrap()).sum::<u32>(), 1225);
        ticker.join().unwrap();
    });
}

#[test]
fn a_connection_of_tokio_is_used_in_cede_tasks() {
    let runtime = tokio();
    let _entered = runtime.enter();
    cede::run(|| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").wait().unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(move || {
            let (mut stream, _) = listener.accept().wait().unwrap();
            let mut buffer = [0; 64];
            loop {
                match stream.read(&mut buffer).wait().unwrap() {
                    0 => break,
                    read => stream.write_all(&buffer[..read]).wait().unwrap(),
                }
            }
        });
        let mut stream = tokio::net::TcpStream::connect(address).wait().unwrap();
        for _ in 0..100 {
            stream.write_all(b"ping").wait().unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).wait().unwrap();
            assert_eq!(&answer, b"ping");
        }
        drop(stream);
        server.join().unwrap();
    });
}

#[test]
fn a_cancelled_task_drops_the_future_of_tokio() {
    let runtime = tokio();
    let _entered = runtime.enter();
    cede::run(|| {
        let mutex = Arc::new(tokio::sync::Mutex::new(0));
        let held = mutex.clone().lock_owned().wait();
        let waits = Arc::clone(&mutex);
        let victim = spawn(move || drop(waits.lock().wait()));
        yield_now();
        victim.cancel();
        assert!(victim.join().unwrap_err().is_cancelled());
        drop(held);
        *mutex.lock().wait_timeout(Duration::from_secs(60)).unwrap() += 1;
    });
}

#[test]
fn a_future_of_tokio_in_a_select_with_operations_of_cede() {
    let runtime = tokio();
    let _entered = runtime.enter();
    cede::run(|| {
        let jobs = Queue::unbounded();
        jobs.put(1).unwrap();
        let mut slow = pin!(tokio::time::sleep(4 * MILLISECOND));
        let (mut got, mut beats) = (0, 0);
        loop {
            select! {
                job = jobs.getting() => got += job.unwrap(),
                _ = slow.as_mut().waiting() => break,
                _ = after(MILLISECOND) => beats += 1,
            }
        }
        assert!(got == 1 && beats >= 1, "{got} {beats}");
    });
}

#[test]
fn where_no_runtime_of_tokio_is_entered_its_own_panic_comes_out() {
    let result = cede::run(|| {
        spawn(|| async { tokio::time::sleep(MILLISECOND).await }.wait())
            .join()
            .map_err(|error| error.to_string())
    });
    assert!(result.unwrap_err().contains("there is no reactor running"));
}

#[test]
fn the_context_of_tokio_may_be_entered_for_one_future() {
    let runtime = tokio();
    let handle = runtime.handle().clone();
    cede::run(|| {
        let mut inner = Box::pin(async { tokio::time::sleep(MILLISECOND).await });
        let sleeps = poll_fn(move |context| {
            let _entered = handle.enter();
            inner.as_mut().poll(context)
        });
        let other = spawn(|| tokio::runtime::Handle::try_current().is_err());
        sleeps.wait();
        assert!(other.join().unwrap(), "others don't see it");
    });
}

#[test]
fn handles_and_channels_of_cede_are_awaited_in_tokio() {
    let runtime = tokio();
    let queue = Arc::new(Queue::bounded(1));
    let (tx, rx) = mpsc::bounded(1);
    let (answer, answered) = oneshot::channel();
    let stop = Arc::new(Event::new());
    let (give, given) = std::sync::mpsc::channel();
    let (its_queue, its_stop) = (Arc::clone(&queue), Arc::clone(&stop));
    let run = thread::spawn(move || {
        cede::run(|| {
            give.send(cede::Handle::current()).unwrap();
            let producer = spawn(move || (1..=100).for_each(|n| tx.send(n).unwrap()));
            let consumer = spawn(move || (0..100).map(|_| its_queue.get().unwrap()).sum::<u32>());
            producer.join().unwrap();
            answer.send(consumer.join().unwrap()).unwrap();
            its_stop.wait();
        })
    });
    let handle = given.recv().unwrap();
    runtime.block_on(async {
        let moves = tokio::spawn(async move {
            while let Ok(n) = rx.receiving().await {
                queue.putting(n * 2).await.unwrap();
            }
        });
        moves.await.unwrap();
        assert_eq!(answered.receiving().await, Ok(10_100));

        // Spawned on tokio's workers, which poll them where they like.
        let joins: Vec<_> = (0..50u32)
            .map(|n| {
                tokio::spawn(
                    handle
                        .spawn(move || {
                            yield_now();
                            n
                        })
                        .into_future(),
                )
            })
            .collect();
        let mut sum = 0;
        for join in joins {
            sum += join.await.unwrap().unwrap();
        }
        assert_eq!(sum, 1225);

        let slow = handle.spawn(|| cede::sleep(Duration::MAX));
        assert!(tokio::time::timeout(MILLISECOND, &slow).await.is_err());
        assert!(slow.cancel());
        assert!(slow.await.unwrap_err().is_cancelled());
        drop(handle);
        stop.set();
    });
    run.join().unwrap();
}

#[test]
fn a_handle_moves_between_workers_of_tokio_and_is_dropped_there_or_aborted() {
    let runtime = tokio();
    let runner = Runner::new();
    let handle = runner.handle();
    let work = runtime.spawn(async move {
        for round in 0..200u32 {
            let task = handle.spawn(move || {
                (0..round % 5).for_each(|_| yield_now());
                round
            });
            let mut joins = Box::pin(task.into_future());
            let mut polls = 0;
            let polled_a_bit = poll_fn(|context| {
                polls += 1;
                if joins.as_mut().poll(context).is_ready() || polls > round % 3 {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            });
            polled_a_bit.await;
            // On another worker, most of the time; sometimes it is aborted there.
            let task = tokio::spawn(async move { drop(joins) });
            if round % 4 == 0 {
                task.abort();
            }
            let _ = task.await;
        }
    });
    runner.run(|| work.wait().unwrap()).unwrap();
}

#[test]
fn a_message_goes_round_between_a_cede_task_and_a_tokio_task_many_times() {
    let runtime = tokio();
    let (ping, pinged) = mpsc::bounded(1);
    let (pong, mut ponged) = tokio::sync::mpsc::channel(1);
    runtime.spawn(async move {
        while let Ok(n) = pinged.receiving().await {
            pong.send(n + 1).await.unwrap();
        }
    });
    let last = cede::run(|| {
        let mut n = 0u32;
        while n < 2000 {
            ping.send(n).unwrap();
            n = ponged.recv().wait().unwrap();
        }
        n
    });
    assert_eq!(last, 2000);
}

#[test]
fn a_local_set_of_tokio_awaits_local_handles() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    cede::run(|| {
        let task = spawn(|| std::rc::Rc::new(5));
        let local = tokio::task::LocalSet::new();
        let value = local.run_until(async {
            let inner = tokio::task::spawn_local(async { 1 });
            *task.await.unwrap() + inner.await.unwrap()
        });
        assert_eq!(value.wait(), 6);
    });
}
