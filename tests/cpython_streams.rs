//! CPython 3.13's tests of stream readers (`test_streams.py`), idea for idea. The name of the case stands above each test. Those of
//! connections and servers are in `cpython_streams_servers.rs`.
//!
//! | left out | why |
//! |---|---|
//! | `test_feed_empty_data`, `test_feed_nonempty_data` | a reader here asks its stream, and is not fed |
//! | `test_readuntil_bytearray`; a negative count in `test_readexactly_zero_or_less` | types: there is one kind of bytes, and lengths are not negative |
//! | `test_exception_waiter`, `test_exception_cancel` | who reads holds the reader: nobody else can set an error or wait; an error of the stream that comes while one waits is tested |
//! | `test_streamreader_constructor_*`, `test_streamreaderprotocol_constructor_*` | a reader belongs to no loop |
//! | `test___repr__*`, `test_IncompleteReadError_pickleable`, `test_LimitOverrunError_pickleable` | Python's own forms |
//! | `test_read_all_from_pipe_reader` | a pipe is a stream like others; a limit that is less than what comes is in `a_read_is_not_limited` |

use std::io::{self, ErrorKind};

use cede::io::{IncompleteReadError, ReadExactlyError, ReadUntilError, StreamReader};
use cede::{spawn, yield_now};

mod io_double;
use io_double::{Feed, run};

const DATA: &[u8] = b"line1\nline2\nline3\n";

/// A reader whose stream has had these bytes so far.
fn fed(bytes: &[u8]) -> (Feed, StreamReader<Feed>) {
    limited(64 << 10, bytes)
}

fn limited(limit: usize, bytes: &[u8]) -> (Feed, StreamReader<Feed>) {
    let feed = Feed::of(bytes);
    (feed.clone(), StreamReader::with_limit(feed, limit))
}

/// What is left: in the buffer, and in the stream, which ends.
fn rest(feed: &Feed, reader: &mut StreamReader<Feed>) -> Vec<u8> {
    feed.eof();
    reader.read_to_eof().unwrap()
}

fn feed_all(feed: &Feed, chunks: &[&[u8]]) {
    chunks.iter().for_each(|chunk| feed.data(chunk));
}

fn is_too_long(line: io::Result<Vec<u8>>) -> bool {
    line.is_err_and(|error| error.kind() == ErrorKind::InvalidData)
}

// test_read_zero
#[test]
fn reading_nothing_waits_for_nothing() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        assert_eq!(reader.read_up_to(0).unwrap(), b"");
        feed.data(DATA);
        assert_eq!(reader.read_up_to(0).unwrap(), b"");
        assert_eq!(rest(&feed, &mut reader), DATA);
    });
}

// test_read
#[test]
fn a_read_waits_for_the_first_bytes() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        let task = spawn(move || (reader.read_up_to(30).unwrap(), reader.buffer().len()));
        yield_now();
        assert!(!task.is_finished());
        feed.data(DATA);
        assert_eq!(task.join().unwrap(), (DATA.to_vec(), 0));
    });
}

// test_read_line_breaks
#[test]
fn a_read_takes_no_more_than_it_was_told() {
    run(|| {
        let (feed, mut reader) = fed(b"line1");
        feed.data(b"line2");
        assert_eq!(reader.read_up_to(5).unwrap(), b"line1");
        assert_eq!(reader.buffer(), b"line2");
    });
}

// test_read_eof
#[test]
fn a_read_at_the_end_gives_nothing() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        let task = spawn(move || reader.read_up_to(1024).unwrap());
        yield_now();
        feed.eof();
        assert_eq!(task.join().unwrap(), b"");
    });
}

// test_read_until_eof
#[test]
fn a_read_without_a_number_waits_for_the_end() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        let task = spawn(move || reader.read_to_eof().unwrap());
        yield_now();
        feed.data(b"chunk1\n");
        yield_now();
        feed.data(b"chunk2");
        feed.eof();
        assert_eq!(task.join().unwrap(), b"chunk1\nchunk2");
    });
}

