//! A chat server for lines: what one says all others hear, and who does not listen holds up nobody.
//!
//! `cargo run --example chat -- 127.0.0.1:7777`, then `nc 127.0.0.1 7777` a few times. Ctrl-C says good-bye to all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::rc::Rc;

use cede::net::{TcpReader, TcpWriter, start_server};
use cede::sync::Queue;
use cede::{catch_cancelled, try_scope};

/// How many lines wait for somebody who reads slowly. More are not kept.
const BACKLOG: usize = 100;

/// What each has still to be told.
#[derive(Clone, Default)]
struct Members(Rc<RefCell<BTreeMap<String, Rc<Queue<String>>>>>);

impl Members {
    fn tell_all(&self, text: &str) {
        println!("{text}");
        for queue in self.0.borrow().values() {
            let _ = queue.put_nowait(format!("{text}\n"));
        }
    }

    fn enter(&self, name: &str) -> Option<Member<'_>> {
        if name.is_empty() || self.0.borrow().contains_key(name) {
            return None;
        }
        self.tell_all(&format!("* {name} comes in"));
        let queue = Rc::new(Queue::bounded(BACKLOG));
        self.0.borrow_mut().insert(name.into(), Rc::clone(&queue));
        Some(Member { members: self, name: name.into(), queue })
    }
}

struct Member<'a> {
    members: &'a Members,
    name: String,
    queue: Rc<Queue<String>>,
}

/// However a connection ends: its member has left.
impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.members.0.borrow_mut().remove(&self.name);
        self.members.tell_all(&format!("* {} has left", self.name));
    }
}

fn serve(members: &Members, mut reader: TcpReader, mut writer: TcpWriter) -> Result<(), Box<dyn Error>> {
    writer.write_all(b"Who are you?\n")?;
    writer.drain()?;
    let name = String::from_utf8_lossy(&reader.readline()?).trim().to_owned();
    let Some(member) = members.enter(&name) else {
        writer.write_all(b"That name is taken.\n")?;
        return Ok(writer.close()?);
    };
    try_scope(|tasks| {
        tasks.try_spawn(|| -> io::Result<()> {
            while let Ok(text) = member.queue.get() {
                writer.write_all(text.as_bytes())?;
                writer.drain()?;
            }
            writer.close()
        });
        for line in &mut reader {
            members.tell_all(&format!("{name}: {}", String::from_utf8_lossy(&line?).trim()));
        }
        member.queue.put(String::from("Good-bye.\n")).map_err(|error| error.to_string())?;
        member.queue.shutdown(false);
        Ok::<_, Box<dyn Error>>(())
    })?;
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let Some(address) = env::args().nth(1) else {
        println!("usage: chat ADDRESS");
        return Ok(());
    };
    cede::run(|| {
        let members = Members::default();
        let server = start_server(address, move |reader, writer| serve(&members, reader, writer))?;
        println!("listening on {}", server.local_addr()?);
        if catch_cancelled(|| server.wait_closed()).is_err() {
            server.close();
            server.close_clients();
            server.wait_closed();
        }
        Ok(())
    })
}
