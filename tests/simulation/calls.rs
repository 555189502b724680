//! What becomes of the server's calls in the world, and where they fail.

use crate::peers::Service;
use crate::world::{Outage, What, World};
use rustix::io::Errno;
use shoutd::kernel::{Event, Readiness};
use std::io;
use std::time::Duration;

impl World {
    pub fn close(&mut self, closed: usize) {
        let socket = &mut self.sockets[closed];
        assert!(socket.open, "closed twice: {socket:?}");
        socket.open = false;
        self.old_tokens.extend(socket.token.take());
        self.open -= 1;
        self.streams.retain(|&stream| stream != closed);
        self.checks.failed = [None; 2];
        match &mut socket.what {
            What::Stream(stream) => {
                stream.closed = true;
                // A reply that is cut off has its line in the access log too.
                let is_cut = stream.service == Service::Web && stream.is_blocked && stream.said > 0;
                self.answered += u64::from(is_cut && !stream.wounded);
                // A close with something unread, or with a linger time of zero, is a reset (tcp(7), RFC 2525).
                if stream.linger_zero || !stream.inbox.is_empty() {
                    stream.server_reset = true;
                    stream.outbox.clear();
                    self.is_rightly_reset(closed);
                } else {
                    let is_right = stream.owed() == 0 || stream.peer_reset || stream.server_fin.is_some();
                    assert!(is_right, "closed with a FIN, as if nothing were owed: {stream:?}");
                    stream.server_fin.get_or_insert(self.now);
                }
            }
            What::Listener { backlog, .. } => {
                for waiting in std::mem::take(backlog) {
                    self.stream(waiting).server_reset = true;
                }
            }
            What::Datagrams(_) | What::Bell(_) => {}
        }
    }

    /// Every call takes some time, and may be interrupted.
    pub fn call(&mut self) -> io::Result<()> {
        let cost = self.cost;
        self.pass(cost);
        let once_in = self.hostility.interrupted;
        self.fault(once_in, &[Errno::INTR])
    }

    /// Once in so many times, one of these errors.
    pub fn fault(&mut self, once_in: usize, errors: &[Errno]) -> io::Result<()> {
        if self.random.one_in(once_in) {
            self.faults += 1;
            return Err(self.random.pick(errors).into());
        }
        Ok(())
    }

