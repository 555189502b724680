//! How often the log is told of one trouble: an attack must not fill the disk.

use crate::limits;
use std::time::Instant;

/// When the log was last told.
#[derive(Debug, Default)]
pub struct Complaint(Option<Instant>);

impl Complaint {
    /// Whether it is time to tell the log again; whoever is told so does it.
    pub fn may_be_made(&mut self, now: Instant) -> bool {
        let again = |last| now.saturating_duration_since(last) >= limits::COMPLAINT_PAUSE;
        let may = self.0.is_none_or(again);
        if may {
            self.0 = Some(now);
        }
        may
    }
}
