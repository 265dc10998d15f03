//! Whole files, in as few calls as it takes: open, ask for the size, read, close.
//!
//! std reads on until a read gives nothing. A regular file that gives exactly as many bytes as it had a moment ago, though there was
//! room for more, has been read as it was then: that read is left out. All else is read on to the end, as files are whose size
//! says nothing (those in `/proc`) or has changed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::io::retry_on_intr;

/// All bytes of a file. Blocks.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let size = if metadata.is_file() { usize::try_from(metadata.len()).unwrap_or(usize::MAX) } else { 0 };
    let mut bytes = Vec::new();
    if size > 0 {
        bytes.try_reserve_exact(size.saturating_add(1))?;
        if retry_on_intr(|| rustix::io::read(&file, spare_capacity(&mut bytes)))? == size {
            return Ok(bytes);
        }
    }
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as a string. Blocks.
pub(super) fn read_to_string(path: &Path) -> io::Result<String> {
    let is_no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(read(path)?).map_err(is_no_text)
}
