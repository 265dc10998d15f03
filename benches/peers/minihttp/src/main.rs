//! may_minihttp, the server of may's authors: `minihttp http PORT THREADS`. The command line is that of the other peers.

use std::io;
use std::process;

use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, _request: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain").body("Hello, world!");
        Ok(())
    }
}

struct Services;

impl HttpServiceFactory for Services {
    type Service = Hello;

    fn new_service(&self, _id: usize) -> Hello {
        Hello
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [workload, port, threads] = words.as_slice() else {
        eprintln!("usage: minihttp http PORT THREADS");
        process::exit(2);
    };
    if workload != "http" {
        process::exit(64);
    }
    may::config().set_workers(threads.parse().expect("a number of threads"));
    let port: u16 = port.parse().expect("a port");
    let server = Services.start(("127.0.0.1", port)).expect("the port is free");
    println!("ready port={port}");
    server.join().expect("the server runs until it is killed");
}
