//! What a [`StreamReader`] gives one after the other: pieces and lines.

use std::io::{self, Read};

use super::StreamReader;
use crate::io::stream_error::LimitOverrunError;

/// The rest of a stream in pieces; from [`StreamReader::chunks`]. It ends after an error.
#[derive(Debug)]
pub struct Chunks<'a, R> {
    pub(super) reader: &'a mut StreamReader<R>,
    pub(super) most: usize,
    pub(super) over: bool,
}

impl<R: Read> Iterator for Chunks<'_, R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if self.over {
            return None;
        }
        let chunk = self.reader.read_up_to(self.most);
        self.over = chunk.as_ref().map_or(true, Vec::is_empty);
        (!matches!(&chunk, Ok(chunk) if chunk.is_empty())).then_some(chunk)
    }
}

/// The lines of a stream, with their newlines; from `&mut` [`StreamReader`]. After one that was too long it goes on, after
/// an error of the stream it ends.
#[derive(Debug)]
pub struct StreamLines<'a, R> {
    pub(super) reader: &'a mut StreamReader<R>,
    pub(super) over: bool,
}

impl<R: Read> Iterator for StreamLines<'_, R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if self.over {
            return None;
        }
        match self.reader.readline() {
            Ok(line) if line.is_empty() => {
                self.over = true;
                None
            }
            Ok(line) => Some(Ok(line)),
            Err(error) => {
                let is_overrun = error.get_ref().is_some_and(|inner| inner.is::<LimitOverrunError>());
                self.over = !is_overrun;
                Some(Err(error))
            }
        }
    }
}

impl<'a, R: Read> IntoIterator for &'a mut StreamReader<R> {
    type Item = io::Result<Vec<u8>>;
    type IntoIter = StreamLines<'a, R>;

    fn into_iter(self) -> StreamLines<'a, R> {
        StreamLines { reader: self, over: false }
    }
}
