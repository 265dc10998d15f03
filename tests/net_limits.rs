//! What concerns the whole process, and so is done in a child: no descriptors left, signals, descriptors closed underneath.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cede::io::raw_os_error;
use cede::net::{TcpListener, TcpStream};
use cede::task::First;
use cede::time::after;
use cede::{Operation, Runner};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

mod net_pair;
use net_pair::{in_child, pair, std_pair, while_others_run};

/// Opens files until there is no descriptor left.
fn take_all_descriptors() -> Vec<File> {
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn without_descriptors_an_accept_neither_spins_nor_sticks() {
    if !in_child("without_descriptors_an_accept_neither_spins_nor_sticks") {
        return;
    }
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let address = client.local_addr().unwrap();
        let mut taken = take_all_descriptors();
        let failures = Rc::new(Cell::new(0));
        let count = Rc::clone(&failures);
        let (start, used) = (Instant::now(), processor_time());
        // A loop that goes on after errors, as servers have it.
        let server = cede::spawn(move || {
            loop {
                match listener.incoming().next().unwrap() {
                    Ok(stream) => break stream.peer_addr().unwrap(),
                    Err(_) => count.set(count.get() + 1),
                }
            }
        });
        while failures.get() < 6 {
            assert!(!server.is_finished());
            cede::sleep(Duration::from_millis(1));
        }
        // 5 + 10 + 20 + 40 + 80 + 160 ms.
        assert!(start.elapsed() >= Duration::from_millis(315));
        assert!((processor_time() - used) * 2 < start.elapsed(), "{:?}", processor_time() - used);
        taken.clear();
        assert_eq!(server.join().unwrap(), address);
    });
}

#[test]
fn an_accept_that_waits_for_a_descriptor_can_be_cancelled_and_loses_no_connection() {
    if !in_child("an_accept_that_waits_for_a_descriptor_can_be_cancelled_and_loses_no_connection") {
        return;
    }
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let taken = take_all_descriptors();
        let accepting = Rc::clone(&listener);
        let server = cede::spawn(move || accepting.accept().map(drop));
        while_others_run();
        assert!(!server.is_finished(), "it waits for a descriptor, and time stands still");
        server.cancel();
        assert!(server.join().unwrap_err().is_cancelled());
        // Where a task may not wait, the error comes at once.
        let error = cede::no_switch(|| listener.accept()).unwrap_err();
        assert_eq!(raw_os_error(&error), Some(libc::EMFILE));
        drop(taken);
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    });
    run.unwrap();
}

