//! The simulated kernel: what the server's calls do to the world, and how they fail.

use crate::world::{Outage, Shared, What};
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
    world: Shared,
    socket: usize,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "socket {}", self.socket)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.world.borrow_mut().close(self.socket);
        }
    }
}

impl Simulated {
    pub fn handle(&self, socket: usize) -> Handle {
        Handle { world: self.world.clone(), socket }
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
        world.turn_ends(timeout);
        world.check();
        let result = world.sleep(timeout);
        if result.is_ok() {
            world.tell(events, most);
            world.events += events.len() as u64;
        }
        world.waited(timeout, events.len());
        log::trace!("{:?}: {} events", world.now, events.len());
        result
    }

    fn watch(&mut self, socket: &Handle, token: usize, interest: Interest) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let unwatched = world.hostility.unwatched;
        if let Err(error) = world.fault(unwatched, &[Errno::NOMEM, Errno::NOSPC]) {
            if let What::Stream(stream) = &mut world.sockets[socket.socket].what {
                stream.wounded = true;
            }
            return Err(error);
        }
        let watched = &mut world.sockets[socket.socket];
        assert!(watched.token.is_none(), "watched twice");
        (watched.token, watched.interest) = (Some(token), interest);
        log::trace!("socket {} is {}#{}", socket.socket, token & 0xffff_ffff, token >> 32);
        if world.readiness(socket.socket) != Readiness::default() {
            world.edge(socket.socket);
        }
        Ok(())
    }

    fn accept(&mut self, listener: &Handle) -> io::Result<(Handle, Option<SocketAddr>)> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        world.tries_to_accept(listener.socket);
        let result = world.let_in(listener.socket);
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::WouldBlock
        {
            world.faults += 1;
            world.fails_to_accept(listener.socket, error);
        }
        drop(world);
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        Ok((self.handle(result?), Some(peer)))
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
        if matches!(world.sockets[socket.socket].what, What::Bell(_)) {
            let once_in = world.hostility.bell;
            world.fault(once_in, &[Errno::IO, Errno::NOMEM])?;
            let What::Bell(bytes) = &mut world.sockets[socket.socket].what else { unreachable!() };
            let count = bytes.len().min(room.len());
            bytes.drain(..count);
            return if count == 0 { Err(Errno::AGAIN.into()) } else { Ok(count) };
        }
        world.serves(socket.socket);
        let result = world.hear(socket.socket, room);
        world.served(socket.socket, &result);
        result
    }

    fn send(&mut self, socket: &Handle, bytes: &[u8], _: bool) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        assert!(!bytes.is_empty(), "a send of nothing");
        world.serves(socket.socket);
        let result = world.room_for(socket.socket, bytes.len());
        if let Ok(count) = result {
            world.sends(socket.socket, &bytes[..count]);
        }
        world.served(socket.socket, &result);
        result
    }

    fn send_file(&mut self, socket: &Handle, file: &File, offset: u64, most: usize) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        assert!(most > 0, "a file is sent, and nothing of it");
        world.serves(socket.socket);
        let mut bytes = [0; 16 * 1024];
        let length = most.min(bytes.len());
        let mut result = file.read_at(&mut bytes[..length], offset);
        if let Ok(count @ 1..) = result {
            result = world.room_for(socket.socket, count);
        }
        if let Ok(count) = result {
            world.sends(socket.socket, &bytes[..count]);
        }
        world.served(socket.socket, &result);
        result
    }

    fn shut_down(&mut self, socket: &Handle) {
        let mut world = self.world.borrow_mut();
        world.is_rightly_ended(socket.socket);
        let cost = world.cost;
        world.pass(cost);
        world.serves(socket.socket);
        world.served(socket.socket, &Ok(0));
        let now = world.now;
        let stream = world.stream(socket.socket);
        assert!(stream.owed() == 0 || stream.peer_reset, "a FIN, and not all is answered: {stream:?}");
        stream.server_fin.get_or_insert(now);
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

    fn receive_datagrams(&mut self, _: &Handle, batch: &mut Datagrams) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        let strange = world.hostility.strange_datagram;
        world.fault(strange, &[Errno::NOMEM, Errno::NETDOWN, Errno::CONNREFUSED])?;
        if let Some(Outage::Datagrams(error)) = world.fails_now() {
            world.faults += 1;
            return Err(error.into());
        }
        let post = world.post();
        let count = batch.load(post.incoming.iter().map(|(bytes, source)| (&bytes[..], *source)));
        post.incoming.drain(..count);
        if count == 0 {
            return Err(Errno::AGAIN.into());
        }
        world.did_something();
        Ok(count)
    }

    fn send_datagrams(&mut self, socket: &Handle, batch: &mut Datagrams) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        world.call()?;
        let (strange, full) = (world.hostility.strange_datagram, world.hostility.full_datagrams);
        if let Err(error) = world.fault(strange, &[Errno::NOBUFS, Errno::PERM, Errno::HOSTUNREACH]) {
            if let Some((bytes, to)) = batch.first_unsent() {
                world.post().lost.entry(to.port()).or_default().push(bytes.to_vec());
            }
            return Err(error);
        }
        if world.random.one_in(full) {
            world.post().is_full = true;
            let after = Duration::from_micros(world.random.range(1, 5000) as u64);
            world.room_later(socket.socket, after);
            return Err(Errno::AGAIN.into());
        }
        let most = world.random.range(1, 64);
        for _ in 0..most {
            let Some((bytes, to)) = batch.first_unsent() else { break };
            world.post().outgoing.entry(to.port()).or_default().push(bytes.to_vec());
            batch.skip();
            world.did_something();
        }
        Ok(())
    }
}
