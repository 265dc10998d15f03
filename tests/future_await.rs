//! Operations and handles of cede as futures, in other executors.

mod future_shared;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use cede::future::{AsFuture, Independent, Wait, as_future};
use cede::sync::{
    Event, Lock, Mutex, OnceCell, Queue, QueueShutDown, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use cede::{Operation, Runner, spawn, yield_now};
use future_shared::trace::{run, silent_panic, ticking, ticks};
use future_shared::{Count, poll};

/// On the heap, so that it may move.
fn boxed<O: Independent>(operation: O) -> Pin<Box<AsFuture<O>>> {
    Box::pin(as_future(operation))
}

fn noop() -> &'static Waker {
    Waker::noop()
}

/// Drives a future on a thread of its own.
fn elsewhere<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> thread::JoinHandle<T> {
    thread::spawn(move || smol::block_on(future))
}

#[test]
fn a_local_handle_is_awaited_in_an_executor_on_its_thread() {
    run(|| {
        let executor = smol::LocalExecutor::new();
        let gate = Rc::new(Event::new());
        let waits = Rc::clone(&gate);
        let kept = spawn(|| String::from("kept"));
        let task = spawn(move || {
            waits.wait();
            Rc::new(1)
        });
        let both = executor.spawn(async move {
            let kept = (&kept).await.unwrap() + if (&kept).await.is_err() { " once" } else { "" };
            (*task.await.unwrap(), kept)
        });
        yield_now();
        gate.set();
        assert_eq!(executor.run(both).wait(), (1, "kept once".to_owned()));
    });
}

#[test]
fn a_handle_that_is_awaited_costs_the_ticks_of_one_that_is_joined() {
    ticking(|| {
        let (joined, awaited) = (spawn(yield_now), spawn(yield_now));
        let join = ticks(|| joined.join().unwrap());
        let again = spawn(yield_now);
        let wait = ticks(|| again.into_future().wait().unwrap());
        assert_eq!(join, wait);
        awaited.into_future().wait().unwrap();
    });
}

#[test]
fn a_handle_says_how_its_task_ended_also_after_the_run() {
    let runner = Runner::builder().virtual_time(true).build();
    let (mut panicked, mut cancelled, mut waits) = runner
        .run(|| {
            let panicked = Box::pin(spawn(|| silent_panic("away")).into_future());
            let victim = spawn(|| cede::sleep(std::time::Duration::MAX));
            victim.cancel();
            let waits = spawn(|| cede::sleep(std::time::Duration::MAX));
            yield_now();
            (panicked, Box::pin(victim.into_future()), Box::pin(waits.into_future()))
        })
        .unwrap();
    let count = Count::new();
    let Poll::Ready(Err(error)) = poll(&mut panicked, noop()) else { panic!("pending") };
    let _: &cede::JoinError = &error;
    assert!(error.is_panic());
    assert!(matches!(poll(&mut cancelled, noop()), Poll::Ready(Err(error)) if error.is_cancelled()));
    assert!(poll(&mut waits, &count.waker()).is_pending());
    runner.close().unwrap();
    assert_eq!(count.get(), 1, "the end of the run ends the task");
    assert!(matches!(poll(&mut waits, noop()), Poll::Ready(Err(error)) if error.is_cancelled()));
}

#[test]
fn a_task_that_awaits_itself_is_told_so() {
    run(|| {
        let slot = Rc::new(RefCell::new(None::<cede::JoinHandle<()>>));
        let seen = Rc::new(Cell::new(false));
        let (own, says) = (Rc::clone(&slot), Rc::clone(&seen));
        let task = spawn(move || {
            let me = own.take().unwrap();
            says.set(me.into_future().wait().unwrap_err().is_await_self());
        });
        *slot.borrow_mut() = Some(task);
        yield_now();
        assert!(seen.get());
    });
}

#[test]
fn a_remote_handle_is_awaited_on_another_thread_however_the_task_ends() {
    let runner = Runner::new();
    let handle = runner.handle();
    let late = handle.clone();
    let asks = elsewhere(async move {
        let value = handle.spawn(|| {
            yield_now();
            7
        });
        assert_eq!(value.await.unwrap(), 7);
        let failed = handle.try_spawn(|| Err::<(), _>("no luck"));
        assert_eq!((&failed).await.unwrap_err().to_string(), "no luck");
        assert_eq!(failed.await.unwrap_err().to_string(), "no luck", "an error is given to all");
        let panicked = handle.spawn(|| silent_panic("away"));
        assert!(panicked.await.unwrap_err().is_panic());
        let victim = handle.spawn(|| cede::sleep(std::time::Duration::MAX));
        victim.cancel();
        assert!(victim.await.unwrap_err().is_cancelled());
    });
    runner
        .run(|| {
            while !asks.is_finished() {
                cede::sleep(std::time::Duration::from_millis(1))
            }
        })
        .unwrap();
    asks.join().unwrap();

    // One that waits when the run ends, and one that comes too late.
    let sleeper = late.spawn(|| cede::sleep(std::time::Duration::MAX));
    let waits = elsewhere(sleeper.into_future());
    runner.run(yield_now).unwrap();
    runner.close().unwrap();
    assert!(waits.join().unwrap().is_err());
    drop(runner);
    assert!(smol::block_on(late.spawn(|| ()).into_future()).is_err());
}

