//! Files beside std's, on threads of one's own, and beside aiofiles: `cargo bench --bench fs`.
//!
//! ```sh
//! cargo bench --bench fs                        # all of it
//! cargo bench --bench fs -- --rounds 15 read    # what has "read" in its name
//! pip install aiofiles                          # for that column; the variable PYTHON names another Python than python3
//! ```
//!
//! The ways take turns, round after round, on warm caches; a figure is the median of a way over the rounds, and a ratio the median of the
//! ratios within each round, so that a machine that is slow for a while is slow for all.
//!
//! | routine | unit | cede | std |
//! |---|---|---|---|
//! | `read small, n threads` | 10,000 files of 1 KiB, read whole | `fs::read` in tasks, with so many threads for calls | a pool of so many threads, with a channel for jobs and one for what they read |
//! | `read lines` | a file of 100,000 lines | `File::lines` | `BufReader::lines` |
//! | `write lines` | the same file | `writeln!` to a `File` | `writeln!` to a `BufWriter` |
//! | `copy whole` | a file of 32 MiB | `fs::copy` | `std::fs::copy` |
//! | `copy by blocks` | the same | `io::copy` | `std::io::copy` between a `BufReader` and a `BufWriter` of 64 KiB |

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cede::Runner;
use cede::fs::File;

/// How many tasks read files at a time.
const TASKS: usize = 64;

const BLOCK: usize = 64 << 10;

struct Options {
    rounds: usize,
    only: String,
    test: bool,
}

impl Options {
    fn of_command_line() -> Self {
        let mut options = Options { rounds: 9, only: String::new(), test: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--rounds" => {
                    options.rounds = arguments.next().and_then(|n| n.parse().ok()).expect("a number")
                }
                "--test" => (options.rounds, options.test) = (1, true),
                // Cargo says this to every bench.
                "--bench" => {}
                other => options.only = other.to_owned(),
            }
        }
        options
    }
}

/// What is read and written, which goes with this.
struct Place {
    path: PathBuf,
    small: Vec<PathBuf>,
    lines: PathBuf,
    large: PathBuf,
    line_count: usize,
}

impl Place {
    fn new(test: bool) -> io::Result<Self> {
        let (files, line_count, size) =
            if test { (100, 1_000, 1 << 20) } else { (10_000, 100_000, 32 << 20) };
        let path = std::env::temp_dir().join(format!("cede-bench-fs-{}", std::process::id()));
        std::fs::create_dir_all(path.join("small"))?;
        let small: Vec<_> = (0..files).map(|n| path.join(format!("small/{n}"))).collect();
        for (index, path) in small.iter().enumerate() {
            std::fs::write(path, vec![index as u8; 1024])?;
        }
        let (lines, large) = (path.join("lines"), path.join("large"));
        std_write_lines(&lines, line_count)?;
        std::fs::write(&large, vec![1; size])?;
        Ok(Place { path, small, lines, large, line_count })
    }

    fn copy(&self) -> PathBuf {
        self.path.join("copy")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let value = f();
    (value, begin.elapsed())
}

/// In a run with so many threads for calls, all of which are there already.
fn in_run<T>(threads: usize, f: impl FnOnce() -> T) -> T {
    let runner = Runner::builder().max_blocking_threads(threads).build();
    let warm = || cede::task::gather((0..threads).map(|_| || cede::unblock(|| ()))).join();
    let value = runner.run(|| {
        warm().expect("no task fails");
        f()
    });
    value.expect("nothing waits for ever")
}

fn cede_read_small(place: &Place, threads: usize) -> Duration {
    in_run(threads, || {
        let (bytes, took) = timed(|| {
            let paths = RefCell::new(place.small.iter());
            let total = RefCell::new(0);
            cede::scope(|s| {
                for _ in 0..TASKS {
                    s.spawn(|| {
                        loop {
                            let Some(path) = paths.borrow_mut().next() else { return };
                            *total.borrow_mut() += cede::fs::read(path).expect("it is there").len();
                        }
                    });
                }
            })
            .expect("no task fails");
            total.into_inner()
        });
        assert_eq!(bytes, place.small.len() * 1024);
        took
    })
}

type Job = Box<dyn FnOnce() + Send>;

fn std_read_small(place: &Place, threads: usize) -> Duration {
    let (jobs, queue) = mpsc::channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    let pool: Vec<_> = (0..threads)
        .map(|_| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                loop {
                    let job = queue.lock().expect("no job panics").recv();
                    let Ok(job) = job else { return };
                    job();
                }
            })
        })
        .collect();
    let (bytes, took) = timed(|| {
        let (tell, told) = mpsc::channel();
        for path in &place.small {
            let (path, tell) = (path.clone(), tell.clone());
            let job: Job = Box::new(move || _ = tell.send(std::fs::read(path).expect("it is there")));
            jobs.send(job).expect("the pool is there");
        }
        drop(tell);
        told.iter().map(|bytes: Vec<u8>| bytes.len()).sum::<usize>()
    });
    drop(jobs);
    pool.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
    assert_eq!(bytes, place.small.len() * 1024);
    took
}

fn cede_read_lines(place: &Place) -> Duration {
    in_run(1, || {
        let (bytes, took) = timed(|| {
            let lines = File::open(&place.lines).expect("it is there").lines();
            lines.map(|line| line.expect("it is text").len() + 1).sum::<usize>()
        });
        assert_eq!(bytes as u64, std::fs::metadata(&place.lines).expect("it is there").len());
        took
    })
}

fn std_read_lines(place: &Place) -> Duration {
    let (bytes, took) = timed(|| {
        let lines = BufReader::new(std::fs::File::open(&place.lines).expect("it is there")).lines();
        lines.map(|line| line.expect("it is text").len() + 1).sum::<usize>()
    });
    assert_eq!(bytes as u64, std::fs::metadata(&place.lines).expect("it is there").len());
    took
}

