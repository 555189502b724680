//! What tells a slow reader from a dead one, for the loop and for threads.
//!
//! A send that would have to wait says nothing of a peer that takes a little at a time: the kernel calls a socket writable
//! only when there is much room again. So before the time for a reply is up, what the peer has taken is counted twice:
//! once half-way, and once at the end. If it has become more, somebody reads.

use crate::limits;
use std::time::Instant;

/// The progress of one peer's reading while nothing more can be sent to it.
#[derive(Debug, Default)]
pub struct Progress {
    /// What it had taken when that was last counted.
    taken: Option<u64>,
}

impl Progress {
    /// Something could be sent: there is nothing to be found out.
    pub fn sent(&mut self) {
        self.taken = None;
    }

    /// When to count, if the reply has time until `deadline`.
    pub fn look_at(&self, deadline: Instant) -> Instant {
        if self.taken.is_none() { deadline - limits::WRITE_TIME / 2 } else { deadline }
    }

    /// Takes a count ([`crate::sys::taken_by_peer`]). Returns whether the deadline, if it is over, is to be put off.
    pub fn goes_on(&mut self, taken: u64, is_over: bool) -> bool {
        let before = self.taken.replace(taken);
        is_over && before.is_some_and(|before| before < taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_something_between_two_looks_is_no_dead_peer() {
        let deadline = Instant::now() + limits::WRITE_TIME;
        let mut progress = Progress::default();
        assert_eq!(progress.look_at(deadline), deadline - limits::WRITE_TIME / 2);
        assert!(!progress.goes_on(100, false));
        assert_eq!(progress.look_at(deadline), deadline);
        assert!(progress.goes_on(101, true), "one byte is enough");
        assert!(!progress.goes_on(101, true), "but it has to be another one each time");
        progress.sent();
        assert_eq!(progress.look_at(deadline), deadline - limits::WRITE_TIME / 2);
        assert!(!progress.goes_on(500, true), "there is nothing to compare it with");
    }
}
