//! The time, as one thread sees it.
//!
//! The loop reads the clock once a turn, for everybody who is ready. A thread has nobody to share a reading
//! with: it takes one after each call that may have waited. That is two calls that need no kernel (vdso(7)),
//! and the date is written anew only when its second is over.

use shoutd::now::Now;
use std::time::{Instant, SystemTime};

/// One thread's clock, with its last reading.
pub struct Clock(Now);

impl Clock {
    /// A clock that was read now.
    pub fn new() -> Clock {
        Clock(Now::new(Instant::now(), SystemTime::now()))
    }

    /// The last reading.
    pub fn now(&self) -> &Now {
        &self.0
    }

    /// Reads it.
    pub fn read(&mut self) -> &Now {
        self.0.set(Instant::now(), SystemTime::now());
        &self.0
    }
}
