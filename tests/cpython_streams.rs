//! CPython 3.13's tests of streams and their servers (`test_streams.py`, `test_server.py`), idea for idea. The name of the case
//! stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `test_feed_empty_data`, `test_feed_nonempty_data` | a reader here asks its stream, and is not fed |
//! | `test_readuntil_bytearray`; a negative count in `test_readexactly_zero_or_less` | types: there is one kind of bytes, and lengths are not negative |
//! | `test_exception_waiter`, `test_exception_cancel` | who reads holds the reader: nobody else can set an error or wait; an error of the stream that comes while one waits is tested |
//! | `test_streamreader_constructor_*`, `test_streamreaderprotocol_constructor_*` | a reader belongs to no loop |
//! | `test___repr__*`, `test_IncompleteReadError_pickleable`, `test_LimitOverrunError_pickleable` | Python's own forms |
//! | `test_unclosed_resource_warnings`, `test_loop_is_closed_resource_warnings`, `test_unclosed_server_resource_warnings` | dropping closes, and is no fault |
//! | `test_multiple_drain` | who drains holds the writer: there is one at a time |
//! | `test_start_tls`, `test_open_connection_no_loop_ssl`, `test_open_unix_connection_no_loop_ssl` | TLS is not there |
//! | `test_read_all_from_pipe_reader` | a pipe is a stream like others; a limit that is less than what comes is in `a_read_is_not_limited` |
//! | `start_callback` in `test_start_server` | a handler is a function in a task; there is no other kind |
//! | `test_eof_feed_when_closing_writer`: `at_eof` before a read | only a read finds an end |
//! | `server.sockets` after `close` in `test_start_server_1` | asserted as addresses |

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cede::io::{IncompleteReadError, ReadExactlyError, ReadUntilError, StreamReader};
use cede::net::{
    ServerBuilder, TcpListener, TcpReader, TcpWriter, open_connection, open_unix_connection, start_server,
    start_unix_server,
};
use cede::sync::Event;
use cede::{spawn, try_spawn, yield_now};

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

fn answer_a_line(mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
    let line = reader.readline()?;
    writer.write_nowait(&line)?;
    writer.drain()?;
    writer.close()?;
    writer.wait_closed()
}

/// A handler that waits for the end of its connection.
fn wait_for_the_end(mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
    reader.read_to_eof()?;
    writer.close()?;
    writer.wait_closed()
}

// test_start_server, test_open_connection
#[test]
fn a_client_talks_to_a_server() {
    cede::run(|| -> io::Result<()> {
        let server = ServerBuilder::new().serve([TcpListener::bind("127.0.0.1:0")?], answer_a_line);
        let (mut reader, mut writer) = open_connection(server.local_addr()?)?;
        writer.write_nowait(b"hello world!\n")?;
        writer.drain()?;
        assert_eq!(reader.readline()?, b"hello world!\n");
        writer.close()?;
        writer.wait_closed()?;
        server.close();
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}

// test_open_connection_error
#[test]
fn a_connection_that_is_refused_is_an_error() {
    let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = cede::run(|| open_connection(address)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

// test_start_unix_server, test_open_unix_connection, test_open_unix_connection_error, UnixServerStartServingTests
#[test]
fn a_client_talks_to_a_server_on_a_path() {
    let path = std::env::temp_dir().join(format!("cede-streams-{}.sock", std::process::id()));
    cede::run(|| -> io::Result<()> {
        assert_eq!(open_unix_connection(&path).unwrap_err().kind(), ErrorKind::NotFound);
        // What another left there is taken away.
        for _ in 0..2 {
            let server = start_unix_server(&path, |mut reader, mut writer| {
                writer.write_nowait(&reader.readline()?)?;
                writer.close()
            })?;
            let (mut reader, mut writer) = open_unix_connection(&path)?;
            writer.write_nowait(b"hello world!\n")?;
            writer.drain()?;
            assert_eq!(reader.readline()?, b"hello world!\n");
            assert_eq!(server.local_addr()?.as_pathname(), Some(&*path));
            writer.close()?;
            server.close();
            server.wait_closed();
        }
        std::fs::remove_file(&path)?;
        // But nothing else.
        std::fs::write(&path, "")?;
        let refused = start_unix_server(&path, |_, _| Ok::<_, io::Error>(()));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::AddrInUse);
        std::fs::remove_file(&path)
    })
    .unwrap();
}

// test_drain_raises
#[test]
fn a_loop_of_writes_and_drains_ends_when_the_peer_has_gone() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || drop(listener.accept().unwrap()));
    let error = cede::run(|| -> io::Result<()> {
        let (_reader, mut writer) = open_connection(address)?;
        loop {
            writer.write_nowait(b"foo\n")?;
            writer.drain()?;
        }
    })
    .unwrap_err();
    let broken = [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::BrokenPipe];
    assert!(broken.contains(&error.kind()), "{error:?}");
    server.join().unwrap();
}

/// A server of std on a thread that answers one request.
fn with_an_http_server(client: impl FnOnce(TcpReader, TcpWriter) -> io::Result<()>) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = StreamReader::new(stream.try_clone().unwrap());
        if request.readuntil("\r\n\r\n").is_ok() {
            stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nTest message").unwrap();
        }
    });
    cede::run(|| {
        let (reader, mut writer) = open_connection(address)?;
        writer.write_nowait(b"GET / HTTP/1.0\r\n\r\n")?;
        writer.drain()?;
        client(reader, writer)
    })
    .unwrap();
    server.join().unwrap();
}

