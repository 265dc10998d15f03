//! How a file is opened.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::file::File;
use super::opening;

/// How a file is opened, in the shape of [`std::fs::OpenOptions`] and its extension for Unix.
///
/// | mode of Python | options |
/// |---|---|
/// | `r` | `read` |
/// | `w` | `write`, `create`, `truncate` |
/// | `x` | `write`, `create_new` |
/// | `a` | `append`, `create` |
/// | `r+`, `w+`, `x+`, `a+` | the same, `read` and `write` |
///
/// # Examples
///
/// ```
/// use cede::fs::OpenOptions;
/// use std::io::Write;
///
/// cede::run(|| -> std::io::Result<()> {
///     let path = std::env::temp_dir().join(format!("cede-append-{}", std::process::id()));
///     for line in ["one", "two"] {
///         let mut log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
///         writeln!(log, "{line}")?;
///     }
///     assert_eq!(cede::fs::read_to_string(&path)?, "one\ntwo\n");
///     cede::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    options: std::fs::OpenOptions,
    unbuffered: bool,
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: bool) -> &mut Self {
            self.options.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Options that are all off.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "as std's")]
    pub fn new() -> Self {
        OpenOptions { options: std::fs::OpenOptions::new(), unbuffered: false }
    }

    choices! {
        /// For reading.
        read;
        /// For writing: what is there is overwritten.
        write;
        /// For writing at the end, wherever that is at that moment.
        append;
        /// Empties it.
        truncate;
        /// Makes it if there is none.
        create;
        /// Makes it, and fails where there is something.
        create_new;
    }

    /// What is written goes to the system before the call returns, as std's files do: nothing stays in the buffer of the [`File`]. Each
    /// write is a hop to a thread then. For logs that must not lose their end when the process is killed.
    ///
    /// A write that is cancelled has written nothing, or all that it was given up to 2 MiB.
    pub fn unbuffered(&mut self, unbuffered: bool) -> &mut Self {
        self.unbuffered = unbuffered;
        self
    }

    /// The permissions of a file that is made, of which the process's mask takes some away.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.options.mode(mode);
        self
    }

    /// Flags for the system's `open`, such as `O_DIRECTORY`.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.options.custom_flags(flags);
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Those of the system, and of std for options that make no sense; outside of a task.
    ///
    /// # Cancellation
    ///
    /// As [`File::open`]. A file that was made stays.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (self.options.clone(), path.as_ref());
        let file = opening::open(path, move |path| options.open(path))?;
        Ok(File::of(file, Some(path), self.unbuffered))
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        OpenOptions { options, unbuffered: false }
    }
}
