//! Streams of cede and of CPython's asyncio talk to each other, each as the client and as the server.
//!
//! `io_interop/peer.py` is the other side, and says the same as what is here. It is run by `python3`, or what the variable PYTHON names;
//! where that is older than 3.11, or not there, a line on stderr says what was skipped.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cede::io::ReadExactlyError;
use cede::net::{TcpReader, TcpWriter, open_connection, start_server};
use cede::runtime::unblock;
use cede::yield_now;

const SIZE: usize = 3 << 20;

fn serve(mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
    // Lines, until an empty one.
    loop {
        let line = reader.readline()?;
        if line == b"\n" {
            break;
        }
        writer.write_nowait(&line.to_ascii_uppercase())?;
        writer.drain()?;
    }
    // Up to one of several separators.
    let mut lengths = Vec::new();
    for _ in 0..3 {
        lengths.push(reader.readuntil([";", "|", "\r\n"])?.len().to_string());
    }
    writeln!(writer, "{}", lengths.join(","))?;
    writer.drain()?;
    // A frame, of a length that comes first, back again.
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let frame = reader.readexactly(u32::from_be_bytes(length) as usize)?;
    writer.writelines([&length[..], &frame])?;
    writer.drain()?;
    // A line over the limit, whose pieces are errors.
    let mut errors = 0;
    for line in &mut reader {
        match line {
            Ok(line) if line == b"end\n" => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => errors += 1,
            Err(error) => return Err(error),
        }
    }
    writer.write_nowait(if errors > 0 { b"too long\n" } else { b"fine\n" })?;
    writer.drain()?;
    // A message that breaks off.
    if let Err(ReadExactlyError::Incomplete(error)) = reader.readexactly(100) {
        writeln!(writer, "{} of {}", error.partial.len(), error.expected.unwrap())?;
    }
    writer.close()
}

fn talk((mut reader, mut writer): (TcpReader, TcpWriter)) -> io::Result<()> {
    for n in 0..100 {
        writeln!(writer, "line {n}")?;
        writer.drain()?;
        assert_eq!(reader.readline()?, format!("LINE {n}\n").as_bytes());
    }
    // A byte at a time.
    for byte in b"\na;bc|def\r\n" {
        writer.write_nowait(&[*byte])?;
        writer.drain()?;
        yield_now();
    }
    assert_eq!(reader.readline()?, b"2,3,5\n");
    let frame: Vec<u8> = (0..SIZE).map(|n| n as u8).collect();
    writer.write_all(&(SIZE as u32).to_be_bytes())?;
    writer.write_all(&frame)?;
    writer.drain()?;
    assert_eq!(reader.readexactly(4)?, (SIZE as u32).to_be_bytes());
    assert!(reader.readexactly(SIZE)? == frame);
    writer.write_all(&[b'x'; 300_000])?;
    writer.write_all(b"\nend\n")?;
    writer.drain()?;
    assert_eq!(reader.readline()?, b"too long\n");
    writer.write_nowait(b"half of it")?;
    writer.write_eof()?;
    assert_eq!(reader.read_to_eof()?, b"10 of 100\n");
    assert!(reader.at_eof());
    writer.close()
}

fn python() -> OsString {
    env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// Whether there is a Python that is new enough. If not, says so.
fn is_there(what: &str) -> bool {
    let asked = "import sys; sys.exit(sys.version_info < (3, 11))";
    let is_new = Command::new(python()).args(["-c", asked]).stderr(Stdio::null()).status();
    let is_there = is_new.is_ok_and(|status| status.success());
    if !is_there {
        // Not `eprintln`, which the harness keeps to itself when the test passes.
        let line = format!("skipped: {what} needs Python 3.11, and {:?} is older or not there\n", python());
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
    is_there
}

fn peer(arguments: &[&str]) -> Child {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/io_interop/peer.py");
    let mut command = Command::new(python());
    command.args(["-I", "-B", "-W", "error"]).arg(program).args(arguments);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn cede_talks_to_cede() {
    cede::run(|| -> Result<(), Box<dyn Error>> {
        let server = start_server("127.0.0.1:0", serve)?;
        talk(open_connection(server.local_addr()?)?)?;
        server.close();
        server.wait_closed();
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_client_of_asyncio_talks_to_a_server_of_cede() {
    if !is_there("a client of asyncio") {
        return;
    }
    cede::run(|| -> io::Result<()> {
        let server = start_server("127.0.0.1:0", serve)?;
        let port = server.local_addr()?.port().to_string();
        let status = unblock(move || peer(&["client", &port]).wait())?;
        assert!(status.success(), "{status}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_client_of_cede_talks_to_a_server_of_asyncio() {
    if !is_there("a server of asyncio") {
        return;
    }
    let mut server = peer(&["server"]);
    let mut port = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse().unwrap()));
    let talked = cede::run(|| talk(open_connection(address)?));
    if talked.is_err() {
        let _ = server.kill();
    }
    let status = server.wait().unwrap();
    talked.unwrap();
    assert!(status.success(), "{status}");
}
