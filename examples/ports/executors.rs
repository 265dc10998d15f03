//! The port of `executors.py`: a pool of threads: futures, map, callbacks, the first of several, and the same from a run.

use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

use cede::executor::{
    Executor, FutureError, ReturnWhen, ThreadPoolExecutor, as_completed, run_in_executor, wait, wrap_future,
};
use cede::task::gather;
use cede::with;

const TEXT: [&str; 9] = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"];

/// Takes a while for long words.
fn checksum(word: &str) -> usize {
    (0..1000 * word.len()).fold(7, |total, _| (31 * total + word.len()) % 65521)
}

fn gated(gate: &mpsc::Receiver<()>, name: &'static str) -> &'static str {
    // What is sent, or the end of the sender, opens it.
    let _ = gate.recv();
    name
}

fn in_order(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn Error>> {
    for (word, total) in TEXT.iter().zip(pool.map(checksum, TEXT)) {
        println!("{word}: {}", total?);
    }
    let jobs = TEXT[..3].iter().map(|word| pool.submit(move || (*word, checksum(word))));
    let mut done = Vec::new();
    for job in as_completed(jobs, None) {
        done.push(job?.result()?);
    }
    done.sort_unstable();
    let done = done.iter().map(|(word, total)| format!("('{word}', {total})"));
    println!("all are done: [{}]", Vec::from_iter(done).join(", "));
    Ok(())
}

fn one_at_a_time() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(1);
    let (open, gate) = mpsc::channel();
    let second = with(&pool, |pool| {
        let first = pool.submit(move || gated(&gate, "first"));
        let [second, third] = ["second", "third"].map(|name| pool.submit(move || name));
        second.add_done_callback(|job| println!("the second was cancelled: {}", title(job.is_cancelled())));
        println!("cancelled: {}", title(second.cancel()));
        let waited = wait([&first, &second], ReturnWhen::FirstCompleted, Some(Duration::ZERO));
        let count = waited.done.len() + waited.pending.len();
        drop(open);
        println!("{} {} and {count} were waited for", first.result()?, third.result()?);
        Ok::<_, FutureError>(second)
    })?;
    if second.is_some_and(|second| second.result().is_err_and(|error| error.is_cancelled())) {
        println!("the second has no result");
    }
    if pool.submit(|| "late".len()).result().is_err_and(|error| error.is_shut_down()) {
        println!("the pool is shut down");
    }
    Ok(())
}

/// As Python prints it.
fn title(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

fn failing(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn Error>> {
    let job = pool.try_submit(|| "12x".parse::<u32>());
    let is_error = job.exception().is_some_and(|error| error.error().is_some());
    println!("there is an error: {}", title(is_error));
    let mut results = pool.map(str::parse::<u32>, ["1", "2", "x", "4"]).flatten();
    if let (Some(one), Some(two)) = (results.next(), results.next()) {
        println!("{} {}", one?, two?);
    }
    if results.next().is_some_and(|result| result.is_err()) {
        println!("and no more");
    }
    Ok(())
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(3);
    with(&pool, |pool| {
        in_order(pool)?;
        failing(pool)?;
        let jobs = Vec::from_iter(TEXT[..4].iter().map(|word| run_in_executor(pool, || checksum(word))));
        let sums = gather(jobs).join()?;
        println!("from the loop: {}", Vec::from_iter(sums.iter().map(usize::to_string)).join(" "));
        println!("once more: {}", wrap_future(pool.submit(|| checksum("fox"))).join()?);
        Ok::<_, Box<dyn Error>>(())
    })?;
    one_at_a_time()
}
