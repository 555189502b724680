//! What connections keep between their turns, in bytes, and the bound for all of them together.
//!
//! A connection keeps something only where it has to wait in the middle: half a request, or a reply that its
//! peer doesn't take. One peer can't make it keep much, but there may be very many peers. So there is one
//! budget. From half of it on, smaller buffers are lent, so that whoever reads their replies keeps next to
//! nothing. Above it, whoever has made no progress for longest is reset.

use super::complaint::Complaint;
use crate::limits;
use std::time::Instant;

/// The budget, and what of it is used.
#[derive(Debug)]
pub struct Memory {
    most: usize,
    held: usize,
    /// What the guests themselves take. It isn't bounded here, as there are places for so many.
    seats: usize,
    /// The most that was in use, both together, since memory was last given back to the system.
    peak: usize,
    /// Not before then is it given back again.
    next: Option<Instant>,
    /// How often the log is told of it.
    pub complaint: Complaint,
}

impl Memory {
    /// A budget of so many bytes.
    pub fn new(most: usize) -> Memory {
        Memory { most, held: 0, seats: 0, peak: 0, next: None, complaint: Complaint::default() }
    }

    /// A connection that kept `before` bytes keeps `after` now.
    pub fn changed(&mut self, before: usize, after: usize) {
        self.held = self.held - before + after;
        self.peak = self.peak.max(self.held + self.seats);
    }

    /// The guests themselves take so many bytes.
    pub fn seated(&mut self, bytes: usize) {
        self.seats = bytes;
        self.peak = self.peak.max(self.held + self.seats);
    }

    /// The bytes in use.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Whether more than half of it is in use, so that everybody should do with little.
    pub fn is_scarce(&self) -> bool {
        self.held > self.most / 2
    }

    /// Whether somebody has to go.
    pub fn is_exceeded(&self) -> bool {
        self.held > self.most
    }

    /// Down to how many bytes memory is to be freed once the budget is exceeded. A little below the bound,
    /// so that looking for those who go isn't done again for the next byte.
    pub fn target(&self) -> usize {
        self.most - self.most / 8
    }

    /// When [`is_loose`](Self::is_loose) may be true, if nothing else happens.
    pub fn due(&self) -> Option<Instant> {
        self.next.filter(|_| self.has_fallen())
    }

    /// Whether so much was freed since the last time that it is worth giving it back to the system.
    /// Once a second at most: it takes some milliseconds where there is much.
    pub fn is_loose(&self, now: Instant) -> bool {
        self.has_fallen() && self.next.is_none_or(|next| next <= now)
    }

    /// What was free has been given back.
    pub fn given_back(&mut self, now: Instant) {
        self.peak = self.held + self.seats;
        self.next = Some(now + limits::GIVE_BACK_PAUSE);
    }

    fn has_fallen(&self) -> bool {
        self.peak >= limits::GIVE_BACK && self.held + self.seats <= self.peak / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_freed_is_given_back_once_a_second() {
        let start = Instant::now();
        let mut memory = Memory::new(64 * limits::GIVE_BACK);
        assert!(!memory.is_loose(start));
        memory.changed(0, 8 * limits::GIVE_BACK);
        assert!(!memory.is_loose(start), "it is in use");
        memory.changed(8 * limits::GIVE_BACK, 2 * limits::GIVE_BACK);
        assert!(memory.is_loose(start));
        memory.given_back(start);
        memory.changed(2 * limits::GIVE_BACK, 0);
        assert!(!memory.is_loose(start) && memory.due().is_some());
        assert!(memory.is_loose(start + limits::GIVE_BACK_PAUSE));
        memory.given_back(start + limits::GIVE_BACK_PAUSE);
        assert!(!memory.is_loose(start + Duration::from_secs(100)) && memory.due().is_none());
    }

    #[test]
    fn memory_is_scarce_before_anybody_has_to_go() {
        let mut memory = Memory::new(1 << 20);
        memory.changed(0, 1 << 19);
        assert!(!memory.is_scarce());
        memory.changed(0, 1);
        assert!(memory.is_scarce());
        assert!(!memory.is_exceeded());
        memory.changed(0, 1 << 19);
        assert!(memory.is_exceeded() && memory.target() < 1 << 20);
    }
}
