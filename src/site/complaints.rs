//! What goes wrong with files, as the log is told of it: at once, but not a line for each request.

use crate::limits;
use crate::now::Now;
use log::warn;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The complaints of one site. Listings and requests share it.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    /// When the first of those that are counted here was said.
    since: Option<Instant>,
    said: u32,
    unsaid: u64,
}

impl Complaints {
    /// Says it, if [`limits::COMPLAINTS`] others haven't been said within [`limits::COMPLAINT_PAUSE`]; then it is
    /// only counted.
    pub fn say(&self, now: &Now, what: impl Display) {
        self.settle(now);
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.said == limits::COMPLAINTS {
            count.unsaid += 1;
            return;
        }
        count.since = count.since.or(Some(now.instant));
        count.said += 1;
        warn!("{what}");
    }

    /// When [`settle`](Self::settle) has something to say.
    pub fn due(&self) -> Option<Instant> {
        let count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.since.filter(|_| count.unsaid > 0).map(|since| since + limits::COMPLAINT_PAUSE)
    }

    /// Says how many were only counted, once the pause is over.
    pub fn settle(&self, now: &Now) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.since.is_none_or(|since| now.instant < since + limits::COMPLAINT_PAUSE) {
            return;
        }
        if count.unsaid > 0 {
            warn!("{} more complaints like these weren't written", count.unsaid);
        }
        *count = Count::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn what_comes_too_often_is_counted_until_the_pause_is_over() {
        let start = Instant::now();
        let at = |time| Now::new(start + time, UNIX_EPOCH);
        let complaints = Complaints::default();
        let pause = limits::COMPLAINT_PAUSE;
        let unsaid = || complaints.0.lock().unwrap().unsaid;
        for n in 0..=limits::COMPLAINTS {
            assert_eq!((unsaid(), complaints.due()), (0, None), "{n}");
            complaints.say(&at(pause / 2), "a test complains, and nothing is wrong");
        }
        assert_eq!((unsaid(), complaints.due()), (1, Some(start + pause / 2 + pause)));
        complaints.say(&at(pause), "");
        complaints.settle(&at(pause));
        assert_eq!(unsaid(), 2);
        complaints.settle(&at(pause * 2));
        assert_eq!((unsaid(), complaints.due()), (0, None));
    }
}
