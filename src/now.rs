//! One reading of the clock, handed downward.
//!
//! Nothing below the event loop asks what time it is: the loop reads the clock once a turn and passes it
//! on, so a session can be tested at any time of one's choosing, and a busy turn costs one reading.

use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

    /// Shows what these two clocks show now. The date is written anew only when its second is over.
    pub fn set(&mut self, instant: Instant, wall: SystemTime) {
        let second = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second(wall) != second(self.wall) {
            self.date = Date::new(wall);
        }
        (self.instant, self.wall) = (instant, wall);
    }
}

/// The last second that the format can show, 9999-12-31 23:59:59.
const LAST_SECOND: u64 = 253_402_300_799;

/// A date as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7), in its 29 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date([u8; 29]);

impl Date {
    /// The second that `time` is in. What lies before 1970 or after 9999 (a file may carry any time)
    /// becomes the nearest date that can be written.
    pub fn new(time: SystemTime) -> Date {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()).min(LAST_SECOND);
        let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
        let mut bytes = [b' '; 29];
        let written = write!(&mut bytes[..], "{date}");
        debug_assert!(written.is_ok(), "a date is always 29 bytes");
        Date(bytes)
    }

    /// Its bytes, for a field value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        String::from_utf8(Date::new(UNIX_EPOCH + Duration::from_secs(seconds)).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn dates_read_as_the_rfc_writes_them() {
        assert_eq!(text(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
    }

    #[test]
    fn times_that_cannot_be_written_are_clamped() {
        assert_eq!(text(u64::MAX / 4), "Fri, 31 Dec 9999 23:59:59 GMT");
        let early = Date::new(UNIX_EPOCH - Duration::from_secs(86_400));
        assert_eq!(early.as_bytes(), b"Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
