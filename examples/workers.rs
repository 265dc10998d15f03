//! Several workers: a listener on each, or one that spreads its connections, and children that borrow on all of them.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;

use cede::net::{TcpListener, TcpSocket, TcpStream};
use cede::runtime::{spawn_on_each, worker, workers};
use cede::task::par_map;

/// One more listener on this port, whose connections the system spreads over all of them.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuse_port(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// Says which worker it is on, and hangs up.
fn greet(mut stream: TcpStream) -> io::Result<()> {
    write!(stream, "{}", worker().unwrap_or_default())
}

/// The workers that have answered, by how often they did.
fn ask(address: SocketAddr) -> Result<Vec<usize>, Box<dyn Error>> {
    let mut counts = vec![0; workers()];
    for _ in 0..64 {
        counts[io::read_to_string(TcpStream::connect(address)?)?.parse::<usize>()?] += 1;
    }
    assert_eq!(counts.iter().sum::<usize>(), 64);
    Ok(counts)
}

fn program() -> Result<(), Box<dyn Error>> {
    // Each connection stays on the worker whose listener has it.
    let address = listen("127.0.0.1:0".parse()?)?.local_addr()?;
    let listeners: Vec<_> = (0..workers()).map(|_| listen(address)).collect::<io::Result<_>>()?;
    let serve = move |worker: usize| listeners[worker].incoming().flatten().try_for_each(greet);
    let _servers = spawn_on_each(serve);
    println!("a listener on each worker:   {:?}", ask(address)?);

    // One task accepts, and whichever worker is free has the connection.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let spread =
        move || listener.incoming().flatten().for_each(|stream| drop(cede::try_spawn_any(|| greet(stream))));
    let server = cede::spawn(spread);
    println!("one that spreads:            {:?}", ask(address)?);
    server.cancel();

    let words = ["to", "cede", "is", "to", "give", "way"];
    assert_eq!(par_map(&words, |word| word.len())?, [2, 4, 2, 2, 4, 3]);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    cede::Runtime::builder().workers(2).build()?.run(program)?
}
