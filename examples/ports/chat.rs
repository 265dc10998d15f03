//! The port of `chat.py`: a server and its clients, in one program: what one says all others hear.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use cede::io::Shared;
use cede::net::{TcpReader, TcpStream, TcpWriter, open_connection, start_server};
use cede::{sleep, try_scope, try_spawn};

const TICK: Duration = Duration::from_millis(30);

/// A writer with a buffer is one task's; all may write to the stream itself.
type Members = RefCell<BTreeMap<String, Shared<TcpStream>>>;

fn tell(members: &Members, text: &str) -> io::Result<()> {
    println!("server: {text}");
    let writers = Vec::from_iter(members.borrow().values().cloned());
    for mut writer in writers {
        writer.write_all(format!("{text}\n").as_bytes())?;
    }
    Ok(())
}

fn text_of(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim().to_owned()
}

fn serve(members: &Members, mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
    let name = text_of(&reader.readline()?);
    tell(members, &format!("{name} comes in"))?;
    members.borrow_mut().insert(name.clone(), writer.get_ref().clone());
    for line in &mut reader {
        let line = line?;
        tell(members, &format!("{name} says {}", text_of(&line)))?;
    }
    members.borrow_mut().remove(&name);
    writer.close()?;
    tell(members, &format!("{name} has left"))
}

fn listen(mut reader: TcpReader) -> io::Result<Vec<String>> {
    (&mut reader).into_iter().map(|line| line.map(|line| text_of(&line))).collect()
}

fn client(server: SocketAddr, name: &str, begin: u32, texts: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    sleep(begin * TICK);
    let (reader, mut writer) = open_connection(server)?;
    writer.write_nowait(format!("{name}\n").as_bytes())?;
    writer.drain()?;
    let listener = try_spawn(move || listen(reader));
    for text in texts {
        sleep(4 * TICK);
        writer.write_nowait(format!("{text}\n").as_bytes())?;
        writer.drain()?;
    }
    sleep(4 * TICK);
    writer.write_eof()?;
    let heard = listener.join()?;
    writer.close()?;
    Ok(heard)
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let members = Members::default();
    let server = start_server("127.0.0.1:0", move |reader, writer| serve(&members, reader, writer))?;
    let address = server.local_addr()?;
    let heard = try_scope(|group| {
        let texts = ["hello?", "is anybody here?", "well then"];
        let ann = group.try_spawn(move || client(address, "ann", 0, &texts));
        let bob = group.try_spawn(move || client(address, "bob", 5, &["I am", "where are you?"]));
        let eve = group.try_spawn(move || client(address, "eve", 7, &["me too"]));
        Ok::<_, Box<dyn Error>>([("ann", ann.join()?), ("bob", bob.join()?), ("eve", eve.join()?)])
    })?;
    server.close();
    server.wait_closed();
    for (name, lines) in heard {
        println!("{name} has heard {} lines", lines.len());
        for line in lines {
            println!("  {line}");
        }
    }
    Ok(())
}
