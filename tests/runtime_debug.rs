//! Debug mode: steps that take long are reported, with who and where and how long, and nothing else is.

#[path = "task_order/trace.rs"]
mod trace;

use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, process};

use cede::task::Builder;
use cede::{Runner, call_soon, current, sleep, spawn, timeout, yield_now};
use trace::{SECOND, reported};

const LIMIT: Duration = Duration::from_millis(5);

/// Keeps its thread for a little longer than is allowed.
fn compute() {
    let begin = Instant::now();
    while begin.elapsed() <= LIMIT {
        std::hint::spin_loop();
    }
}

fn runner() -> Runner {
    Runner::builder().debug(true).slow_step(LIMIT).build()
}

/// How long the step took, of a report.
#[track_caller]
fn took(report: &str, who: &str) -> Duration {
    let rest = report.strip_prefix(&format!("{who}: ran for ")).unwrap_or_else(|| panic!("{report}"));
    let (time, rest) = rest.split_once(' ').unwrap();
    assert_eq!(rest, "at a stretch, and nothing else could run");
    let millis = time.strip_suffix("ms").unwrap_or_else(|| panic!("{report}"));
    Duration::from_secs_f64(millis.parse::<f64>().unwrap() / 1e3)
}

#[test]
fn a_step_that_takes_long_is_reported_with_its_task_and_a_short_one_is_not() {
    let begin = Instant::now();
    let ((), reports) = reported(|| {
        let runner = Runner::builder().debug(true).slow_step(SECOND).build();
        runner.run(|| (0..100).for_each(|_| yield_now())).unwrap();
        let runner = self::runner();
        runner
            .run(|| {
                compute();
                yield_now();
                let named = Builder::new().name("parser").spawn(|| {
                    // What it waits for is no step of its own.
                    sleep(3 * LIMIT);
                    compute();
                    current().unwrap().set_name("renamed");
                    yield_now();
                    compute();
                });
                // Its last step, after which the record is gone.
                drop(spawn(compute));
                named.join().unwrap();
            })
            .unwrap();
    });
    let whole = begin.elapsed();
    let of = |who: &str| {
        let all: Vec<_> = reports.iter().filter(|report| report.starts_with(who)).collect();
        assert!(!all.is_empty(), "{who} in {reports:?}");
        all.iter().for_each(|report| assert!((LIMIT..whole).contains(&took(report, who)), "{report}"));
    };
    // A machine that is busy enough makes any step long.
    ["task 1 \"Task-1\"", "task 2 \"parser\"", "task 3 \"Task-3\"", "task 2 \"renamed\""]
        .iter()
        .copied()
        .for_each(of);
}

#[test]
fn a_callback_and_a_timer_that_take_long_are_reported() {
    let ((), reports) = reported(|| {
        runner()
            .run(|| {
                call_soon(compute);
                yield_now();
                yield_now();
            })
            .unwrap();
    });
    assert!(reports.iter().any(|report| report.starts_with("callback") && took(report, "callback") >= LIMIT));
}

#[test]
fn real_time_counts_also_under_virtual_time() {
    let ((), reports) = reported(|| {
        let runner = Runner::builder().virtual_time(true).debug(true).slow_step(60 * SECOND).build();
        runner
            .run(|| {
                sleep(100_000 * SECOND);
                timeout(SECOND, || sleep(2 * SECOND)).unwrap_err();
            })
            .unwrap();
    });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn without_debug_mode_nothing_is_reported() {
    let ((), reports) = reported(|| {
        let runner = Runner::builder().debug(false).slow_step(Duration::ZERO).build();
        runner.run(|| drop(spawn(compute).join())).unwrap();
    });
    assert_eq!(reports, [""; 0]);
}

/// What the test of this name prints, run again with the variable set to a value.
fn with_variable(test: &str, value: &str) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let output = command.env("CEDE_DEBUG", value).env("CEDE_TEST_CHILD", test).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_environment_turns_it_on() {
    let test = "the_environment_turns_it_on";
    if env::var_os("CEDE_TEST_CHILD").is_some() {
        let runner = Runner::builder().slow_step(LIMIT).build();
        runner.run(|| drop(Builder::new().name("slow").spawn(compute).join())).unwrap();
        let runner = Runner::builder().debug(false).slow_step(LIMIT).build();
        runner.run(|| drop(Builder::new().name("never").spawn(compute).join())).unwrap();
        process::exit(0);
    }
    for (value, on) in [("1", true), ("yes", true), ("0", false), ("", false)] {
        let text = with_variable(test, value);
        let said = text.contains("cede: task 2 \"slow\": ran for ")
            && text.contains("(spawned at tests/runtime_debug.rs:");
        assert_eq!(said, on, "{value:?}: {text}");
        assert!(!text.contains("never"), "{text}");
    }
}

/// By default it is asyncio's tenth of a second.
#[test]
fn the_limit_is_a_tenth_of_a_second_by_default() {
    let ((), reports) = reported(|| {
        Runner::builder()
            .debug(true)
            .build()
            .run(|| {
                let begin = Instant::now();
                while begin.elapsed() <= Duration::from_millis(101) {
                    std::hint::spin_loop();
                }
            })
            .unwrap();
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(took(&reports[0], "task 1 \"Task-1\"") > Duration::from_millis(100));
}