// test_wait_closed_on_close, test_async_writer_api
#[test]
fn a_writer_is_closed_after_all_was_read() {
    with_an_http_server(|mut reader, mut writer| {
        assert_eq!(reader.readline()?, b"HTTP/1.0 200 OK\r\n");
        assert!(reader.read_to_eof()?.ends_with(b"\r\n\r\nTest message"));
        assert!(!writer.is_closing());
        writer.close()?;
        assert!(writer.is_closing());
        writer.wait_closed()
    });
}

// test_wait_closed_on_close_with_unread_data
#[test]
fn a_writer_is_closed_before_all_was_read() {
    with_an_http_server(|mut reader, mut writer| {
        assert_eq!(reader.readline()?, b"HTTP/1.0 200 OK\r\n");
        writer.close()?;
        writer.wait_closed()
    });
}

// test_async_writer_api_exception_after_close
#[test]
fn a_write_after_the_close_is_an_error() {
    with_an_http_server(|mut reader, mut writer| {
        reader.read_to_eof()?;
        writer.close()?;
        assert_eq!(writer.write_nowait(b"data").unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(writer.drain().unwrap_err().kind(), ErrorKind::NotConnected);
        Ok(())
    });
}

// test_eof_feed_when_closing_writer
#[test]
fn the_reader_of_a_writer_that_was_closed_is_at_its_end() {
    with_an_http_server(|mut reader, mut writer| {
        writer.close()?;
        writer.wait_closed()?;
        // What had come before may still be there.
        reader.read_to_eof()?;
        assert!(reader.at_eof());
        Ok(())
    });
}

/// What the task hook is told while a client says something to a server with this handler.
fn reported(handler: impl Fn(TcpReader, TcpWriter) -> io::Result<()> + 'static) -> Vec<String> {
    /// There is one hook for all threads.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    cede::set_task_hook(move |report| {
        if report.name().contains("client ") {
            told.lock().unwrap().push(report.message().to_string());
        }
    });
    cede::run(|| -> io::Result<()> {
        let begun = Rc::new(Event::new());
        let begin = Rc::clone(&begun);
        let server = start_server("localhost:0", move |reader, writer| {
            begin.set();
            handler(reader, writer)
        })?;
        let (_, mut writer) = open_connection(server.local_addr()?)?;
        writer.write_nowait(b"test msg")?;
        writer.close()?;
        begun.wait();
        server.close();
        server.wait_closed();
        Ok(())
    })
    .unwrap();
    drop(cede::take_task_hook());
    let reports = reports.lock().unwrap();
    reports.clone()
}

// test_unhandled_exception
#[test]
fn an_error_of_a_handler_goes_to_the_hook() {
    let reports = reported(|_, _| Err(io::Error::other("test")));
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("test"), "{reports:?}");
}

