//! What is measured: each routine is told how many there are of what grows, and how many units to do at least, and says how many
//! it did and what they took.
//!
//! Time is that of the thread on the processor, so that other programs disturb it little. Runs are under virtual time save those with
//! connections, so that nothing waits for a clock.

use std::cell::Cell;
use std::cmp::Reverse;
use std::hint::black_box;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::Duration;

use cede::net::{TcpListener, TcpStream};
use cede::sync::{Condition, Event, Lock, PriorityQueue, Queue, mpsc};
use cede::task::call_later;
use cede::{JoinHandle, Runner, sleep, spawn, yield_now};
use rustix::time::{ClockId, clock_gettime};

/// Units, and what they took together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) units: u64,
    pub(crate) took: Duration,
}

/// See the head of this file.
pub(crate) struct Routine {
    /// What grows.
    pub(crate) panel: &'static str,
    /// What a unit is.
    pub(crate) name: &'static str,
    /// What each of those that there are needs, in bytes of memory and in descriptors.
    pub(crate) bytes: usize,
    pub(crate) descriptors: usize,
    once: fn(usize) -> Spent,
}

impl Routine {
    /// Carries it out with `number` of what grows until this many units are done.
    pub(crate) fn run(&self, number: usize, units_min: u64) -> Spent {
        let mut spent = Spent::default();
        while spent.units < units_min.max(1) {
            let once = (self.once)(number);
            spent.units += once.units;
            spent.took += once.took;
        }
        spent
    }
}

/// A page, what else a task needs, and what is unused of lists that double.
const TASK: usize = 5_000;
/// One that unwinds, which takes more of its stack until that is given back.
const UNWOUND: usize = 8_000;

const fn routine(panel: &'static str, name: &'static str, bytes: usize, once: fn(usize) -> Spent) -> Routine {
    Routine { panel, name, bytes, descriptors: if bytes == CONNECTION { 2 } else { 0 }, once }
}

/// With its buffers in the kernel.
const CONNECTION: usize = 20_000;

pub(crate) const ROUTINES: &[Routine] = &[
    routine("tasks", "spawned and joined", 400, spawned),
    routine("tasks", "yields to the others", TASK, yields),
    routine("tasks", "begins to wait, is woken, ends", TASK, woken),
    routine("timers", "set and fired", 400, fired),
    routine("timers", "set and cancelled", 400, timer_cancelled),
    routine("timers", "a timeout among them", 400, timeout_among),
    routine("timers", "a task sleeps", TASK, sleeps),
    routine("waiters", "takes a lock", TASK, locks),
    routine("waiters", "an event is set", TASK, event),
    routine("waiters", "gets from a queue", TASK, gets),
    routine("waiters", "a condition is notified", TASK, notified),
    routine("waiters", "joins one task", TASK, joins),
    routine("waiters", "is cancelled", UNWOUND, cancelled),
    routine("messages", "through a channel", 100, through_channel),
    routine("messages", "through a queue", 100, through_queue),
    routine("messages", "through a priority queue", 100, through_priority_queue),
    routine("connections", "each echoes in turn", CONNECTION, echo_in_turn),
    routine("connections", "one echoes, the others wait", CONNECTION, echo_of_one),
];

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Times so many units.
fn timed(units: usize, f: impl FnOnce()) -> Spent {
    let begin = now();
    f();
    Spent { units: units as u64, took: now() - begin }
}

fn run(main: impl FnOnce() -> Spent) -> Spent {
    let stack_size = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };
    let runner = Runner::builder().stack_size(stack_size).virtual_time(true).build();
    runner.run(main).expect("the run ends by itself")
}

/// Numbers below `number`, each once and in no order that anybody could make use of. `number` is a power of ten.
fn scrambled(number: usize) -> impl Iterator<Item = usize> {
    (0..number).map(move |i| (i * 7_919 + 13) % number)
}

/// Spawns so many tasks that wait, and lets them begin.
fn waiters(number: usize, wait: impl Fn() + 'static) -> Vec<JoinHandle<()>> {
    let wait = Rc::new(wait);
    let spawn = |_| {
        let wait = Rc::clone(&wait);
        spawn(move || wait())
    };
    let tasks = (0..number).map(spawn).collect();
    yield_now();
    tasks
}

fn join_all(tasks: &[JoinHandle<()>]) {
    tasks.iter().for_each(|task| task.join().expect("no task fails"));
}

fn spawned(number: usize) -> Spent {
    run(|| {
        timed(number, || {
            let tasks: Vec<_> = (0..number).map(|i| spawn(move || black_box(i))).collect();
            assert!(tasks.iter().all(|task| task.join().is_ok()));
        })
    })
}

fn yields(number: usize) -> Spent {
    const EACH: usize = 10;
    run(|| {
        let tasks = waiters(number, || (0..EACH + 2).for_each(|_| yield_now()));
        let spent = timed(number * EACH, || (0..EACH).for_each(|_| yield_now()));
        join_all(&tasks);
        spent
    })
}

fn woken(number: usize) -> Spent {
    run(|| {
        timed(number, || {
            let event = Rc::new(Event::new());
            let awaited = Rc::clone(&event);
            let tasks = waiters(number, move || awaited.wait());
            event.set();
            join_all(&tasks);
        })
    })
}

fn fired(number: usize) -> Spent {
    run(|| {
        let fired = Rc::new(Cell::new(0));
        timed(number, || {
            for delay in scrambled(number) {
                let fired = Rc::clone(&fired);
                drop(call_later(Duration::from_micros(delay as u64), move || fired.set(fired.get() + 1)));
            }
            sleep(Duration::from_micros(number as u64));
            assert_eq!(fired.get(), number);
        })
    })
}

