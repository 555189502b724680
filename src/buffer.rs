//! A byte buffer that a session borrows for its turn and gives back when it rests.
//!
//! The driver owns one pair of large buffers ([`Desk`]). A session sits down at it for its turn
//! ([`Buffer::borrow_from`]), and when it gets up ([`Buffer::give_back`]) it takes along only what is
//! left over, in an allocation of just that size. So ten thousand idle connections own no buffers at
//! all, and a busy one never allocates.

use crate::limits;

/// Bytes `start..end` of an allocation: read into at the end, consumed from the start.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// There is no memory for what a session would have to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// What a driver lends to the one session it is driving.
#[derive(Debug)]
pub struct Desk {
    /// What was received and not yet understood.
    pub input: Buffer,
    /// What is to be sent.
    pub output: Buffer,
    /// Lines for the access log, which the driver takes away.
    pub lines: Vec<u8>,
}

impl Desk {
    /// A desk with two empty buffers of so many bytes.
    pub fn new(room: usize) -> Desk {
        Desk { input: Buffer::with_room(room), output: Buffer::with_room(room), lines: Vec::new() }
    }
}

/// Buffers of [`limits::BUFFER`] bytes.
impl Default for Desk {
    fn default() -> Desk {
        Desk::new(limits::BUFFER)
    }
}

impl Buffer {
    /// An empty buffer with `room` bytes of room. Pages are only touched when they are used.
    pub fn with_room(room: usize) -> Buffer {
        Buffer { bytes: vec![0; room], start: 0, end: 0 }
    }

    /// The bytes it holds.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The bytes it holds, to be changed in place.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// How many bytes it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// How many bytes can still be [`put`](Buffer::put).
    #[inline]
    pub fn room_left(&self) -> usize {
        self.bytes.len() - self.len()
    }

    /// The room behind the held bytes, to read into. Follow it by [`filled_by`](Buffer::filled_by).
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.bytes[self.end..]
    }

    /// Says that the first `count` bytes of [`room`](Buffer::room) now hold something.
    pub fn filled_by(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.end, "more bytes than there was room");
        self.end += count;
    }

    /// Appends `more`. The caller has checked [`room_left`](Buffer::room_left).
    #[inline]
    pub fn put(&mut self, more: &[u8]) {
        if more.len() > self.bytes.len() - self.end {
            self.room();
        }
        self.bytes[self.end..self.end + more.len()].copy_from_slice(more);
        self.end += more.len();
    }

    /// Appends a copy of the first `count` bytes that it holds. The caller has checked the room.
    pub fn put_again(&mut self, count: usize) {
        if count > self.bytes.len() - self.end {
            self.room();
        }
        self.bytes.copy_within(self.start..self.start + count, self.end);
        self.end += count;
    }

    /// Keeps only the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.end = self.end.min(self.start + length);
    }

    /// Forgets the first `count` bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "more bytes than were held");
        self.start += count;
        if self.start == self.end {
            self.clear();
        }
    }

    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Takes the driver's `large` buffer, and puts what was left over from the last turn into it.
    pub fn borrow_from(&mut self, large: &mut Buffer) {
        debug_assert!(large.is_empty(), "a desk is empty between turns");
        std::mem::swap(self, large);
        if !large.is_empty() {
            self.put(large.filled());
            *large = Buffer::default();
        }
    }

    /// Returns the borrowed buffer to the driver and keeps what is left over in one of its own size. Where
    /// there is no memory for that, it is lost: the connection can't go on.
    pub fn give_back(&mut self, large: &mut Buffer) -> Result<(), OutOfMemory> {
        let mut rest = Vec::new();
        let result = rest.try_reserve_exact(self.len()).map_err(|_| OutOfMemory);
        if result.is_ok() {
            rest.extend_from_slice(self.filled());
        }
        let end = rest.len();
        *large = std::mem::replace(self, Buffer { bytes: rest, start: 0, end });
        large.clear();
        result
    }

    /// Bytes of its allocation: what it keeps, between turns.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_held_until_consumed() {
        let mut buffer = Buffer::with_room(8);
        buffer.put(b"abcdef");
        buffer.consume(4);
        assert_eq!(buffer.filled(), b"ef");
        assert_eq!(buffer.room_left(), 6);
        buffer.put(b"ghijkl"); // only fits after moving to the front
        assert_eq!(buffer.filled(), b"efghijkl");
        assert_eq!(buffer.room_left(), 0);
        assert!(buffer.room().is_empty());
    }

    #[test]
    fn reading_fills_the_room() {
        let mut buffer = Buffer::with_room(4);
        buffer.room()[..2].copy_from_slice(b"ab");
        buffer.filled_by(2);
        buffer.consume(1);
        buffer.room()[..1].copy_from_slice(b"c");
        buffer.filled_by(1);
        assert_eq!(buffer.filled(), b"bc");
    }

    #[test]
    fn a_resting_buffer_owns_only_what_is_left_over() {
        let mut large = Buffer::with_room(1000);
        let mut own = Buffer::default();
        own.borrow_from(&mut large);
        assert_eq!(own.room_left(), 1000);
        own.put(b"rest");
        own.consume(1);
        own.give_back(&mut large).unwrap();
        assert_eq!((own.filled(), own.bytes.capacity()), (&b"est"[..], 3));
        assert!(large.is_empty() && large.room_left() == 1000);

        own.borrow_from(&mut large);
        assert_eq!((own.filled(), own.room_left()), (&b"est"[..], 997));
        own.clear();
        own.give_back(&mut large).unwrap();
        assert_eq!(own.bytes.capacity(), 0);
    }

    #[test]
    #[should_panic(expected = "more bytes than were held")]
    fn consuming_too_much_is_a_bug() {
        Buffer::with_room(4).consume(1);
    }
}