/// Runs a function in a run of its own on another thread.
fn in_a_run<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::spawn(|| cede::run(f))
}

#[test]
fn channels_are_awaited_while_a_run_on_another_thread_uses_them() {
    let (tx, rx) = mpsc::bounded(2);
    let sends = in_a_run(move || (0..1000).for_each(|n| tx.send(n).unwrap()));
    let received = smol::block_on(async {
        let mut received = Vec::new();
        while let Ok(n) = rx.receiving().await {
            received.push(n);
        }
        received
    });
    assert_eq!(received, (0..1000).collect::<Vec<_>>());
    sends.join().unwrap();

    let (tx, rx) = mpsc::bounded(2);
    let receives = in_a_run(move || rx.iter().take(1000).sum::<u64>());
    smol::block_on(async {
        for n in 0..1000 {
            tx.sending(n).await.unwrap();
        }
        tx.closing().await;
        assert!(tx.sending(0).await.is_err());
    });
    assert_eq!(receives.join().unwrap(), 499_500);

    let (tx, rx) = oneshot::channel();
    let sends = in_a_run(move || tx.send("once").unwrap());
    assert_eq!(smol::block_on(rx.receiving().into_future()), Ok("once"));
    assert!(smol::block_on(rx.receiving().into_future()).is_err());
    sends.join().unwrap();

    let (tx, rx) = watch::channel(0);
    let sends = in_a_run(move || (1..=50).for_each(|n| tx.send(n).map(|()| yield_now()).unwrap()));
    smol::block_on(async { while rx.changing().await.is_ok() {} });
    assert_eq!(*rx.borrow(), 50);
    sends.join().unwrap();

    let (tx, rx) = broadcast::channel(64);
    let sends = in_a_run(move || (0..50).for_each(|n| tx.send(n).map(|_| yield_now()).unwrap()));
    let seen = smol::block_on(async {
        let mut seen = Vec::new();
        while let Ok(n) = rx.receiving().await {
            seen.push(n);
        }
        seen
    });
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    sends.join().unwrap();
}

#[test]
fn queues_locks_and_events_are_awaited_while_a_run_on_another_thread_uses_them() {
    let queue = Arc::new(Queue::bounded(3));
    let theirs = Arc::clone(&queue);
    let takes = in_a_run(move || {
        let mut sum = 0;
        while let Ok(n) = theirs.get() {
            sum += n;
            theirs.task_done().unwrap();
        }
        sum
    });
    smol::block_on(async {
        for n in 1..=500 {
            queue.putting(n).await.unwrap();
        }
        queue.joining().await;
        queue.shutdown(false);
        assert_eq!(queue.getting().await, Err(QueueShutDown));
    });
    assert_eq!(takes.join().unwrap(), 125_250);

    let shared = Arc::new((
        Mutex::new(0),
        RwLock::new(0),
        Semaphore::new(1),
        Lock::new(),
        Event::new(),
        OnceCell::new(),
    ));
    let theirs = Arc::clone(&shared);
    let uses = in_a_run(move || {
        let (mutex, rwlock, semaphore, lock, event, cell) = &*theirs;
        event.wait();
        for _ in 0..300 {
            *mutex.lock() += 1;
            let _guard = lock.acquire();
            let _permit = semaphore.acquire();
            *rwlock.write() += 1;
            let _read = rwlock.read();
        }
        cell.set("made").unwrap();
    });
    let (mutex, rwlock, semaphore, lock, event, cell) = &*shared;
    smol::block_on(async {
        event.set();
        event.waiting().await;
        for _ in 0..300 {
            *mutex.locking().await += 1;
            let _guard = lock.acquiring().await;
            let _permit = semaphore.acquiring().await;
            *rwlock.writing().await += 1;
            let _read = rwlock.reading().await;
        }
        assert_eq!(*cell.waiting().await, "made");
    });
    uses.join().unwrap();
    assert_eq!((*smol::block_on(mutex.locking().into_future()), *rwlock.try_read().unwrap()), (600, 600));
}

#[test]
fn a_race_is_awaited_and_what_lost_has_had_no_effect() {
    use cede::task::{First, race};
    let (one, other) = (Queue::unbounded(), Queue::unbounded());
    let mut both = boxed(race((one.getting(), other.getting())));
    let count = Count::new();
    assert!(poll(&mut both, &count.waker()).is_pending());
    other.put_nowait(2).unwrap();
    one.put_nowait(1).unwrap();
    assert_eq!(count.get(), 1);
    assert_eq!(poll(&mut both, noop()), Poll::Ready(First::A(Ok(1))));
    assert_eq!(other.get_nowait(), Ok(2), "nothing is lost");
}

