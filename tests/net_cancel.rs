//! Cancelling tasks that wait for the network: at every suspension point, with nothing lost.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use cede::net::{TcpListener, TcpStream, ToSocketAddrs};
use cede::{JoinHandle, Operation};

mod net_pair;
use net_pair::{
    Counting, TOO_MUCH, again_with_the_portable_reactor, ask_the_system, in_child, pair, std_pair,
    while_others_run,
};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// Cancels a task that waits, and sees that it was.
fn cancel<T>(task: &JoinHandle<T>) {
    while_others_run();
    assert!(!task.is_finished(), "it waits");
    task.cancel();
    assert!(task.join().is_err_and(|error| error.is_cancelled()));
}

#[test]
fn a_cancelled_read_takes_nothing() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        for _ in 0..3 {
            let reading = Rc::clone(&ours);
            cancel(&cede::spawn(move || (&*reading).read(&mut [0; 8]).unwrap()));
            let peeking = Rc::clone(&ours);
            cancel(&cede::spawn(move || peeking.peek(&mut [0; 8]).unwrap()));
            let waiting = Rc::clone(&ours);
            cancel(&cede::spawn(move || waiting.readable().wait().unwrap()));
        }
        (&theirs).write_all(b"abc").unwrap();
        assert_eq!((&*ours).read(&mut [0; 8]).unwrap(), 3);
    });
}

#[test]
fn a_read_that_is_cancelled_when_data_has_come_leaves_it_to_the_others() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        let read = |ours: &Rc<TcpStream>| {
            let ours = Rc::clone(ours);
            cede::spawn(move || (&*ours).read(&mut [0; 8]).unwrap())
        };
        // The OS is looked at every so many ticks: one of these finds the first woken, and not yet run.
        for ticks in 0..150 {
            let (first, second) = (read(&ours), read(&ours));
            while_others_run();
            (&theirs).write_all(b"abc").unwrap();
            (0..ticks).for_each(|_| cede::yield_now());
            first.cancel();
            if let Ok(length) = first.join() {
                assert_eq!(length, 3);
                (&theirs).write_all(b"abc").unwrap();
            }
            assert_eq!(second.join().unwrap(), 3);
        }
    });
}

#[test]
fn a_cancelled_accept_loses_no_connection() {
    cede::run(|| {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let accepting = Rc::clone(&listener);
        let accept = cede::spawn(move || accepting.accept().unwrap().1);
        cancel(&accept);
        let accepting = Rc::clone(&listener);
        let accept = cede::spawn(move || accepting.accept().unwrap().1);
        while_others_run();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // The connection is there, and the task not yet woken.
        accept.cancel();
        let address = match accept.join() {
            Ok(address) => address,
            Err(_) => listener.accept().unwrap().1,
        };
        assert_eq!(address, client.local_addr().unwrap());
    });
}

#[test]
fn a_cancelled_connect_closes_its_socket() {
    if !in_child("a_cancelled_connect_closes_its_socket") {
        return;
    }
    cede::run(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut connected = Vec::new();
        let waits = loop {
            let connecting = cede::spawn(move || TcpStream::connect(address).unwrap());
            while_others_run();
            if !connecting.is_finished() {
                break connecting;
            }
            connected.push(connecting.join().unwrap());
        };
        let open = open_descriptors();
        cancel(&waits);
        assert_eq!(open_descriptors(), open - 1);
    });
}

/// Those of the whole process: only in a child.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn a_cancelled_look_up_is_left_alone() {
    cede::run(|| {
        let lookup = cede::spawn(|| "localhost:80".to_socket_addrs().unwrap().count());
        cede::yield_now();
        lookup.cancel();
        // It may have been faster.
        let _ = lookup.join();
        assert!("localhost:80".to_socket_addrs().unwrap().count() > 0);
    });
}

#[test]
fn a_write_that_is_cancelled_anywhere_has_written_what_it_said() {
    cede::run(|| {
        for ticks in 0..40 {
            let (ours, theirs) = pair();
            let progress = Rc::new(Cell::new(0));
            let (says, chunk) = (Rc::clone(&progress), [7; 4096]);
            let writer = cede::spawn(move || {
                loop {
                    let written = (&ours).write(&chunk).unwrap();
                    says.set(says.get() + written);
                    cede::yield_now();
                }
            });
            (0..ticks * 50).for_each(|_| cede::yield_now());
            writer.cancel();
            assert!(writer.join().unwrap_err().is_cancelled());
            let (mut read, mut buffer) = (0, vec![0; 1 << 16]);
            loop {
                match (&theirs).read(&mut buffer).unwrap() {
                    0 => break,
                    length => read += length,
                }
            }
            assert_eq!(read, progress.get());
        }
    });
}

