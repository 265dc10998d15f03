//! A TCP proxy that ends in good order: on SIGTERM or Ctrl-C no new connections, some time for those that are there, and then the end.
//!
//! `cargo run --example proxy -- 127.0.0.1:8080 example.org:80`; a third argument says how many seconds they get. A second signal ends it at
//! once.

use std::env;
use std::error::Error;
use std::io;
use std::time::Duration;

use cede::catch_cancelled;
use cede::io::Relay;
use cede::net::{TcpStream, start_server};
use cede::signal::Shutdown;

fn relay(client: &TcpStream, upstream: &str) -> io::Result<()> {
    let peer = client.peer_addr()?;
    let server = TcpStream::connect(upstream)?;
    server.set_nodelay(true)?;
    let relay = Relay::new(client, &server);
    // Also where it is cut short, in which case the unwind goes on.
    let result = catch_cancelled(|| relay.run());
    let (up, down) = relay.counts();
    println!("{peer}: {up} bytes up, {down} bytes down");
    result.unwrap_or_else(|cancelled| cancelled.resume())?;
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(listen), Some(upstream)) = (arguments.next(), arguments.next()) else {
        println!("usage: proxy LISTEN UPSTREAM [SECONDS]");
        return Ok(());
    };
    let grace = Duration::from_secs_f64(arguments.next().map_or(Ok(10.0), |seconds| seconds.parse())?);
    cede::run(|| {
        let shutdown = Shutdown::new()?;
        let server = start_server(listen, move |_, writer| relay(writer.get_ref(), &upstream))?;
        println!("listening on {}", server.local_addr()?);
        shutdown.wait();
        server.close();
        println!("stopping: {} connections have {grace:?}", server.clients());
        if cede::timeout(grace, || server.wait_closed()).is_err() {
            println!("stopping: {} connections are cut", server.clients());
            server.cancel_clients();
            server.wait_closed();
        }
        println!("stopped");
        Ok(())
    })
}
