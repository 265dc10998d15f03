//! The port of `chat.py`: a server and its clients, in one program: what one says all others hear.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use cede::net::{TcpListener, TcpStream};
use cede::{Scope, sleep, try_scope};

const TICK: Duration = Duration::from_millis(30);

type Members = RefCell<BTreeMap<String, Rc<TcpStream>>>;

fn tell(members: &Members, text: &str) -> io::Result<()> {
    println!("server: {text}");
    let writers = Vec::from_iter(members.borrow().values().cloned());
    for writer in writers {
        (&*writer).write_all(format!("{text}\n").as_bytes())?;
    }
    Ok(())
}

fn serve(members: &Members, stream: Rc<TcpStream>) -> io::Result<()> {
    let mut lines = BufReader::new(&*stream).lines();
    let name = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    tell(members, &format!("{name} comes in"))?;
    members.borrow_mut().insert(name.clone(), Rc::clone(&stream));
    for line in lines {
        tell(members, &format!("{name} says {}", line?))?;
    }
    members.borrow_mut().remove(&name);
    stream.shutdown(Shutdown::Both)?;
    tell(members, &format!("{name} has left"))
}

/// What `start_server` does: a task that accepts, and one for each connection.
fn start_server<'scope>(
    group: &'scope Scope<'scope, '_>,
    listener: &TcpListener,
    members: &'scope Members,
) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = Rc::new(stream?);
        group.try_spawn(move || serve(members, stream));
    }
    Ok(())
}

fn listen(reader: &TcpStream) -> io::Result<Vec<String>> {
    BufReader::new(reader).lines().collect()
}

fn client(server: SocketAddr, name: &str, begin: u32, texts: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    sleep(begin * TICK);
    let stream = &TcpStream::connect(server)?;
    let mut writer = stream;
    writer.write_all(format!("{name}\n").as_bytes())?;
    let heard = try_scope(|group| {
        let listener = group.try_spawn(move || listen(stream));
        for text in texts {
            sleep(4 * TICK);
            writer.write_all(format!("{text}\n").as_bytes())?;
        }
        sleep(4 * TICK);
        writer.shutdown(Shutdown::Write)?;
        Ok::<_, io::Error>(listener.join()?)
    })?;
    Ok(heard)
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let (listener, members) = (TcpListener::bind("127.0.0.1:0")?, Members::default());
    let address = listener.local_addr()?;
    let heard = try_scope(|group| {
        let server = group.try_spawn(|| start_server(group, &listener, &members));
        let heard = try_scope(|group| {
            let texts = ["hello?", "is anybody here?", "well then"];
            let ann = group.try_spawn(move || client(address, "ann", 0, &texts));
            let bob = group.try_spawn(move || client(address, "bob", 5, &["I am", "where are you?"]));
            let eve = group.try_spawn(move || client(address, "eve", 7, &["me too"]));
            Ok::<_, Box<dyn Error>>([("ann", ann.join()?), ("bob", bob.join()?), ("eve", eve.join()?)])
        })?;
        server.cancel();
        Ok::<_, Box<dyn Error>>(heard)
    })?;
    for (name, lines) in heard {
        println!("{name} has heard {} lines", lines.len());
        for line in lines {
            println!("  {line}");
        }
    }
    Ok(())
}
