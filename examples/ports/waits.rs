//! The port of `waits.py`: for the first, for a while, for all in the order in which they end, and shielded.

use std::error::Error;
use std::time::Duration;

use cede::task::{Awaitable, ReturnWhen, Waited, as_completed, shield, wait, wait_for};
use cede::{Elapsed, sleep, spawn, try_spawn};

const TICK: Duration = Duration::from_millis(25);

#[derive(Debug, thiserror::Error)]
#[error("not permitted")]
struct NotPermitted;

fn fetch(name: impl Into<String>, ticks: u32) -> String {
    let name = name.into();
    sleep(ticks * TICK);
    println!("{name} is here");
    name
}

fn refuse(ticks: u32) -> Result<String, NotPermitted> {
    sleep(ticks * TICK);
    Err(NotPermitted)
}

fn for_a_while() -> Result<(), Elapsed> {
    println!("got {}", wait_for(Some(3 * TICK), || fetch("a letter", 1))?);
    if wait_for(Some(2 * TICK), || fetch("a parcel", 9)).is_err() {
        println!("the parcel is late");
    }
    let parcel = spawn(|| fetch("a second parcel", 9));
    if wait_for(Some(TICK), &parcel).is_err() {
        let how = if parcel.is_cancelled() { "cancelled" } else { "on its way" };
        println!("the second parcel is late; {how}");
    }
    Ok(())
}

fn for_some() {
    let tasks =
        [("tea", 6), ("milk", 1), ("bread", 4)].map(|(name, ticks)| spawn(move || fetch(name, ticks)));
    let Waited { done, pending, .. } = wait(&tasks, ReturnWhen::FirstCompleted, None);
    println!("{} done, {} pending", done.len(), pending.len());
    let Waited { done, pending, .. } = wait(&tasks, ReturnWhen::AllCompleted, Some(TICK));
    println!("{} done, {} pending", done.len(), pending.len());
    let refused = try_spawn(|| refuse(1));
    let Waited { done, pending, .. } = wait(tasks.iter().chain([&refused]), ReturnWhen::FirstException, None);
    println!("{} done, {} pending", done.len(), pending.len());
    let Waited { done, pending, .. } = wait(&tasks, ReturnWhen::AllCompleted, None);
    println!("{} done, {} pending", done.len(), pending.len());
}

fn as_they_come() -> Result<(), Box<dyn Error>> {
    let guests = [1, 2, 3].map(|number| spawn(move || fetch(format!("guest {number}"), 5 - number)));
    for guest in as_completed(&guests, None) {
        println!("welcome, {}", guest?.join()?);
    }
    let guests =
        [(4, 1), (5, 9)].map(|(number, ticks)| spawn(move || fetch(format!("guest {number}"), ticks)));
    for guest in as_completed(&guests, Some(3 * TICK)) {
        match guest {
            Ok(guest) => println!("welcome, {}", guest.join()?),
            Err(Elapsed { .. }) => println!("we begin without the others"),
        }
    }
    Ok(())
}

fn shielded() -> Result<(), Box<dyn Error>> {
    let saving = spawn(|| fetch("the saved file", 3));
    if wait_for(Some(TICK), shield(&saving)).is_err() {
        println!("it is still being saved");
    }
    println!("waited for {}", saving.join()?);
    Ok(())
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    for_a_while()?;
    for_some();
    as_they_come()?;
    shielded()
}
