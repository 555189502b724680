//! The simulated kernel: what the server's calls do to the world, and how they fail.

use crate::world::{Shared, What, World};
use rustix::io::Errno;
use shoutd::kernel::{Event, Interest, Kernel, Readiness};
use shoutd::now::Now;
use shoutd::sys::Datagrams;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The face that the event loop sees.
pub struct Simulated {
    pub world: Shared,
}

/// A socket of the server; dropping it closes it.
pub struct Handle {
    pub world: Shared,
    pub socket: usize,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "socket {}", self.socket)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        let socket = &mut world.sockets[self.socket];
        assert!(socket.open, "closed twice: {socket:?}");
        socket.open = false;
        socket.token = None;
        match &mut socket.what {
            What::Stream(stream) => {
                stream.closed = true;
                // A close with something unread, or with a linger time of zero, is a reset (tcp(7), RFC 2525).
                if stream.linger_zero || !stream.inbox.is_empty() {
                    stream.server_reset = true;
                    stream.outbox.clear();
                } else {
                    stream.server_fin = true;
                }
            }
            What::Listener { backlog, .. } => {
                for waiting in std::mem::take(backlog) {
                    world.stream(waiting).server_reset = true;
                }
            }
            What::Datagrams { .. } | What::Bell(_) => {}
        }
    }
}

impl Simulated {
    pub fn handle(&self, socket: usize) -> Handle {
        Handle { world: self.world.clone(), socket }
    }
}

impl World {
    /// Every call takes some time, and may be interrupted.
    fn call(&mut self) -> io::Result<()> {
        let cost = self.cost;
        self.pass(cost);
        let once_in = self.hostility.interrupted;
        self.fault(once_in, Errno::INTR)
    }

    fn fault(&mut self, once_in: usize, error: Errno) -> io::Result<()> {
        if self.random.one_in(once_in) {
            self.faults += 1;
            return Err(error.into());
        }
        Ok(())
    }

    fn did_something(&mut self) {
        self.moved += 1;
        self.idle_waits = 0;
    }

    fn readiness(&self, socket: usize) -> Readiness {
        match &self.sockets[socket].what {
            What::Listener { backlog, .. } => {
                Readiness { readable: !backlog.is_empty(), ..Readiness::default() }
            }
            What::Datagrams { incoming, .. } => {
                Readiness { readable: !incoming.is_empty(), writable: true, ..Readiness::default() }
            }
            What::Bell(bytes) => Readiness { readable: !bytes.is_empty(), ..Readiness::default() },
            What::Stream(stream) => {
                let broken = stream.peer_reset || (stream.peer_fin && stream.server_fin);
                let hung_up = stream.peer_fin || broken;
                Readiness {
                    readable: !stream.inbox.is_empty() || hung_up,
                    writable: stream.has_room() || broken,
                    hung_up,
                    broken,
                    urgent: false,
                }
            }
        }
    }

    /// Puts bytes into a stream's outbox. Fails as send(2) does.
    fn send_from_server(&mut self, socket: usize, bytes: &[u8]) -> io::Result<usize> {
        let (shortage, short) = (self.hostility.shortage, self.hostility.short_send);
        if let Err(error) = self.fault(shortage, Errno::NOBUFS) {
            self.stream(socket).wounded = true;
            return Err(error);
        }
        let short = self.random.one_in(short);
        let less = self.random.range(0, bytes.len());
        let after = Duration::from_micros(self.random.range(1, 100_000) as u64);
        let stream = self.stream(socket);
        assert!(!stream.server_fin, "something was sent behind the FIN");
        if stream.peer_reset {
            return Err(Errno::PIPE.into());
        }
        let room = (stream.outbox_size - stream.outbox.len()).min(if short { less } else { usize::MAX });
        let count = room.min(bytes.len());
        if count < bytes.len() {
            stream.wants_room = true;
            if short {
                self.room_later(socket, after);
            }
        }
        let now = self.now;
        let stream = self.stream(socket);
        stream.outbox.extend(&bytes[..count]);
        stream.written = if count > 0 { now } else { stream.written };
        if count == 0 && !bytes.is_empty() {
            return Err(Errno::AGAIN.into());
        }
        self.did_something();
        Ok(count)
    }
}

impl Kernel for Simulated {
    type Socket = Handle;

    fn now(&mut self) -> Now {
        let world = self.world.borrow();
        Now::new(world.start + world.now, world.wall + world.now)
    }

