//! A tour of cede on a real tree of files: `cargo run --release --example tour [PATH]`.
//!
//! Every chapter is a file that can be read by itself. Without PATH the tour looks at the project that it
//! belongs to. It exits with 0 when it could look, also where parts of the tree could not be read (these
//! are counted and named), and with 2 when there is nothing to look at.

mod averager;
mod cost;
mod definitions;
mod echo;
mod pipeline;
mod port;
mod readable;
mod survey;
mod tally;
mod walk;

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

const USAGE: &str = "usage: tour [PATH]";

fn main() -> ExitCode {
    let root = match root_from_arguments() {
        Ok(Some(root)) => root,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("tour: {message}");
            return ExitCode::from(2);
        }
    };
    match run(&root, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough of it.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The tree to look at; nothing if only help is asked for.
fn root_from_arguments() -> Result<Option<PathBuf>, String> {
    let mut arguments = env::args_os().skip(1);
    let root = match (arguments.next(), arguments.next()) {
        (None, _) => default_root(),
        (Some(argument), None) if argument == "--help" || argument == "-h" => return Ok(None),
        (Some(argument), None) => PathBuf::from(argument),
        (Some(_), Some(_)) => return Err(format!("one path at most\n{USAGE}")),
    };
    match fs::metadata(&root) {
        Ok(metadata) if metadata.is_dir() || metadata.is_file() => Ok(Some(root)),
        Ok(_) => Err(format!("{} is neither a file nor a directory", root.display())),
        Err(error) => Err(format!("can't look at {}: {error}", root.display())),
    }
}

/// The project that this example was built from, or the current directory where that is gone.
fn default_root() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    if project.is_dir() { project.to_path_buf() } else { PathBuf::from(".") }
}

fn run(root: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "A tour of cede on {}", root.display())?;
    writeln!(out, "(hidden entries and directories named \"target\" are skipped, symbolic links are not")?;
    writeln!(out, "followed, and other file systems that are mounted below are not entered)")?;
    pipeline::chapter(root, out)?;
    averager::chapter(root, out)?;
    cost::chapter(out)?;
    port::chapter(out)?;
    echo::chapter(out)?;
    out.flush()?;
    Ok(())
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
