//! The bytes of a file in order, with their place, taken piece by piece.

use super::Stop;
use std::io::{self, BufReader, Chain, Cursor, Read};

/// A reader that knows where it is.
pub struct Source<R> {
    reader: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    /// The first bytes: four of them, or all there are.
    first: Vec<u8>,
    /// Bytes taken so far.
    at: u64,
    piece: Vec<u8>,
}

impl<R: Read> Source<R> {
    /// Looks at the first four bytes, however few of them a read brings: that of a pipe may bring one.
    pub fn new(mut reader: R) -> io::Result<Source<R>> {
        let mut first = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut first)?;
        let all = Cursor::new(first.clone()).chain(reader);
        Ok(Source { reader: BufReader::with_capacity(1 << 16, all), first, at: 0, piece: Vec::new() })
    }

    /// The first four bytes, which stay to be taken; zeros where there are fewer.
    pub fn magic(&self) -> [u8; 4] {
        let mut magic = [0; 4];
        magic[..self.first.len()].copy_from_slice(&self.first);
        magic
    }

    /// Whether there are fewer than four bytes.
    pub fn is_short(&self) -> bool {
        self.first.len() < 4
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