#[test]
fn a_write_that_waits_for_room_can_be_cancelled() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let writer = cede::spawn(move || (&ours).write_all(&vec![7; TOO_MUCH]));
        cancel(&writer);
        let mut rest = Vec::new();
        (&theirs).read_to_end(&mut rest).unwrap();
        assert!(rest.len() < TOO_MUCH && rest.iter().all(|&byte| byte == 7));
    });
}

#[test]
fn a_read_cancelled_at_each_byte_leaves_the_rest() {
    cede::run(|| {
        for count in 0..20_u8 {
            let (ours, theirs) = pair();
            let ours = Rc::new(ours);
            let (reading, read) = (Rc::clone(&ours), Rc::new(RefCell::new(Vec::new())));
            let taken = Rc::clone(&read);
            let reader = cede::spawn(move || {
                loop {
                    let mut byte = [0];
                    (&*reading).read_exact(&mut byte).unwrap();
                    taken.borrow_mut().push(byte[0]);
                }
            });
            for byte in 0..count {
                (&theirs).write_all(&[byte]).unwrap();
                cede::yield_now();
            }
            reader.cancel();
            assert!(reader.join().unwrap_err().is_cancelled());
            (count..20).for_each(|byte| (&theirs).write_all(&[byte]).unwrap());
            drop(theirs);
            (&*ours).read_to_end(&mut read.borrow_mut()).unwrap();
            assert!(read.borrow().iter().copied().eq(0..20));
        }
    });
}

/// Does something again and again, with a cancellation after 0, 1, 2… ticks, until there is nothing left to cancel.
fn at_every_tick(is_cancelled: impl Fn(usize) -> bool) {
    let ticks = (0..1000).take_while(|&ticks| is_cancelled(ticks)).count();
    assert!((2..1000).contains(&ticks), "it waits, and comes to an end: {ticks}");
}

