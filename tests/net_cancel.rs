//! Cancelling tasks that wait for the network: at every suspension point, with nothing lost.

use std::io::{Read, Write};
use std::rc::Rc;
use std::time::Duration;

use cede::net::{TcpListener, TcpStream, ToSocketAddrs};
use cede::{JoinHandle, Operation};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, in_child, pair, std_pair, while_others_run};

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
            let progress = Rc::new(std::cell::Cell::new(0));
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
        let writer = cede::spawn(move || (&ours).write_all(&vec![7; 64 << 20]));
        cancel(&writer);
        let mut rest = Vec::new();
        (&theirs).read_to_end(&mut rest).unwrap();
        assert!(rest.len() < 64 << 20 && rest.iter().all(|&byte| byte == 7));
    });
}

#[test]
fn a_read_cancelled_at_each_byte_leaves_the_rest() {
    cede::run(|| {
        for count in 0..20_u8 {
            let (ours, theirs) = pair();
            let ours = Rc::new(ours);
            let (reading, read) = (Rc::clone(&ours), Rc::new(std::cell::RefCell::new(Vec::new())));
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
