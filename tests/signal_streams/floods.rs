//! Floods of signals, system calls that they interrupt, and ends in the middle of them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cede::net::{TcpListener, TcpStream};
use cede::signal::{SignalKind, add_signal_handler, signal};
use cede::sync::Event;
use cede::{sleep, spawn, unblock, yield_now};

use super::harness::Case;
use super::{alone, dispositions};

const USR1: SignalKind = SignalKind::USR1;
/// Does nothing by default.
const WINCH: SignalKind = SignalKind::WINCH;

const FLOOD: usize = 100_000;

/// Raises a signal again and again on a thread, until it goes.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<usize>>,
}

impl Flood {
    fn of(kind: SignalKind) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut raised = 0;
            while !theirs.load(Ordering::SeqCst) {
                kind.raise().unwrap();
                raised += 1;
            }
            raised
        });
        Flood { stop, thread: Some(thread) }
    }

    fn end(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// Raises it so many times, on two threads, and counts before each.
fn raise_all(kind: SignalKind, count: &Arc<AtomicUsize>) -> [thread::JoinHandle<()>; 2] {
    [0, 1].map(|_| {
        let count = Arc::clone(count);
        thread::spawn(move || {
            for _ in 0..FLOOD / 2 {
                count.fetch_add(1, Ordering::SeqCst);
                kind.raise().unwrap();
            }
        })
    })
}

fn stream_hears_after_the_last() {
    let count = Arc::new(AtomicUsize::new(0));
    let heard = cede::run(|| {
        let stream = signal(USR1).unwrap();
        let threads = raise_all(USR1, &count);
        let mut heard = 0;
        // The last that is counted has been raised when this hears of it, or it hears again.
        while count.load(Ordering::SeqCst) < FLOOD {
            stream.recv();
            heard += 1;
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        heard += usize::from(stream.try_recv().is_some());
        heard
    });
    assert!(0 < heard && heard <= FLOOD, "{heard}");
}

/// The second of two may come at any moment of the dispatch of the first, and is the last for a while.
fn stream_hears_the_second_of_two() {
    const ROUNDS: usize = 30_000;
    let (raised, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (theirs, their_seen) = (Arc::clone(&raised), Arc::clone(&seen));
    let thread = thread::spawn(move || {
        for round in 1..=ROUNDS {
            USR1.raise().unwrap();
            (0..round % 64).for_each(|_| std::hint::spin_loop());
            theirs.store(round, Ordering::SeqCst);
            USR1.raise().unwrap();
            while their_seen.load(Ordering::SeqCst) < round {
                thread::yield_now();
            }
        }
    });
    cede::run(|| {
        let stream = signal(USR1).unwrap();
        for round in 1..=ROUNDS {
            while raised.load(Ordering::SeqCst) < round {
                stream.recv();
            }
            seen.store(round, Ordering::SeqCst);
        }
    });
    thread.join().unwrap();
}

/// Whatever interrupts a system call, what it is for is done.
fn calls_go_on() {
    cede::run(|| {
        let stream = signal(WINCH).unwrap();
        let flood = Flood::of(WINCH);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(300) {
            sleep(Duration::from_millis(2));
            let path = std::env::temp_dir().join(format!("cede-signals-{}", std::process::id()));
            let theirs = path.clone();
            unblock(move || {
                fs::write(&theirs, vec![7; 100_000]).unwrap();
                assert_eq!(fs::read(&theirs).unwrap().len(), 100_000);
            });
            fs::remove_file(&path).unwrap();
            transfer();
            stream.recv();
        }
        assert!(flood.end() > 100);
    });
}

/// One call of `read`, whose thread is interrupted while it is in it.
fn a_read_is_restarted() {
    cede::run(|| {
        let stream = signal(WINCH).unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let (tell, told) = mpsc::channel();
        let reads = spawn(|| {
            unblock(move || {
                tell.send(dispositions::this_thread()).unwrap();
                rustix::io::read(&reader, &mut [0; 1])
            })
        });
        yield_now();
        let thread = told.recv().unwrap();
        for _ in 0..1000 {
            dispositions::send_to_thread(thread, WINCH);
            stream.recv();
        }
        writer.write_all(b"x").unwrap();
        assert_eq!(reads.join().unwrap(), Ok(1));
    });
}

fn transfer() {
    const BYTES: usize = 1 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sends = spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&vec![1; BYTES]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "had all");
    });
    let (mut stream, _) = listener.accept().unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), BYTES);
    stream.write_all(b"had all").unwrap();
    drop(stream);
    sends.join().unwrap();
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "of_a_flood_something_is_heard_after_the_last",
        body: stream_hears_after_the_last,
        script: alone,
    },
    Case {
        name: "of_a_flood_something_is_heard_after_the_last_on_portable",
        body: stream_hears_after_the_last,
        script: alone,
    },
    Case {
        name: "what_comes_while_another_is_told_is_told_too",
        body: stream_hears_the_second_of_two,
        script: alone,
    },
    Case {
        name: "a_handler_is_called_after_the_last_of_a_flood",
        body: || {
            let count = Arc::new(AtomicUsize::new(0));
            cede::run(|| {
                let (all, theirs) = (Rc::new(Event::new()), Arc::clone(&count));
                let (set, calls) = (Rc::clone(&all), Rc::new(std::cell::Cell::new(0)));
                let counted = Rc::clone(&calls);
                add_signal_handler(USR1, move || {
                    counted.set(counted.get() + 1);
                    if theirs.load(Ordering::SeqCst) == FLOOD {
                        set.set();
                    }
                })
                .unwrap();
                let threads = raise_all(USR1, &count);
                all.wait();
                assert!(calls.get() <= FLOOD);
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
        },
        script: alone,
    },
    Case { name: "a_read_that_is_interrupted_is_restarted", body: a_read_is_restarted, script: alone },
    Case { name: "calls_that_are_interrupted_go_on", body: calls_go_on, script: alone },
    Case { name: "calls_that_are_interrupted_go_on_on_portable", body: calls_go_on, script: alone },
    Case {
        name: "runs_and_listeners_come_and_go_in_a_flood",
        body: || {
            let flood = Flood::of(WINCH);
            let threads = [0, 1].map(|_| {
                thread::spawn(|| {
                    for round in 0..300 {
                        cede::run(|| {
                            let stream = signal(WINCH).unwrap();
                            add_signal_handler(WINCH, || {}).unwrap();
                            if round % 2 == 0 {
                                assert_eq!(stream.recv(), WINCH);
                            }
                            if round % 3 == 0 {
                                spawn(move || stream.recv());
                            }
                        });
                    }
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            flood.end();
        },
        script: alone,
    },
];
