//! What peers do to the simulated sockets.

use crate::peers::{Found, Network, Service, Status};
use crate::stream::Stream;
use crate::world::{Outage, What, World};
use shoutd::limits;
use std::net::SocketAddr;
use std::time::Duration;

/// Datagrams that the server's receive buffer holds.
const POST: usize = 500;

impl Network for World {
    fn now(&self) -> Duration {
        self.now
    }

    fn wake(&mut self, peer: usize, after: Duration) {
        self.wake_later(peer, after);
    }

    fn late(&self) -> Duration {
        self.checks.late
    }

    fn early(&self) -> Duration {
        self.cost * 300
    }

    fn late_answers(&self) -> Duration {
        let mut late = 5 * self.checks.late; // hundreds of datagrams may be in front of them
        if self.hostility.strange_datagram > 0 {
            late += 4 * limits::ACCEPT_PAUSE;
        }
        if let Some((Outage::Datagrams(_), from, until)) = self.hostility.outage {
            late += until - from + limits::ACCEPT_PAUSE;
        }
        late
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    fn may_be_unheard(&self) -> bool {
        self.is_stopping && self.checks.delay > Duration::ZERO
    }

    fn connect(&mut self, service: Service) -> Option<usize> {
        let stream = Stream::new(service, &mut self.random, self.least_buffer);
        let (listener, connected) = (self.listener(service), self.sockets.len());
        let is_open = self.sockets[listener].open;
        match &mut self.sockets[listener].what {
            What::Listener { backlog, closed: false } if is_open => backlog.push_back(connected),
            _ => return None,
        }
        self.push(What::Stream(Box::new(stream)), false); // nobody has it yet
        self.edge(listener);
        Some(connected)
    }

    fn send(&mut self, socket: usize, bytes: &[u8]) -> Option<usize> {
        let (turn, now) = (self.checks.turn, self.now);
        let stream = self.stream(socket);
        if stream.server_reset {
            return None;
        }
        if stream.closed {
            // Nobody is there: the kernel answers with a reset, which may destroy what is still to be read.
            stream.server_reset = true;
            stream.outbox.clear();
            return None;
        }
        let count = bytes.len().min(stream.inbox_size - stream.inbox.len());
        if stream.inbox.is_empty() {
            stream.unread_since = now;
        }
        stream.inbox.push(&bytes[..count]);
        if count > 0 {
            stream.has_news(turn);
            self.edge(socket);
        }
        Some(count)
    }

    fn send_urgent(&mut self, socket: usize) {
        let stream = self.stream(socket);
        if !stream.closed && !stream.inbox.is_empty() {
            stream.mark = Some(stream.inbox.len());
            self.edge(socket);
        }
    }

    fn receive(&mut self, socket: usize, most: usize) -> Found {
        let now = self.now;
        let stream = self.stream(socket);
        if stream.server_reset && stream.outbox.is_empty() {
            return Found::Reset;
        }
        let bytes = stream.outbox.take_some(most);
        if bytes.is_empty() {
            return if stream.server_fin.is_some() { Found::Fin } else { Found::Nothing };
        }
        stream.taken += bytes.len() as u64;
        stream.taken_at = now;
        self.room(socket);
        Found::Bytes(bytes)
    }

    fn finish(&mut self, socket: usize) {
        let turn = self.checks.turn;
        let stream = self.stream(socket);
        stream.peer_fin = true;
        stream.has_news(turn);
        self.edge(socket);
    }

    fn reset(&mut self, socket: usize) {
        let turn = self.checks.turn;
        let stream = self.stream(socket);
        stream.peer_reset = true;
        stream.outbox.clear();
        stream.wants_room = false;
        stream.ready_since = Some(turn);
        self.edge(socket);
    }

    fn status(&mut self, socket: usize) -> Status {
        let scarce = self.checks.is_scarce;
        let stream = self.stream(socket);
        Status {
            accepted: stream.accepted,
            finished: stream.server_fin.is_some(),
            reset: stream.server_reset,
            may_be_reset: stream.wounded || scarce,
            written: stream.written,
        }
    }

    fn datagram(&mut self, port: u16, bytes: &[u8]) -> bool {
        let source = SocketAddr::from(([10, 0, 0, 1], port));
        let is_open = self.sockets[self.udp].open;
        let post = self.post();
        let arrives = is_open && post.incoming.len() < POST;
        if arrives {
            post.incoming.push_back((bytes.to_vec(), source));
            self.edge(self.udp);
        }
        arrives
    }

    fn answers(&mut self, port: u16) -> Vec<Vec<u8>> {
        self.post().outgoing.remove(&port).unwrap_or_default()
    }

    fn lost(&mut self, port: u16) -> Vec<Vec<u8>> {
        self.post().lost.remove(&port).unwrap_or_default()
    }

    fn answered(&mut self) {
        self.answered += 1;
    }
}
