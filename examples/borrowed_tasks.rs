//! Tasks that borrow: a scope's children fill parts of a local array, and the first failure ends the others.

use std::cell::Cell;
use std::error::Error;
use std::num::ParseIntError;
use std::time::Duration;

use cede::{GroupError, scope, sleep, try_scope};

/// Each child has its own part of `totals`, and all read `rows`: nothing is cloned, counted or locked.
fn add_up(rows: &[&str], totals: &mut [u32]) -> Result<(), GroupError> {
    scope(|s| {
        for (row, total) in rows.iter().zip(totals) {
            s.try_spawn(move || {
                for number in row.split_whitespace() {
                    sleep(Duration::from_millis(1));
                    *total += number.parse::<u32>()?;
                }
                Ok::<_, ParseIntError>(())
            });
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let runner = cede::Runner::builder().virtual_time(true).build();
    runner.run(|| {
        let mut totals = [0; 3];
        add_up(&["1 2 3", "40 50", "600"], &mut totals)?;
        println!("the totals are {totals:?}");
        assert_eq!(totals, [6, 90, 600]);

        // The second child fails at its second number. The first one is cancelled where it waits; it had come that far.
        let mut totals = [0; 2];
        let error = add_up(&["1 2 3 4", "50 x"], &mut totals).unwrap_err();
        println!("it failed with {totals:?}: {error}");
        assert_eq!(totals, [3, 50]);
        assert_eq!(error.of_type::<ParseIntError>().count(), 1);

        // A scope returns when all of its children have ended, so they may use what is declared before it.
        let running = Cell::new(0);
        let answer = try_scope(|s| {
            let child = s.spawn(|| {
                running.set(running.get() + 1);
                sleep(Duration::from_secs(3600));
                running.set(running.get() - 1);
                42
            });
            child.join()
        })?;
        println!("an hour later the answer is {answer}");
        assert_eq!((answer, running.get()), (42, 0));
        Ok(())
    })?
}