    pub fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.call()?;
        let end = timeout.map(|timeout| self.now + timeout);
        let signal = self.hostility.signals.map(|every| {
            let past = self.now.as_micros() / every.as_micros();
            every * (past as u32 + 1)
        });
        while self.ready.is_empty() && !self.is_over && end.is_none_or(|end| self.now < end) {
            let next = [self.next(), end, signal].into_iter().flatten().min();
            let Some(next) = next else { panic!("the server waits for ever, and nobody will come") };
            let time = next.saturating_sub(self.now);
            self.pass(time);
            self.check();
            if self.ready.is_empty() && signal == Some(self.now) {
                self.faults += 1;
                return Err(Errno::INTR.into());
            }
        }
        Ok(())
    }

    pub fn tell(&mut self, events: &mut Vec<Event>, most: usize) {
        let (spurious, stale) = (self.hostility.spurious, self.hostility.stale);
        if self.random.one_in(spurious) {
            let last = self.sockets.len() - 1;
            let any = self.random.range(0, last);
            self.edge(any);
        }
        while events.len() < most
            && let Some(socket) = self.ready.pop_front()
        {
            self.told(socket);
            let readiness = self.readiness(socket);
            if let Some(token) = self.sockets[socket].token
                && readiness != Readiness::default()
            {
                events.push(Event { token, readiness });
            }
        }
        if self.random.one_in(stale) && !self.old_tokens.is_empty() && events.len() < most {
            let token = self.random.pick(&self.old_tokens);
            let (readable, writable, hung_up, broken, urgent) = (true, true, true, true, true);
            events
                .push(Event { token, readiness: Readiness { readable, writable, hung_up, broken, urgent } });
        }
    }

    /// How much a send takes. Fails as send(2) does.
    pub fn room_for(&mut self, socket: usize, length: usize) -> io::Result<usize> {
        let (shortage, short) = (self.hostility.shortage, self.hostility.short_send);
        if let Err(error) = self.fault(shortage, &[Errno::NOBUFS, Errno::NOMEM]) {
            self.stream(socket).wounded = true;
            return Err(error);
        }
        let is_short = self.random.one_in(short);
        let less = self.random.range(0, length);
        let after = Duration::from_micros(self.random.range(1, 10_000) as u64);
        let stream = self.stream(socket);
        assert!(stream.server_fin.is_none(), "something was sent behind the FIN");
        if stream.peer_reset {
            return Err(Errno::PIPE.into());
        }
        let room = (stream.outbox_size - stream.outbox.len()).min(if is_short { less } else { usize::MAX });
        stream.is_blocked = room < length;
        if room < length {
            stream.wants_room = true;
            if is_short {
                self.room_later(socket, after);
            }
        }
        if room == 0 { Err(Errno::AGAIN.into()) } else { Ok(room.min(length)) }
    }

    pub fn sends(&mut self, socket: usize, bytes: &[u8]) {
        let now = self.now;
        let stream = self.stream(socket);
        stream.outbox.push(bytes);
        stream.said += bytes.len() as u64;
        stream.written = now;
    }

    pub fn hear(&mut self, socket: usize, room: &mut [u8]) -> io::Result<usize> {
        let (broken, now) = (self.hostility.broken, self.now);
        if let Err(error) = self.fault(broken, &[Errno::CONNRESET, Errno::TIMEDOUT, Errno::HOSTUNREACH]) {
            let stream = self.stream(socket);
            (stream.wounded, stream.peer_reset) = (true, true);
            stream.inbox.clear();
            return Err(error);
        }
        let stream = self.stream(socket);
        if stream.peer_reset {
            stream.inbox.clear();
            return Err(Errno::CONNRESET.into());
        }
        let to_mark = stream.mark.filter(|&mark| mark > 0).unwrap_or(usize::MAX);
        let most = room.len().min(to_mark);
        let count = stream.inbox.take(&mut room[..most]);
        stream.mark = stream.mark.filter(|&mark| mark > 0).map(|mark| mark - count);
        if count == 0 && !stream.peer_fin {
            stream.refusals += 1;
            assert!(stream.refusals <= 5, "read from again and again, and nothing has come: {stream:?}");
            return Err(Errno::AGAIN.into());
        }
        stream.fin_read |= count == 0;
        if stream.server_fin.is_none() {
            stream.heard += count as u64; // the rest is thrown away
        }
        stream.read = now;
        self.did_something();
        Ok(count)
    }

    pub fn let_in(&mut self, listener: usize) -> io::Result<usize> {
        let What::Listener { backlog, .. } = &mut self.sockets[listener].what else { unreachable!() };
        let Some(&waiting) = backlog.front() else {
            self.checks.failed = [None; 2]; // a place that nobody wants here is offered to the other listener
            return Err(Errno::AGAIN.into());
        };
        let (strange, shortage) = (self.hostility.strange_accept, self.hostility.shortage);
        // These are of one connection, and the next call is about the next one.
        self.fault(strange, &[Errno::CONNABORTED, Errno::PROTO, Errno::NETDOWN])?;
        self.fault(shortage, &[Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS])?;
        match self.fails_now() {
            Some(Outage::Accept(error)) => return Err(error.into()),
            Some(Outage::Descriptors) => return Err(Errno::MFILE.into()),
            _ if self.open >= self.hostility.descriptors => return Err(Errno::MFILE.into()),
            _ => {}
        }
        if let What::Listener { backlog, .. } = &mut self.sockets[listener].what {
            backlog.pop_front();
        }
        self.sockets[waiting].open = true;
        self.open += 1;
        self.streams.push(waiting);
        let (now, turn) = (self.now, self.checks.turn);
        let stream = self.stream(waiting);
        stream.accepted = Some(now);
        stream.ready_since = stream.ready_since.map(|_| turn);
        self.accepts(listener);
        Ok(waiting)
    }
}
