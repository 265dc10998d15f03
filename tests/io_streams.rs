//! Readers and writers with a buffer: cancelled at every byte, over streams that give a byte at a time, that end, that break; and
//! code that knows nothing of them.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use cede::io::{
    LimitOverrunError, ReadExactlyError, ReadUntilError, Shared, StreamReader, StreamWriter, streams,
};
use cede::net::TcpStream;
use cede::{spawn, try_scope, try_spawn, yield_now};

mod io_double;
mod net_pair;
use io_double::{Feed, Sink, cancel, run};
use net_pair::{TOO_MUCH, pair, std_pair};

/// Runs something with a reader in a task that is cancelled where it waits. Gives the reader back.
fn cancelled_in<T: 'static>(
    reader: StreamReader<Feed>,
    f: impl FnOnce(&mut StreamReader<Feed>) -> T + 'static,
) -> StreamReader<Feed> {
    let reader = Rc::new(RefCell::new(reader));
    let used = Rc::clone(&reader);
    cancel(&spawn(move || f(&mut used.borrow_mut())));
    Rc::into_inner(reader).unwrap().into_inner()
}

const MESSAGE: &[u8] = b"0123456789abcdef\r\n";

#[test]
fn a_read_that_is_cancelled_at_any_byte_loses_none() {
    run(|| {
        let length = MESSAGE.len();
        for have in 0..length {
            for piece in [1, 3, length] {
                let verbs: [fn(&mut StreamReader<Feed>); 5] = [
                    |reader| drop(reader.readexactly(MESSAGE.len()).unwrap()),
                    |reader| drop(reader.readline().unwrap()),
                    |reader| drop(reader.readuntil(["\r\n", "nothing"]).unwrap()),
                    |reader| drop(reader.read_to_eof().unwrap()),
                    |reader| reader.read_exact(&mut [0; MESSAGE.len()]).unwrap(),
                ];
                for verb in verbs {
                    // `\r` alone is no end of a line for one of the verbs, and none of the verbs is done without `\n`.
                    let feed = Feed::of(&MESSAGE[..have]).in_pieces(piece);
                    let mut reader = cancelled_in(StreamReader::new(feed.clone()), verb);
                    feed.data(&MESSAGE[have..]);
                    assert_eq!(
                        reader.readline().unwrap(),
                        MESSAGE,
                        "{have} bytes were there, in pieces of {piece}"
                    );
                }
            }
        }
    });
}

#[test]
fn an_exact_read_into_a_large_buffer_gives_back_what_it_has_when_it_is_cancelled() {
    run(|| {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        for have in [0, 1, 8 << 10, 50_000, 99_999] {
            let feed = Feed::of(&bytes[..have]);
            let mut reader = StreamReader::new(feed.clone());
            // Some of it is in the buffer already.
            reader.fill_buf_unless(have == 0);
            let size = bytes.len();
            let mut reader =
                cancelled_in(reader, move |reader| reader.read_exact(&mut vec![0; size]).unwrap());
            assert_eq!(reader.buffer().len(), have);
            feed.data(&bytes[have..]);
            let mut target = vec![0; size];
            reader.read_exact(&mut target).unwrap();
            assert!(target == bytes, "with {have} bytes");
        }
    });
}

/// Fills the buffer, unless nothing has come yet.
trait Prefill {
    fn fill_buf_unless(&mut self, empty: bool);
}

impl Prefill for StreamReader<Feed> {
    fn fill_buf_unless(&mut self, empty: bool) {
        if !empty {
            self.fill_buf().unwrap();
        }
    }
}

