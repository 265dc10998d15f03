//! The port of `workers.py`: a producer, workers that share its queue, and the end of the work: `task_done` and `join`.

use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

use cede::sync::{PutError, Queue};
use cede::{sleep, try_scope};

const TICK: Duration = Duration::from_millis(25);

type Job = (u32, u32);

/// Random numbers that are the same in every language.
struct Lcg {
    state: u64,
}

impl Lcg {
    fn draw(&mut self, below: u32) -> u32 {
        self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.state >> 33) % u64::from(below)) as u32
    }
}

fn producer(queue: &Queue<Job>) -> Result<(), PutError<Job>> {
    let mut lcg = Lcg { state: 1 };
    for job in 0..9 {
        let ticks = 1 + lcg.draw(11);
        queue.put((job, ticks))?;
        println!("job {job} will take {ticks}");
    }
    Ok(())
}

fn worker(name: &str, queue: &Queue<Job>, done: &Cell<u32>) {
    while let Ok((job, ticks)) = queue.get() {
        sleep(ticks * TICK);
        println!("{name} has done job {job}");
        done.set(done.get() + 1);
        queue.task_done().expect("an item was got");
    }
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let queue = Queue::bounded(1);
    let done = ["ann", "bob", "eve"].map(|name| (name, Cell::new(0)));
    try_scope(|group| {
        let workers = done.each_ref().map(|(name, done)| group.spawn(|| worker(name, &queue, done)));
        producer(&queue)?;
        println!("no more jobs, {} in the queue", queue.len());
        queue.join();
        println!("all jobs are done");
        for task in &workers {
            task.cancel();
        }
        Ok::<_, PutError<Job>>(())
    })?;
    for (name, jobs) in done {
        println!("{name}: {}", jobs.get());
    }
    Ok(())
}