fn timer_cancelled(number: usize) -> Spent {
    let set = |delay| call_later(Duration::from_secs(delay as u64), || ());
    run(|| {
        timed(number, || {
            let timers: Vec<_> = scrambled(number).map(set).collect();
            scrambled(number).for_each(|i| timers[i].cancel());
        })
    })
}

fn timeout_among(number: usize) -> Spent {
    const UNITS: usize = 1_000;
    let set = |delay| call_later(Duration::from_secs(1_000 + delay as u64), || ());
    run(|| {
        let others: Vec<_> = scrambled(number).map(set).collect();
        let spent = timed(UNITS, || {
            for limit in scrambled(UNITS) {
                let limit = Duration::from_secs(2 + limit as u64);
                cede::timeout(limit, || sleep(Duration::from_nanos(1))).expect("it is in time");
            }
        });
        others.iter().for_each(|timer| timer.cancel());
        spent
    })
}

fn sleeps(number: usize) -> Spent {
    run(|| {
        timed(number, || {
            let sleep = |delay| spawn(move || sleep(Duration::from_micros(1 + delay as u64)));
            join_all(&scrambled(number).map(sleep).collect::<Vec<_>>());
        })
    })
}

fn locks(number: usize) -> Spent {
    run(|| {
        let lock = Rc::new(Lock::new());
        lock.acquire().forget();
        let wanted = Rc::clone(&lock);
        let tasks = waiters(number, move || drop(wanted.acquire()));
        timed(number, || {
            lock.release().expect("it is acquired");
            join_all(&tasks);
        })
    })
}

fn event(number: usize) -> Spent {
    run(|| {
        let event = Rc::new(Event::new());
        let awaited = Rc::clone(&event);
        let tasks = waiters(number, move || awaited.wait());
        timed(number, || {
            event.set();
            join_all(&tasks);
        })
    })
}

fn gets(number: usize) -> Spent {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let wanted = Rc::clone(&queue);
        let tasks = waiters(number, move || {
            black_box(wanted.get().expect("it is open"));
        });
        timed(number, || {
            (0..number).for_each(|item| queue.put(item).expect("it is open"));
            join_all(&tasks);
        })
    })
}

fn notified(number: usize) -> Spent {
    run(|| {
        let condition = Rc::new(Condition::new());
        let awaited = Rc::clone(&condition);
        let tasks = waiters(number, move || {
            let _held = awaited.acquire();
            awaited.wait().expect("it is acquired");
        });
        (0..3).for_each(|_| yield_now());
        timed(number, || {
            let held = condition.acquire();
            condition.notify_all().expect("it is acquired");
            drop(held);
            join_all(&tasks);
        })
    })
}

fn joins(number: usize) -> Spent {
    run(|| {
        let event = Rc::new(Event::new());
        let awaited = Rc::clone(&event);
        let joined = spawn(move || awaited.wait());
        let tasks =
            waiters(number, move || joined.join().unwrap_or_else(|error| assert!(error.is_already_taken())));
        timed(number, || {
            event.set();
            join_all(&tasks);
        })
    })
}

fn cancelled(number: usize) -> Spent {
    run(|| {
        let lock = Rc::new(Lock::new());
        lock.acquire().forget();
        let tasks = waiters(number, move || drop(lock.acquire()));
        timed(number, || {
            scrambled(number).for_each(|i| assert!(tasks[i].cancel()));
            assert!(tasks.iter().all(|task| task.join().is_err()));
        })
    })
}

fn through_channel(number: usize) -> Spent {
    let (sender, receiver) = mpsc::bounded(number);
    run(|| {
        timed(number, || {
            (0..number).for_each(|item| sender.send(item).expect("the receiver is there"));
            assert!((0..number).all(|item| receiver.recv() == Ok(item)));
        })
    })
}

fn through_queue(number: usize) -> Spent {
    let queue = Queue::bounded(number);
    run(|| {
        timed(number, || {
            (0..number).for_each(|item| queue.put(item).expect("it is open"));
            assert!((0..number).all(|item| queue.get() == Ok(item)));
        })
    })
}

fn through_priority_queue(number: usize) -> Spent {
    let queue = PriorityQueue::bounded(number);
    run(|| {
        timed(number, || {
            scrambled(number).for_each(|item| queue.put(Reverse(item)).expect("it is open"));
            assert!((0..number).all(|_| queue.get().is_ok()));
        })
    })
}

/// So many connections, and at the far end of each a task that sends back what it gets.
fn connections(number: usize) -> Vec<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let connect = |_| {
        let client = TcpStream::connect(address).expect("it listens");
        let (mut server, _) = listener.accept().expect("somebody has connected");
        client.set_nodelay(true).expect("it is connected");
        server.set_nodelay(true).expect("it is connected");
        spawn(move || {
            let mut byte = [0];
            while server.read(&mut byte).is_ok_and(|read| read == 1) {
                server.write_all(&byte).expect("the other end is there");
            }
        });
        client
    };
    let clients: Vec<_> = (0..number).map(connect).collect();
    clients.iter().for_each(echo);
    clients
}

fn echo(mut client: &TcpStream) {
    let mut byte = [7];
    client.write_all(&byte).expect("the other end is there");
    client.read_exact(&mut byte).expect("the other end is there");
}

fn echo_in_turn(number: usize) -> Spent {
    cede::run(|| {
        let clients = connections(number);
        timed(number, || clients.iter().for_each(echo))
    })
}

fn echo_of_one(number: usize) -> Spent {
    const UNITS: usize = 1_000;
    cede::run(|| {
        let clients = connections(number);
        timed(UNITS, || (0..UNITS).for_each(|_| echo(&clients[number / 2])))
    })
}
