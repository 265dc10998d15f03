//! A task whose descriptors are always ready lets the others run, and loses nothing by it.

use std::cell::Cell;
use std::fs::File;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use cede::Operation;
use cede::io::Watched;
use cede::net::{TcpListener, TcpStream};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, pair, std_pair, while_others_run};

/// More operations than any task does in a row without letting others run.
const MANY: usize = 1000;

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// A stream at its end, which is always ready to be read.
fn ended() -> TcpStream {
    pair().0
}

fn read_end(stream: &TcpStream) {
    assert_eq!((&*stream).read(&mut [0; 8]).unwrap(), 0);
}

/// How often another task got its turn while an operation was done many times.
fn turns_during(mut operation: impl FnMut()) -> usize {
    let turns = Rc::new(Cell::new(0));
    let count = Rc::clone(&turns);
    let other = cede::spawn(move || {
        loop {
            count.set(count.get() + 1);
            cede::yield_now();
        }
    });
    (0..MANY).for_each(|_| operation());
    other.cancel();
    turns.get()
}

#[test]
fn no_operation_keeps_the_thread_for_itself() {
    cede::run(|| {
        let stream = ended();
        let mut buffer = [0; 8];
        let is_fair = |name: &str, operation: &mut dyn FnMut()| {
            let turns = turns_during(operation);
            assert!((2..20).contains(&turns), "{name}: {turns}");
        };
        is_fair("read", &mut || read_end(&stream));
        is_fair("read_vectored", &mut || {
            assert_eq!((&stream).read_vectored(&mut [IoSliceMut::new(&mut buffer)]).unwrap(), 0);
        });
        is_fair("peek", &mut || assert_eq!(stream.peek(&mut [0; 8]).unwrap(), 0));
        is_fair("readable", &mut || stream.readable().wait().unwrap());
        let (ours, _theirs) = pair();
        is_fair("write", &mut || assert_eq!((&ours).write(b"x").unwrap(), 1));
        is_fair("write_vectored", &mut || {
            assert_eq!((&ours).write_vectored(&[IoSlice::new(b"x")]).unwrap(), 1);
        });
        is_fair("writable", &mut || ours.writable().wait().unwrap());
        let zero = Watched::new(File::open("/dev/zero").unwrap()).unwrap();
        is_fair("read_with", &mut || {
            zero.read_with(|mut zero| zero.read(&mut [0; 8])).unwrap();
        });
        let null = Watched::new(File::options().write(true).open("/dev/null").unwrap()).unwrap();
        is_fair("write_with", &mut || {
            null.write_with(|mut null| null.write(b"x")).unwrap();
        });
    });
}

#[test]
fn an_accept_loop_lets_the_others_run_however_many_connections_there_are() {
    cede::run(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 1024).unwrap();
        let address = listener.local_addr().unwrap();
        let _clients: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let listener = TcpListener::try_from(listener).unwrap();
        let mut left = 300;
        let turns = turns_during(|| {
            if left > 0 {
                left -= 1;
                listener.accept().unwrap();
            }
        });
        assert!(turns >= 2, "{turns}");
    });
}

#[test]
fn what_others_wait_for_comes_while_a_task_is_always_ready() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let done = Rc::new(Cell::new(0));
        let (has_read, has_slept) = (Rc::clone(&done), Rc::clone(&done));
        cede::spawn(move || {
            (&ours).read_exact(&mut [0; 3]).unwrap();
            has_read.set(has_read.get() + 1);
        });
        cede::spawn(move || {
            cede::sleep(Duration::from_nanos(1));
            has_slept.set(has_slept.get() + 1);
        });
        while_others_run();
        (&theirs).write_all(b"abc").unwrap();
        let stream = ended();
        let operations = (0..10 * MANY).take_while(|_| done.get() < 2).map(|_| read_end(&stream));
        let count = operations.count();
        assert!(count < MANY, "the OS is asked each time: {count}");
    });
}

#[test]
fn what_a_message_takes_lets_nobody_run() {
    cede::run(|| {
        let stream = ended();
        let ran = Rc::new(Cell::new(false));
        let runs = Rc::clone(&ran);
        cede::spawn(move || runs.set(true));
        (0..100).for_each(|_| read_end(&stream));
        assert!(!ran.get(), "nothing had to be waited for");
        cede::yield_now();
        assert!(ran.get());
    });
}

#[test]
fn two_tasks_that_are_always_ready_take_turns() {
    cede::run(|| {
        let last = Rc::new(Cell::new(0));
        let changes = Rc::new(Cell::new(0));
        let tasks = [1, 2].map(|me| {
            let (last, changes) = (Rc::clone(&last), Rc::clone(&changes));
            cede::spawn(move || {
                let stream = ended();
                for _ in 0..10 * MANY {
                    read_end(&stream);
                    if last.replace(me) != me {
                        changes.set(changes.get() + 1);
                    }
                }
            })
        });
        tasks.iter().for_each(|task| task.join().unwrap());
        assert!(changes.get() > 100, "{}", changes.get());
    });
}

