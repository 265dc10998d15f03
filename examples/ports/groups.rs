//! The port of `groups.py`: the first error ends the others, and all errors come together.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use cede::{JoinError, catch_cancelled, scope, sleep, try_scope};

const TICK: Duration = Duration::from_millis(30);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Dirty(String);

fn work(name: &str, ticks: u32, reason: Option<&str>) -> Result<u32, Refused> {
    if let Err(cancelled) = catch_cancelled(|| sleep(ticks * TICK)) {
        println!("{name} is cancelled");
        cancelled.resume();
    }
    if let Some(reason) = reason {
        return Err(Refused(format!("{name}: {reason}")));
    }
    println!("{name} is done");
    Ok(ticks)
}

fn messy(name: &str) -> Result<(), Dirty> {
    catch_cancelled(|| sleep(100 * TICK)).map_err(|_| Dirty(format!("{name} could not clean up")))
}

fn joined<E: Display>(errors: impl Iterator<Item = E>) -> String {
    Vec::from_iter(errors.map(|error| error.to_string())).join(" ")
}

fn all_well() -> Result<(), Box<dyn Error>> {
    let sum = try_scope(|group| {
        let a = group.try_spawn(|| work("a", 2, None));
        let b = group.try_spawn(|| work("b", 1, None));
        Ok::<_, JoinError>(a.join()? + b.join()?)
    })?;
    println!("sum: {sum}");
    Ok(())
}

fn one_fails() {
    let result = try_scope(|group| {
        group.try_spawn(|| work("c", 1, None));
        group.try_spawn(|| work("d", 2, Some("no paper")));
        group.try_spawn(|| work("e", 3, None));
        work("the body", 9, None)
    });
    if let Err(errors) = result {
        println!("refused: {}", joined(errors.of_type::<Refused>()));
    }
}

fn several_fail() {
    let result = scope(|group| {
        group.try_spawn(|| messy("f"));
        group.try_spawn(|| work("g", 1, Some("no ink")));
        group.try_spawn(|| messy("h"));
    });
    if let Err(errors) = result {
        println!("refused: {}", joined(errors.of_type::<Refused>()));
        println!("dirty: {}", errors.of_type::<Dirty>().count());
    }
}

fn the_body_fails() {
    let result = try_scope(|group| {
        group.try_spawn(|| work("i", 3, None));
        work("the body", 1, Some("no light"))
    });
    if let Err(errors) = result {
        println!("refused: {}", joined(errors.of_type::<Refused>()));
    }
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    all_well()?;
    one_fails();
    several_fail();
    scope(|group| {
        group.spawn(the_body_fails);
        group.try_spawn(|| work("j", 2, None));
    })?;
    Ok(())
}
