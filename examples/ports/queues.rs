//! The port of `queues.py`: queues that order what is in them, that refuse, and that are shut down.

use std::error::Error;
use std::time::Duration;

use cede::sync::{GetNowaitError, LifoQueue, PriorityQueue, PutError, PutNowaitError, Queue};
use cede::{scope, sleep, try_scope};

const TICK: Duration = Duration::from_millis(25);

type Patient = (u32, &'static str);

fn nurse(patients: &PriorityQueue<Patient>) {
    while let Ok((urgency, name)) = patients.get() {
        println!("{name} is treated, urgency {urgency}");
        sleep(5 * TICK);
    }
    println!("nobody waits any more");
}

fn arrivals(patients: &PriorityQueue<Patient>) -> Result<(), PutError<Patient>> {
    for (urgency, name) in [(5, "ann"), (3, "bob"), (4, "eve"), (1, "joe")] {
        patients.put((urgency, name))?;
        println!("{name} comes in");
        sleep(2 * TICK);
    }
    patients.shutdown(false);
    println!("closed");
    Ok(())
}

fn plates() -> Result<(), Box<dyn Error>> {
    let stack = LifoQueue::bounded(3);
    for plate in ["blue", "green", "red"] {
        stack.put_nowait(plate)?;
    }
    if let Err(PutNowaitError::Full(_)) = stack.put_nowait("white") {
        println!("the stack is full at {}", stack.len());
    }
    while !stack.is_empty() {
        println!("plate: {}", stack.get_nowait()?);
    }
    if let Err(GetNowaitError::Empty) = stack.get_nowait() {
        println!("no plates are left");
    }
    Ok(())
}

fn sender(queue: &Queue<u32>) {
    for number in 1..100 {
        if let Err(PutError(number)) = queue.put(number) {
            println!("nobody wants {number}");
            break;
        }
        println!("sent {number}");
    }
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let patients = PriorityQueue::unbounded();
    scope(|group| {
        group.spawn(|| nurse(&patients));
        group.try_spawn(|| arrivals(&patients));
    })?;
    plates()?;

    let queue = Queue::bounded(2);
    try_scope(|group| {
        group.spawn(|| sender(&queue));
        for _ in 0..3 {
            sleep(TICK);
            println!("got {}", queue.get()?);
        }
        sleep(TICK);
        queue.shutdown(true);
        Ok::<_, Box<dyn Error>>(())
    })?;
    println!("thrown away, left: {}", queue.len());
    Ok(())
}
