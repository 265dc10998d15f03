//! A TCP echo server: one task for each connection, plain blocking code. Without an address it tries itself out.
//!
//! `cargo run --example echo_server 127.0.0.1:7777`, then `nc 127.0.0.1 7777`.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use cede::net::{TcpListener, TcpStream};

fn echo(stream: &TcpStream) -> io::Result<()> {
    let (mut input, mut output) = (stream, stream);
    let mut buffer = [0; 4096];
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(()),
            length => output.write_all(&buffer[..length])?,
        }
    }
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => drop(cede::try_spawn(move || echo(&stream))),
            Err(error) => eprintln!("no connection: {error}"),
        }
    }
}

fn try_out(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let address = listener.local_addr()?;
    let server = cede::spawn(move || serve(&listener));
    let ask = move |question: String| -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(question.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        io::read_to_string(stream)
    };
    let clients: Vec<_> = ["one", "two", "three"].map(|q| (q, cede::try_spawn(move || ask(q.into())))).into();
    for (question, client) in clients {
        assert_eq!(client.join()?, question);
        println!("{question}: echoed");
    }
    server.cancel();
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    cede::run(|| {
        let Some(address) = std::env::args().nth(1) else {
            return try_out(TcpListener::bind("127.0.0.1:0")?);
        };
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        serve(&listener);
        Ok(())
    })
}