// test_read_exception, test_readline_exception, test_readexactly_exception
#[test]
fn an_error_of_the_stream_comes_out_of_every_verb() {
    run(|| {
        let (feed, mut reader) = fed(b"line\n");
        assert_eq!(reader.read_up_to(5).unwrap(), b"line\n");
        let kind = ErrorKind::Unsupported;
        feed.error(kind);
        assert_eq!(reader.read_up_to(2).unwrap_err().kind(), kind);
        feed.error(kind);
        assert_eq!(reader.readline().unwrap_err().kind(), kind);
        feed.error(kind);
        assert!(matches!(reader.readexactly(2), Err(ReadExactlyError::Io(error)) if error.kind() == kind));
        feed.error(kind);
        assert!(matches!(reader.readuntil("\n"), Err(ReadUntilError::Io(error)) if error.kind() == kind));
    });
}

// test_invalid_limit
#[test]
#[should_panic(expected = "limit")]
fn a_limit_of_0_is_refused() {
    StreamReader::with_limit(&b""[..], 0);
}

// test_read_limit, test_readexactly_limit, test_read_all_from_pipe_reader
#[test]
fn a_read_is_not_limited() {
    run(|| {
        let (_, mut reader) = limited(3, b"chunk");
        assert_eq!(reader.read_up_to(5).unwrap(), b"chunk");
        let (_, mut reader) = limited(3, b"chunk");
        assert_eq!(reader.readexactly(5).unwrap(), b"chunk");
        let (feed, mut reader) = limited(1, b"data");
        feed.eof();
        assert_eq!(reader.read_to_eof().unwrap(), b"data");
    });
}

// test_readline
#[test]
fn a_line_comes_in_pieces() {
    run(|| {
        let (feed, mut reader) = fed(b"chunk1 ");
        let task = spawn(move || (reader.readline().unwrap(), reader.buffer().to_vec()));
        for chunk in [&b"chunk2 "[..], b"chunk3 ", b"\n chunk4"] {
            yield_now();
            feed.data(chunk);
        }
        assert_eq!(task.join().unwrap(), (b"chunk1 chunk2 chunk3 \n".to_vec(), b" chunk4".to_vec()));
    });
}

// test_readline_limit_with_existing_data
#[test]
fn a_line_that_is_too_long_goes_up_to_its_end_or_with_all_that_is_there() {
    run(|| {
        let (feed, mut reader) = limited(3, b"li");
        feed.data(b"ne1\nline2\n");
        assert!(is_too_long(reader.readline()));
        assert_eq!(reader.buffer(), b"line2\n");

        let (feed, mut reader) = limited(3, b"li");
        feed.data(b"ne1");
        feed.data(b"li");
        assert!(is_too_long(reader.readline()));
        assert_eq!(reader.buffer(), b"");
    });
}

// test_at_eof
#[test]
fn the_end_is_reached_when_all_was_taken() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        assert!(!reader.at_eof());
        feed.data(b"some data\n");
        assert!(!reader.at_eof());
        reader.readline().unwrap();
        assert!(!reader.at_eof());
        feed.data(b"some data\n");
        feed.eof();
        reader.readline().unwrap();
        assert_eq!(reader.readline().unwrap(), b"");
        assert!(reader.at_eof());
    });
}

// test_readline_limit
#[test]
fn the_limit_is_for_a_line_without_its_newline() {
    run(|| {
        let wait_for_line = |mut reader: StreamReader<Feed>| {
            spawn(move || (is_too_long(reader.readline()), reader.buffer().to_vec()))
        };
        let (feed, reader) = limited(7, b"");
        let task = wait_for_line(reader);
        yield_now();
        feed_all(&feed, &[&b"chunk1"[..], b"chunk2", b"chunk3\n"]);
        feed.eof();
        assert_eq!(task.join().unwrap(), (true, b"".to_vec()));

        let (feed, reader) = limited(7, b"");
        let task = wait_for_line(reader);
        yield_now();
        feed_all(&feed, &[&b"chunk1"[..], b"chunk2\n", b"chunk3\n"]);
        feed.eof();
        assert_eq!(task.join().unwrap(), (true, b"chunk3\n".to_vec()));

        let (feed, mut reader) = limited(7, b"1234567\n");
        assert_eq!(reader.readline().unwrap(), b"1234567\n");
        feed.data(b"12345678\n");
        assert!(is_too_long(reader.readline()));
        assert_eq!(reader.buffer(), b"");
        feed.data(b"12345678");
        assert!(is_too_long(reader.readline()));
        assert_eq!(reader.buffer(), b"");
    });
}

