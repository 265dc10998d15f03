//! Programs of asyncio and their ports: `cargo run --example ports -- NAME` runs one port, without NAME all run.
//!
//! Each `NAME.rs` lies beside the `NAME.py` that it is the port of, function by function and line by line, and prints
//! the same: `tests/ports.rs` compares them. A `main` here is Python's `async def main()`.

mod callbacks;
mod cancelling;
mod chain;
mod chat;
mod context;
mod counting;
mod crawler;
mod executors;
mod groups;
mod locks;
mod makers;
mod meeting;
mod philosophers;
mod pipeline;
mod queues;
mod threads;
mod timeouts;
mod waits;
mod workers;

use std::env;
use std::error::Error;
use std::process::ExitCode;

type Main = fn() -> Result<(), Box<dyn Error>>;

/// The names of the programs, and their main tasks.
pub(crate) const PROGRAMS: &[(&str, Main)] = &[
    ("callbacks", callbacks::main),
    ("cancelling", cancelling::main),
    ("chain", chain::main),
    ("chat", chat::main),
    ("context", context::main),
    ("counting", counting::main),
    ("crawler", crawler::main),
    ("executors", executors::main),
    ("groups", groups::main),
    ("locks", locks::main),
    ("makers", makers::main),
    ("meeting", meeting::main),
    ("philosophers", philosophers::main),
    ("pipeline", pipeline::main),
    ("queues", queues::main),
    ("threads", threads::main),
    ("timeouts", timeouts::main),
    ("waits", waits::main),
    ("workers", workers::main),
];

fn main() -> ExitCode {
    let wanted = env::args().nth(1);
    let is_wanted = |name| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let programs: Vec<_> = PROGRAMS.iter().filter(|(name, _)| is_wanted(*name)).collect();
    if programs.is_empty() {
        let names: Vec<_> = PROGRAMS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: ports [NAME]\nwhere NAME is one of: {}", names.join(", "));
        return ExitCode::from(2);
    }
    for (name, main) in &programs {
        if programs.len() > 1 {
            println!("\n--- {name}");
        }
        // Python's `asyncio.run(main())`.
        if let Err(error) = cede::run(main) {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
