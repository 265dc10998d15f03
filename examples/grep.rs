//! `grep` over a tree, several files at a time: what it prints is in the order of the paths all the same.
//!
//! `cargo run --release --example grep -- Semaphore src`

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use cede::fs::walk;
use cede::{ScopedJoinHandle, try_scope, unblock};

/// The lines of a file that have it, as they are printed. On a thread: there it may read and search as long as it takes.
fn search(path: &Path, pattern: &str) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    let mut found = String::new();
    // What has a zero in it is no text.
    if !bytes[..bytes.len().min(1024)].contains(&0) {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(pattern) {
            for (index, line) in text.lines().enumerate().filter(|(_, line)| line.contains(pattern)) {
                let _ = writeln!(found, "{}:{}:{line}", path.display(), index + 1);
            }
        }
    }
    Ok(found)
}

/// Prints what the file that came first has.
fn print_first(searching: &mut VecDeque<ScopedJoinHandle<'_, String>>) -> Result<(), Box<dyn Error>> {
    let Some(first) = searching.pop_front() else { return Ok(()) };
    Ok(cede::io::stdout().write_all(first.join()?.as_bytes())?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let Some(pattern) = arguments.next() else {
        println!("usage: grep PATTERN [PATH]...");
        return Ok(());
    };
    let pattern: Arc<str> = pattern.into();
    let mut roots: Vec<String> = arguments.collect();
    if roots.is_empty() {
        roots.push(".".into());
    }
    let at_a_time = 4 * available_parallelism()?.get();
    cede::run(|| {
        try_scope(|tasks| {
            let mut searching = VecDeque::new();
            for entry in roots.iter().flat_map(|root| walk(root).sorted(true)) {
                let path = match entry {
                    Ok(entry) if entry.file_type().is_file() => entry.into_path(),
                    Ok(_) => continue,
                    Err(error) => {
                        eprintln!("grep: {error}");
                        continue;
                    }
                };
                let pattern = Arc::clone(&pattern);
                searching.push_back(tasks.spawn(move || {
                    unblock(move || {
                        search(&path, &pattern).unwrap_or_else(|error| {
                            eprintln!("grep: {}: {error}", path.display());
                            String::new()
                        })
                    })
                }));
                if searching.len() == at_a_time {
                    print_first(&mut searching)?;
                }
            }
            while !searching.is_empty() {
                print_first(&mut searching)?;
            }
            Ok::<_, Box<dyn Error>>(())
        })
    })?;
    Ok(())
}
