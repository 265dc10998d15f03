//! Messages that are not copied: which they are, and that none of their bytes is lost, however a read or a write ends.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use cede::io::{ReadExactlyError, ReadSpare, Shared, StreamReader, StreamWriter, streams};
use cede::net::{TcpListener, TcpStream, UnixStream};
use cede::{spawn, timeout, try_spawn, yield_now};

mod io_double;
use io_double::{Feed, Sink, cancel, run};

const KIB: usize = 1 << 10;

impl ReadSpare for Feed {}

fn message(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 7 + n / 251) as u8).collect()
}

/// Both kinds of readers.
fn readers(feed: &Feed) -> [StreamReader<Feed>; 2] {
    [StreamReader::new(feed.clone()), StreamReader::of_stream(feed.clone())]
}

#[test]
fn a_large_read_that_is_cancelled_at_any_place_loses_no_byte() {
    run(|| {
        let bytes = message(100 * KIB);
        for before in [0, 1, 5 * KIB] {
            for have in [0, 1, 8 * KIB - 1, 8 * KIB, 20 * KIB, 64 * KIB, 100 * KIB - 1] {
                for piece in [0, 4 * KIB + 1] {
                    for kind in 0..2 {
                        let feed = Feed::of(&bytes[..have.max(before)]).in_pieces(piece);
                        let [one, other] = readers(&feed);
                        let mut reader = if kind == 0 { one } else { other };
                        if before > 0 {
                            assert_eq!(reader.readexactly(before).unwrap(), bytes[..before]);
                        }
                        let reader = Rc::new(RefCell::new(reader));
                        let ours = Rc::clone(&reader);
                        let length = bytes.len() - before;
                        let reads = spawn(move || ours.borrow_mut().readexactly(length).unwrap());
                        (0..40).for_each(|_| yield_now());
                        cancel(&reads);
                        let mut reader = Rc::into_inner(reader).unwrap().into_inner();
                        assert_eq!(reader.buffer(), &bytes[before..have.max(before)]);
                        feed.data(&bytes[have.max(before)..]);
                        feed.data(b"next");
                        assert!(
                            reader.readexactly(length).unwrap() == bytes[before..],
                            "{before} {have} {piece}"
                        );
                        assert_eq!(reader.readexactly(4).unwrap(), b"next");
                    }
                }
            }
        }
    });
}

#[test]
fn messages_of_changing_lengths_come_one_after_the_other() {
    run(|| {
        let bytes = message(3 << 20);
        let lengths = [3, 16 * KIB, 64 * KIB, 1, 64 * KIB, 300 * KIB, 17 * KIB, 2 << 20, 16 * KIB - 1, 100];
        for piece in [0, 1000, 30_000] {
            for kind in 0..2 {
                let [one, other] = readers(&Feed::of(&bytes).in_pieces(piece));
                let mut reader = if kind == 0 { one } else { other };
                let mut at = 0;
                for length in lengths {
                    let read = reader.readexactly(length).unwrap();
                    assert!(read == bytes[at..at + length], "{length} at {at}");
                    assert!(read.capacity() <= 2 * length.max(KIB), "{} for {length}", read.capacity());
                    at += length;
                }
            }
        }
    });
}

#[test]
fn an_end_and_an_error_in_a_large_message_leave_what_there_was() {
    run(|| {
        let bytes = message(50 * KIB);
        for kind in 0..2 {
            let feed = Feed::of(&bytes);
            let mut reader = readers(&feed).into_iter().nth(kind).unwrap();
            feed.eof();
            let Err(ReadExactlyError::Incomplete(error)) = reader.readexactly(64 * KIB) else { panic!() };
            assert!(error.partial == bytes && error.expected == Some(64 * KIB));
            assert!(reader.at_eof());

            let feed = Feed::of(&bytes).in_pieces(10 * KIB);
            let mut reader = readers(&feed).into_iter().nth(kind).unwrap();
            assert_eq!(reader.readexactly(1).unwrap(), bytes[..1]);
            feed.error(ErrorKind::TimedOut);
            assert!(
                matches!(reader.readexactly(40 * KIB), Err(ReadExactlyError::Io(error)) if error.kind() == ErrorKind::TimedOut)
            );
            assert!(reader.readexactly(40 * KIB).unwrap() == bytes[1..40 * KIB + 1]);
        }
    });
}

#[test]
fn a_length_that_is_only_claimed_takes_no_room() {
    run(|| {
        for mut reader in readers(&Feed::of(b"short")) {
            reader.get_mut().eof();
            let Err(ReadExactlyError::Incomplete(error)) = reader.readexactly(usize::MAX) else { panic!() };
            assert!(error.partial.capacity() < 64 * KIB);
        }
    });
}

