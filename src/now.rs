//! One reading of the clock, handed downward.
//!
//! Nothing below the event loop asks what time it is: the loop reads the clock once a turn and passes it
//! on, so a session can be tested at any time of one's choosing, and a busy turn costs one reading.

use crate::http::date::Date;
use std::time::{Instant, SystemTime};

/// The time, as everything in one turn of the loop sees it.
#[derive(Clone, Debug)]
pub struct Now {
    /// For deadlines: never goes backward.
    pub instant: Instant,
    /// For comparing with the times of files: may jump when the clock is set.
    pub wall: SystemTime,
    /// The same second as [`wall`](Now::wall), ready for a `Date` field.
    pub date: Date,
}

impl Now {
    /// The time that these two clocks show.
    pub fn new(instant: Instant, wall: SystemTime) -> Now {
        Now { instant, wall, date: Date::new(wall) }
    }
}
