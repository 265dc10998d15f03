//! What goes wrong on a network and around it: an error or a wait, never a hang or a loss.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use cede::io::Watched;
use cede::net::{TcpListener, TcpStream};
use cede::{Operation, Runner};

mod net_pair;
use net_pair::{TOO_MUCH, again_with_the_portable_reactor, pair, std_pair, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// Ends the connection with a reset.
fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn an_address_in_use_is_an_error() {
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let again = TcpListener::bind(listener.local_addr().unwrap()).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
        // Where there is another address, that is taken.
        let free = "127.0.0.1:0".parse().unwrap();
        let other = TcpListener::bind(&[listener.local_addr().unwrap(), free][..]).unwrap();
        assert_ne!(other.local_addr().unwrap(), listener.local_addr().unwrap());
    });
}

#[test]
fn a_refused_connection_is_an_error_and_the_next_address_is_tried() {
    cede::run(|| {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(TcpStream::connect(closed).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let wait = Duration::from_secs(60);
        let refused = TcpStream::connect_timeout(&closed, wait).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[closed, open][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
    });
}

#[test]
fn a_connection_that_nobody_answers_times_out() {
    let runner = Runner::builder().virtual_time(true).build();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    runner
        .run(|| {
            let wait = Duration::from_secs(60);
            // The queue of the listener takes a few; the next gets no answer.
            let mut connected = Vec::new();
            let error = loop {
                match TcpStream::connect_timeout(&address, wait) {
                    Ok(stream) => connected.push(stream),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let zero = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
            assert_eq!(zero.kind(), ErrorKind::InvalidInput);
        })
        .unwrap();
}

#[test]
fn a_reset_ends_a_read_that_waits_and_later_writes_with_an_error() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let reader = cede::spawn(move || {
            let error = (&ours).read(&mut [0]).unwrap_err();
            (error.kind(), (&ours).write(b"x").unwrap_err().kind())
        });
        while_others_run();
        reset(theirs);
        assert_eq!(reader.join().unwrap(), (ErrorKind::ConnectionReset, ErrorKind::BrokenPipe));
    });
}

#[test]
fn a_peer_that_goes_ends_a_write_that_waits_with_an_error() {
    cede::run(|| {
        // A reset, and an end that is one since something was not read.
        for go in [reset, drop] {
            let (ours, theirs) = pair();
            let writer = cede::spawn(move || {
                let error = (&ours).write_all(&vec![7; TOO_MUCH]).unwrap_err();
                (error.kind(), (&ours).write(b"x").unwrap_err().kind())
            });
            while_others_run();
            assert!(!writer.is_finished());
            go(theirs);
            assert_eq!(writer.join().unwrap(), (ErrorKind::ConnectionReset, ErrorKind::BrokenPipe));
        }
    });
}

#[test]
fn a_connection_that_is_reset_before_it_is_accepted_is_no_error_of_the_listener() {
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = cede::spawn(move || {
            let mut streams = listener.incoming().map(Result::unwrap);
            // Linux gives out the broken connection, others pass over it.
            let ends = streams.find_map(|stream| (&stream).read(&mut [0; 8]).ok());
            ends.unwrap()
        });
        reset(TcpStream::connect(address).unwrap());
        let client = TcpStream::connect(address).unwrap();
        (&client).write_all(b"abc").unwrap();
        assert_eq!(accepting.join().unwrap(), 3);
    });
}