#[test]
fn connections_that_come_to_nothing_leave_no_descriptor() {
    if !in_child("connections_that_come_to_nothing_leave_no_descriptor") {
        return;
    }
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&silent, 0).unwrap();
        let minute = Duration::from_secs(60);
        let connect = || TcpStream::connect_timeout(&silent.local_addr().unwrap(), minute);
        let _taken: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
        let open = open_descriptors();
        for _ in 0..10 {
            assert_eq!(TcpStream::connect(refusing).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            assert_eq!(connect().unwrap_err().kind(), ErrorKind::TimedOut);
        }
        assert_eq!(open_descriptors(), open);
    });
    run.unwrap();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn without_descriptors_all_else_gives_an_error() {
    if !in_child("without_descriptors_all_else_gives_an_error") {
        return;
    }
    let (ours, _theirs) = std_pair();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut taken = take_all_descriptors();
    cede::run(|| {
        let ours = TcpStream::try_from(ours).unwrap();
        // There is not even a descriptor for the reactor.
        let is_exhausted = |error: io::Error| raw_os_error(&error) == Some(libc::EMFILE);
        assert!(is_exhausted((&ours).read(&mut [0]).unwrap_err()));
        assert!(is_exhausted(TcpStream::connect(address).unwrap_err()));
        assert!(is_exhausted(TcpListener::bind("127.0.0.1:0").unwrap_err()));
        assert!(is_exhausted(ours.try_clone().unwrap_err()));
        taken.clear();
        ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!((&ours).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn signals_interrupt_nothing() {
    if !in_child("signals_interrupt_nothing") {
        return;
    }
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing, and the structures are valid for the calls. Without SA_RESTART, so that calls are
    // interrupted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()), 0);
        let every = libc::timeval { tv_sec: 0, tv_usec: 50 };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        assert_eq!(libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()), 0);
    }
    cede::run(|| {
        for _ in 0..20 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = cede::spawn(move || {
                let (stream, _) = listener.accept().unwrap();
                io::copy(&mut &stream, &mut &stream).unwrap()
            });
            let stream = TcpStream::connect(address).unwrap();
            for byte in 0..100 {
                (&stream).write_all(&[byte]).unwrap();
                let mut echo = [0];
                (&stream).read_exact(&mut echo).unwrap();
                assert_eq!(echo, [byte]);
            }
            cede::sleep(Duration::from_millis(1));
            drop(stream);
            assert_eq!(server.join().unwrap(), 100);
        }
    });
}

#[test]
fn a_descriptor_closed_underneath_gives_errors() {
    if !in_child("a_descriptor_closed_underneath_gives_errors") {
        return;
    }
    cede::run(|| {
        let (ours, _theirs) = pair();
        ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!((&ours).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        close_underneath(&ours);
        assert!(is_bad((&ours).write(b"x")));
        let (fresh, _other) = pair();
        close_underneath(&fresh);
        assert!(is_bad((&fresh).read(&mut [0])));
        assert!(is_bad(fresh.readable().wait()));
        // The number is used again, by somebody whom the old registration does not concern.
        let (again, peer) = pair();
        let reader = cede::spawn(move || (&again).read(&mut [0; 8]).unwrap());
        cede::yield_now();
        (&peer).write_all(b"abc").unwrap();
        assert_eq!(reader.join().unwrap(), 3);
        std::mem::forget((ours, fresh));
    });
}

fn is_bad<T: std::fmt::Debug>(result: io::Result<T>) -> bool {
    raw_os_error(&result.unwrap_err()) == Some(libc::EBADF)
}

/// Closes the descriptor of a stream whose owner doesn't know.
fn close_underneath(stream: &TcpStream) {
    // SAFETY: the tests that do so have a process of their own, open nothing at the same time, and forget the owner.
    assert_eq!(unsafe { libc::close(stream.as_raw_fd()) }, 0);
}

#[test]
fn a_wait_for_a_descriptor_closed_underneath_ends_by_its_timeout_and_by_cancellation() {
    if !in_child("a_wait_for_a_descriptor_closed_underneath_ends_by_its_timeout_and_by_cancellation") {
        return;
    }
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        let forgotten = Rc::clone(&ours);
        let waiting = Rc::clone(&ours);
        let unlimited = cede::spawn(move || (&*waiting).read(&mut [0]));
        while_others_run();
        ours.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let waiting = Rc::clone(&ours);
        let limited = cede::spawn(move || (&*waiting).read(&mut [0]));
        let waiting = Rc::clone(&ours);
        let raced =
            cede::spawn(move || cede::race((waiting.readable(), after(Duration::from_secs(60)))).wait());
        while_others_run();
        close_underneath(&ours);
        // The system says nothing: the registration has silently gone.
        (&theirs).write_all(b"x").unwrap();
        while_others_run();
        assert!(!unlimited.is_finished() && !limited.is_finished());
        assert!(is_bad(limited.join().unwrap()));
        assert!(matches!(raced.join().unwrap(), First::B(())));
        unlimited.cancel();
        assert!(unlimited.join().unwrap_err().is_cancelled());
        // What comes later ends in the same ways, and at once where it is not known that it would have to wait.
        assert!(is_bad((&*ours).read(&mut [0])) && is_bad(ours.peek(&mut [0])));
        assert!(cede::timeout(Duration::from_secs(60), || ours.readable().wait()).is_err());
        assert!(is_bad((&*ours).write(&[0])) && is_bad(ours.writable().wait()) && is_bad(ours.try_clone()));
        std::mem::forget(forgotten);
    });
    run.unwrap();
}

#[test]
fn what_waits_for_a_descriptor_closed_underneath_never_touches_the_next_with_its_number() {
    if !in_child("what_waits_for_a_descriptor_closed_underneath_never_touches_the_next_with_its_number") {
        return;
    }
    cede::run(|| {
        let (ours, _theirs) = std_pair();
        let ours = Rc::new(TcpStream::try_from(ours).unwrap());
        let reads = Rc::clone(&ours);
        let reader = cede::spawn(move || (&*reads).read(&mut [0; 8]));
        let waits = Rc::clone(&ours);
        let waiter = cede::spawn(move || waits.readable().wait());
        while_others_run();
        let (other, theirs) = pair();
        close_underneath(&ours);
        let again = Rc::new(other.try_clone().unwrap());
        assert_eq!(again.as_raw_fd(), ours.as_raw_fd());
        let read = |stream: &Rc<TcpStream>| {
            let stream = Rc::clone(stream);
            cede::spawn(move || (&*stream).read(&mut [0; 8]))
        };
        let new = read(&again);
        assert!(is_bad(reader.join().unwrap()) && is_bad(waiter.join().unwrap()));
        (&theirs).write_all(b"abc").unwrap();
        assert!(is_bad(read(&ours).join().unwrap()) && is_bad(ours.readable().wait()));
        assert_eq!(new.join().unwrap().unwrap(), 3);
        // The old one lets go of the number, and the new one is still heard.
        let _number = Rc::into_inner(ours).unwrap().into_raw_fd();
        let new = read(&again);
        while_others_run();
        (&theirs).write_all(b"defg").unwrap();
        assert_eq!(new.join().unwrap().unwrap(), 4);
    });
}

#[test]
fn a_run_without_io_opens_no_descriptors_and_one_with_it_leaves_none() {
    if !in_child("a_run_without_io_opens_no_descriptors_and_one_with_it_leaves_none") {
        return;
    }
    let before = open_descriptors();
    cede::run(|| {
        cede::sleep(Duration::from_millis(1));
        assert_eq!(open_descriptors(), before);
    });
    for _ in 0..100 {
        cede::run(|| {
            let (ours, theirs) = pair();
            let reader = cede::spawn(move || (&ours).read(&mut [0; 8]).unwrap());
            cede::yield_now();
            (&theirs).write_all(b"abc").unwrap();
            assert_eq!(reader.join().unwrap(), 3);
        });
    }
    assert_eq!(open_descriptors(), before);
}
