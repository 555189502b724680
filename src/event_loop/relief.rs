//! What the loop does when memory or time runs short.

use super::EventLoop;
use super::guest::What;
use super::slots::Id;
use crate::http::content::Content;
use crate::kernel::Kernel;
use crate::limits;
use crate::now::Now;
use crate::sys;
use log::{debug, warn};
use std::time::Instant;

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// Counts what a guest has moved, and reads the clock when that was much: so a long lap knows when its
    /// time is over, and no session is told a time that is long past.
    pub(super) fn spend(&mut self, work: usize, now: &mut Now) {
        self.spent += work;
        if self.spent >= limits::LOOK {
            self.spent = 0;
            *now = self.kernel.now();
        }
    }

    /// The budget of memory is exceeded: resets those who have made no progress for longest.
    pub(super) fn free_memory(&mut self, now: &Now) {
        let holders = self.guests.iter().filter_map(|(id, guest)| match &guest.what {
            What::Connection(connection) if connection.held() > 0 => Some((connection.waits_since()?, id)),
            _ => None,
        });
        let mut holders: Vec<(Instant, Id)> = holders.collect();
        holders.sort_unstable();
        let mut reset = 0;
        for (_, id) in holders {
            if self.memory.held() <= self.memory.target() {
                break;
            }
            debug!("{id}: memory is scarce, and it has made no progress for longest");
            self.abort(id);
            reset += 1;
        }
        if self.memory.complaint.may_be_made(now.instant) {
            warn!("memory is scarce (--memory): {reset} connections were reset that made no progress");
        }
    }

    /// Gives back to the system what a crowd has left behind.
    pub(super) fn give_memory_back(&mut self, now: &Now) {
        if self.memory.is_loose(now.instant) {
            self.guests.shrink();
            self.queue.shrink();
            sys::release_freed_memory();
            self.memory.given_back(now.instant);
        }
    }
}