#[test]
fn a_peer_that_closes_in_the_middle_gives_what_came_and_then_the_end() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let reader = cede::spawn(move || {
            let mut read = Vec::new();
            (&ours).read_to_end(&mut read).unwrap();
            assert_eq!((&ours).read(&mut [0]).unwrap(), 0, "the end stays");
            read
        });
        cede::yield_now();
        (&theirs).write_all(b"half a mess").unwrap();
        drop(theirs);
        assert_eq!(reader.join().unwrap(), b"half a mess");
        let (ours, theirs) = pair();
        let exact = cede::spawn(move || (&ours).read_exact(&mut [0; 12]).unwrap_err().kind());
        (&theirs).write_all(b"half a mess").unwrap();
        drop(theirs);
        assert_eq!(exact.join().unwrap(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn data_and_end_in_one_event_are_both_seen() {
    cede::run(|| {
        for _ in 0..50 {
            let (ours, theirs) = pair();
            let reader = cede::spawn(move || {
                let mut buffer = [0; 64];
                let first = (&ours).read(&mut buffer).unwrap();
                // Nothing looks at the OS between the two that come next.
                (first, (&ours).read(&mut buffer).unwrap(), (&ours).read(&mut buffer).unwrap())
            });
            while_others_run();
            (&theirs).write_all(b"one").unwrap();
            while_others_run();
            (&theirs).write_all(b"four").unwrap();
            drop(theirs);
            assert_eq!(reader.join().unwrap(), (3, 4, 0));
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn urgent_data_does_not_hide_what_comes_after_it() {
    use rustix::net::{SendFlags, send};
    cede::run(|| {
        let (ours, theirs) = pair();
        let reader = cede::spawn(move || {
            let (mut read, mut buffer) = (Vec::new(), [0; 64]);
            while read.len() < 11 {
                let length = (&ours).read(&mut buffer).unwrap();
                read.extend_from_slice(&buffer[..length]);
            }
            read
        });
        while_others_run();
        (&theirs).write_all(b"before").unwrap();
        send(&theirs, b"!", SendFlags::OOB).unwrap();
        (&theirs).write_all(b"after").unwrap();
        assert_eq!(reader.join().unwrap(), b"beforeafter");
    });
}

#[test]
fn one_byte_at_a_time_is_enough() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let reader = cede::spawn(move || {
            let mut read = [0; 200];
            (&ours).read_exact(&mut read).unwrap();
            read
        });
        for byte in 0..200 {
            (&theirs).write_all(&[byte]).unwrap();
            cede::yield_now();
        }
        assert!(reader.join().unwrap().into_iter().eq(0..200));
    });
}

#[test]
fn a_peer_that_does_not_read_holds_up_the_writer_and_nobody_else() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let writer = cede::spawn(move || (&ours).write_all(&vec![7; TOO_MUCH]).unwrap());
        while_others_run();
        assert!(!writer.is_finished());
        let mut total = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match (&theirs).read(&mut buffer).unwrap() {
                0 => break,
                read => total += read,
            }
        }
        writer.join().unwrap();
        assert_eq!(total, TOO_MUCH);
    });
}

#[test]
fn a_peer_that_reads_one_byte_at_a_time_gets_all_of_it() {
    cede::run(|| {
        let (ours, theirs) = std_pair();
        rustix::net::sockopt::set_socket_send_buffer_size(&ours, 4096).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&theirs, 4096).unwrap();
        let ours = TcpStream::try_from(ours).unwrap();
        let theirs = TcpStream::try_from(theirs).unwrap();
        let data: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
        let sent = data.clone();
        let writer = cede::spawn(move || (&ours).write_all(&sent).unwrap());
        let (mut read, mut byte) = (Vec::new(), [0]);
        while (&theirs).read(&mut byte).unwrap() == 1 {
            read.push(byte[0]);
        }
        writer.join().unwrap();
        assert!(read == data);
    });
}

#[test]
fn a_read_that_takes_too_long_times_out_and_loses_nothing() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let (ours, theirs) = pair();
            ours.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let start = cede::time::now();
            for _ in 0..3 {
                assert_eq!((&ours).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
                assert_eq!(ours.peek(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
            }
            assert_eq!(cede::time::now() - start, Duration::from_secs(360));
            (&theirs).write_all(b"late").unwrap();
            assert_eq!((&ours).read(&mut [0; 8]).unwrap(), 4);
        })
        .unwrap();
}

#[test]
fn a_write_that_takes_too_long_times_out() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let (ours, _theirs) = pair();
            ours.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
            let error = (&ours).write_all(&vec![7; TOO_MUCH]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        })
        .unwrap();
}

