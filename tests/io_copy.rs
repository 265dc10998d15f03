//! Copying from streams to streams: half-closed, broken and cancelled.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use cede::io::{Relay, StreamReader, StreamWriter, copy, copy_bidirectional, copy_buf};
use cede::net::TcpStream;
use cede::{catch_cancelled, spawn, try_spawn};

mod io_double;
mod net_pair;
use io_double::{Feed, Sink, cancel, run};
use net_pair::{TOO_MUCH, pair, while_others_run};

#[test]
fn a_copy_takes_all_and_says_how_much() {
    run(|| {
        let bytes = vec![3; 100_001];
        let (feed, sink) = (Feed::of(&bytes).in_pieces(999), Sink::with_room(usize::MAX));
        feed.eof();
        assert_eq!(copy(&mut feed.clone(), &mut sink.clone()).unwrap(), 100_001);
        assert!(sink.taken() == bytes);
        assert_eq!(copy(&mut feed.clone(), &mut sink.clone()).unwrap(), 0);
    });
}

#[test]
fn a_copy_keeps_nothing_back_when_its_reader_has_no_more_for_now() {
    run(|| {
        let copies: [fn(Feed, Sink) -> io::Result<u64>; 2] = [
            |mut feed, sink| copy(&mut feed, &mut StreamWriter::new(sink)),
            |feed, sink| copy_buf(&mut StreamReader::new(feed), &mut StreamWriter::new(sink)),
        ];
        for copy in copies {
            let (feed, sink) = (Feed::of(b"question"), Sink::with_room(usize::MAX));
            let (from, to) = (feed.clone(), sink.clone());
            let copying = spawn(move || copy(from, to).unwrap());
            while_others_run();
            assert_eq!(sink.taken(), b"question");
            feed.eof();
            assert_eq!(copying.join().unwrap(), 8);
        }
    });
}

#[test]
fn a_copy_from_a_buffer_that_is_cancelled_at_any_byte_can_be_begun_again() {
    run(|| {
        let bytes = b"0123456789";
        for room in 0..bytes.len() {
            let (feed, sink) = (Feed::of(bytes), Sink::with_room(room));
            let reader = Rc::new(RefCell::new(StreamReader::new(feed.clone())));
            let (from, mut to) = (Rc::clone(&reader), sink.clone());
            cancel(&spawn(move || copy_buf(&mut *from.borrow_mut(), &mut to).unwrap()));
            assert_eq!(sink.taken(), &bytes[..room]);
            assert_eq!(reader.borrow().buffer(), &bytes[room..]);
            feed.eof();
            sink.allow(100);
            copy_buf(&mut *reader.borrow_mut(), &mut sink.clone()).unwrap();
            assert_eq!(sink.taken(), bytes);
        }
    });
}

#[test]
fn a_copy_gives_the_error_of_either_side() {
    run(|| {
        let (feed, sink) = (Feed::of(b"abc"), Sink::with_room(1));
        sink.error(ErrorKind::BrokenPipe);
        assert_eq!(copy(&mut feed.clone(), &mut sink.clone()).unwrap_err().kind(), ErrorKind::BrokenPipe);
        feed.error(ErrorKind::ConnectionReset);
        assert_eq!(
            copy(&mut feed.clone(), &mut sink.clone()).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Ok(0)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert_eq!(copy(&mut &b"x"[..], &mut Full).unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(copy_buf(&mut &b"x"[..], &mut Full).unwrap_err().kind(), ErrorKind::WriteZero);
    });
}

/// A client, a server, and the two connections of the proxy between them.
fn with_a_proxy() -> (TcpStream, TcpStream, TcpStream, TcpStream) {
    let ((client, front), (back, server)) = (pair(), pair());
    (client, front, back, server)
}

#[test]
fn each_end_is_handed_on_and_the_other_direction_goes_on() {
    cede::run(|| {
        let (client, front, back, server) = with_a_proxy();
        let relay = try_spawn(move || copy_bidirectional(&front, &back));
        (&client).write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(io::read_to_string(&server).unwrap(), "question", "its end comes through");
        while_others_run();
        assert!(!relay.is_finished());
        (&server).write_all(b"a longer answer").unwrap();
        drop(server);
        assert_eq!(io::read_to_string(&client).unwrap(), "a longer answer");
        assert_eq!(relay.join().unwrap(), (8, 15));
    });
}

#[test]
fn much_goes_both_ways_at_once() {
    cede::run(|| {
        let (client, front, back, server) = with_a_proxy();
        let relay = try_spawn(move || copy_bidirectional(&front, &back));
        let ends = [client, server].map(|stream| {
            let stream = Rc::new(stream);
            let reader = Rc::clone(&stream);
            let writing = try_spawn(move || {
                (&*stream).write_all(&vec![1; TOO_MUCH])?;
                stream.shutdown(Shutdown::Write)
            });
            (writing, try_spawn(move || io::copy(&mut &*reader, &mut io::sink())))
        });
        for (writing, reading) in ends {
            writing.join().unwrap();
            assert_eq!(reading.join().unwrap(), TOO_MUCH as u64);
        }
        assert_eq!(relay.join().unwrap(), (TOO_MUCH as u64, TOO_MUCH as u64));
    });
}

#[test]
fn a_reset_on_either_side_ends_both_directions() {
    for client_breaks in [true, false] {
        cede::run(|| {
            let (client, front, back, server) = with_a_proxy();
            let counts = Rc::new(RefCell::new(None));
            let keep = Rc::clone(&counts);
            let relay = try_spawn(move || {
                let relay = Relay::new(&front, &back);
                let result = relay.run();
                *keep.borrow_mut() = Some(relay.counts());
                result
            });
            (&client).write_all(b"abc").unwrap();
            (&server).write_all(b"defg").unwrap();
            assert_eq!((client.peek(&mut [0]).unwrap(), server.peek(&mut [0]).unwrap()), (1, 1));
            // Closed with bytes unread: a reset.
            let _other = if client_breaks {
                drop(client);
                server
            } else {
                drop(server);
                client
            };
            let error = relay.join().unwrap_err();
            assert!(error.error().unwrap().to_string().contains("reset"), "{error:?}");
            assert_eq!(*counts.borrow(), Some((3, 4)));
        });
    }
}

#[test]
fn a_relay_that_is_cancelled_ends_both_directions_and_knows_its_counts() {
    cede::run(|| {
        let (client, front, back, mut server) = with_a_proxy();
        let (front, counts) = (Rc::new(front), Rc::new(Cell::new((0, 0))));
        let (ours, count) = (Rc::clone(&front), Rc::clone(&counts));
        let relaying = spawn(move || {
            let relay = Relay::new(&*ours, &back);
            let cancelled = catch_cancelled(|| relay.run()).unwrap_err();
            count.set(relay.counts());
            // The streams are as they were.
            (&back).write_all(b"still").unwrap();
            cancelled.resume();
        });
        (&client).write_all(b"abc").unwrap();
        let mut buffer = [0; 8];
        server.read_exact(&mut buffer[..3]).unwrap();
        cancel(&relaying);
        assert_eq!(counts.get(), (3, 0));
        server.read_exact(&mut buffer[3..]).unwrap();
        (&*front).write_all(&buffer).unwrap();
        (&client).read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"abcstill");
    });
}
