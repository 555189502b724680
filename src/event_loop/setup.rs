//! How a loop is made and what it is given before it runs, and what it tells of itself.

use super::guest::What;
use super::listener::Listener;
use super::udp::Udp;
use super::{Door, EventLoop, Memory, Queue, Ring, Slots, Timers, slots};
use crate::access_log::AccessLog;
use crate::buffer::Desk;
use crate::http::content::Content;
use crate::kernel::{Interest, Kernel};
use crate::limits::{self, Limits};
use log::warn;
use std::io;

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// A loop without guests.
    pub fn new(kernel: K, site: C, limits: Limits) -> EventLoop<K, C> {
        EventLoop {
            kernel,
            limits,
            events: Vec::new(),
            guests: Slots::new(),
            queue: Queue::default(),
            timers: Timers::default(),
            door: Door::new(limits.connections.min(slots::MOST / 2)),
            memory: Memory::new(limits.memory),
            desk: Desk::new(limits.buffer),
            small_desk: Desk::new(limits.buffer.min(limits::SMALL_DESK)),
            site,
            log: None,
            own_log: None,
            stdout: None,
            spent: 0,
            stopping: None,
            stopped: false,
        }
    }

    /// Has every response of HTTP logged, by sessions that [`HttpOptions::logged`] says it to.
    ///
    /// [`HttpOptions::logged`]: crate::session::http::HttpOptions::logged
    pub fn log_to(&mut self, log: AccessLog) {
        self.log = Some(log);
    }

    /// Lets in at most so many connections at once.
    pub fn allow(&mut self, connections: usize) {
        self.door.places.allow(connections.min(slots::MOST / 2));
        if self.door.places.are_too_few() {
            warn!("{connections} places are fewer than listeners: one service can shut out another");
        }
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.door.places.inside()
    }

    /// Bytes that they keep between their turns.
    pub fn held(&self) -> usize {
        self.memory.held()
    }

    /// Adds a listener.
    pub fn add_listener(&mut self, mut listener: Listener<K>) -> io::Result<()> {
        listener.room = self.door.places.add_room();
        self.invite(What::Listener(Box::new(listener)), Interest::Reading).map(drop)
    }

    /// Adds a UDP socket.
    pub fn add_udp(&mut self, udp: Udp<K>) -> io::Result<()> {
        self.invite(What::Udp(Box::new(udp)), Interest::Both).map(drop)
    }

    /// Adds a stream whose bytes ask the loop for something.
    pub fn add_bell(&mut self, bell: K::Socket, ring: Ring) -> io::Result<()> {
        self.invite(What::Bell(bell, ring), Interest::Reading).map(drop)
    }
}
