//! Servers of streams: handlers that fail, ends in good order, and no descriptors left.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cede::net::{ServerBuilder, TcpListener, TcpReader, TcpStream, TcpWriter, open_connection, start_server};
use cede::sync::Event;
use cede::{sleep, spawn, timeout, try_spawn, yield_now};
use rustix::process::{Resource, Rlimit, setrlimit};

mod net_pair;
use net_pair::in_child;

const MS: Duration = Duration::from_millis(1);

fn echo(mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
    for line in &mut reader {
        writer.write_all(&line?)?;
        writer.drain()?;
    }
    writer.close()
}

fn ask(server: SocketAddr, question: &str) -> io::Result<String> {
    let (mut reader, mut writer) = open_connection(server)?;
    writer.write_all(question.as_bytes())?;
    writer.write_eof()?;
    Ok(String::from_utf8_lossy(&reader.read_to_eof()?).into_owned())
}

#[test]
fn connections_are_served_beside_each_other() {
    cede::run(|| -> Result<(), Box<dyn Error>> {
        let server = start_server("127.0.0.1:0", echo)?;
        let address = server.local_addr()?;
        let clients: Vec<_> = (0..50).map(|n| try_spawn(move || ask(address, &format!("{n}\n")))).collect();
        for (n, client) in clients.into_iter().enumerate() {
            assert_eq!(client.join()?, format!("{n}\n"));
        }
        server.close();
        server.wait_closed();
        assert_eq!(server.clients(), 0);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_handler_that_fails_or_panics_ends_its_connection_and_not_the_server() {
    if !in_child("a_handler_that_fails_or_panics_ends_its_connection_and_not_the_server") {
        return;
    }
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    cede::set_task_hook(move |report| told.lock().unwrap().push(report.to_string()));
    cede::run(|| -> io::Result<()> {
        let server = start_server("127.0.0.1:0", |mut reader, mut writer| {
            match &*reader.readline()? {
                b"fail\n" => return Err(io::Error::other("as it was told")),
                b"panic\n" => panic!("as it was told"),
                line => writer.write_all(line)?,
            }
            writer.close()
        })?;
        let address = server.local_addr()?;
        assert_eq!(ask(address, "fail\n")?, "");
        assert_eq!(ask(address, "panic\n")?, "");
        assert_eq!(ask(address, "live\n")?, "live\n");
        Ok(())
    })
    .unwrap();
    drop(cede::take_task_hook());
    let reports = reports.lock().unwrap();
    let told = |what: &str| {
        reports.iter().any(|report| report.contains("client 127.0.0.1:") && report.contains(what))
    };
    assert!(told("failed and nobody asked: as it was told"), "{reports:?}");
    assert!(told("panicked and nobody asked: as it was told"), "{reports:?}");
}

#[test]
fn a_server_that_is_closed_refuses_and_lets_its_connections_end() {
    cede::run(|| -> Result<(), Box<dyn Error>> {
        let server = start_server("127.0.0.1:0", echo)?;
        let address = server.local_addr()?;
        let (mut reader, mut writer) = open_connection(address)?;
        writer.write_all(b"one\n")?;
        writer.drain()?;
        assert_eq!(reader.readline()?, b"one\n");
        server.close();
        assert!(!server.is_serving() && server.local_addr().is_err());
        yield_now();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        // The one that is there goes on.
        assert!(timeout(5 * MS, || server.wait_closed()).is_err());
        writer.write_all(b"two\n")?;
        writer.drain()?;
        assert_eq!(reader.readline()?, b"two\n");
        writer.close()?;
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}

#[test]
fn dropping_a_server_closes_it() {
    cede::run(|| {
        let server = start_server("127.0.0.1:0", echo).unwrap();
        let address = server.local_addr().unwrap();
        drop(server);
        yield_now();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        // One that never served, too.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = ServerBuilder::new().start_serving(false).serve([listener], echo);
        server.close();
        server.wait_closed();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn serving_for_ever_ends_with_the_last_connection_after_a_close() {
    cede::run(|| -> Result<(), Box<dyn Error>> {
        let server = Rc::new(start_server("127.0.0.1:0", echo)?);
        let serving = Rc::clone(&server);
        let forever = try_spawn(move || serving.serve_forever());
        let (_reader, mut writer) = open_connection(server.local_addr()?)?;
        while server.clients() == 0 {
            yield_now();
        }
        server.close();
        sleep(5 * MS);
        assert!(!forever.is_finished());
        writer.close()?;
        forever.join()?;
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_task_that_serves_for_ever_and_is_cancelled_waits_for_the_connections() {
    cede::run(|| -> io::Result<()> {
        let server = Rc::new(start_server("127.0.0.1:0", echo)?);
        let serving = Rc::clone(&server);
        let forever = try_spawn(move || serving.serve_forever());
        let (_reader, mut writer) = open_connection(server.local_addr()?)?;
        while server.clients() == 0 {
            yield_now();
        }
        forever.cancel();
        sleep(5 * MS);
        assert!(!forever.is_finished() && !server.is_serving());
        writer.close()?;
        assert!(forever.join().unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

#[test]
fn cancelling_the_clients_unwinds_their_handlers_wherever_they_wait() {
    cede::run(|| -> io::Result<()> {
        struct Unwound(Rc<Cell<u32>>);
        impl Drop for Unwound {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let unwound = Rc::new(Cell::new(0));
        let count = Rc::clone(&unwound);
        let server = start_server("127.0.0.1:0", move |_, _| {
            let _counted = Unwound(Rc::clone(&count));
            sleep(Duration::from_secs(1000));
            Ok::<_, io::Error>(())
        })?;
        let _clients = [open_connection(server.local_addr()?)?, open_connection(server.local_addr()?)?];
        while server.clients() < 2 {
            yield_now();
        }
        server.close();
        server.cancel_clients();
        server.wait_closed();
        assert!(unwound.get() <= 2);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_handler_keeps_no_connection_open_that_it_has_dropped() {
    cede::run(|| -> io::Result<()> {
        let go = Rc::new(Event::new());
        let wait = Rc::clone(&go);
        let server = start_server("127.0.0.1:0", move |reader, mut writer| {
            writer.write_all(b"bye")?;
            drop((reader, writer));
            wait.wait();
            Ok::<_, io::Error>(())
        })?;
        let (mut reader, _writer) = open_connection(server.local_addr()?)?;
        assert_eq!(reader.read_to_eof()?, b"bye");
        assert_eq!(server.clients(), 1);
        // There is nothing left that could be shut down.
        server.abort_clients();
        go.set();
        server.close();
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_limit_of_a_server_is_that_of_its_readers() {
    cede::run(|| -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = ServerBuilder::new().limit(3).serve([listener], |mut reader, mut writer| {
            let error = reader.readline().unwrap_err();
            writer.write_all(error.to_string().as_bytes())?;
            writer.close()
        });
        assert!(ask(server.local_addr()?, "12345\n")?.contains("limit of 3"));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_name_is_listened_on_at_each_of_its_addresses() {
    cede::run(|| -> io::Result<()> {
        let two: &[SocketAddr] = &["127.0.0.1:0".parse().unwrap(), "127.0.0.2:0".parse().unwrap()];
        let server = start_server(two, echo)?;
        let addresses = server.local_addrs();
        assert_eq!(addresses.len(), 2);
        for address in addresses {
            assert_eq!(ask(address, "here\n")?, "here\n");
        }
        // What is no address of this machine is passed over where another is left.
        let one: &[SocketAddr] = &["192.0.2.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert_eq!(start_server(one, echo)?.local_addrs().len(), 1);
        let none: &[SocketAddr] = &["192.0.2.1:0".parse().unwrap()];
        assert_eq!(start_server(none, echo).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
        let no_address: &[SocketAddr] = &[];
        assert!(start_server(no_address, echo).is_err());
        Ok(())
    })
    .unwrap();
}

#[test]
fn without_descriptors_a_server_reports_and_goes_on_when_there_are_some() {
    if !in_child("without_descriptors_a_server_reports_and_goes_on_when_there_are_some") {
        return;
    }
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    cede::set_task_hook(move |report| told.lock().unwrap().push(report.to_string()));
    cede::run(|| -> io::Result<()> {
        let server = start_server("127.0.0.1:0", echo)?;
        let mut client = TcpStream::connect(server.local_addr()?)?;
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
        let mut taken: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        let begin = Instant::now();
        while reports.lock().unwrap().is_empty() {
            sleep(MS);
        }
        sleep(50 * MS);
        // It waits longer each time: 5, 10, 20, 40, …
        let limit = 4 + begin.elapsed().as_millis().ilog2() as usize;
        assert!(reports.lock().unwrap().len() <= limit, "{:?}", reports.lock().unwrap());
        taken.clear();
        client.write_all(b"at last\n")?;
        let mut answer = [0; 8];
        client.read_exact(&mut answer)?;
        assert_eq!(&answer, b"at last\n");
        Ok(())
    })
    .unwrap();
    drop(cede::take_task_hook());
    let reports = reports.lock().unwrap();
    assert!(reports.iter().all(|report| report.contains("accept on 127.0.0.1:")), "{reports:?}");
}

#[test]
fn a_server_ends_with_its_run() {
    let address = cede::run(|| {
        let server = start_server("127.0.0.1:0", echo).unwrap();
        let address = server.local_addr().unwrap();
        // It is never closed, and its main task ends.
        spawn(move || server.serve_forever());
        yield_now();
        address
    });
    assert_eq!(std::net::TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
