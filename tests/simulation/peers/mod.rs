//! Those on the other side: scripted clients that verify every byte they get.
//!
//! A script knows the network by [`Network`] alone, so the same scripts run in the simulated world and over
//! real sockets.

pub mod datagrams;
pub mod kinds;
pub mod requests;
pub mod upper;
pub mod web;
pub mod wire;

use std::time::Duration;

/// Somebody on the other side of the network.
pub trait Peer {
    /// Does what it wants to do now, and says when to be woken again ([`Network::wake`]), if ever.
    fn act(&mut self, me: usize, network: &mut dyn Network);

    /// Whether it has had all it wanted.
    fn is_done(&self) -> bool;

    /// What it is and how far it got.
    fn story(&self) -> String;
}

/// Whose connection it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Upper,
    Web,
}

/// What a peer finds when it reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Bytes(Vec<u8>),
    Nothing,
    Fin,
    Reset,
}

/// What is known of a connection besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Since when the server has it; `None` where it hasn't taken it yet.
    pub accepted: Option<Duration>,
    /// The server has half-closed it.
    pub finished: bool,
    /// The server has reset it.
    pub reset: bool,
    /// A reset is to be expected: a fault of the system, or a lack of memory.
    pub may_be_reset: bool,
    /// When the server last sent something.
    pub written: Duration,
}

/// What a peer can do.
pub trait Network {
    /// Since the start.
    fn now(&self) -> Duration;

    /// Has a peer act again after so much time.
    fn wake(&mut self, peer: usize, after: Duration);

    /// How late the server may be, however busy it is.
    fn late(&self) -> Duration;

    /// By how much it may be too early, as it doesn't look at the clock all the time.
    fn early(&self) -> Duration;

    /// How late answers to datagrams may be: they may come after a pause.
    fn late_answers(&self) -> Duration;

    /// Whether the server has been told to stop: then it closes what rests.
    fn is_stopping(&self) -> bool;

    /// Whether it may stop without having read what has come: it pauses before each read.
    fn may_be_unheard(&self) -> bool;

    /// Connects. `None` if that is refused.
    fn connect(&mut self, service: Service) -> Option<usize>;

    /// Sends some of these bytes: how many there was room for; `None` after a reset.
    fn send(&mut self, socket: usize, bytes: &[u8]) -> Option<usize>;

    /// Sends a byte of urgent data, which is no part of the stream (send(2), MSG_OOB).
    fn send_urgent(&mut self, socket: usize);

    /// Reads at most so many bytes.
    fn receive(&mut self, socket: usize, most: usize) -> Found;

    /// Sends its FIN.
    fn finish(&mut self, socket: usize);

    /// Resets the connection.
    fn reset(&mut self, socket: usize);

    /// What is known of it.
    fn status(&mut self, socket: usize) -> Status;

    /// Sends a datagram from a port. False where the network has lost it.
    fn datagram(&mut self, port: u16, bytes: &[u8]) -> bool;

    /// The answers that have come back to a port.
    fn answers(&mut self, port: u16) -> Vec<Vec<u8>>;

    /// Answers to a port that the network has lost since this was last asked.
    fn lost(&mut self, port: u16) -> Vec<Vec<u8>>;

    /// A reply of HTTP is complete: there must be a line for it in the access log.
    fn answered(&mut self);
}