#[test]
fn a_whole_buffer_is_handed_out_as_it_is() {
    run(|| {
        let bytes = message(60 * KIB);
        let mut reader = StreamReader::new(Feed::of(&bytes));
        let length = reader.read_up_to(60 * KIB).unwrap().len();
        assert_eq!(length, 60 * KIB, "in one piece");
        let feed = Feed::of(&bytes);
        feed.eof();
        assert!(StreamReader::new(feed).read_to_eof().unwrap() == bytes);
        let mut line = vec![b'x'; 40 * KIB];
        line.push(b'\n');
        let mut reader = StreamReader::new(Feed::of(&[&line[..], &line[..], b"short\n"].concat()));
        for expected in [&line[..], &line[..], b"short\n"] {
            assert!(reader.readline().unwrap() == expected);
        }
    });
}

#[test]
fn a_large_piece_is_sent_at_once_with_what_is_held_before_it() {
    run(|| {
        let bytes = message(40 * KIB);
        let sink = Sink::with_room(usize::MAX);
        let mut writer = StreamWriter::new(sink.clone());
        writer.write_all(&bytes[..16 * KIB - 1]).unwrap();
        assert_eq!((writer.write_buffer_size(), sink.writes()), (16 * KIB - 1, 0), "a small one is held");
        writer.write_all(&bytes[16 * KIB - 1..]).unwrap();
        writer.drain().unwrap();
        assert!(sink.taken() == bytes);
        let writes = sink.writes();
        writer.write_all(&bytes[..16 * KIB]).unwrap();
        assert_eq!((writer.write_buffer_size(), sink.writes()), (0, writes + 1), "a large one is not");
        // Unless more is to be held.
        writer.set_write_buffer_limits(1 << 20, 256 * KIB);
        writer.write_all(&bytes).unwrap();
        assert_eq!((writer.write_buffer_size(), sink.writes()), (40 * KIB, writes + 1));
        assert_eq!(writer.write(&bytes).unwrap(), 40 * KIB);
        writer.drain().unwrap();
    });
}

#[test]
fn a_large_write_that_is_cancelled_neither_loses_nor_repeats_any_byte() {
    run(|| {
        let bytes = message(80 * KIB);
        for held in [0, 10] {
            for room in [0, 1, 10, 11, 20 * KIB, 63 * KIB] {
                let sink = Sink::with_room(room);
                let mut writer = StreamWriter::new(sink.clone());
                writer.write_nowait(&bytes[..held]).unwrap();
                let writer = Rc::new(RefCell::new(writer));
                let (used, rest) = (Rc::clone(&writer), bytes[held..].to_vec());
                cancel(&spawn(move || used.borrow_mut().write_all(&rest).unwrap()));
                assert!(sink.taken() == bytes[..room], "{held} {room}");
                sink.allow(usize::MAX);
                writer.borrow_mut().drain().unwrap();
                assert!(sink.taken() == bytes, "{held} {room}");
            }
        }
    });
}

#[test]
fn two_who_write_up_to_the_high_mark_before_they_read_do_not_wait_for_each_other() {
    run(|| {
        let (ours, theirs) = cede::io::duplex(10_000);
        let bytes = message(64 * KIB);
        let [one, other] = [ours, theirs].map(|stream| {
            let bytes = bytes.clone();
            spawn(move || {
                let (mut reader, mut writer) = streams(stream);
                writer.write_all(&bytes[..40 * KIB]).unwrap();
                let (taken, rest) = (writer.write(&bytes[40 * KIB..60 * KIB]).unwrap(), &bytes[40 * KIB..]);
                writer.write_all(&rest[taken..]).unwrap();
                let reads = spawn(move || reader.readexactly(64 * KIB).unwrap());
                writer.drain().unwrap();
                reads.join().unwrap()
            })
        });
        let joined = timeout(Duration::from_secs(60), || [one.join().unwrap(), other.join().unwrap()]);
        assert!(joined.expect("nobody waits for ever") == [bytes.clone(), bytes]);
    });
}

/// Sends messages of many lengths to and fro.
fn echo<S>(ours: S, theirs: S)
where
    S: 'static,
    for<'r> &'r S: ReadSpare + Write,
{
    let lengths = [1, 16 * KIB, 64 * KIB, 100, 1 << 20, 20 * KIB];
    let answers = try_spawn(move || {
        let (mut reader, mut writer) = streams(theirs);
        for length in lengths {
            let message = reader.readexactly(length).map_err(io::Error::from)?;
            writer.write_all(&message)?;
            writer.drain()?;
        }
        Ok::<_, io::Error>(())
    });
    let stream = Shared::new(ours);
    let (mut reader, mut writer) = (StreamReader::of_stream(stream.clone()), StreamWriter::new(stream));
    for length in lengths {
        let message = message(length);
        writer.write_all(&message).unwrap();
        writer.drain().unwrap();
        assert!(reader.readexactly(length).unwrap() == message);
    }
    answers.join().unwrap();
}

#[test]
fn large_messages_go_to_and_fro_over_all_kinds_of_streams() {
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        echo(tcp, listener.accept().unwrap().0);
        let (ours, theirs) = UnixStream::pair().unwrap();
        echo(ours, theirs);
        let (ours, theirs) = cede::io::duplex(10_000);
        echo(ours, theirs);
    });
}