// test_readline_nolimit_nowait, test_readline_read_byte_count
#[test]
fn lines_and_bytes_come_from_one_buffer() {
    run(|| {
        let (feed, mut reader) = fed(&DATA[..6]);
        feed.data(&DATA[6..]);
        assert_eq!(reader.readline().unwrap(), b"line1\n");
        assert_eq!(reader.buffer(), b"line2\nline3\n");
        assert_eq!(reader.read_up_to(7).unwrap(), b"line2\nl");
        assert_eq!(reader.buffer(), b"ine3\n");
    });
}

// test_readline_eof, test_readline_empty_eof
#[test]
fn the_last_line_may_lack_its_newline() {
    run(|| {
        let (feed, mut reader) = fed(b"some data");
        feed.eof();
        assert_eq!(reader.readline().unwrap(), b"some data");
        assert_eq!(reader.readline().unwrap(), b"");
    });
}

// test_readuntil_separator
#[test]
fn no_separator_and_an_empty_one_are_refused() {
    run(|| {
        let (_, mut reader) = fed(b"");
        let refused = |error| matches!(error, Err(ReadUntilError::Io(error)) if error.kind() == ErrorKind::InvalidInput);
        assert!(refused(reader.readuntil("")));
        assert!(refused(reader.readuntil([""])));
        assert!(refused(reader.readuntil([""; 0])));
        assert!(refused(reader.readuntil(["", "x"])));
    });
}

// test_readuntil_multi_chunks
#[test]
fn a_separator_has_several_bytes() {
    run(|| {
        let (feed, mut reader) = fed(b"lineAAA");
        assert_eq!(reader.readuntil(b"AAA").unwrap(), b"lineAAA");
        assert_eq!(reader.buffer(), b"");
        feed.data(b"lineAAAxxx");
        assert_eq!(reader.readuntil(b"AAA").unwrap(), b"lineAAA");
        assert_eq!(reader.buffer(), b"xxx");
    });
}

// test_readuntil_multi_chunks_1
#[test]
fn a_separator_comes_in_pieces() {
    run(|| {
        for (pieces, expected) in [
            (["QWEaa", "XYaa", "a", ""], "QWEaaXYaaa"),
            (["QWEaa", "XYa", "aa", ""], "QWEaaXYaaa"),
            (["aaa", "", "", ""], "aaa"),
            (["Xaaa", "", "", ""], "Xaaa"),
            (["XXX", "a", "a", "a"], "XXXaaa"),
        ] {
            let (feed, mut reader) = fed(b"");
            let task = spawn(move || (reader.readuntil("aaa").unwrap(), reader.buffer().len()));
            for piece in pieces {
                yield_now();
                feed.data(piece.as_bytes());
            }
            assert_eq!(task.join().unwrap(), (expected.as_bytes().to_vec(), 0));
        }
    });
}

// test_readuntil_eof
#[test]
fn an_end_before_the_separator_gives_what_there_was() {
    run(|| {
        let (feed, mut reader) = fed(b"some dataAA");
        feed.eof();
        let Err(ReadUntilError::Incomplete(error)) = reader.readuntil("AAA") else {
            panic!("it is incomplete")
        };
        assert_eq!(error, IncompleteReadError { partial: b"some dataAA".to_vec(), expected: None });
        assert_eq!(reader.buffer(), b"");
    });
}