#[test]
fn data_that_came_in_the_tick_of_the_timeout_is_read() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let (ours, theirs) = pair();
            let second = Duration::from_secs(1);
            // Made first, and so woken first: what it writes is there when the reader's time is over.
            let writer = cede::spawn(move || {
                cede::sleep(second);
                (&theirs).write_all(b"just in time").unwrap();
                theirs
            });
            ours.set_read_timeout(Some(second)).unwrap();
            let reader = cede::spawn(move || (&ours).read(&mut [0; 64]));
            assert_eq!(reader.join().unwrap().unwrap(), 12);
            writer.join().unwrap();
        })
        .unwrap();
}

#[test]
fn two_readers_of_one_stream_share_what_comes() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let (ours, order) = (Rc::new(ours), Rc::new(RefCell::new(Vec::new())));
        let readers: Vec<_> = (0..2)
            .map(|reader| {
                let (ours, order) = (Rc::clone(&ours), Rc::clone(&order));
                cede::spawn(move || {
                    for _ in 0..3 {
                        assert_eq!((&*ours).read(&mut [0; 8]).unwrap(), 1);
                        order.borrow_mut().push(reader);
                    }
                })
            })
            .collect();
        for _ in 0..6 {
            while_others_run();
            (&theirs).write_all(b"x").unwrap();
        }
        readers.iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(*order.borrow(), [0, 1, 0, 1, 0, 1], "who came first reads first");
    });
}