    fn wait(&mut self, events: &mut Vec<Event>, most: usize, timeout: Option<Duration>) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        events.clear();
        let lap = world.now - world.last_wait;
        world.longest_lap = world.longest_lap.max(lap);
        world.call()?;
        let end = timeout.map(|timeout| world.now + timeout);
        while world.ready.is_empty() && !world.is_over && end.is_none_or(|end| world.now < end) {
            let next = [world.next(), end].into_iter().flatten().min();
            let Some(next) = next else { panic!("the server waits for ever, and nobody will come") };
            let time = next.saturating_sub(world.now);
            world.pass(time);
        }
        let spurious = world.hostility.spurious;
        if world.random.one_in(spurious) {
            let last = world.sockets.len() - 1;
            let any = world.random.range(0, last);
            world.edge(any);
        }
        while events.len() < most
            && let Some(socket) = world.ready.pop_front()
        {
            world.told(socket);
            let readiness = world.readiness(socket);
            if let Some(token) = world.sockets[socket].token
                && readiness != Readiness::default()
            {
                events.push(Event { token, readiness });
            }
        }
        world.events += events.len() as u64;
        world.last_wait = world.now;
        if events.is_empty() && timeout == Some(Duration::ZERO) {
            world.idle_waits += 1;
            assert!(world.idle_waits < 50, "the loop spins: it asks again and again and does nothing");
        } else {
            world.idle_waits = 0;
        }
        Ok(())
    }

    fn watch(&mut self, socket: &Handle, token: usize, _: Interest) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let watched = &mut world.sockets[socket.socket];
        assert!(watched.token.is_none(), "watched twice");
        watched.token = Some(token);
        if world.readiness(socket.socket) != Readiness::default() {
            world.edge(socket.socket);
        }
        Ok(())
    }

    fn accept(&mut self, listener: &Handle) -> io::Result<(Handle, Option<SocketAddr>)> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        let is_waiting = matches!(&world.sockets[listener.socket].what, What::Listener { backlog, .. } if !backlog.is_empty());
        if !is_waiting {
            return Err(Errno::AGAIN.into());
        }
        let (strange, shortage) = (world.hostility.strange_accept, world.hostility.shortage);
        let error = world.random.pick(&[Errno::CONNABORTED, Errno::PERM, Errno::PROTO]);
        world.fault(strange, error)?;
        let error = world.random.pick(&[Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS]);
        world.fault(shortage, error)?;
        if world.open_sockets() >= world.hostility.descriptors {
            world.faults += 1;
            return Err(Errno::MFILE.into());
        }
        let What::Listener { backlog, .. } = &mut world.sockets[listener.socket].what else { unreachable!() };
        let socket = backlog.pop_front().expect("somebody waits");
        world.sockets[socket].open = true;
        let now = world.now;
        world.stream(socket).accepted = Some(now);
        world.did_something();
        drop(world);
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        Ok((self.handle(socket), Some(peer)))
    }

    fn close_backlog(&mut self, listener: &Handle) {
        let mut world = self.world.borrow_mut();
        if let What::Listener { closed, .. } = &mut world.sockets[listener.socket].what {
            *closed = true;
        }
    }

    fn receive(&mut self, socket: &Handle, room: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        assert!(!room.is_empty(), "a read without room looks like the end");
        if let What::Bell(bytes) = &mut world.sockets[socket.socket].what {
            let count = bytes.len().min(room.len());
            bytes.drain(..count);
            return if count == 0 { Err(Errno::AGAIN.into()) } else { Ok(count) };
        }
        let stream = world.stream(socket.socket);
        if stream.peer_reset {
            stream.inbox.clear();
            return Err(Errno::CONNRESET.into());
        }
        let count = stream.inbox.len().min(room.len());
        for (place, byte) in room.iter_mut().zip(stream.inbox.drain(..count)) {
            *place = byte;
        }
        if count == 0 && !stream.peer_fin {
            return Err(Errno::AGAIN.into());
        }
        world.did_something();
        Ok(count)
    }

    fn send(&mut self, socket: &Handle, bytes: &[u8], _: bool) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        assert!(!bytes.is_empty(), "a send of nothing");
        world.send_from_server(socket.socket, bytes)
    }

    fn send_file(&mut self, socket: &Handle, file: &File, offset: u64, most: usize) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        assert!(most > 0, "a file is sent, and nothing of it");
        let mut bytes = vec![0; most.min(60_000)];
        let count = file.read_at(&mut bytes, offset)?;
        if count == 0 {
            return Ok(0);
        }
        world.send_from_server(socket.socket, &bytes[..count])
    }

    fn shut_down(&mut self, socket: &Handle) {
        let mut world = self.world.borrow_mut();
        let cost = world.cost;
        world.pass(cost);
        world.stream(socket.socket).server_fin = true;
        world.did_something();
    }

    fn cork(&mut self, _: &Handle) -> bool {
        true
    }

    fn reset_on_close(&mut self, socket: &Handle) {
        self.world.borrow_mut().stream(socket.socket).linger_zero = true;
    }

    fn taken_by_peer(&mut self, socket: &Handle) -> u64 {
        self.world.borrow_mut().stream(socket.socket).taken
    }

    fn receive_datagrams(&mut self, socket: &Handle, batch: &mut Datagrams) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        let strange = world.hostility.strange_datagram;
        let error = world.random.pick(&[Errno::NOMEM, Errno::NETDOWN, Errno::CONNREFUSED]);
        world.fault(strange, error)?;
        let What::Datagrams { incoming, .. } = &mut world.sockets[socket.socket].what else { unreachable!() };
        let count = batch.load(incoming.iter().map(|(bytes, source)| (&bytes[..], *source)));
        incoming.drain(..count);
        if count == 0 {
            return Err(Errno::AGAIN.into());
        }
        world.did_something();
        Ok(count)
    }

    fn send_datagrams(&mut self, socket: &Handle, batch: &mut Datagrams) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        let most = world.random.range(1, 64);
        for _ in 0..most {
            let Some((bytes, to)) = batch.first_unsent() else { break };
            let answer = (bytes.to_vec(), to);
            batch.skip();
            if let What::Datagrams { outgoing, .. } = &mut world.sockets[socket.socket].what {
                outgoing.push(answer);
            }
            world.did_something();
        }
        Ok(())
    }
}
