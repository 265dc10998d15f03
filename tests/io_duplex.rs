//! Streams in memory: what they do beyond what all streams do (see `net_streams`), under virtual time.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use cede::io::{Duplex, duplex};
use cede::time::{after, now};
use cede::{JoinHandle, Operation, RunError, Runner};

fn under_virtual_time<T>(f: impl FnOnce() -> T) -> T {
    Runner::builder().virtual_time(true).build().run(f).unwrap()
}

#[test]
fn outside_of_tasks_it_works_as_long_as_nothing_has_to_be_waited_for() {
    let (mut ours, mut theirs) = duplex(4);
    assert_eq!(ours.write(b"more than fits").unwrap(), 4);
    let error = ours.write(b"x").unwrap_err();
    assert!(error.to_string().contains("cede::run"), "{error}");
    let mut buffer = [0; 8];
    assert_eq!((theirs.read(&mut buffer).unwrap(), &buffer[..4]), (4, &b"more"[..]));
    let error = theirs.read(&mut buffer).unwrap_err();
    assert!(error.to_string().contains("cede::run"), "{error}");
    ours.flush().unwrap();
}

#[test]
#[should_panic(expected = "room for a byte")]
fn without_room_it_could_never_be_used() {
    duplex(0);
}

#[test]
fn a_writer_waits_for_room_and_a_reader_for_data_in_steps_of_the_capacity() {
    under_virtual_time(|| {
        for capacity in [1, 2, 3, 7, 1000] {
            let (ours, theirs) = duplex(capacity);
            let most = Rc::new(Cell::new(0));
            let seen = Rc::clone(&most);
            let writer = cede::spawn(move || {
                let mut left = &[5; 100][..];
                while !left.is_empty() {
                    let written = (&ours).write(left).unwrap();
                    seen.set(seen.get().max(written));
                    left = &left[written..];
                }
            });
            let mut all = Vec::new();
            (&theirs).read_to_end(&mut all).unwrap();
            assert_eq!(all, [5; 100]);
            assert_eq!(most.get(), capacity.min(100));
            writer.join().unwrap();
        }
    });
}

#[test]
fn what_wraps_around_is_read_and_peeked_in_order() {
    let (ours, theirs) = duplex(8);
    let mut expected = Vec::new();
    let mut next = 0u8;
    for round in 0..50 {
        let part: Vec<u8> = (0..round % 5 + 1).map(|i| next.wrapping_add(i)).collect();
        next = next.wrapping_add(part.len() as u8);
        (&ours).write_all(&part).unwrap();
        expected.extend(part);
        let mut peeked = [0; 8];
        let length = theirs.peek(&mut peeked).unwrap();
        assert_eq!(peeked[..length], expected[..]);
        let mut read = vec![0; expected.len().min(3)];
        let (one, two) = read.split_at_mut(1.min(expected.len()));
        let mut buffers = [io::IoSliceMut::new(one), io::IoSliceMut::new(two)];
        let length = (&theirs).read_vectored(&mut buffers).unwrap();
        assert_eq!(read[..length], expected[..length]);
        expected.drain(..length);
        while expected.len() > 3 {
            let mut byte = [0];
            (&theirs).read_exact(&mut byte).unwrap();
            assert_eq!(byte[0], expected.remove(0));
        }
    }
}

