//! Rounds, their threads, and the watchdog.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::random::Random;

/// What one thread of a round is about.
pub(crate) struct Actor {
    name: String,
    doing: Mutex<&'static str>,
    steps: AtomicU64,
}

impl Actor {
    /// Says what comes now.
    pub(crate) fn about(&self, what: &'static str) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = what;
        self.steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// One round of one test.
pub(crate) struct Round {
    test: &'static str,
    pub(crate) seed: u64,
    since: Instant,
    actors: Mutex<Vec<Arc<Actor>>>,
    /// How many values there are that the round has made.
    values: Arc<AtomicUsize>,
}

impl Round {
    /// Numbers of one of its threads.
    pub(crate) fn random(&self, of: u64) -> Random {
        Random::new(self.seed.wrapping_mul(1000).wrapping_add(of))
    }

    /// A value that is missed if it is never dropped.
    pub(crate) fn value(&self) -> Value {
        self.values.fetch_add(1, Ordering::Relaxed);
        Value(Arc::clone(&self.values))
    }

    /// Somebody with a name for the watchdog.
    pub(crate) fn actor(&self, name: String) -> Arc<Actor> {
        let actor = Arc::new(Actor { name, doing: Mutex::new("begins"), steps: AtomicU64::new(0) });
        self.actors.lock().unwrap().push(Arc::clone(&actor));
        actor
    }

    /// A thread of the round. What it panics with ends the process at once, since others may wait for it.
    pub(crate) fn thread<'scope, T: Send + 'scope>(
        &'scope self,
        s: &'scope thread::Scope<'scope, '_>,
        name: &str,
        f: impl FnOnce(&Actor) -> T + Send + 'scope,
    ) -> thread::ScopedJoinHandle<'scope, T> {
        let actor = self.actor(name.to_owned());
        s.spawn(move || match panic::catch_unwind(AssertUnwindSafe(|| f(&actor))) {
            Ok(value) => {
                actor.about("has ended");
                value
            }
            Err(_) => self.fail("a thread has panicked"),
        })
    }

    fn fail(&self, why: &str) -> ! {
        eprintln!(
            "stress: {} failed, {why}. CEDE_STRESS_SEED={} begins with this round, which is {:?} old:",
            self.test,
            self.seed,
            self.since.elapsed()
        );
        for actor in &*self.actors.lock().unwrap_or_else(PoisonError::into_inner) {
            let doing = *actor.doing.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("  {}: {doing}, after {} steps", actor.name, actor.steps.load(Ordering::Relaxed));
        }
        for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let about = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let (name, stat) = (about("comm"), about("stat"));
            let state = stat.rsplit(')').next().unwrap_or_default().split_whitespace().next().unwrap_or("?");
            eprintln!("  thread {:?} {}: {state} in {}", task.file_name(), name.trim(), about("wchan"));
        }
        process::abort();
    }
}

/// Counted while it lives.
#[derive(Debug)]
pub(crate) struct Value(Arc<AtomicUsize>);

impl Clone for Value {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Value(Arc::clone(&self.0))
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// The rounds that are under way, by the names of their tests.
static ROUNDS: Mutex<BTreeMap<&str, Arc<Round>>> = Mutex::new(BTreeMap::new());

/// Ends the process when a round takes too long.
fn watch() {
    static WATCHDOG: Once = Once::new();
    WATCHDOG.call_once(|| {
        let limit = Duration::from_secs(number("CEDE_STRESS_ROUND_SECONDS").unwrap_or(120));
        thread::spawn(move || {
            let (never, condition) = (Mutex::new(()), Condvar::new());
            loop {
                let waiting = condition.wait_timeout(never.lock().unwrap(), Duration::from_secs(1));
                drop(waiting);
                let rounds = ROUNDS.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(round) = rounds.values().find(|round| round.since.elapsed() > limit) {
                    round.fail("it hangs");
                }
            }
        });
    });
}

/// Goes through rounds of a test until its time is over.
pub(crate) fn stress(test: &'static str, round: impl Fn(&Round)) {
    watch();
    let time = Duration::from_secs(number("CEDE_STRESS_SECONDS").unwrap_or(1));
    let given = number("CEDE_STRESS_SEED");
    let begin = Instant::now();
    let first = given.unwrap_or_else(|| u64::from(std::process::id()) << 20);
    let mut seed = first;
    while seed == first || begin.elapsed() < time {
        let values = Arc::new(AtomicUsize::new(0));
        let this = Arc::new(Round {
            test,
            seed,
            since: Instant::now(),
            actors: Mutex::default(),
            values: Arc::clone(&values),
        });
        ROUNDS.lock().unwrap().insert(test, Arc::clone(&this));
        if panic::catch_unwind(AssertUnwindSafe(|| round(&this))).is_err() {
            this.fail("its totals are wrong");
        }
        ROUNDS.lock().unwrap().remove(test);
        let left = values.load(Ordering::Relaxed);
        if left != 0 {
            this.fail(&format!("{left} values are left"));
        }
        seed += 1;
    }
    println!("{test}: {} rounds from seed {first}", seed - first);
}