// test_readuntil_limit_found_sep
#[test]
fn what_is_over_the_limit_stays_in_the_buffer() {
    run(|| {
        let (feed, mut reader) = limited(3, b"some dataAA");
        let Err(ReadUntilError::LimitOverrun(error)) = reader.readuntil("AAA") else { panic!("it is over") };
        assert_eq!((error.consumed, error.found), (9, false));
        assert_eq!(reader.buffer(), b"some dataAA");
        feed.data(b"A");
        // Here the reader has to ask for it.
        assert_eq!(reader.readexactly(12).unwrap(), b"some dataAAA");

        let (_, mut reader) = limited(3, b"some dataAAA");
        let Err(ReadUntilError::LimitOverrun(error)) = reader.readuntil("AAA") else { panic!("it is over") };
        assert_eq!((error.consumed, error.found), (9, true));
        assert_eq!(reader.buffer(), b"some dataAAA");
    });
}

// test_readuntil_multi_separator
#[test]
fn of_several_separators_the_first_end_counts() {
    run(|| {
        let (feed, mut reader) = fed(b"line 1\nline 2\r");
        assert_eq!(reader.readuntil(["\r", "\n"]).unwrap(), b"line 1\n");
        assert_eq!(reader.readuntil(["\r", "\n"]).unwrap(), b"line 2\r");
        assert_eq!(reader.buffer(), b"");
        feed.data(b"ABCDEFG");
        assert_eq!(reader.readuntil(["DEF", "BCDE"]).unwrap(), b"ABCDE");
        assert_eq!(reader.buffer(), b"FG");
    });
}

// test_readuntil_multi_separator_limit
#[test]
fn of_separators_that_end_at_the_same_place_the_shortest_counts_for_the_limit() {
    run(|| {
        let (_, mut reader) = limited(3, b"some dataA");
        let Err(ReadUntilError::LimitOverrun(error)) = reader.readuntil(["A", "ome dataA"]) else {
            panic!("it is over")
        };
        assert_eq!((error.consumed, error.found), (9, true));
        assert_eq!(reader.buffer(), b"some dataA");
    });
}

// test_readuntil_multi_separator_negative_offset
#[test]
fn a_buffer_may_be_longer_than_the_shortest_separator_and_shorter_than_the_longest() {
    run(|| {
        let (feed, mut reader) = fed(b"data");
        let task = spawn(move || (reader.readuntil(["A", "long sep"]).unwrap(), reader.buffer().to_vec()));
        yield_now();
        feed.data(b"Z");
        yield_now();
        feed.data(b"Aaaa");
        assert_eq!(task.join().unwrap(), (b"dataZA".to_vec(), b"aaa".to_vec()));
    });
}

// test_readexactly_zero_or_less
#[test]
fn exactly_nothing_is_there_at_once() {
    run(|| {
        let (_, mut reader) = fed(b"");
        assert_eq!(reader.readexactly(0).unwrap(), b"");
    });
}

// test_readexactly
#[test]
fn an_exact_read_waits_for_all_and_takes_no_more() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        let task = spawn(move || (reader.readexactly(2 * DATA.len()).unwrap(), reader.buffer().to_vec()));
        yield_now();
        (0..3).for_each(|_| feed.data(DATA));
        assert_eq!(task.join().unwrap(), (DATA.repeat(2), DATA.to_vec()));
    });
}

// test_readexactly_eof
#[test]
fn an_exact_read_that_meets_the_end_says_what_there_was() {
    run(|| {
        let (feed, mut reader) = fed(DATA);
        feed.eof();
        let Err(ReadExactlyError::Incomplete(error)) = reader.readexactly(36) else {
            panic!("it is incomplete")
        };
        assert_eq!((&*error.partial, error.expected), (DATA, Some(36)));
        let text = error.to_string();
        assert!(text.contains("18") && text.contains("36"), "{text}");
        assert_eq!(reader.buffer(), b"");
    });
}

// test_exception
#[test]
fn the_error_that_broke_the_connection_is_known() {
    run(|| {
        let (feed, mut reader) = fed(b"");
        assert!(reader.error().is_none());
        feed.error(ErrorKind::ConnectionReset);
        assert!(reader.readline().is_err());
        assert_eq!(reader.error().unwrap().kind(), ErrorKind::ConnectionReset);
    });
}
