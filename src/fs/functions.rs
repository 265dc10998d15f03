//! The functions of std, each of which is one job.
//!
//! Those that only look are worth a hop too: a path may lead to a disk that sleeps, or to another machine.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::calls::{on_path, on_paths};
use super::whole;

/// What is common to all of them, said once.
macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        $name:ident($operation:literal) -> $result:ty = $call:path;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Those of the system; outside of a task.
        ///
        /// # Cancellation
        ///
        /// Unwinds when the task is cancelled meanwhile; it may be carried out all the same.
        pub fn $name(path: impl AsRef<Path>) -> io::Result<$result> {
            on_path($operation, path.as_ref(), |path| $call(path))
        }
    )*};
    (two: $(
        $(#[$doc:meta])*
        $name:ident($operation:literal) -> $result:ty = $call:path;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Those of the system, with both paths; outside of a task.
        ///
        /// # Cancellation
        ///
        /// Unwinds when the task is cancelled meanwhile; it may be carried out all the same.
        pub fn $name(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<$result> {
            on_paths($operation, from.as_ref(), to.as_ref(), |from, to| $call(from, to))
        }
    )*};
}

functions! {
    /// All bytes of a file, in one hop to a thread: [`std::fs::read`].
    ///
    /// # Examples
    ///
    /// ```
    /// let bytes = cede::run(|| cede::fs::read("Cargo.toml"))?;
    /// assert!(bytes.starts_with(b"["));
    /// let error = cede::run(|| cede::fs::read("no/such/file")).unwrap_err();
    /// assert!(error.to_string().starts_with("can't read \"no/such/file\": No such file"));
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    read("read") -> Vec<u8> = whole::read;
    /// All of a file as a string: [`std::fs::read_to_string`].
    read_to_string("read") -> String = whole::read_to_string;
    /// Removes a file: [`std::fs::remove_file`].
    remove_file("remove") -> () = std::fs::remove_file;
    /// Makes a directory: [`std::fs::create_dir`].
    create_dir("create the directory") -> () = std::fs::create_dir;
    /// Makes a directory and those above it, where there are none: [`std::fs::create_dir_all`], Python's `makedirs`.
    create_dir_all("create the directory") -> () = std::fs::create_dir_all;
    /// Removes a directory that is empty: [`std::fs::remove_dir`].
    remove_dir("remove the directory") -> () = std::fs::remove_dir;
    /// Removes a directory with all that is in it: [`std::fs::remove_dir_all`], Python's `rmtree`.
    remove_dir_all("remove the directory") -> () = std::fs::remove_dir_all;
    /// The path without links and dots, from the root: [`std::fs::canonicalize`], Python's `realpath`.
    canonicalize("resolve") -> PathBuf = std::fs::canonicalize;
    /// Where a symbolic link leads: [`std::fs::read_link`].
    read_link("read the link") -> PathBuf = std::fs::read_link;
    /// What is known about what is at a path: [`std::fs::metadata`], Python's `stat`.
    metadata("get the metadata of") -> Metadata = std::fs::metadata;
    /// The same of a symbolic link itself, if it is one: [`std::fs::symlink_metadata`], Python's `lstat`.
    symlink_metadata("get the metadata of") -> Metadata = std::fs::symlink_metadata;
    /// Whether there is something, at the end of links: [`std::fs::exists`]. An error where that can't be found out.
    exists("look for") -> bool = std::fs::exists;
}

functions! { two:
    /// Gives a file or directory another name, also one that is taken: [`std::fs::rename`], Python's `replace`.
    rename("rename") -> () = std::fs::rename;
    /// Gives a file one more name: [`std::fs::hard_link`], Python's `link`.
    hard_link("link") -> () = std::fs::hard_link;
    /// Makes a symbolic link that leads to `from`: [`std::os::unix::fs::symlink`].
    symlink("link") -> () = std::os::unix::fs::symlink;
}

/// Writes a whole file, made if there is none: [`std::fs::write`].
///
/// # Errors
///
/// Those of the system; outside of a task. What was written before stays.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile; it may be carried out all the same, and then all of it.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let contents = contents.as_ref().to_vec();
    on_path("write", path.as_ref(), move |path| std::fs::write(path, contents))
}

/// Says who may do what with it: [`std::fs::set_permissions`], Python's `chmod`.
///
/// # Errors, cancellation
///
/// As [`create_dir`].
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    on_path("set the permissions of", path.as_ref(), move |path| std::fs::set_permissions(path, permissions))
}

/// Says whose it is: [`std::os::unix::fs::chown`].
///
/// # Errors, cancellation
///
/// As [`create_dir`].
pub fn chown(path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    on_path("set the owner of", path.as_ref(), move |path| std::os::unix::fs::chown(path, user, group))
}

/// As [`chown`], of a symbolic link itself: [`std::os::unix::fs::lchown`].
///
/// # Errors, cancellation
///
/// As [`create_dir`].
pub fn lchown(path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    on_path("set the owner of", path.as_ref(), move |path| std::os::unix::fs::lchown(path, user, group))
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $metadata:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Where it can't be found out, as outside of a task, it is not. [`metadata`] gives the reason.
        ///
        /// # Cancellation
        ///
        /// Unwinds when the task is cancelled meanwhile.
        pub fn $name(path: impl AsRef<Path>) -> bool {
            $metadata(path).is_ok_and(|metadata| metadata.$name())
        }
    )*};
}

kinds! {
    /// Whether there is a regular file, at the end of links: [`Path::is_file`].
    is_file = metadata;
    /// Whether there is a directory, at the end of links: [`Path::is_dir`].
    is_dir = metadata;
    /// Whether there is a symbolic link: [`Path::is_symlink`].
    is_symlink = symlink_metadata;
}