// test_unhandled_cancel
#[test]
fn a_handler_that_is_cancelled_is_not_reported() {
    let reports = reported(|_, _| cede::Cancelled::raise());
    assert_eq!(reports, [""; 0]);
}

// test_start_server_1 of BaseStartServer
#[test]
fn a_server_serves_from_the_moment_it_is_told_to() {
    cede::run(|| -> io::Result<()> {
        let served = Rc::new(RefCell::new(Vec::new()));
        let serve = Rc::clone(&served);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = ServerBuilder::new().start_serving(false).serve([listener], move |mut reader, _| {
            serve.borrow_mut().push(reader.readline()?);
            Ok::<_, io::Error>(())
        });
        assert!(!server.is_serving());
        let server = Rc::new(server);
        let serving = Rc::clone(&server);
        let main = spawn(move || serving.serve_forever().unwrap());
        yield_now();
        assert!(server.is_serving());
        let again = server.serve_forever().unwrap_err();
        assert_eq!(again.kind(), ErrorKind::ResourceBusy);
        let (_, mut writer) = open_connection(server.local_addr()?)?;
        writer.write_nowait(b"HELLO\n")?;
        writer.close()?;
        while served.borrow().is_empty() {
            cede::sleep(Duration::from_millis(1));
        }
        main.cancel();
        assert!(main.join().unwrap_err().is_cancelled());
        assert!(!server.is_serving() && server.local_addrs().is_empty());
        assert!(server.start_serving().is_err() && server.serve_forever().is_err());
        assert_eq!(*served.borrow(), [b"HELLO\n"]);
        Ok(())
    })
    .unwrap();
}

// test_wait_closed_basic
#[test]
fn waiting_for_a_server_is_waiting_for_its_close_and_its_connections() {
    cede::run(|| -> io::Result<()> {
        let server = Rc::new(start_server("127.0.0.1:0", wait_for_the_end)?);
        let wait = || {
            let server = Rc::clone(&server);
            let task = spawn(move || server.wait_closed());
            yield_now();
            assert!(!task.is_finished());
            task
        };
        let first = wait();
        let (_, mut writer) = open_connection(server.local_addr()?)?;
        while server.clients() == 0 {
            yield_now();
        }
        let second = wait();
        server.close();
        let third = wait();
        assert!(!first.is_finished() && !second.is_finished());
        writer.close()?;
        for task in [first, second, third] {
            task.join()?;
        }
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}

// test_wait_closed_race
#[test]
fn a_server_and_its_last_connection_may_close_at_once() {
    cede::run(|| -> io::Result<()> {
        let server = Rc::new(start_server("127.0.0.1:0", wait_for_the_end)?);
        let (_, mut writer) = open_connection(server.local_addr()?)?;
        let closing = Rc::clone(&server);
        cede::call_soon(move || closing.close());
        try_spawn(move || writer.close());
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}

// test_close_clients
#[test]
fn closing_the_clients_ends_what_their_handlers_read() {
    cede::run(|| -> io::Result<()> {
        let server = start_server("127.0.0.1:0", wait_for_the_end)?;
        let (mut reader, _writer) = open_connection(server.local_addr()?)?;
        while server.clients() == 0 {
            yield_now();
        }
        server.close();
        server.close_clients();
        server.wait_closed();
        assert_eq!(reader.read_to_eof()?, b"");
        Ok(())
    })
    .unwrap();
}

// test_abort_clients
#[test]
fn aborting_the_clients_ends_handlers_that_write_to_nobody() {
    cede::run(|| -> io::Result<()> {
        let server = start_server("127.0.0.1:0", |_, mut writer| -> io::Result<()> {
            loop {
                writer.write_all(&[b'a'; 4096])?;
            }
        })?;
        let (_reader, _writer) = open_connection(server.local_addr()?)?;
        while server.clients() == 0 {
            yield_now();
        }
        cede::sleep(Duration::from_millis(20));
        server.close();
        assert_eq!(server.clients(), 1, "its peer reads nothing");
        server.abort_clients();
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}
