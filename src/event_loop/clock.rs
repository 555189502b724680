//! The only place where the time is asked for: once a turn of the loop.

use crate::now::Now;
use std::time::{Instant, SystemTime};

/// Reads the clock now.
pub fn read() -> Now {
    Now::new(Instant::now(), SystemTime::now())
}
