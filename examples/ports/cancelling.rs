//! The port of `cancelling.py`: a task ends, cleans up first, goes on, or hands its cancellation down.

use std::error::Error;
use std::time::Duration;

use cede::{JoinError, JoinHandle, catch_cancelled, current, finally, sleep, spawn, try_spawn};

const TICK: Duration = Duration::from_millis(30);

type Text = &'static str;

fn cleans_up() -> Text {
    let sleeps = || {
        sleep(100 * TICK);
        "slept well"
    };
    finally(sleeps, || {
        println!("cleaning up");
        sleep(2 * TICK);
        println!("clean");
    })
}

fn goes_on() -> Text {
    if catch_cancelled(|| sleep(100 * TICK)).is_err() {
        let task = current().expect("this is a task");
        println!("no, thanks; requests: {}", task.cancelling());
        println!("one taken back, left: {}", task.uncancel());
    }
    sleep(TICK);
    "still here"
}

fn never_begins() -> Text {
    "this is never returned"
}

fn waits_for(other: JoinHandle<Text>) -> Result<Text, JoinError> {
    match catch_cancelled(|| other.join()) {
        Ok(result) => result,
        Err(cancelled) => {
            println!("what it waits for was cancelled");
            cancelled.resume()
        }
    }
}

fn cancels_itself() -> Text {
    current().expect("this is a task").cancel();
    println!("it goes on to the next wait");
    sleep(TICK);
    "and not beyond it"
}

fn outcome(name: &str, task: &JoinHandle<Text>) {
    match task.join() {
        Ok(text) => println!("{name}: {text}"),
        Err(error) if error.is_cancelled() => println!("{name}: cancelled"),
        Err(error) => println!("{name}: {error}"),
    }
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let tasks = [spawn(cleans_up), spawn(goes_on)];
    sleep(TICK);
    let never = spawn(never_begins);
    for task in tasks.iter().chain([&never]) {
        task.cancel();
    }
    outcome("never_begins", &never);
    outcome("goes_on", &tasks[1]);
    outcome("cleans_up", &tasks[0]);
    if !tasks[0].cancel() {
        println!("too late to cancel it again");
    }

    let inner = spawn(cleans_up);
    let outer = try_spawn(|| waits_for(inner));
    sleep(TICK);
    outer.cancel();
    outcome("waits_for", &outer);
    outcome("cancels_itself", &spawn(cancels_itself));
    Ok(())
}
