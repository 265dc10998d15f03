//! Time as a scheduler sees it: the system's, or a virtual one that jumps from deadline to deadline.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Where a scheduler gets its time from.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The system's monotonic clock.
    Real,
    /// Stands still while anything is ready, and jumps to the next deadline when nothing is.
    Virtual(Cell<Instant>),
}

impl Clock {
    pub(crate) fn virtual_from_now() -> Self {
        Clock::Virtual(Cell::new(Instant::now()))
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::Real => Instant::now(),
            Clock::Virtual(now) => now.get(),
        }
    }

    /// How long the scheduler has to wait for a deadline. A virtual clock goes there and waits not at all.
    pub(crate) fn wait_until(&self, deadline: Instant) -> Duration {
        match self {
            Clock::Real => deadline.saturating_duration_since(Instant::now()),
            Clock::Virtual(now) => {
                now.set(now.get().max(deadline));
                Duration::ZERO
            }
        }
    }
}

/// The instant `after` from `now`; none, for ever, where that cannot be expressed: such a wait sets no timer, so that not even a
/// virtual clock comes to its end.
pub(crate) fn deadline(now: Instant, after: Duration) -> Option<Instant> {
    now.checked_add(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_forward_and_only_when_told() {
        let clock = Clock::virtual_from_now();
        let start = clock.now();
        assert_eq!(clock.wait_until(start + Duration::from_secs(3600)), Duration::ZERO);
        assert_eq!(clock.now() - start, Duration::from_secs(3600));
        clock.wait_until(start);
        assert_eq!(clock.now() - start, Duration::from_secs(3600));
    }

    #[test]
    fn deadlines_beyond_all_measure_never_come() {
        let now = Instant::now();
        assert_eq!(deadline(now, Duration::ZERO), Some(now));
        assert_eq!(deadline(now, Duration::MAX), None);
        for bits in [31, 32, 53, 62, 63] {
            for off in [-1i128, 0, 1] {
                let ns = (1i128 << bits) + off;
                assert!(deadline(now, Duration::from_nanos(ns as u64)) > Some(now));
            }
        }
    }
}
