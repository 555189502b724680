//! The bytes of a file in order, with their place, taken piece by piece.

use super::Stop;
use std::io::{self, BufRead, BufReader, Read};

/// A reader that knows where it is.
pub struct Source<R> {
    reader: BufReader<R>,
    /// Bytes taken so far.
    at: u64,
    piece: Vec<u8>,
    short: bool,
}

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Source<R> {
        Source { reader: BufReader::with_capacity(1 << 16, reader), at: 0, piece: Vec::new(), short: false }
    }

    /// The first four bytes, which stay to be taken; zeros where there are fewer.
    pub fn peek(&mut self) -> io::Result<[u8; 4]> {
        let mut magic = [0; 4];
        // The first read of a pipe may bring less than there will be.
        let head = loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let count = head.len().min(4);
        magic[..count].copy_from_slice(&head[..count]);
        self.short = count < 4;
        Ok(magic)
    }

    /// Whether there were fewer bytes than [`peek`](Self::peek) wanted.
    pub fn is_short(&self) -> bool {
        self.short
    }

    /// Where it is, in bytes from the beginning.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Begins a new piece with so many bytes. Whether there were any; it is broken if there were fewer.
    pub fn begin(&mut self, count: u64, what: &str) -> Result<bool, Stop> {
        self.piece.clear();
        let taken = self.append(count)?;
        if taken > 0 && taken < count {
            return Err(self.cut(what));
        }
        Ok(taken > 0)
    }

    /// Adds so many bytes to the piece. It is broken if there are fewer.
    pub fn extend(&mut self, count: u64, what: &str) -> Result<(), Stop> {
        if self.append(count)? < count { Err(self.cut(what)) } else { Ok(()) }
    }

    /// The bytes since [`begin`](Self::begin).
    pub fn piece(&self) -> &[u8] {
        &self.piece
    }

    /// Passes over so many bytes.
    pub fn skip(&mut self, count: u64, what: &str) -> Result<(), Stop> {
        let skipped = io::copy(&mut (&mut self.reader).take(count), &mut io::sink())?;
        self.at += skipped;
        if skipped < count { Err(self.cut(what)) } else { Ok(()) }
    }

    /// Grows the piece as bytes really come, however many are asked for.
    fn append(&mut self, count: u64) -> io::Result<u64> {
        let taken = (&mut self.reader).take(count).read_to_end(&mut self.piece)? as u64;
        self.at += taken;
        Ok(taken)
    }

    fn cut(&self, what: &str) -> Stop {
        Stop::Broken(format!("the file ends at byte {}, in the middle of {what}", self.at))
    }
}