#[test]
fn whoever_answers_at_once_does_not_keep_the_thread_even_before_anybody_had_to_wait() {
    cede::run(|| {
        let (ours, mut theirs) = std_pair();
        let ours = TcpStream::try_from(ours).unwrap();
        let ran = Rc::new(Cell::new(false));
        let runs = Rc::clone(&ran);
        cede::spawn(move || runs.set(true));
        let mut message = || {
            theirs.write_all(b"message").unwrap();
            let mut buffer = [0; 64];
            let length = (&ours).read(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"message");
        };
        message();
        assert!(!ran.get(), "it was there");
        message();
        assert!(ran.get(), "the stream was known to be empty after the first");
    });
}

#[test]
fn what_is_there_is_read_where_a_task_may_not_wait_though_the_stream_was_empty_a_moment_ago() {
    cede::run(|| {
        let (ours, mut theirs) = std_pair();
        let ours = TcpStream::try_from(ours).unwrap();
        for text in ["one", "two", "three"] {
            theirs.write_all(text.as_bytes()).unwrap();
            // Not registered yet for the first two, and registered for the last.
            let mut buffer = [0; 64];
            let length = cede::no_switch(|| (&ours).read(&mut buffer).unwrap());
            assert_eq!(&buffer[..length], text.as_bytes());
            if text == "two" {
                ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                assert_eq!((&ours).read(&mut buffer).unwrap_err().kind(), ErrorKind::TimedOut);
            }
        }
        let error = cede::no_switch(|| (&ours).read(&mut [0; 64]).unwrap_err());
        assert!(error.to_string().contains("no_switch"), "{error}");
    });
}

#[test]
fn where_a_task_may_not_wait_it_goes_on() {
    cede::run(|| {
        let stream = ended();
        let read_many = || (0..MANY).for_each(|_| read_end(&stream));
        let ran = Rc::new(Cell::new(false));
        let runs = Rc::clone(&ran);
        cede::spawn(move || runs.set(true));
        cede::no_switch(|| {
            read_many();
            (0..MANY).for_each(|_| stream.readable().wait().unwrap());
        });
        struct Late<F: Fn()>(F);
        impl<F: Fn()> Drop for Late<F> {
            fn drop(&mut self) {
                (self.0)();
            }
        }
        let unwound = panic::catch_unwind(AssertUnwindSafe(|| {
            let _late = Late(read_many);
            panic::resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err() && !ran.get());
        read_end(&stream);
        assert!(ran.get(), "what was put off comes at the next occasion");
    });
}

#[test]
fn a_task_that_is_always_ready_can_be_cancelled() {
    cede::run(|| {
        let stream = ended();
        let reader = cede::spawn(move || {
            for _ in 0..1000 * MANY {
                read_end(&stream);
            }
        });
        cede::yield_now();
        reader.cancel();
        assert!(reader.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_cancellation_while_others_run_takes_nothing_from_a_read() {
    cede::run(|| {
        for turns in 0..8 {
            let (ours, theirs) = pair();
            (&theirs).write_all(&[7; 2 * MANY]).unwrap();
            drop(theirs);
            let (ours, taken) = (Rc::new(ours), Rc::new(Cell::new(0)));
            let (reading, count) = (Rc::clone(&ours), Rc::clone(&taken));
            let reader = cede::spawn(move || {
                while (&*reading).read(&mut [0]).unwrap() == 1 {
                    count.set(count.get() + 1);
                }
            });
            (0..=turns).for_each(|_| cede::yield_now());
            reader.cancel();
            assert!(reader.join().unwrap_err().is_cancelled());
            assert!(taken.get() > 0);
            let rest = (&*ours).read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(taken.get() + rest, 2 * MANY);
        }
    });
}

#[test]
fn a_cancellation_while_others_run_writes_nothing_that_is_not_told_of() {
    cede::run(|| {
        for turns in 0..8 {
            let (ours, mut theirs) = std_pair();
            let ours = TcpStream::try_from(ours).unwrap();
            let written = Rc::new(Cell::new(0));
            let count = Rc::clone(&written);
            let writer = cede::spawn(move || {
                (0..2 * MANY).for_each(|_| count.set(count.get() + (&ours).write(b"x").unwrap()));
            });
            (0..=turns).for_each(|_| cede::yield_now());
            writer.cancel();
            assert!(writer.join().unwrap_err().is_cancelled());
            assert_eq!(theirs.read_to_end(&mut Vec::new()).unwrap(), written.get());
        }
    });
}

#[test]
fn a_cancellation_while_others_run_leaves_the_connection_in_the_queue() {
    cede::run(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 1024).unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let listener = Rc::new(TcpListener::try_from(listener).unwrap());
        let accepted = Rc::new(Cell::new(0));
        let (accepting, count) = (Rc::clone(&listener), Rc::clone(&accepted));
        let server = cede::spawn(move || {
            for stream in accepting.incoming() {
                stream.unwrap();
                count.set(count.get() + 1);
            }
        });
        cede::yield_now();
        server.cancel();
        assert!(server.join().unwrap_err().is_cancelled());
        assert!((1..300).contains(&accepted.get()));
        for _ in accepted.get()..clients.len() {
            listener.accept().unwrap();
        }
    });
}