fn write_lines(mut writer: impl Write, count: usize) -> io::Result<()> {
    for n in 0..count {
        writeln!(writer, "this is line number {n} of many")?;
    }
    writer.flush()
}

fn std_write_lines(path: &Path, count: usize) -> io::Result<()> {
    write_lines(BufWriter::new(std::fs::File::create(path)?), count)
}

fn cede_write_lines(place: &Place) -> Duration {
    in_run(1, || {
        timed(|| {
            write_lines(File::create(place.copy())?, place.line_count)
                .and_then(|()| check(place, &place.lines))
        })
    })
    .1
}

/// That the copy is one.
fn check(place: &Place, of: &Path) -> io::Result<()> {
    assert_eq!(std::fs::metadata(place.copy())?.len(), std::fs::metadata(of)?.len());
    Ok(())
}

fn cede_copy(place: &Place) -> Duration {
    in_run(1, || timed(|| cede::fs::copy(&place.large, place.copy()).expect("there is room"))).1
}

fn std_copy(place: &Place) -> Duration {
    timed(|| std::fs::copy(&place.large, place.copy()).expect("there is room")).1
}

fn cede_copy_blocks(place: &Place) -> Duration {
    in_run(1, || {
        timed(|| {
            let (mut from, mut to) = (File::open(&place.large)?, File::create(place.copy())?);
            cede::io::copy(&mut from, &mut to)?;
            to.close()
        })
    })
    .1
}

fn std_copy_blocks(place: &Place) -> Duration {
    let copied = timed(|| {
        let mut from = BufReader::with_capacity(BLOCK, std::fs::File::open(&place.large)?);
        let mut to = BufWriter::with_capacity(BLOCK, std::fs::File::create(place.copy())?);
        io::copy(&mut from, &mut to)?;
        to.flush()
    });
    copied.0.expect("there is room");
    copied.1
}

/// aiofiles, if it is there.
struct Python {
    program: OsString,
    script: PathBuf,
}

impl Python {
    fn find() -> Option<Self> {
        let program = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fs.py");
        let found = Command::new(&program).args(["-c", "import aiofiles"]).output();
        found.is_ok_and(|output| output.status.success()).then_some(Python { program, script })
    }

    /// It says how many seconds it took.
    fn run(&self, place: &Place, what: &str, threads: usize) -> Duration {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(what).arg(&place.path).arg(threads.to_string());
        let output = command.output().expect("it was there a moment ago");
        let text = String::from_utf8_lossy(&output.stdout);
        let seconds = text.trim().parse::<f64>();
        Duration::from_secs_f64(
            seconds.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))),
        )
    }
}

/// The ways of a routine. `python` is what the script calls it.
struct Routine {
    name: String,
    cede: Box<dyn Fn(&Place) -> Duration>,
    std: Box<dyn Fn(&Place) -> Duration>,
    python: (&'static str, usize),
}

fn routines() -> Vec<Routine> {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let mut all: Vec<Routine> = [cores, 4 * cores]
        .map(|threads| Routine {
            name: format!("read small, {threads} threads"),
            cede: Box::new(move |place| cede_read_small(place, threads)),
            std: Box::new(move |place| std_read_small(place, threads)),
            python: ("read", threads),
        })
        .into();
    let mut add = |name: &str, cede: fn(&Place) -> Duration, std: fn(&Place) -> Duration, python| {
        let (cede, std) = (Box::new(cede), Box::new(std));
        all.push(Routine { name: name.to_owned(), cede, std, python: (python, cores) });
    };
    add("read lines", cede_read_lines, std_read_lines, "lines");
    let std_write = |place: &Place| timed(|| std_write_lines(&place.copy(), place.line_count)).1;
    add("write lines", cede_write_lines, std_write, "write");
    add("copy whole", cede_copy, std_copy, "");
    add("copy by blocks", cede_copy_blocks, std_copy_blocks, "copy");
    all
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> io::Result<()> {
    let options = Options::of_command_line();
    let place = Place::new(options.test)?;
    let python = Python::find();
    if python.is_none() {
        eprintln!("aiofiles is not there: pip install aiofiles");
    }
    println!(
        "{:24} {:>9} {:>9} {:>9}   {:>11} {:>11}",
        "ms", "cede", "std", "aiofiles", "std/cede", "aiofiles/cede"
    );
    for routine in routines().iter().filter(|routine| routine.name.contains(&options.only)) {
        let (mut ours, mut std, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let (what, threads) = routine.python;
        // A round before the first, for the caches.
        for _ in 0..=options.rounds {
            ours.push((routine.cede)(&place).as_secs_f64() * 1e3);
            std.push((routine.std)(&place).as_secs_f64() * 1e3);
            if let Some(python) = python.as_ref().filter(|_| !what.is_empty()) {
                theirs.push(python.run(&place, what, threads).as_secs_f64() * 1e3);
            }
        }
        let ratio = |other: &[f64]| {
            median(ours.iter().zip(other).skip(1).map(|(ours, other)| other / ours).collect())
        };
        let shown = |values: &[f64]| format!("{:.2}", median(values[1..].to_vec()));
        let (aiofiles, faster) = if theirs.is_empty() {
            ("-".into(), "-".into())
        } else {
            (shown(&theirs), format!("{:.2}", ratio(&theirs)))
        };
        let beside_std = format!("{:.2}", ratio(&std));
        println!(
            "{:24} {:>9} {:>9} {aiofiles:>9}   {beside_std:>11} {faster:>11}",
            routine.name,
            shown(&ours),
            shown(&std)
        );
    }
    Ok(())
}
