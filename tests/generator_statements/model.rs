//! Random programs of generators do what a simple model of the statements does.
//!
//! Delegation resumes the innermost generator directly and remembers the way to it. The model knows nothing of that, so a
//! way that has gone stale shows as a difference.

use std::collections::BTreeSet;

use crate::program::Program;
use crate::{by_levels, on_cede};

const PROGRAMS: u64 = 20_000;

#[test]
fn random_programs_do_what_a_model_that_resumes_level_by_level_does() {
    for number in 0..PROGRAMS {
        let expected = by_levels::run(Program::random(number));
        let got = on_cede::run(Program::random(number));
        let differs = (0..expected.len().max(got.len())).find(|&line| expected.get(line) != got.get(line));
        if let Some(line) = differs {
            panic!(
                "program {number}, line {line}: expected {:?}, got {:?}\n{:#?}\n{:#?}",
                expected.get(line),
                got.get(line),
                Program::random(number),
                &expected[..line.min(expected.len())],
            );
        }
    }
}

/// A comparison of programs that do nothing would prove nothing.
#[test]
fn the_random_programs_reach_every_kind_of_event() {
    let seen: BTreeSet<String> = (0..2_000)
        .flat_map(|number| by_levels::run(Program::random(number)))
        .flat_map(|line| {
            line.split(' ').map(|word| word.trim_end_matches(char::is_numeric).to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let wanted = [
        "yielded",
        "returned",
        "raised",
        "panic",
        "Stop",
        "Exit",
        "StopLeftBody",
        "IgnoredExit",
        "JustStarted",
        "AlreadyExecuting",
        "Finished",
        "report",
        "gone",
        "refused",
        "closed",
        "caught",
        "Suspended",
        "Created",
    ];
    for word in wanted {
        assert!(seen.contains(word), "no program has {word}: {seen:?}");
    }
}
