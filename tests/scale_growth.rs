//! Nothing costs much more among a hundred times as many: the routines of `benches/growth.rs`, at two sizes.
//!
//! What is compared is processor time of the thread, the best of several turns, with room for caches and a busy machine: what
//! takes linear time takes a hundred times as long, and is found; what takes logarithmic time is not.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[path = "../benches/growth/routines.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod routines;
use routines::{ROUTINES, Routine};

/// Between the growth of a logarithm with what caches do, which is below 10, and that of what is linear, 100.
const GROWTH_MAX: u32 = 25;

/// What a unit takes, in the best of some turns. Stops early where that is below `enough`.
fn best(routine: &Routine, number: usize, enough: Duration) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let spent = routine.run(number, 1_000);
        best = best.min(spent.took / u32::try_from(spent.units).unwrap());
        if best < enough {
            break;
        }
    }
    best
}

/// Compares the routines of one panel at these two sizes.
fn check(panel: &str, few: usize, many: usize) {
    let mut compared = 0;
    for routine in ROUTINES.iter().filter(|routine| routine.panel == panel) {
        let among_few = best(routine, few, Duration::ZERO);
        let limit = among_few * GROWTH_MAX;
        let among_many = best(routine, many, limit);
        println!("{panel}, {}: {among_few:?} among {few}, {among_many:?} among {many}", routine.name);
        assert!(among_many < limit, "{panel}, {}: {among_few:?} and {among_many:?}", routine.name);
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn tasks_among_many_cost_what_they_cost_among_few() {
    check("tasks", 100, 10_000);
}

#[test]
fn timers_among_many_cost_what_they_cost_among_few() {
    check("timers", 100, 10_000);
}

#[test]
fn waiters_among_many_cost_what_they_cost_among_few() {
    check("waiters", 100, 10_000);
}

#[test]
fn messages_among_many_cost_what_they_cost_among_few() {
    check("messages", 100, 10_000);
}

#[test]
fn connections_among_many_cost_what_they_cost_among_few() {
    let most = getrlimit(Resource::Nofile).maximum;
    if most.is_some_and(|most| most < 2_500) {
        println!("skipped: there are not enough descriptors");
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    check("connections", 10, 1_000);
}