#[test]
fn timeouts_last_exactly_so_long_and_nothing_is_lost() {
    under_virtual_time(|| {
        let (ours, theirs) = duplex(4);
        let begun = now();
        ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!((&ours).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(now() - begun, Duration::from_secs(10));
        ours.set_write_timeout(Some(Duration::MAX)).unwrap();
        (&ours).write_all(b"full").unwrap();
        ours.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!((&ours).write(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(now() - begun, Duration::from_secs(15));
        let reader = cede::spawn(move || {
            cede::sleep(Duration::from_secs(3));
            assert_eq!((&theirs).read(&mut [0; 8]).unwrap(), 4);
            theirs
        });
        (&ours).write_all(b"y").unwrap();
        assert_eq!(now() - begun, Duration::from_secs(18));
        // Woken and interrupted again and again, a call still has one deadline.
        let theirs = reader.join().unwrap();
        (&theirs).read_exact(&mut [0]).unwrap();
        theirs.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        assert_eq!((&theirs).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn shutting_down_reading_drops_what_is_there_and_refuses_more() {
    under_virtual_time(|| {
        let (ours, theirs) = duplex(4);
        (&ours).write_all(b"lost").unwrap();
        let writer = cede::spawn(move || (&ours).write(b"x").unwrap_err().kind());
        cede::yield_now();
        theirs.shutdown(Shutdown::Read).unwrap();
        assert_eq!((&theirs).read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn shutting_down_both_ways_ends_everything_that_waits() {
    under_virtual_time(|| {
        let (ours, theirs) = duplex(1);
        let (ours, theirs) = (Rc::new(ours), Rc::new(theirs));
        (&*ours).write_all(b"x").unwrap();
        let (writing, reading) = (Rc::clone(&ours), Rc::clone(&ours));
        let writer = cede::spawn(move || (&*writing).write(b"y").unwrap_err().kind());
        let reader = cede::spawn(move || (&*reading).read(&mut [0]).unwrap());
        cede::yield_now();
        ours.shutdown(Shutdown::Both).unwrap();
        assert_eq!((writer.join().unwrap(), reader.join().unwrap()), (ErrorKind::BrokenPipe, 0));
        assert_eq!((&*theirs).write(b"z").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!((&*theirs).read(&mut [0; 4]).unwrap(), 1, "what was sent before the end is there");
        assert_eq!((&*theirs).read(&mut [0; 4]).unwrap(), 0);
    });
}

#[test]
fn two_that_wait_for_each_other_are_a_deadlock_that_says_so() {
    let run = Runner::builder().virtual_time(true).build().run(|| {
        let (ours, _theirs) = duplex(16);
        (&ours).read_exact(&mut [0]).unwrap();
    });
    let Err(RunError::Deadlock(deadlock)) = run else { panic!("{run:?}") };
    assert!(deadlock.to_string().contains("reads from a stream in memory"), "{deadlock}");
}

#[test]
fn a_reader_that_leaves_after_it_was_woken_hands_its_turn_on() {
    under_virtual_time(|| {
        for plan in 0..3 {
            let (ours, theirs) = duplex(16);
            let ours = Rc::new(ours);
            let read = |by_operation: bool| {
                let ours = Rc::clone(&ours);
                cede::spawn(move || {
                    if by_operation {
                        // Hears that there is something, and leaves it.
                        ours.readable().wait();
                        return 0;
                    }
                    (&*ours).read(&mut [0; 8]).unwrap()
                })
            };
            let (first, second) = (read(plan == 0), read(false));
            cede::yield_now();
            (&theirs).write_all(b"x").unwrap();
            match plan {
                0 => assert_eq!(first.join().unwrap(), 0),
                1 => {
                    first.cancel();
                    assert!(first.join().unwrap_err().is_cancelled());
                }
                _ => {
                    assert_eq!(first.join().unwrap(), 1);
                    (&theirs).write_all(b"y").unwrap();
                }
            }
            assert_eq!(soon(&second), 1, "{plan}");
        }
    });
}

#[test]
fn a_writer_that_leaves_after_it_was_woken_hands_its_turn_on() {
    under_virtual_time(|| {
        let (ours, theirs) = duplex(2);
        let ours = Rc::new(ours);
        (&*ours).write_all(b"xx").unwrap();
        let write = || {
            let ours = Rc::clone(&ours);
            cede::spawn(move || (&*ours).write(b"y").unwrap())
        };
        let (first, second, third) = (write(), write(), write());
        cede::yield_now();
        (&theirs).read_exact(&mut [0; 2]).unwrap();
        first.cancel();
        assert!(first.join().unwrap_err().is_cancelled());
        assert_eq!((soon(&second), soon(&third)), (1, 1), "there was room for two");
    });
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(3600), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

#[test]
fn readiness_that_loses_a_race_takes_nothing() {
    under_virtual_time(|| {
        let (ours, theirs) = duplex(1);
        cede::select! {
            _ = ours.readable() => panic!("there is nothing"),
            _ = after(Duration::from_secs(1)) => {}
        }
        (&theirs).write_all(b"x").unwrap();
        cede::select! {
            _ = theirs.writable() => panic!("it is full"),
            _ = ours.readable() => {}
        }
        assert_eq!((&ours).read(&mut [0]).unwrap(), 1);
        assert!(
            format!("{ours:?}").starts_with("Duplex {") && format!("{:?}", ours.readable()).contains("Read")
        );
    });
}

#[test]
fn the_ends_may_be_in_the_runs_of_two_threads() {
    let (ours, theirs): (Duplex, Duplex) = duplex(7);
    let data: Vec<u8> = (0..50_000u32).map(|i| (i % 251) as u8).collect();
    let echo = thread::spawn(move || cede::run(|| io::copy(&mut &theirs, &mut &theirs).unwrap()));
    let back = cede::run(|| {
        let mut back = vec![0; data.len()];
        let reader = back.as_mut_slice();
        cede::scope(|s| {
            s.spawn(|| {
                (&ours).write_all(&data).unwrap();
                ours.shutdown(Shutdown::Write).unwrap();
            });
            s.spawn(|| (&ours).read_exact(reader).unwrap());
        })
        .unwrap();
        back
    });
    assert!(back == data);
    assert_eq!(echo.join().unwrap(), data.len() as u64);
}

#[test]
fn std_readers_and_writers_work_around_it() {
    use std::io::{BufRead, BufReader, BufWriter};
    under_virtual_time(|| {
        let (ours, theirs) = duplex(5);
        let writer = cede::spawn(move || {
            let mut writer = BufWriter::new(theirs);
            (0..100).for_each(|number| writeln!(writer, "{number}").unwrap());
            writer.into_inner().unwrap().shutdown(Shutdown::Write).unwrap();
        });
        let sum: u32 = BufReader::new(ours).lines().map(|line| line.unwrap().parse::<u32>().unwrap()).sum();
        assert_eq!(sum, 4950);
        writer.join().unwrap();
    });
}
