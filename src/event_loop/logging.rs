//! The lines of the access log on their way from the sessions to the file.

use super::{EventLoop, Guest, What};
use crate::http::content::Content;
use crate::kernel::Kernel;
use crate::now::Now;

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// Collects the lines of this turn, and writes them when it is time.
    pub(super) fn write_log(&mut self, now: &Now) {
        let Some(log) = &mut self.log else { return };
        if !self.desk.lines.is_empty() {
            log.append(&mut self.desk.lines, now.instant);
        }
        if log.due().is_some_and(|due| due <= now.instant) {
            log.write(now.instant);
        }
    }

    /// What those who are still here were sent is logged too.
    pub(super) fn log_the_rest(&mut self, now: &Now) {
        for id in self.guests.ids() {
            if let Some(Guest { what: What::Connection(connection), .. }) = self.guests.get(id) {
                connection.over(&mut self.desk);
            }
        }
        self.write_log(now);
    }
}