#[test]
fn tasks_and_futures_that_wait_for_the_same_are_served_in_turn() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let order = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = VecDeque::new();
        for number in 0..6 {
            let (queue, order) = (Rc::clone(&queue), Rc::clone(&order));
            tasks.push_back(spawn(move || {
                let item = match number % 2 {
                    0 => queue.get(),
                    _ => async { queue.getting().await }.wait(),
                };
                order.borrow_mut().push((number, item.unwrap()));
            }));
            yield_now();
        }
        (0..6).for_each(|item| queue.put_nowait(item).unwrap());
        tasks.iter().for_each(|task| task.join().unwrap());
        let mut order = order.take();
        order.sort();
        assert_eq!(order, (0..6).map(|n| (n, n)).collect::<Vec<_>>(), "each gets the item of its turn");
    });
}

#[test]
fn a_thread_without_a_run_wakes_futures_and_futures_wake_tasks() {
    let (ask, asked) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let plain = thread::spawn(move || ask.send(20).unwrap());
    let executor = elsewhere(async move {
        let question: u32 = asked.receiving().await.unwrap();
        answer.send(question + 1).unwrap();
    });
    assert_eq!(cede::run(|| answered.recv()), Ok(21));
    plain.join().unwrap();
    executor.join().unwrap();
}

#[test]
fn the_only_user_of_a_thing_may_await_it_after_it_was_used_by_tasks() {
    // The lock of the queue belongs to this thread first, and is shared from the first future on.
    let queue = Queue::bounded(1);
    run(|| {
        queue.put(1).unwrap();
        assert_eq!(queue.get(), Ok(1));
        let mut gets = boxed(queue.getting());
        let count = Count::new();
        assert!(poll(&mut gets, &count.waker()).is_pending());
        cede::scope(|s| {
            s.spawn(|| queue.put(2).unwrap());
        })
        .unwrap();
        assert_eq!(count.get(), 1);
        assert_eq!(poll(&mut gets, noop()), Poll::Ready(Ok(2)));
    });
    queue.put_nowait(3).unwrap();
    assert_eq!(smol::block_on(queue.getting().into_future()), Ok(3));
}

#[test]
fn futures_of_operations_cross_threads_where_what_they_refer_to_may() {
    fn is_send<T: Send>(_: &T) {}
    let queue = Queue::<u8>::unbounded();
    is_send(&as_future(queue.getting()));
    let (tx, rx) = oneshot::channel::<u8>();
    is_send(&as_future(rx.receiving()));
    is_send(&as_future(tx.closing()));
    is_send(&as_future(mpsc::unbounded::<u8>().0.closing()));
    is_send(&as_future(broadcast::channel::<u8>(1).0.closing()));
    is_send(&as_future(watch::channel(1).0.closing()));
    let runner = Runner::new();
    is_send(&runner.handle().spawn(|| 1).into_future());
}

#[test]
fn an_operation_still_waits_in_a_task_while_it_can_be_awaited() {
    run(|| {
        let queue = Queue::unbounded();
        queue.put(1).unwrap();
        assert_eq!(queue.getting().wait_as_operation(), Ok(1));
        let mut pinned = pin!(as_future(queue.getting()));
        assert!(pinned.as_mut().poll(&mut Context::from_waker(noop())).is_pending());
        queue.put(2).unwrap();
        assert_eq!(pinned.as_mut().wait(), Ok(2));
    });
}

/// `wait` of operations, where that of futures is in scope as well.
trait WaitAsOperation: Operation + Sized {
    fn wait_as_operation(self) -> Self::Output {
        Operation::wait(self)
    }
}

impl<O: Operation> WaitAsOperation for O {}

#[test]
fn std_channels_tell_threads_what_futures_have_received() {
    let (tx, rx) = mpsc::bounded(1);
    let (tell, told) = std_mpsc::channel();
    let receiver = elsewhere(async move {
        while let Ok(n) = rx.receiving().await {
            tell.send(n).unwrap();
        }
    });
    cede::run(move || (0..100).for_each(|n| tx.send(n).unwrap()));
    receiver.join().unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_job_of_an_executor_is_awaited_in_a_task_and_elsewhere_and_by_another_job() {
    use cede::executor::{Executor, ThreadPoolExecutor};
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let job = pool.submit(|| 1);
    assert_eq!(run(|| (&job).into_future().wait()).unwrap(), 1);
    let failed = pool.submit(|| silent_panic("away"));
    let error = smol::block_on(async { (&failed).await }).err().unwrap();
    assert!(error.is_panic());
    // The only thread is taken, so the job is done where it is awaited.
    let inner = Arc::clone(&pool);
    let outer = pool.submit(move || {
        let job = inner.submit(|| 20);
        smol::block_on(async { job.resulting().await.unwrap() + 1 })
    });
    assert_eq!(outer.result().unwrap(), 21);
    for _ in 0..200 {
        let jobs: Vec<_> = (0..4).map(|n| pool.submit(move || n)).collect();
        let sum = async {
            let mut sum = 0;
            for job in &jobs {
                sum += job.await.unwrap();
            }
            sum
        };
        assert_eq!(smol::block_on(sum), 6);
    }
}