#[test]
fn a_stream_that_is_owned_or_split_is_read_in_the_same_way() {
    fn check(stream: impl ReadSpare, mut peer: impl Write) {
        let bytes = message(20 * KIB);
        peer.write_all(&bytes).unwrap();
        assert!(StreamReader::of_stream(stream).readexactly(bytes.len()).unwrap() == bytes);
    }
    cede::run(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        check(ours.split().0, &theirs);
        check(&ours, &theirs);
        check(ours.into_split().0, &theirs);
        let (ours, theirs) = UnixStream::pair().unwrap();
        check(ours, theirs);
        let (ours, theirs) = cede::io::duplex(100 * KIB);
        check(ours, theirs);
    });
}

#[test]
fn a_read_into_the_room_of_a_vector_keeps_to_it() {
    run(|| {
        let mut feed = Feed::of(b"hello, world");
        let mut bytes = b"> ".to_vec();
        bytes.reserve_exact(5);
        let room = bytes.capacity() - 2;
        assert_eq!(feed.read_spare(&mut bytes).unwrap(), room.min(12));
        assert_eq!(bytes, [&b"> "[..], &b"hello, world"[..room.min(12)]].concat());
        assert_eq!(feed.read_spare(&mut Vec::new()).unwrap(), 0);
        feed.error(ErrorKind::TimedOut);
        bytes.reserve(100);
        let before = bytes.clone();
        assert_eq!(feed.read_spare(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(bytes, before);
    });
}

/// Reads as it is told to.
struct Foreign<F>(F);

impl<F> Read for Foreign<F> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        unreachable!("there is another way")
    }
}

impl<F: FnMut(&mut Vec<u8>) -> io::Result<usize>> ReadSpare for Foreign<F> {
    fn read_spare(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        (self.0)(bytes)
    }
}

#[test]
fn a_stream_that_does_not_read_what_it_says_is_found_out_and_takes_nothing_else_along() {
    type Lie = fn(&mut Vec<u8>) -> io::Result<usize>;
    let lies: [(Lie, &str); 7] = [
        (|_| Ok(1), "hello"),
        (|_| Ok(usize::MAX), "hello"),
        (|bytes| (bytes.push(b'!'), Ok(0)).1, "hello"),
        (|bytes| (bytes.truncate(3), Ok(usize::MAX - 1)).1, "hel"),
        (|bytes| (bytes.clear(), Ok(0)).1, ""),
        (|bytes| (std::mem::take(bytes), Ok(5)).1, ""),
        (|bytes| (bytes.push(b'!'), Err(ErrorKind::Interrupted.into())).1, "hello"),
    ];
    for (index, (lie, left)) in lies.into_iter().enumerate() {
        let mut turn = 0;
        let mut reader = StreamReader::of_stream(Foreign(|bytes: &mut Vec<u8>| {
            turn += 1;
            match turn {
                1 => (bytes.extend(b"hello"), Ok(5)).1,
                2 => lie(bytes),
                _ => Ok(0),
            }
        }));
        let read = catch_unwind(AssertUnwindSafe(|| reader.readexactly(32 * KIB).map(|bytes| bytes.len())));
        let text = *read.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(text, "cede: a stream has read another number of bytes than it says", "{index}");
        assert_eq!(reader.buffer(), left.as_bytes(), "{index}");
    }
    // An error takes back what it has brought, and a vector in the place of the one that was there is as good.
    let mut turn = 0;
    let mut reader = StreamReader::of_stream(Foreign(|bytes: &mut Vec<u8>| {
        turn += 1;
        match turn {
            1 => (bytes.extend(b"hello"), Ok(5)).1,
            2 => (bytes.push(b'!'), Err(ErrorKind::TimedOut.into())).1,
            _ => {
                *bytes = [&bytes[..], &[7; 40 * KIB]].concat();
                Ok(40 * KIB)
            }
        }
    }));
    assert!(reader.readexactly(32 * KIB).is_err());
    assert_eq!(reader.buffer(), b"hello");
    assert_eq!(reader.readexactly(32 * KIB).unwrap()[..6], *b"hello\x07");
    assert_eq!(reader.buffer(), &[7; 8 * KIB + 5]);
}

#[test]
fn what_is_cleared_for_a_read_is_no_more_than_it_may_bring() {
    struct Counts(usize);
    impl Read for Counts {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            assert!(room.len() <= 64 * KIB);
            Ok(room.len() + self.0)
        }
    }
    impl ReadSpare for Counts {}
    let mut bytes = Vec::with_capacity(1 << 20);
    assert_eq!(Counts(0).read_spare(&mut bytes).unwrap(), 64 * KIB);
    assert_eq!(bytes.len(), 64 * KIB);
    let read = catch_unwind(AssertUnwindSafe(|| Counts(1).read_spare(&mut bytes)));
    assert!(read.is_err() && bytes.len() == 64 * KIB);
}
