//! Descriptors of kinds that cede knows nothing of: counters, timers, whatever can be waited for.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use cede::io::Watched;
use cede::time::after;
use cede::{JoinHandle, Operation, Runner};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

fn watched_pair() -> (Watched<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Watched::new(ours).unwrap(), theirs)
}

#[cfg(target_os = "linux")]
fn counter() -> Watched<OwnedFd> {
    let flags = rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::SEMAPHORE;
    Watched::new(rustix::event::eventfd(0, flags).unwrap()).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_counter_wakes_as_many_as_it_counts() {
    cede::run(|| {
        let counter = Rc::new(counter());
        let take = |descriptor: &OwnedFd| Ok(rustix::io::read(descriptor, &mut [0; 8][..])?);
        let tasks: Vec<_> = (0..5)
            .map(|i| {
                let counter = Rc::clone(&counter);
                cede::spawn(move || match i % 2 {
                    0 => counter.read_with(take),
                    _ => counter.reading_with(take).wait(),
                })
            })
            .collect();
        while_others_run();
        assert!(tasks.iter().all(|task| !task.is_finished()));
        counter.write_with(|descriptor| Ok(rustix::io::write(descriptor, &3u64.to_ne_bytes())?)).unwrap();
        while_others_run();
        assert_eq!(tasks.iter().filter(|task| task.is_finished()).count(), 3);
        counter.write_with(|descriptor| Ok(rustix::io::write(descriptor, &2u64.to_ne_bytes())?)).unwrap();
        tasks.iter().for_each(|task| assert_eq!(soon(task).unwrap(), 8));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_timer_of_the_system_is_waited_for() {
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    cede::run(|| {
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).unwrap();
        let in_a_moment = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: 0, tv_nsec: 1_000_000 },
        };
        rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &in_a_moment).unwrap();
        let timer = Watched::new(timer).unwrap();
        timer.readable().wait().unwrap();
        let mut fired = [0; 8];
        timer.read_with(|descriptor| Ok(rustix::io::read(descriptor, &mut fired[..])?)).unwrap();
        assert_eq!(u64::from_ne_bytes(fired), 1);
    });
}

#[test]
fn an_operation_that_loses_its_race_has_taken_nothing() {
    cede::run(|| {
        let (ours, mut theirs) = watched_pair();
        let mut buffer = [0; 8];
        for _ in 0..3 {
            cede::select! {
                _ = ours.reading_with(|mut stream| stream.read(&mut buffer)) => panic!("there is nothing"),
                _ = after(Duration::from_millis(1)) => {}
            }
        }
        theirs.write_all(b"abc").unwrap();
        cede::select! {
            _ = ours.writable() => {}
            _ = ours.reading_with(|mut stream| stream.read(&mut buffer)) => panic!("it came second"),
        }
        cede::select! {
            read = ours.reading_with(|mut stream| stream.read(&mut buffer)) => assert_eq!(read.unwrap(), 3),
            _ = after(Duration::from_secs(20)) => panic!("it is lost"),
        }
        cede::select! {
            written = ours.writing_with(|mut stream| stream.write(b"back")) => assert_eq!(written.unwrap(), 4),
            _ = after(Duration::from_secs(20)) => panic!("there is room"),
        }
        assert!(format!("{:?}", ours.readable()).starts_with("Readiness"));
    });
}

#[test]
fn somebody_faster_makes_an_operation_wait_on() {
    cede::run(|| {
        let (ours, mut theirs) = watched_pair();
        let ours = Rc::new(ours);
        let tries = Rc::new(Cell::new(0));
        let (slow, count) = (Rc::clone(&ours), Rc::clone(&tries));
        let waiting = cede::spawn(move || {
            let operation = slow.reading_with(|mut stream| {
                count.set(count.get() + 1);
                // What woke it is taken from under its nose.
                if count.get() == 2 {
                    let _taken = stream.read(&mut [0; 8])?;
                }
                stream.read(&mut [0; 8])
            });
            operation.wait()
        });
        while_others_run();
        theirs.write_all(b"one").unwrap();
        while_others_run();
        assert!(!waiting.is_finished() && tries.get() == 2);
        theirs.write_all(b"second").unwrap();
        assert_eq!(soon(&waiting).unwrap(), 6);
    });
}

#[test]
fn interruptions_are_tried_again_and_other_errors_are_given() {
    cede::run(|| {
        let (ours, _theirs) = watched_pair();
        let mut calls = 0;
        let mut interrupted = |_: &UnixStream| {
            calls += 1;
            if calls % 3 == 0 { Ok(calls) } else { Err(ErrorKind::Interrupted.into()) }
        };
        assert_eq!(ours.read_with(&mut interrupted).unwrap(), 3);
        assert_eq!(ours.write_with(&mut interrupted).unwrap(), 6);
        assert_eq!(ours.writing_with(&mut interrupted).wait().unwrap(), 9);
        let fails = |_: &UnixStream| -> io::Result<()> { Err(io::Error::other("mine")) };
        for error in [ours.read_with(fails).unwrap_err(), ours.writing_with(fails).wait().unwrap_err()] {
            assert_eq!(error.to_string(), "mine", "errors of users keep their text");
        }
    });
}

#[test]
fn a_panic_of_the_closure_leaves_the_descriptor_usable() {
    cede::run(|| {
        let (ours, mut theirs) = watched_pair();
        theirs.write_all(b"x").unwrap();
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            ours.reading_with(|_| -> io::Result<()> { panic::resume_unwind(Box::new("mine")) }).wait()
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"mine"));
        assert_eq!(ours.read_with(|mut stream| stream.read(&mut [0; 4])).unwrap(), 1);
    });
}

#[test]
fn calls_have_timeouts_of_their_own() {
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let (ours, _theirs) = watched_pair();
        let begun = cede::time::now();
        let minute = Duration::from_secs(60);
        let error = ours.read_with_timeout(minute, |mut stream| stream.read(&mut [0])).unwrap_err();
        assert_eq!((error.kind(), cede::time::now() - begun), (ErrorKind::TimedOut, minute));
        let fill = || ours.write_with_timeout(minute, |mut stream| stream.write(&[0; 100_000]));
        let error = std::iter::from_fn(|| Some(fill())).find_map(Result::err).unwrap();
        assert_eq!((error.kind(), cede::time::now() - begun), (ErrorKind::TimedOut, minute * 2));
    });
    run.unwrap();
}

#[test]
fn a_file_is_read_at_once_and_a_borrowed_descriptor_is_enough() {
    cede::run(|| {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let watched = Watched::new(&file).unwrap();
        let mut head = [0; 4];
        assert_eq!(watched.read_with(|file| (&**file).read(&mut head)).unwrap(), 4);
        let descriptor = Watched::new(file.as_fd()).unwrap();
        descriptor.readable().wait().unwrap();
        let mut buffer = [0; 4];
        assert_eq!(
            descriptor.reading_with(|fd| Ok(rustix::io::read(fd, &mut buffer[..])?)).wait().unwrap(),
            4
        );
    });
}
