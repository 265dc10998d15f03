//! CPython 3.13's tests of connections and servers of streams (`test_streams.py`, `test_server.py`), idea for idea. The name of the
//! case stands above each test. Those of readers are in `cpython_streams.rs`.
//!
//! | left out | why |
//! |---|---|
//! | `test_unclosed_resource_warnings`, `test_loop_is_closed_resource_warnings`, `test_unclosed_server_resource_warnings` | dropping closes, and is no fault |
//! | `test_multiple_drain` | who drains holds the writer: there is one at a time |
//! | `test_start_tls`, `test_open_connection_no_loop_ssl`, `test_open_unix_connection_no_loop_ssl` | TLS is not there |
//! | `start_callback` in `test_start_server` | a handler is a function in a task; there is no other kind |
//! | `test_eof_feed_when_closing_writer`: `at_eof` before a read | only a read finds an end |
//! | `server.sockets` after `close` in `test_start_server_1` | asserted as addresses |
//! | what `test_abort_clients` does to fill all buffers by hand | a handler that writes for ever fills them |
//! | `UnixServerCleanupTests` | the path of a server stays |

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cede::io::StreamReader;
use cede::net::{
    ServerBuilder, TcpListener, TcpReader, TcpWriter, open_connection, open_unix_connection, start_server,
    start_unix_server,
};
use cede::sync::Event;
use cede::{spawn, try_spawn, yield_now};

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
