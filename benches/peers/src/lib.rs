//! What every peer shares: the command line, the clocks, and the line that says what was measured.
//!
//! A peer is a program that is called with a workload and numbers, does that workload once, prints one line to stdout and
//! ends. It ends with status 64 when it does not do that workload. The peers in other languages keep to the same.
//!
//! | workload | numbers               | what it prints                                                            |
//! |----------|-----------------------|---------------------------------------------------------------------------|
//! | gen      | VALUES                | `ns_per_op`: one value produced and consumed                               |
//! | gennew   | GENERATORS            | `ns_per_op`: one made, asked for its three values, run to its end, dropped |
//! | yield    | TASKS EACH            | `ns_per_op`: one of TASKS tasks yields once; each does so EACH times       |
//! | spawn    | TASKS THREADS BATCH   | `ns_per_op`: one task spawned, run and joined, BATCH at a time             |
//! | pingpong | MESSAGES THREADS      | `ns_per_op`: one message between two tasks, half of them each way          |
//! | skynet   | LEAVES THREADS TIMES  | `ns_per_op`: one task of a tree in which each joins ten; the last of TIMES |
//! | skew     | TASKS THREADS BATCH   | `ns_per_op`: one task of uneven work, in slices; one thread spawns them all |
//! | idle     | TASKS                 | `bytes_per_task`: growth of resident memory and page tables                |
//! | timers   | TASKS THREADS         | `ns_per_op`: CPU time of one task that sleeps for up to a second           |
//! | echo     | PORT THREADS          | `ready`, then serves 127.0.0.1:PORT until it is killed                     |
//! | http     | PORT THREADS          | the same: `Hello, world!` by HTTP/1.1 with connections kept open           |
//!
//! All consumers check what they get, so that no peer can leave out work that another does.

use std::fs;
use std::process;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What an idle task, or one with a timer, of `idle` sleeps for: longer than any measurement.
pub const FOREVER: Duration = Duration::from_secs(3600);

/// How long memory may settle before it is measured.
pub const SETTLING: Duration = Duration::from_millis(200);

/// The size of the buffer into which a connection of `echo` reads.
pub const ECHO_BUFFER: usize = 4096;

/// What the command line asks of a peer, and the way to answer.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    workload: String,
    numbers: Vec<u64>,
}

impl Peer {
    /// Reads the command line of this process.
    pub fn from_command_line(name: &'static str) -> Self {
        let mut words = std::env::args().skip(1);
        let workload = words.next().unwrap_or_else(|| usage("which workload?"));
        let number = |word: String| word.replace('_', "").parse().unwrap_or_else(|_| usage(&word));
        Peer { name, workload, numbers: words.map(number).collect() }
    }

    /// The workload that is asked for.
    pub fn workload(&self) -> &str {
        &self.workload
    }

    /// One of the numbers after the workload.
    pub fn number(&self, index: usize) -> u64 {
        self.numbers.get(index).copied().unwrap_or_else(|| usage("too few numbers"))
    }

    /// Prints what one unit of so many took.
    pub fn report(&self, units: u64, took: Duration) {
        self.print(units, &format!("ns_per_op={:.3}", nanoseconds(took) / units as f64));
    }

    /// Prints what one task keeps in memory.
    pub fn report_memory(&self, tasks: u64, bytes: u64) {
        self.print(tasks, &format!("bytes_per_task={:.1}", bytes as f64 / tasks as f64));
    }

    /// Prints how much CPU time one task needed; the time of the clock stands beside it.
    pub fn report_cpu(&self, tasks: u64, cpu: Duration, took: Duration) {
        let each = nanoseconds(cpu) / tasks as f64;
        self.print(tasks, &format!("ns_per_op={each:.1} wall_ms={}", took.as_millis()));
    }

    /// Says that connections are accepted from now on.
    pub fn ready(&self) {
        println!("ready port={}", self.number(0));
    }

    fn print(&self, units: u64, what: &str) {
        println!("workload={} peer={} n={units} {what}", self.workload, self.name);
    }
}

fn usage(problem: &str) -> ! {
    eprintln!("{problem}\nusage: PEER WORKLOAD NUMBER..., see benches/peers/src/lib.rs");
    process::exit(2)
}

/// Ends the process: this peer does not do this workload.
pub fn unsupported() -> ! {
    process::exit(64)
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// What `f` gives, and how long it took.
pub fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let value = f();
    (value, begin.elapsed())
}

/// What a future gives, and how long it took.
pub async fn timed_future<F: Future>(future: F) -> (F::Output, Duration) {
    let begin = Instant::now();
    let value = future.await;
    (value, begin.elapsed())
}

/// The memory that this process has resident, and its page tables, in bytes.
pub fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let lines = status.lines().filter(|line| line.starts_with("VmRSS:") || line.starts_with("VmPTE:"));
    let kibibytes = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.sum::<u64>() * 1024
}

/// The CPU time of this process so far.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The lengths of the sleeps of `timers`, spread evenly over a second: the same in every Rust peer.
pub fn sleeps(tasks: u64) -> impl Iterator<Item = Duration> {
    let mut state = 88_172_645_463_325_252_u64;
    (0..tasks).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_micros(state % 1_000_000)
    })
}

/// In how many slices a task of `skew` does its work; it lets others run in between.
pub const SLICES: u64 = 4;

/// How many rounds of [`work`] a slice of the task with this number takes: every 64th task takes 64 times as long as another,
/// and so those few have half of all the work.
pub fn rounds_of_slice(task: u64) -> u64 {
    if task % 64 == 63 { 16_000 } else { 250 }
}

/// Keeps a processor busy for a nanosecond or two a round. What one call gives the next goes on with.
pub fn work(state: u64, rounds: u64) -> u64 {
    (0..rounds)
        .fold(state, |state, round| (state ^ (state >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ round)
}

/// What a task of `skew` arrives at.
pub fn worked(task: u64) -> u64 {
    (0..SLICES).fold(task, |state, _| work(state, rounds_of_slice(task)))
}

/// Checks what a batch of tasks of `skew` has arrived at, by doing the work of two of them once more.
pub fn check_worked(first: u64, results: &[u64]) {
    for index in [0, results.len() / 2] {
        assert_eq!(results[index], worked(first + index as u64));
    }
}

/// The sum of the numbers below `n`, which the consumers arrive at too.
pub fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// How many tasks a tree with this many leaves has, when each task that is no leaf has ten children.
pub fn tasks_of_tree(leaves: u64) -> u64 {
    std::iter::successors(Some(leaves), |tasks| Some(tasks / 10).filter(|&above| above > 0)).sum()
}
