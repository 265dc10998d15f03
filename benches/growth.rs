//! How the cost of an operation grows with the number of tasks, timers, waiters, messages and connections:
//! `cargo bench --bench growth`.
//!
//! ```sh
//! cargo bench --bench growth                            # a table, up to 100,000 of each
//! cargo bench --bench growth -- --most 1000000          # what has no room is left out: a million waiting tasks need 5 GB
//! cargo bench --bench growth -- --only waiters --rounds 9
//! cargo bench --bench growth -- --json --plot growth.svg
//! ```
//!
//! All routines are carried out at all sizes in turn, and then again, as often as there are rounds; each figure is the median over these,
//! in nanoseconds of processor time for one unit. Small sizes are repeated until there are enough units to time.
//!
//! The last column says how much a figure grows with each tenfold number, on the average from the smallest to the largest: 1.0 is
//! constant, 10 is linear. Nothing should be far above 1, but caches make a task among 100,000 dearer than one among 10, and a page
//! that is touched for the first time costs a microsecond or two.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[path = "growth/plot.rs"]
mod plot;
#[path = "growth/routines.rs"]
mod routines;

use routines::{ROUTINES, Routine};

/// Units that are timed at once at least.
const UNITS_MIN: u64 = 20_000;

/// Medians in nanoseconds by the number of what grows, for each routine.
pub(crate) type Figures = Vec<(&'static Routine, BTreeMap<usize, f64>)>;

struct Options {
    most: usize,
    rounds: usize,
    only: String,
    json: bool,
    plot: Option<String>,
    test: bool,
}

impl Options {
    fn of_command_line() -> Self {
        let mut options =
            Options { most: 100_000, rounds: 5, only: String::new(), json: false, plot: None, test: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--most" => options.most = value().parse().expect("a number"),
                "--rounds" => options.rounds = value().parse().expect("a number"),
                "--only" => options.only = value(),
                "--plot" => options.plot = Some(value()),
                "--json" => options.json = true,
                "--test" => options.test = true,
                // Cargo says this to every bench.
                "--bench" => {}
                other => panic!("{other} is no option; see the head of benches/growth.rs"),
            }
        }
        options
    }
}

/// The memory that is to be had, in bytes; no limit where the system does not tell.
fn memory() -> usize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kibibytes.map_or(usize::MAX, |kibibytes| kibibytes * 1024)
}

/// As many descriptors as the system lets this process have.
fn descriptors() -> usize {
    let most = getrlimit(Resource::Nofile).maximum;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
    let now = if raised.is_ok() { most } else { getrlimit(Resource::Nofile).current };
    now.map_or(usize::MAX, |now| now as usize)
}

/// The sizes at which a routine is carried out.
fn sizes(routine: &Routine, most: usize, memory: usize, descriptors: usize) -> Vec<usize> {
    let fits = |&size: &usize| {
        size <= most && size * routine.bytes <= memory / 2 && size * routine.descriptors + 50 <= descriptors
    };
    (1..=6).map(|power| 10_usize.pow(power)).filter(fits).collect()
}

fn measure(options: &Options) -> Figures {
    let (memory, descriptors) = (memory(), descriptors());
    let chosen = ROUTINES
        .iter()
        .filter(|routine| routine.panel.contains(&*options.only) || routine.name.contains(&*options.only));
    let mut samples: Vec<(&Routine, BTreeMap<usize, Vec<f64>>)> = chosen
        .map(|routine| {
            let sizes = sizes(routine, options.most, memory, descriptors);
            (routine, sizes.into_iter().map(|size| (size, Vec::new())).collect())
        })
        .collect();
    for round in 1..=options.rounds {
        for (routine, sizes) in &mut samples {
            eprintln!("round {round} of {}: {}, {}", options.rounds, routine.panel, routine.name);
            for (&size, found) in sizes {
                let spent = routine.run(size, UNITS_MIN);
                found.push(spent.took.as_nanos() as f64 / spent.units as f64);
            }
        }
    }
    let medians =
        |sizes: BTreeMap<usize, Vec<f64>>| sizes.into_iter().map(|(size, found)| (size, median(found)));
    samples.into_iter().map(|(routine, sizes)| (routine, medians(sizes).collect())).collect()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// By how much a figure grows with each tenfold number, on the average.
fn growth(figures: &BTreeMap<usize, f64>) -> Option<f64> {
    let (first, last) = (figures.first_key_value()?, figures.last_key_value()?);
    let decades = (*last.0 as f64 / *first.0 as f64).log10();
    (decades > 0.0).then(|| (last.1 / first.1).powf(1.0 / decades))
}

fn print_table(figures: &Figures) {
    let sizes: Vec<usize> = (1..=6).map(|power| 10_usize.pow(power)).collect();
    print!("{:42}", "nanoseconds");
    sizes.iter().for_each(|size| print!("{size:>9}"));
    println!("{:>9}", "growth");
    for (routine, found) in figures {
        print!("{:12} {:29}", routine.panel, routine.name);
        for size in &sizes {
            let figure = found.get(size).map_or("-".into(), |figure| format!("{figure:.0}"));
            print!("{figure:>9}");
        }
        println!("{:>9}", growth(found).map_or("-".into(), |growth| format!("{growth:.2}")));
    }
}

fn print_json(figures: &Figures) {
    let rows = figures.iter().map(|(routine, found)| {
        let figures: Vec<_> = found.iter().map(|(size, figure)| format!("\"{size}\": {figure:.1}")).collect();
        format!(
            "  {{\"panel\": {:?}, \"unit\": {:?}, \"ns\": {{{}}}}}",
            routine.panel,
            routine.name,
            figures.join(", ")
        )
    });
    println!("[\n{}\n]", rows.collect::<Vec<_>>().join(",\n"));
}

fn main() {
    let options = Options::of_command_line();
    if options.test {
        for routine in ROUTINES {
            println!("{}, {}", routine.panel, routine.name);
            routine.run(10, 1);
        }
        plot::draw(&vec![(&ROUTINES[0], BTreeMap::from([(10, 1.0), (100, 2.0)]))]);
        return;
    }
    let figures = measure(&options);
    if options.json {
        print_json(&figures)
    } else {
        print_table(&figures)
    }
    if let Some(path) = &options.plot {
        fs::write(path, plot::draw(&figures)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}
