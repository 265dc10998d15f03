//! Both ways between cede and tokio: a task awaits what tokio does, and async functions on tokio await tasks and channels of cede.

use std::thread;
use std::time::Duration;

use cede::future::Wait;
use cede::sync::{mpsc, oneshot};
use cede::{Handle, select, spawn, time::after};
use tokio::runtime;

/// An async function on tokio, as a library might have it.
async fn squares(numbers: Vec<u64>) -> u64 {
    let workers: Vec<_> = numbers.into_iter().map(|n| tokio::spawn(async move { n * n })).collect();
    let mut sum = 0;
    for worker in workers {
        tokio::time::sleep(Duration::from_millis(1)).await;
        sum += worker.await.expect("it does not panic");
    }
    sum
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tokio = runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;

    // From tasks: entered once, around the run.
    let entered = tokio.enter();
    let sums = cede::run(|| {
        let tasks = [3, 4, 5].map(|n| spawn(move || squares((1..=n).collect()).wait()));
        select! {
            sum = squares((0..50).collect()).waiting() => println!("in 50 ms: {sum}"),
            () = after(Duration::from_millis(5)) => println!("the large one is too slow, and dropped"),
        }
        tasks.map(|task| task.join().expect("it does not panic"))
    });
    assert_eq!(sums, [14, 30, 55]);
    drop(entered);
    // From tokio: a run on a thread of its own, reached by its handle and by a channel.
    let (give, given) = oneshot::channel();
    let (lines, read) = mpsc::bounded(1);
    let run = thread::spawn(move || {
        cede::run(|| {
            give.send(Handle::current()).expect("somebody waits for it");
            (1..=3).for_each(|n| lines.send(format!("line {n}")).expect("somebody reads"));
        })
    });
    let (joined, last) = tokio.block_on(async {
        let cede = given.receiving().await.expect("it is sent");
        let joined = cede.spawn(|| cede::current().map(|task| task.name())).await;
        let mut last = String::new();
        while let Ok(line) = read.receiving().await {
            last = line;
        }
        (joined, last)
    });
    println!("tokio has joined {:?} and read up to {last:?}", joined?.expect("in a task"));
    assert_eq!(last, "line 3");
    run.join().map_err(|_| "the run panicked")?;
    Ok(())
}
