//! How the loop ends: first gently, then at once.

use super::guest::{Guest, What};
use super::queue::Line;
use super::slots::Id;
use super::{EventLoop, Ring, Verdict};
use crate::http::content::Content;
use crate::kernel::Kernel;
use crate::limits;
use crate::now::Now;
use log::{info, warn};
use std::io::ErrorKind;

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// Reads a bell, and does what it asks for. The first ring of one for stopping does it gently, the
    /// second at once.
    pub(super) fn ring(&mut self, id: Id, now: &Now) -> Verdict {
        let Some(Guest { what: What::Bell(bell, ring), hint, .. }) = self.guests.get(id) else {
            return Verdict::Wait;
        };
        // What matters is one or more than one, so what doesn't fit here can be left unread.
        let mut rings = [0; 16];
        match (self.kernel.receive(bell, &mut rings), *ring) {
            (Ok(0), _) => return Verdict::Done,
            (Ok(count), Ring::Stop) => (0..count).for_each(|_| self.stop(now)),
            (Ok(_), Ring::Reopen) => self.log.iter_mut().for_each(|log| log.reopen(now.instant)),
            (Err(error), _) if error.kind() == ErrorKind::WouldBlock => return Verdict::Wait,
            (Err(error), _) if error.kind() == ErrorKind::Interrupted => {}
            (Err(error), _) => {
                // Nothing else would bring the signal back.
                warn!("a signal can't be read: {error}");
                self.timers.look_at(id, hint, Some(now.instant + limits::ACCEPT_PAUSE));
                return Verdict::Wait;
            }
        }
        Verdict::Again
    }

    fn stop(&mut self, now: &Now) {
        if self.stopping.is_some() {
            self.stopped = true;
            return;
        }
        info!("stopping: {} connections are open", self.door.places.inside());
        self.stopping = Some(now.instant + self.limits.drain);
        for id in self.guests.ids() {
            let Some(guest) = self.guests.get(id) else { continue };
            match &mut guest.what {
                What::Connection(connection) => {
                    connection.stop(now);
                    self.enqueue(id, Line::Heard);
                }
                What::Listener(listener) => {
                    // Those who wait are still let in; it is closed when nobody does.
                    self.kernel.close_backlog(&listener.socket);
                    listener.ready = true;
                    self.enqueue(id, Line::Heard);
                }
                What::Udp(_) => self.close(id),
                What::Bell(..) => {}
            }
        }
    }

    /// Whether there is nothing left to wait for.
    pub(super) fn is_over(&self, now: &Now) -> bool {
        let Some(deadline) = self.stopping else { return false };
        if now.instant >= deadline && self.door.places.inside() > 0 {
            warn!("{} connections did not finish in time", self.door.places.inside());
        }
        self.stopped
            || now.instant >= deadline
            || (self.door.places.inside() == 0 && self.door.places.are_closed())
    }
}