/// Cancels a task after some ticks, before each of which the system is asked. Gives whether it was not too late.
fn cancel_after<T>(ticks: usize, task: &JoinHandle<T>) -> bool {
    for _ in 0..ticks {
        ask_the_system();
        cede::yield_now();
    }
    task.cancel();
    task.join().is_err_and(|error| error.is_cancelled())
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

#[test]
fn a_read_exact_that_is_cancelled_anywhere_has_filled_the_buffer_as_far_as_it_read() {
    const LENGTH: u8 = 6;
    cede::run(|| {
        at_every_tick(|ticks| {
            let (ours, theirs) = pair();
            let ours = Rc::new(ours);
            let buffer = Rc::new(RefCell::new([u8::MAX; LENGTH as usize]));
            let (reading, filling) = (Rc::clone(&ours), Rc::clone(&buffer));
            let reader = cede::spawn(move || (&*reading).read_exact(&mut *filling.borrow_mut()).unwrap());
            let writer = cede::spawn(move || {
                for byte in 0..LENGTH {
                    (&theirs).write_all(&[byte]).unwrap();
                    (0..2).for_each(|_| cede::yield_now());
                }
            });
            let is_cancelled = cancel_after(ticks, &reader);
            writer.join().unwrap();
            let mut all: Vec<u8> =
                buffer.borrow().iter().copied().take_while(|&byte| byte != u8::MAX).collect();
            assert!(is_cancelled || all.len() == LENGTH as usize);
            (&*ours).read_to_end(&mut all).unwrap();
            assert!(all.iter().copied().eq(0..LENGTH), "{ticks}: {all:?}");
            is_cancelled
        });
    });
}

#[test]
fn a_write_all_that_is_cancelled_anywhere_has_written_a_beginning_and_can_be_gone_on_with() {
    cede::run(|| {
        let data: Rc<Vec<u8>> = Rc::new((0..TOO_MUCH as u32 / 2).map(|i| (i % 251) as u8).collect());
        at_every_tick(|ticks| {
            let (ours, theirs) = pair();
            let ours = Rc::new(ours);
            let written = Rc::new(Cell::new(0));
            let (writing, count, whole) = (Rc::clone(&ours), Rc::clone(&written), Rc::clone(&data));
            let writer = cede::spawn(move || {
                Counting { stream: &writing, written: &count }.write_all(&whole).unwrap();
            });
            let reader = cede::spawn(move || {
                let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
                loop {
                    match (&theirs).read(&mut buffer).unwrap() {
                        0 => return all,
                        length => all.extend_from_slice(&buffer[..length]),
                    }
                    cede::yield_now();
                }
            });
            let is_cancelled = cancel_after(ticks, &writer);
            assert!(is_cancelled || written.get() == data.len());
            (&*ours).write_all(&data[written.get()..]).unwrap();
            ours.shutdown(Shutdown::Write).unwrap();
            assert!(reader.join().unwrap() == *data, "{ticks}");
            is_cancelled
        });
    });
}

#[test]
fn an_accept_loop_that_is_cancelled_anywhere_has_taken_what_it_gave() {
    const CLIENTS: usize = 4;
    cede::run(|| {
        at_every_tick(|ticks| {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").unwrap());
            let address = listener.local_addr().unwrap();
            let accepted = Rc::new(RefCell::new(Vec::new()));
            let (accepting, taken) = (Rc::clone(&listener), Rc::clone(&accepted));
            let server = cede::spawn(move || {
                while taken.borrow().len() < CLIENTS {
                    let (_, address) = accepting.accept().unwrap();
                    taken.borrow_mut().push(address);
                }
            });
            let clients = cede::spawn(move || {
                let connect = |_| {
                    (0..2).for_each(|_| cede::yield_now());
                    std::net::TcpStream::connect(address).unwrap()
                };
                (0..CLIENTS).map(connect).collect::<Vec<_>>()
            });
            let is_cancelled = cancel_after(ticks, &server);
            let clients = clients.join().unwrap();
            let mut accepted = accepted.take();
            assert!(is_cancelled || accepted.len() == CLIENTS);
            while accepted.len() < CLIENTS {
                accepted.push(listener.accept().unwrap().1);
            }
            assert!(accepted.into_iter().eq(clients.iter().map(|client| client.local_addr().unwrap())));
            is_cancelled
        });
    });
}

#[test]
fn a_writer_that_is_cancelled_when_there_is_room_leaves_it_to_the_others() {
    cede::run(|| {
        at_every_tick(|ticks| {
            let (ours, theirs) = pair();
            let ours = Rc::new(ours);
            let data = Rc::new(vec![7; TOO_MUCH / 2]);
            let write = || {
                let (ours, data) = (Rc::clone(&ours), Rc::clone(&data));
                cede::spawn(move || (&*ours).write_all(&data).unwrap())
            };
            let (first, second) = (write(), write());
            cede::yield_now();
            let drain = cede::spawn(move || std::io::copy(&mut &theirs, &mut std::io::sink()).unwrap());
            let is_cancelled = cancel_after(ticks, &first);
            soon(&second);
            drop(ours);
            soon(&drain);
            is_cancelled
        });
    });
}

#[test]
fn an_accept_that_is_cancelled_when_there_is_a_connection_leaves_it_to_the_others() {
    cede::run(|| {
        at_every_tick(|ticks| {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").unwrap());
            let accept = || {
                let listener = Rc::clone(&listener);
                cede::spawn(move || listener.accept().unwrap().1)
            };
            let (first, second) = (accept(), accept());
            cede::yield_now();
            let connect = || std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let client = connect();
            let is_cancelled = cancel_after(ticks, &first);
            let client = if is_cancelled { client } else { connect() };
            assert_eq!(soon(&second), client.local_addr().unwrap());
            is_cancelled
        });
    });
}

#[test]
fn timeouts_around_reads_end_them() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let elapsed = cede::timeout(Duration::from_millis(1), || (&ours).read(&mut [0; 8]));
        assert!(elapsed.is_err());
        (&theirs).write_all(b"abc").unwrap();
        let read = cede::timeout(Duration::from_secs(60), || (&ours).read(&mut [0; 8]));
        assert_eq!(read.unwrap().unwrap(), 3);
    });
}

#[test]
fn the_end_of_the_run_ends_all_that_wait() {
    let (ours, theirs) = std_pair();
    cede::run(|| {
        let ours = Rc::new(TcpStream::try_from(ours).unwrap());
        for _ in 0..10 {
            let ours = Rc::clone(&ours);
            cede::spawn(move || (&*ours).read(&mut [0; 8]));
        }
        cede::spawn(|| TcpListener::bind("127.0.0.1:0").unwrap().accept().map(drop));
        cede::yield_now();
    });
    assert_eq!((&theirs).read(&mut [0; 8]).unwrap(), 0, "the last handle has gone");
}
