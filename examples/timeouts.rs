//! Timeouts around any code, under a virtual clock: hours pass in no time, in the order in which they would.

use std::cell::RefCell;
use std::error::Error;
use std::time::Duration;

use cede::time::{now, timeout_with};
use cede::{Runner, finally, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Knows nothing of timeouts. It is left by an unwind from wherever it waits, so its destructors run.
fn download(blocks: u32, log: &RefCell<Vec<&str>>) -> u32 {
    let clean_up = || {
        sleep(SECOND / 2);
        log.borrow_mut().push("cleaned up, which took half a second");
    };
    finally(|| (0..blocks).map(|_| sleep(SECOND)).count() as u32, clean_up)
}

fn main() -> Result<(), Box<dyn Error>> {
    let log = RefCell::new(Vec::new());
    Runner::builder().virtual_time(true).build().run(|| {
        let start = now();

        assert_eq!(timeout(10 * SECOND, || download(3, &log)), Ok(3));
        assert!(timeout(10 * SECOND, || download(3600, &log)).is_err());
        println!("two downloads in {:?}: {:?}", now() - start, log.borrow());
        assert_eq!(now() - start, SECOND * 14);

        // Timeouts nest. The outer one fires here, and goes through the inner one, which has not expired.
        let inner_result = RefCell::new(None);
        let outer = timeout(5 * SECOND, || {
            *inner_result.borrow_mut() = Some(timeout(60 * SECOND, || download(3600, &log)));
        });
        println!("the outer timeout: {outer:?}, the inner one: {:?}", inner_result.borrow());
        assert!(outer.is_err() && inner_result.borrow().is_none());

        // A deadline may be moved, as long as there is progress.
        let begin = now();
        let watched = timeout_with(Some(begin + 2 * SECOND), |deadline| {
            for block in 0..20 {
                sleep(SECOND * block * 3 / 10);
                deadline.reschedule(Some(now() + 2 * SECOND)).expect("it has not fired yet");
            }
        });
        println!("stalled after {:?}: {}", now() - begin, watched.unwrap_err());
        assert_eq!(now() - begin, Duration::from_millis(8300));
        Ok(())
    })?
}
