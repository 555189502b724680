//! The bytes that are on their way in one direction.

/// A queue of bytes, moved in pieces: a queue of single ones takes most of the time of a debug build.
#[derive(Default)]
pub struct Pipe {
    bytes: Vec<u8>,
    start: usize,
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Pipe {
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the first bytes, as many as there are or fit here.
    pub fn take(&mut self, room: &mut [u8]) -> usize {
        let count = self.len().min(room.len());
        room[..count].copy_from_slice(&self.bytes[self.start..self.start + count]);
        self.skip(count);
        count
    }

    /// Takes the first bytes, at most so many.
    pub fn take_some(&mut self, most: usize) -> Vec<u8> {
        let count = self.len().min(most);
        let taken = self.bytes[self.start..self.start + count].to_vec();
        self.skip(count);
        taken
    }

    fn skip(&mut self, count: usize) {
        self.start += count;
        if self.start == self.bytes.len() {
            self.clear();
        } else if self.start > 64 * 1024 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}
