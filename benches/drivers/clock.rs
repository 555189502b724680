//! The time, as one thread sees it.
//!
//! The loop reads the clock once a turn, for everybody who is ready. A thread has nobody to share a reading
//! with: it takes one after each call that may have waited. That is two calls that need no kernel (vdso(7)),
//! and the date is written anew only when its second is over.

use shoutd::now::{Date, Now};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One thread's clock, with its last reading.
pub struct Clock {
    now: Now,
    second: u64,
}

impl Clock {
    /// A clock that was read now.
    pub fn new() -> Clock {
        let wall = SystemTime::now();
        Clock { now: Now::new(Instant::now(), wall), second: second_of(wall) }
    }

    /// The last reading.
    pub fn now(&self) -> &Now {
        &self.now
    }

    /// Reads it.
    pub fn read(&mut self) -> &Now {
        self.now.instant = Instant::now();
        self.now.wall = SystemTime::now();
        let second = second_of(self.now.wall);
        if second != self.second {
            self.second = second;
            self.now.date = Date::new(self.now.wall);
        }
        &self.now
    }
}

fn second_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
