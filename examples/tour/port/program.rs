//! The port of `program.py`: the same program, function by function.

use std::cell::RefCell;
use std::time::Duration;

use cede::sync::{PutError, Queue};
use cede::{GroupError, scope, sleep, try_scope};

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Python's `print`, kept for the comparison.
macro_rules! say {
    ($($text:tt)*) => { SAID.with_borrow_mut(|said| said.push(format!($($text)*))) };
}

/// The lines that were said since this was called last.
pub(super) fn said() -> Vec<String> {
    SAID.take()
}

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A string that could not be put comes back in the error.
type Put = Result<(), PutError<String>>;

fn producer(name: &str, pause: u64, q: &Queue<String>) -> Put {
    for i in 0..3 {
        sleep(ms(pause));
        q.put(format!("{name}{i}"))?;
        say!("{name} has put {i}");
    }
    Ok(())
}

fn consumer(q: &Queue<String>) {
    while let Ok(item) = q.get() {
        say!("consumer got {item}");
        sleep(ms(500));
    }
    say!("consumer saw the end");
}

pub(super) fn program() -> Result<(), GroupError> {
    let q = Queue::bounded(1);
    try_scope(|outer| {
        outer.spawn(|| consumer(&q));
        scope(|inner| {
            inner.try_spawn(|| producer("a", 100, &q));
            inner.try_spawn(|| producer("b", 170, &q));
        })?;
        q.shutdown(false);
        say!("all have put");
        Ok::<_, GroupError>(())
    })
}