#[test]
fn an_exact_read_that_meets_the_end_or_an_error_leaves_what_there_was() {
    run(|| {
        let feed = Feed::of(b"abc").in_pieces(1);
        let mut reader = StreamReader::new(feed.clone());
        feed.eof();
        assert_eq!(reader.read_exact(&mut [0; 5]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(reader.buffer(), b"abc");

        let feed = Feed::of(b"abc").in_pieces(2);
        let mut reader = StreamReader::new(feed.clone());
        assert_eq!(reader.readexactly(1).unwrap(), b"a");
        feed.error(ErrorKind::TimedOut);
        assert_eq!(reader.read_exact(&mut [0; 5]).unwrap_err().kind(), ErrorKind::TimedOut);
        // One that was late is not broken.
        feed.data(b"def");
        assert_eq!(reader.readexactly(5).unwrap(), b"bcdef");
    });
}

#[test]
fn an_exact_read_keeps_no_room_for_what_a_peer_only_claims() {
    run(|| {
        let feed = Feed::of(b"short");
        feed.eof();
        let error = StreamReader::new(feed).readexactly(usize::MAX).unwrap_err();
        assert!(matches!(error, ReadExactlyError::Incomplete(error) if error.partial == b"short"));
    });
}

#[test]
fn a_broken_connection_stays_broken() {
    run(|| {
        let feed = Feed::of(b"half");
        let mut reader = StreamReader::new(feed.clone());
        assert_eq!(reader.read_up_to(2).unwrap(), b"ha");
        feed.error(io::Error::from_raw_os_error(libc::ECONNRESET));
        feed.eof();
        // What had come before is still given.
        assert_eq!(reader.read_up_to(2).unwrap(), b"lf");
        for _ in 0..3 {
            let error = reader.readline().unwrap_err();
            assert_eq!(
                (error.kind(), error.raw_os_error()),
                (ErrorKind::ConnectionReset, Some(libc::ECONNRESET))
            );
        }
        assert!(!reader.at_eof() && (&mut reader).into_iter().flatten().next().is_none());
    });
}

#[test]
fn a_line_over_the_limit_costs_no_more_memory_than_the_limit() {
    run(|| {
        let line = [b'x'; 1000].repeat(1000);
        let feed = Feed::of(&line);
        feed.data(b"\nnext\n");
        feed.eof();
        let mut reader = StreamReader::with_limit(feed, 1000);
        let Err(ReadUntilError::LimitOverrun(error)) = reader.readuntil("\n") else {
            panic!("it is too long")
        };
        assert_eq!((error.consumed, error.found, error.limit), (reader.buffer().len(), false, 1000));
        assert!(reader.buffer().len() <= 8 << 10);
        // A reader that goes on finds the next line at last.
        let mut errors = 0;
        let lines: Vec<_> =
            (&mut reader).into_iter().filter_map(|line| line.map_err(|_| errors += 1).ok()).collect();
        assert_eq!(lines.last().unwrap(), b"next\n");
        // Where the stream fills its room it gets more, up to 64 KiB.
        assert!(errors >= 15, "{errors}");
    });
}

#[test]
fn an_error_of_a_line_says_what_it_is() {
    let error = StreamReader::with_limit(&b"abcdef\n"[..], 3).readline().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let inner = error.get_ref().unwrap().downcast_ref::<LimitOverrunError>().unwrap();
    assert_eq!((inner.consumed, inner.found), (6, true));
}

#[test]
fn a_reader_reads_no_more_often_than_it_must() {
    run(|| {
        let feed = Feed::of(&b"line\n".repeat(100));
        feed.eof();
        let mut reader = StreamReader::new(feed.clone());
        assert_eq!((&mut reader).into_iter().count(), 100);
        assert_eq!(feed.reads(), 2, "one for the data, one for the end");
        assert_eq!(reader.readline().unwrap(), b"");
        assert_eq!(feed.reads(), 2, "an end is an end");
    });
}

#[test]
fn lines_and_pieces_come_one_by_one() {
    run(|| {
        let feed = Feed::of(b"one\ntwo\nthree").in_pieces(1);
        feed.eof();
        let mut reader = StreamReader::new(feed);
        let mut lines = Vec::new();
        for line in &mut reader {
            lines.push(line.unwrap());
        }
        assert_eq!(lines, [&b"one\n"[..], b"two\n", b"three"]);
        let feed = Feed::of(b"12345");
        feed.eof();
        let pieces: Vec<_> = StreamReader::new(feed).chunks(2).map(Result::unwrap).collect();
        assert_eq!(pieces, [&b"12"[..], b"34", b"5"]);
    });
}

#[test]
fn writes_are_gathered_and_sent_above_the_mark() {
    run(|| {
        let sink = Sink::with_room(usize::MAX);
        let mut writer = StreamWriter::new(sink.clone());
        writer.set_write_buffer_limits(10, 4);
        writer.write_all(b"0123456789").unwrap();
        assert_eq!((writer.write_buffer_size(), sink.writes()), (10, 0));
        writer.write_all(b"a").unwrap();
        // The sink takes one buffer at a time, and what is left is less than the low mark.
        assert_eq!((writer.write_buffer_size(), sink.taken()), (1, b"0123456789".to_vec()));
        writer.writelines(["b", "c"]).unwrap();
        assert_eq!(writer.write_buffer_size(), 3);
        writer.drain().unwrap();
        assert_eq!(sink.taken(), b"0123456789abc");
        writer.write_nowait(&[b'x'; 100]).unwrap();
        assert_eq!(writer.write_buffer_size(), 100, "it never sends");
    });
}

#[test]
fn a_write_waits_until_less_than_the_low_mark_is_held() {
    run(|| {
        let sink = Sink::with_room(0);
        let mut writer = StreamWriter::new(sink.clone());
        writer.set_write_buffer_limits(10, 4);
        let task = spawn(move || {
            writer.write_all(b"0123456789abcdef").unwrap();
            writer
        });
        for allowed in 1..12 {
            yield_now();
            assert!(!task.is_finished(), "{allowed}");
            sink.allow(1);
        }
        yield_now();
        assert!(!task.is_finished(), "five are left");
        sink.allow(1);
        let writer = task.join().unwrap();
        assert_eq!(writer.write_buffer_size(), 4);
        sink.allow(4);
        drop(writer);
        assert_eq!(sink.taken(), b"0123456789abcdef", "a drop sends what is held");
    });
}

#[test]
fn a_write_that_is_cancelled_at_any_byte_neither_loses_nor_repeats_any() {
    run(|| {
        for room in 0..MESSAGE.len() {
            for marks in [(0, 0), (4, 2)] {
                let sink = Sink::with_room(room);
                let writer = Rc::new(RefCell::new(StreamWriter::new(sink.clone())));
                writer.borrow_mut().set_write_buffer_limits(marks.0, marks.1);
                let used = Rc::clone(&writer);
                let writing = spawn(move || {
                    let mut writer = used.borrow_mut();
                    writer.write_all(MESSAGE).unwrap();
                    writer.drain().unwrap();
                });
                cancel(&writing);
                assert_eq!(sink.taken(), &MESSAGE[..room]);
                sink.allow(usize::MAX);
                let mut writer = writer.borrow_mut();
                writer.write_all(b"next").unwrap();
                writer.drain().unwrap();
                assert_eq!(sink.taken(), [MESSAGE, b"next"].concat(), "room for {room}, marks {marks:?}");
            }
        }
    });
}

#[test]
fn a_single_write_that_fails_or_is_cancelled_has_taken_nothing() {
    run(|| {
        let sink = Sink::with_room(3);
        let writer = Rc::new(RefCell::new(StreamWriter::new(sink.clone())));
        writer.borrow_mut().set_write_buffer_limits(4, 0);
        writer.borrow_mut().write_nowait(b"held").unwrap();
        let used = Rc::clone(&writer);
        cancel(&spawn(move || used.borrow_mut().write(b"more").unwrap()));
        let mut writer = writer.borrow_mut();
        assert_eq!(writer.write_buffer_size(), 1);
        sink.error(ErrorKind::TimedOut);
        assert_eq!(writer.write(b"more").unwrap_err().kind(), ErrorKind::TimedOut);
        sink.allow(100);
        assert_eq!(writer.write(b"more").unwrap(), 4);
        // What is longer than the mark goes straight through.
        assert_eq!(writer.write(b"longer").unwrap(), 6);
        writer.drain().unwrap();
        assert_eq!(sink.taken(), b"heldmorelonger");
    });
}

#[test]
fn an_error_of_sending_leaves_what_was_not_sent() {
    run(|| {
        let sink = Sink::with_room(3);
        let mut writer = StreamWriter::new(sink.clone());
        writer.write_all(b"abcdef").unwrap();
        sink.error(ErrorKind::TimedOut);
        assert!(writer.drain().is_err());
        sink.allow(100);
        sink.error(ErrorKind::ConnectionReset);
        assert!(writer.drain().is_err());
        writer.drain().unwrap();
        assert_eq!(sink.taken(), b"abcdef");
        let (_, held) = writer.into_parts();
        assert_eq!(held, b"");
    });
}

#[test]
fn an_end_is_written_after_all_that_is_held_and_once() {
    run(|| {
        let sink = Sink::with_room(1);
        let writer = Rc::new(RefCell::new(StreamWriter::new(sink.clone())));
        writer.borrow_mut().write_all(b"abc").unwrap();
        let used = Rc::clone(&writer);
        cancel(&spawn(move || used.borrow_mut().write_eof().unwrap()));
        let mut writer = writer.borrow_mut();
        assert_eq!((sink.taken(), sink.shut()), (b"a".to_vec(), vec![]));
        assert_eq!(writer.write_all(b"d").unwrap_err().kind(), ErrorKind::NotConnected);
        sink.allow(10);
        writer.write_eof().unwrap();
        writer.write_eof().unwrap();
        assert_eq!((sink.taken(), sink.shut()), (b"abc".to_vec(), vec![Shutdown::Write]));
        writer.close().unwrap();
        assert_eq!(sink.shut(), [Shutdown::Write, Shutdown::Both]);
    });
}

#[test]
fn a_close_that_is_cancelled_goes_on_when_it_is_waited_for() {
    run(|| {
        let sink = Sink::with_room(1);
        let writer = Rc::new(RefCell::new(StreamWriter::new(sink.clone())));
        writer.borrow_mut().write_all(b"abc").unwrap();
        let used = Rc::clone(&writer);
        cancel(&spawn(move || used.borrow_mut().close().unwrap()));
        let mut writer = writer.borrow_mut();
        assert!(writer.is_closing() && sink.shut().is_empty());
        assert!(writer.write_nowait(b"d").is_err() && writer.drain().is_err());
        sink.allow(10);
        writer.wait_closed().unwrap();
        assert_eq!((sink.taken(), sink.shut()), (b"abc".to_vec(), vec![Shutdown::Both]));
        // An error of the last bytes is told, and it is closed all the same.
        let mut writer = StreamWriter::new(sink.clone());
        writer.write_all(b"x").unwrap();
        sink.error(ErrorKind::BrokenPipe);
        assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!((writer.write_buffer_size(), writer.wait_closed().is_ok()), (0, true));
    });
}

#[test]
fn a_writer_that_goes_with_a_cancelled_task_sends_nothing() {
    run(|| {
        let sink = Sink::with_room(100);
        let mut writer = StreamWriter::new(sink.clone());
        cancel(&spawn(move || {
            writer.write_all(b"abc").unwrap();
            cede::sleep(Duration::from_secs(1));
        }));
        assert_eq!(sink.taken(), b"");
    });
}

#[test]
fn a_reader_and_a_writer_share_one_socket_and_close_it_together() {
    cede::run(|| -> io::Result<()> {
        let (ours, theirs) = pair();
        let (mut reader, mut writer) = streams(ours);
        assert_eq!(writer.get_ref().peer_addr()?, theirs.local_addr()?);
        (&theirs).write_all(b"to you\n")?;
        assert_eq!(reader.readline()?, b"to you\n");
        writer.write_all(b"to me\n")?;
        writer.write_eof()?;
        assert_eq!(io::read_to_string(&theirs)?, "to me\n");
        // The other direction goes on.
        (&theirs).write_all(b"again\n")?;
        assert_eq!(reader.readline()?, b"again\n");
        drop(writer);
        theirs.shutdown(Shutdown::Write)?;
        assert_eq!(reader.readline()?, b"");
        let (stream, buffered) = reader.into_parts();
        assert!(stream.into_inner().is_ok() && buffered.is_empty());
        Ok(())
    })
    .unwrap();
}

#[test]
fn halves_of_a_stream_have_buffers_and_ends_of_their_own() {
    cede::run(|| -> io::Result<()> {
        let (ours, theirs) = pair();
        let (reader, writer) = ours.into_split();
        let (mut reader, mut writer) = (StreamReader::new(reader), StreamWriter::new(writer));
        let (from, to) = theirs.split();
        let (mut from, mut to) = (StreamReader::new(from), StreamWriter::new(to));
        writer.write_all(b"one\n")?;
        writer.close()?;
        assert_eq!((from.readline()?, from.readline()?), (b"one\n".to_vec(), vec![]));
        // That was the half that writes; the other one reads on.
        to.write_all(b"two\n")?;
        to.write_eof()?;
        assert_eq!(reader.read_to_eof()?, b"two\n");
        Ok(())
    })
    .unwrap();
}

#[test]
fn streams_in_memory_have_buffers_too_and_wait_for_each_other() {
    run(|| -> io::Result<()> {
        let (ours, theirs) = cede::io::duplex(3);
        let answering = try_spawn(move || -> io::Result<()> {
            let (mut reader, mut writer) = streams(theirs);
            while let Ok(text) = reader.readuntil(["; ", "\r\n"]) {
                writer.write_all(&text.to_ascii_uppercase())?;
                writer.drain()?;
            }
            writer.close()
        });
        let (mut reader, mut writer) = streams(ours);
        let writing = try_spawn(move || {
            writer.write_all(b"one; two; a longer one than there is room for\r\nand no end")?;
            writer.write_eof()
        });
        assert_eq!(reader.read_to_eof()?, b"ONE; TWO; A LONGER ONE THAN THERE IS ROOM FOR\r\n");
        writing.join()?;
        answering.join()?;
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_reset_is_an_error_and_no_end() {
    cede::run(|| {
        let (ours, theirs) = std_pair();
        let mut reader = StreamReader::new(Shared::new(TcpStream::try_from(ours).unwrap()));
        (&theirs).write_all(b"half a li").unwrap();
        assert_eq!(reader.read_up_to(4).unwrap(), b"half");
        // A socket that is closed with bytes unread resets the connection.
        (&**reader.get_ref()).write_all(b"unread").unwrap();
        theirs.peek(&mut [0]).unwrap();
        drop(theirs);
        let error = reader.readline().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.readline().unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn more_than_the_system_takes_is_sent_while_the_peer_reads() {
    cede::run(|| -> io::Result<()> {
        let (ours, theirs) = pair();
        let bytes = vec![7; TOO_MUCH];
        try_scope(|tasks| {
            let reading = tasks.try_spawn(|| -> io::Result<usize> {
                let mut reader = StreamReader::new(&theirs);
                Ok(reader.readexactly(TOO_MUCH)?.len() + reader.read_to_eof()?.len())
            });
            let mut writer = StreamWriter::new(&ours);
            for piece in bytes.chunks(10_001) {
                writer.write_all(piece)?;
                assert!(writer.write_buffer_size() <= 64 << 10);
            }
            writer.write_eof()?;
            assert_eq!(reading.join()?, TOO_MUCH);
            Ok::<_, Box<dyn std::error::Error>>(())
        })
        .map_err(|error| io::Error::other(error.to_string()))
    })
    .unwrap();
}

#[test]
fn readers_and_writers_of_std_work_over_a_stream() {
    cede::run(|| -> io::Result<()> {
        let (ours, theirs) = pair();
        let answering = try_spawn(move || -> io::Result<()> {
            let mut writer = BufWriter::new(&theirs);
            for line in BufReader::new(&theirs).lines() {
                writeln!(writer, "{}", line?.to_uppercase())?;
            }
            writer.flush()?;
            theirs.shutdown(Shutdown::Write)
        });
        let mut writer = io::LineWriter::new(&ours);
        writer.write_all(b"one\ntwo\n")?;
        ours.shutdown(Shutdown::Write)?;
        // And over a reader with a buffer of its own.
        let mut reader = StreamReader::new(&ours);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        assert_eq!(first, "ONE\n");
        assert_eq!(reader.lines().collect::<Result<Vec<_>, _>>()?, ["TWO"]);
        answering.join()?;
        Ok(())
    })
    .unwrap();
}

#[test]
fn csv_reads_and_writes_streams_and_has_never_heard_of_cede() {
    cede::run(|| -> Result<(), Box<dyn std::error::Error>> {
        let (ours, theirs) = pair();
        let adding = try_spawn(move || -> Result<(), Box<dyn std::error::Error>> {
            let (reader, writer) = streams(theirs);
            let mut reader = csv::Reader::from_reader(reader);
            let mut writer = csv::Writer::from_writer(writer);
            for record in reader.records() {
                let record = record?;
                let sum = record[1].parse::<i64>()? + record[2].parse::<i64>()?;
                writer.write_record([&record[0], &sum.to_string()])?;
            }
            writer.into_inner()?.write_eof()?;
            Ok(())
        });
        let mut writer = csv::Writer::from_writer(&ours);
        writer.write_record(["name", "a", "b"])?;
        for n in 0..1000 {
            writer.write_record([format!("no. {n}, \"quoted\""), n.to_string(), "1".into()])?;
        }
        writer.flush()?;
        ours.shutdown(Shutdown::Write)?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&ours);
        let sums: Result<Vec<(String, u32)>, _> = reader
            .records()
            .map(|record| record.map(|record| (record[0].into(), record[1].parse().unwrap())))
            .collect();
        let sums = sums?;
        assert_eq!((sums.len(), &sums[999]), (1000, &("no. 999, \"quoted\"".into(), 1000)));
        adding.join()?;
        Ok(())
    })
    .unwrap();
}

#[test]
fn flate2_packs_and_unpacks_streams_and_has_never_heard_of_cede() {
    cede::run(|| -> io::Result<()> {
        let (ours, theirs) = pair();
        let text = "to cede is to let others go first, and to cede is to go on later. ".repeat(5000);
        let expected = text.clone();
        let packing = try_spawn(move || -> io::Result<()> {
            let mut encoder =
                flate2::write::GzEncoder::new(StreamWriter::new(&theirs), flate2::Compression::fast());
            encoder.write_all(text.as_bytes())?;
            encoder.finish()?.write_eof()
        });
        // A reader that has a buffer can go on where the packed part ends.
        let mut decoder = flate2::bufread::GzDecoder::new(StreamReader::new(&ours));
        assert!(io::read_to_string(&mut decoder)? == expected);
        assert_eq!(decoder.into_inner().readline()?, b"");
        packing.join()?;
        Ok(())
    })
    .unwrap();
}
