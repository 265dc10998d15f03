//! `aiofiles`, and what of `os`, `shutil` and `tempfile` is about files.
//!
//! asyncio has no files. `aiofiles` runs each call on a thread, and so does [`cede::fs`](crate::fs), since no system tells when a disk is ready. What
//! differs is how many calls go there: a [`File`](crate::fs::File) has a buffer, so that a hundred thousand lines are some dozens of hops to a thread, and
//! [`fs::read`](crate::fs::read()) opens, reads and closes in one.
//!
//! # A file, line by line
//!
//! ```python
//! import aiofiles, asyncio, os, tempfile
//!
//! async def main(path):
//!     async with aiofiles.open(path, "w") as log:
//!         for n in range(1000):
//!             await log.write(f"line {n}\n")
//!
//!     total = 0
//!     async with aiofiles.open(path) as log:
//!         async for line in log:
//!             total += int(line.removeprefix("line "))
//!     assert total == 499500
//!
//!     async with aiofiles.open(path, "r+b") as log:
//!         await log.seek(-3, os.SEEK_END)
//!         await log.write(b"X")
//!         assert await log.read() == b"9\n"
//!         assert await log.tell() == os.path.getsize(path)
//!
//! with tempfile.TemporaryDirectory() as place:
//!     asyncio.run(main(os.path.join(place, "log")))
//! ```
//!
//! ```
//! use cede::fs::{self, File};
//! use std::io::{self, Read, Seek, SeekFrom, Write};
//!
//! fn main() -> io::Result<()> {
//!     let path = std::env::temp_dir().join(format!("cede-manual-{}", std::process::id()));
//!     cede::run(|| {
//!         let mut log = File::create(&path)?;
//!         for n in 0..1000 {
//!             writeln!(log, "line {n}")?;
//!         }
//!         log.close()?;
//!
//!         let mut total = 0;
//!         for line in File::open(&path)?.lines() {
//!             total += line?["line ".len()..].parse::<u32>().map_err(io::Error::other)?;
//!         }
//!         assert_eq!(total, 499500);
//!
//!         let mut log = File::options().read(true).write(true).open(&path)?;
//!         log.seek(SeekFrom::End(-3))?;
//!         log.write_all(b"X")?;
//!         let mut rest = Vec::new();
//!         log.read_to_end(&mut rest)?;
//!         assert_eq!(rest, b"9\n");
//!         assert_eq!(log.stream_position()?, fs::metadata(&path)?.len());
//!         fs::remove_file(&path)
//!     })
//! }
//! ```
//!
//! **What is written stays in the buffer until `flush`, `close` or the end of the file's scope**, as in Python and unlike std. Where others read the file
//! meanwhile, say `flush`; where the end of a log must survive a crash, open it
//! [`unbuffered`](crate::fs::OpenOptions::unbuffered). `with` closes a file and tells of errors; the end of a scope closes it too, but its errors go
//! to the hook of [`set_task_hook`](crate::set_task_hook), so [`close`](crate::fs::File::close) what was written and matters.
//!
//! Since a [`File`](crate::fs::File) reads, writes and seeks as std's does, everything that is generic over these traits takes it.
//!
//! | `aiofiles` | cede |
//! |---|---|
//! | `aiofiles.open(path, mode)` | [`File::open`](crate::fs::File::open), [`create`](crate::fs::File::create), [`create_new`](crate::fs::File::create_new); [`OpenOptions`](crate::fs::OpenOptions) has a table of modes |
//! | `open(..., encoding=, errors=, newline=)` | text is UTF-8: [`lines`](crate::fs::File::lines), [`read_line`](crate::fs::File::read_line), [`read_to_string`](std::io::Read::read_to_string). Else read bytes, and decode them by a crate such as `encoding_rs` |
//! | `open(..., buffering=0)` | [`unbuffered`](crate::fs::OpenOptions::unbuffered), for writing; reads have a buffer |
//! | `open(..., opener=)` | [`mode`](crate::fs::OpenOptions::mode), [`custom_flags`](crate::fs::OpenOptions::custom_flags); [`File::from_std`](crate::fs::File::from_std) |
//! | `open(..., executor=)` | the threads are those of [`unblock`](crate::unblock), as many as [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads) says |
//! | `read(n)`, `read1(n)`, `readinto(b)` | [`read`](std::io::Read::read), [`read_exact`](std::io::Read::read_exact) |
//! | `read()`, `readall()` | [`read_to_end`](std::io::Read::read_to_end), [`read_to_string`](std::io::Read::read_to_string); of a whole file [`fs::read`](crate::fs::read()), [`fs::read_to_string`](crate::fs::read_to_string()) |
//! | `readline()`, `readlines()`, `async for line in f` | [`read_line`](crate::fs::File::read_line), [`read_until`](crate::fs::File::read_until); [`lines`](crate::fs::File::lines), without the ends of lines; `collect()` |
//! | `peek(n)` | [`BufReader::new(file)`](std::io::BufReader), `fill_buf` |
//! | `write(data)`, `writelines(lines)` | [`write_all`](std::io::Write::write_all), `write!`, `writeln!`, [`write_vectored`](std::io::Write::write_vectored); of a whole file [`fs::write`](crate::fs::write()) |
//! | `seek(n)`, `seek(n, os.SEEK_CUR)`, `seek(n, os.SEEK_END)`, `tell()` | [`seek`](std::io::Seek::seek), [`stream_position`](std::io::Seek::stream_position) |
//! | `truncate(n)` | [`set_len(n)`](crate::fs::File::set_len); without a length, `set_len(file.stream_position()?)` |
//! | `flush()`, `close()` | [`flush`](std::io::Write::flush), [`close`](crate::fs::File::close) |
//! | `fileno()`, `isatty()` | [`AsFd`](std::os::fd::AsFd), [`AsRawFd`](std::os::fd::AsRawFd), [`is_terminal`](std::io::IsTerminal) of `as_fd()` |
//! | `name`, `mode`, `closed`, `readable()`, `seekable()`, `writable()`, `detach()` | nothing: you have opened it; [`into_std`](crate::fs::File::into_std) |
//! | `aiofiles.stdin`, `stdout`, `stderr` and their `_bytes` | [`io::stdin`](crate::io::stdin()), [`stdout`](crate::io::stdout()), [`stderr`](crate::io::stderr()) |
//! | `aiofiles.os.wrap(f)` | [`unblock(f)`](crate::unblock) |
//!
//! | `aiofiles.os`, `os.path`, `shutil` | cede |
//! |---|---|
//! | `stat`, `lstat`, `getsize`, `getmtime`, `getatime`, `getctime` | [`metadata`](crate::fs::metadata), [`symlink_metadata`](crate::fs::symlink_metadata) |
//! | `rename`, `replace` | [`rename`](crate::fs::rename), which replaces |
//! | `renames`, `removedirs` | nothing: [`create_dir_all`](crate::fs::create_dir_all) before, [`remove_dir`](crate::fs::remove_dir) in a loop after |
//! | `remove`, `unlink`, `rmdir`, `shutil.rmtree` | [`remove_file`](crate::fs::remove_file), [`remove_dir`](crate::fs::remove_dir), [`remove_dir_all`](crate::fs::remove_dir_all) |
//! | `mkdir`, `makedirs` | [`create_dir`](crate::fs::create_dir), [`create_dir_all`](crate::fs::create_dir_all), [`DirBuilder`](crate::fs::DirBuilder) |
//! | `link`, `symlink`, `readlink` | [`hard_link`](crate::fs::hard_link), [`symlink`](crate::fs::symlink), [`read_link`](crate::fs::read_link) |
//! | `listdir`, `scandir` | [`read_dir`](crate::fs::read_dir()) |
//! | `os.walk`, `Path.rglob` | [`walk`](crate::fs::walk()): an iterator of entries with their kinds; `topdown=False` is [`contents_first`](crate::fs::Walk::contents_first), `dirs.remove(...)` is [`enter`](crate::fs::Walk::enter) or [`prune`](crate::fs::Walk::prune), `onerror=` an entry that is an error |
//! | `path.exists`, `isfile`, `isdir`, `islink` | [`exists`](crate::fs::exists), which tells of errors; [`is_file`](crate::fs::is_file), [`is_dir`](crate::fs::is_dir), [`is_symlink`](crate::fs::is_symlink) |
//! | `path.abspath`, `realpath`, `getcwd` | [`std::path::absolute`], which asks no disk; [`canonicalize`](crate::fs::canonicalize); [`std::env::current_dir`] |
//! | `path.samefile`, `sameopenfile`, `ismount` | `dev()` and `ino()` of [`MetadataExt`](std::os::unix::fs::MetadataExt) |
//! | `chmod`, `chown`, `utime` | [`set_permissions`](crate::fs::set_permissions), [`chown`](crate::fs::chown), [`lchown`](crate::fs::lchown); [`File::set_times`](crate::fs::File::set_times) |
//! | `access`, `statvfs` | the system's calls by a crate such as `rustix`, in [`unblock`](crate::unblock) |
//! | `sendfile` | [`TcpStream::send_file`](crate::net::TcpStream::send_file) |
//! | `fsync`, `fdatasync`, `pread`, `pwrite` | [`sync_all`](crate::fs::File::sync_all), [`sync_data`](crate::fs::File::sync_data), [`read_at`](crate::fs::File::read_at), [`write_at`](crate::fs::File::write_at) |
//! | `fcntl.flock` | [`lock`](crate::fs::File::lock), [`lock_shared`](crate::fs::File::lock_shared), [`try_lock`](crate::fs::File::try_lock), [`unlock`](crate::fs::File::unlock) |
//! | `shutil.copyfile`, `copy` | [`copy`](crate::fs::copy()), which ends when it is cancelled, and refuses named pipes and a file onto itself as they do; between open files [`io::copy`](crate::io::copy()) |
//! | `shutil.copytree`, `move` | nothing: a loop over [`walk`](crate::fs::walk()) |
//!
//! | `aiofiles.tempfile` | `cede::fs::temp`, with the feature `tempfile` |
//! |---|---|
//! | `TemporaryFile` | `temp_file` |
//! | `NamedTemporaryFile`, `delete=False` | `NamedTempFile`, `keep`; `persist` gives it a path for good |
//! | `SpooledTemporaryFile` | `SpooledTempFile` |
//! | `TemporaryDirectory` | `TempDir` |
//!
//! # Many files
//!
//! ```python
//! import aiofiles, aiofiles.os, asyncio, os, tempfile
//!
//! async def length(path):
//!     async with aiofiles.open(path, "rb") as file:
//!         return len(await file.read())
//!
//! async def main(place):
//!     for n in range(10):
//!         async with aiofiles.open(os.path.join(place, str(n)), "wb") as file:
//!             await file.write(bytes(n))
//!     paths = [os.path.join(place, name) for name in await aiofiles.os.listdir(place)]
//!     assert sum(await asyncio.gather(*map(length, paths))) == 45
//!
//! with tempfile.TemporaryDirectory() as place:
//!     asyncio.run(main(place))
//! ```
//!
//! ```
//! use cede::fs;
//! use std::{error::Error, io};
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let place = std::env::temp_dir().join(format!("cede-manual-many-{}", std::process::id()));
//!     cede::run(|| {
//!         fs::create_dir_all(&place)?;
//!         for n in 0..10 {
//!             fs::write(place.join(n.to_string()), vec![0; n])?;
//!         }
//!         let paths = fs::read_dir(&place)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
//!         let reads = paths.into_iter().map(|path| move || fs::read(path).map(|bytes| bytes.len()));
//!         let lengths = cede::task::gather(reads).join()?;
//!         assert_eq!(lengths.into_iter().sum::<io::Result<usize>>()?, 45);
//!         Ok(fs::remove_dir_all(&place)?)
//!     })
//! }
//! ```
//!
//! A walk is an iterator, and in a [`Generator`](crate::Generator) it hands out what the generator makes of it. The example `grep` searches a tree, several
//! files at a time, and prints in order; `tail` follows files that grow, shrink and are replaced.
//!
//! # Cancellation
//!
//! In asyncio a cancelled `await file.read()` has read on its thread all the same, and those bytes are gone. Here they are in the buffer, and the next
//! read has them; a cancelled write has taken nothing. What goes on alone is the call: the end of a run waits for it, and
//! a file whose removal was cancelled may be gone. The manual of [`File`](crate::fs::File) says it for each operation.