#[test]
fn a_reader_and_a_writer_wait_at_the_same_time() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        let (for_writing, for_reading) = (Rc::clone(&ours), Rc::clone(&ours));
        let writer = cede::spawn(move || (&*for_writing).write_all(&vec![8; TOO_MUCH]).unwrap());
        let reader = cede::spawn(move || (&*for_reading).read(&mut [0; 8]).unwrap());
        while_others_run();
        assert!(!writer.is_finished() && !reader.is_finished());
        (&theirs).write_all(b"abc").unwrap();
        assert_eq!(reader.join().unwrap(), 3);
        assert!(!writer.is_finished());
        (&theirs).read_exact(&mut vec![0; TOO_MUCH]).unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn a_stream_may_go_while_a_task_waits_on_its_clone() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let clone = ours.try_clone().unwrap();
        let reader = cede::spawn(move || (&clone).read(&mut [0; 8]).unwrap());
        let other = cede::spawn(move || {
            let error = ours.set_read_timeout(Some(Duration::from_millis(1)));
            assert!(error.is_ok() && (&ours).read(&mut [0; 8]).is_err());
        });
        other.join().unwrap();
        (&theirs).write_all(b"abc").unwrap();
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
fn shutting_down_ends_the_reads_that_wait() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        let waiting = Rc::clone(&ours);
        let reader = cede::spawn(move || (&*waiting).read(&mut [0; 8]).unwrap());
        while_others_run();
        ours.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reader.join().unwrap(), 0);
        ours.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&*ours).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!((&theirs).read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn outside_of_tasks_there_is_an_error_that_says_what_to_do() {
    let says = |error: io::Error| assert!(error.to_string().contains("inside cede::run"), "{error}");
    let (mut ours, listener, watched) = cede::run(|| {
        let watched = Watched::new(std_pair().0).unwrap();
        let (ours, _) = pair();
        let _ = (&ours).read(&mut [0]);
        (ours, TcpListener::bind("127.0.0.1:0").unwrap(), watched)
    });
    says(ours.read(&mut [0]).unwrap_err());
    says(ours.write(b"x").unwrap_err());
    says(ours.peek(&mut [0]).unwrap_err());
    says(listener.accept().unwrap_err());
    says(listener.incoming().next().unwrap().unwrap_err());
    says(TcpStream::connect(listener.local_addr().unwrap()).unwrap_err());
    says(watched.read_with(|_| Ok(())).unwrap_err());
    cede::run(|| {
        let (told, tell) = (Rc::new(Cell::new(false)), Rc::new(ours));
        let told_there = Rc::clone(&told);
        cede::call_soon(move || {
            says((&*tell).read(&mut [0]).unwrap_err());
            told_there.set(true);
        });
        cede::yield_now();
        cede::yield_now();
        assert!(told.get());
    });
}

#[test]
fn a_stream_outlives_its_run_and_serves_in_the_next() {
    let (ours, theirs) = cede::run(|| {
        let (ours, theirs) = pair();
        (&theirs).write_all(b"1").unwrap();
        assert_eq!((&ours).read(&mut [0; 8]).unwrap(), 1);
        let ours = Rc::new(ours);
        let waiting = Rc::clone(&ours);
        // Ended by the end of the run.
        cede::spawn(move || (&*waiting).read(&mut [0; 8]));
        cede::yield_now();
        (ours, theirs)
    });
    for _ in 0..2 {
        cede::run(|| {
            let waiting = Rc::clone(&ours);
            let reader = cede::spawn(move || (&*waiting).read(&mut [0; 8]).unwrap());
            while_others_run();
            (&theirs).write_all(b"22").unwrap();
            assert_eq!(reader.join().unwrap(), 2);
        });
    }
}

#[test]
fn where_a_task_may_not_wait_there_is_an_error_and_what_needs_no_waiting_works() {
    cede::run(|| {
        let (ours, theirs) = pair();
        cede::no_switch(|| {
            (&theirs).write_all(b"x").unwrap();
            assert_eq!((&ours).read(&mut [0; 8]).unwrap(), 1);
            let error = (&ours).read(&mut [0; 8]).unwrap_err();
            assert!(error.to_string().contains("no_switch"), "{error}");
        });
        struct Late<'a>(&'a TcpStream, &'a Cell<bool>);
        impl Drop for Late<'_> {
            fn drop(&mut self) {
                let error = (&mut &*self.0).read(&mut [0; 8]).unwrap_err();
                self.1.set(error.to_string().contains("unwinding"));
            }
        }
        let refused = Cell::new(false);
        let unwound = panic::catch_unwind(AssertUnwindSafe(|| {
            let _late = Late(&ours, &refused);
            panic::resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err() && refused.get());
        (&theirs).write_all(b"yz").unwrap();
        assert_eq!((&ours).read(&mut [0; 8]).unwrap(), 2, "nothing was lost");
    });
}

#[test]
fn what_cannot_be_watched_says_so_when_it_would_wait() {
    cede::run(|| {
        let file = Watched::new(std::fs::File::open(std::env::current_exe().unwrap()).unwrap()).unwrap();
        assert!(file.read_with(|mut file| file.read(&mut [0; 8])).is_ok());
        assert!(file.read_with(|_| Err::<(), _>(ErrorKind::WouldBlock.into())).is_err());
        assert!(file.readable().wait().is_ok(), "regular files are always ready");
    });
}

#[test]
fn an_end_reaches_all_who_wait_for_data() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        let readers: Vec<_> = (0..5)
            .map(|i| {
                let ours = Rc::clone(&ours);
                cede::spawn(move || {
                    if i % 2 == 0 { (&*ours).read(&mut [0; 8]) } else { ours.readable().wait().map(|()| 0) }
                })
            })
            .collect();
        while_others_run();
        drop(theirs);
        readers.iter().for_each(|reader| assert_eq!(reader.join().unwrap().unwrap(), 0));
    });
}

#[test]
fn what_one_reader_leaves_wakes_the_next_even_when_that_one_panics() {
    cede::run(|| {
        let (ours, theirs) = std_pair();
        let ours = Rc::new(Watched::new(ours).unwrap());
        let reader = |panics: bool| {
            let ours = Rc::clone(&ours);
            cede::spawn(move || {
                ours.read_with(|mut stream| {
                    let read = stream.read(&mut [0; 1])?;
                    if panics { panic::resume_unwind(Box::new(())) } else { Ok(read) }
                })
                .unwrap()
            })
        };
        let readers = [reader(true), reader(false), reader(true), reader(false)];
        while_others_run();
        (&theirs).write_all(b"abcd").unwrap();
        let ends = readers.map(|reader| reader.join().is_ok());
        assert_eq!(ends, [false, true, false, true]);
    });
}
