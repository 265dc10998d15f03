//! The port of `context.py`: values that tasks inherit, and change for themselves alone.

use std::error::Error;
use std::time::Duration;

use cede::task::{Context, ContextVar, JoinError};
use cede::{call_soon, scope, sleep, spawn};

const TICK: Duration = Duration::from_millis(30);
static REQUEST: ContextVar<String> = ContextVar::with_default("request", || "none".into());
static DEPTH: ContextVar<u32> = ContextVar::new("depth");

fn log(text: &str) {
    println!("[{}] {text}", REQUEST.get().unwrap_or_default());
}

fn query(ticks: u32) {
    log("a query begins");
    sleep(ticks * TICK);
    log("the query is done");
}

fn handle(name: &str, ticks: u32) -> Result<(), JoinError> {
    REQUEST.set(name.into());
    log("hello");
    let task = spawn(move || query(ticks));
    REQUEST.set(format!("{name}, the answer"));
    task.join()?;
    log("good-bye");
    Ok(())
}

fn nested(level: u32) {
    let token = DEPTH.set(level);
    if level < 3 {
        nested(level + 1);
    }
    println!("depth: {}", DEPTH.get().unwrap_or_default());
    DEPTH.reset(token);
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    scope(|group| {
        for (name, ticks) in [("one", 3), ("two", 1), ("three", 2)] {
            group.try_spawn(move || handle(name, ticks));
        }
    })?;
    log("what tasks set is theirs");

    nested(1);
    println!("depth outside: {}", DEPTH.get().unwrap_or(0));

    REQUEST.set("main".into());
    let context = Context::current();
    REQUEST.set("main, later".into());
    context.run(|| log("in the copy"));
    context.run(|| REQUEST.set("changed in the copy".into()));
    context.run(|| log("in the copy again"));
    log("outside");
    call_soon(|| log("in a callback"));
    REQUEST.set("main, much later".into());
    sleep(TICK);
    Ok(())
}
