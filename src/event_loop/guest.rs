//! Those that the event loop serves: connections, listeners, UDP sockets, and bells.

use super::connection::Connection;
use super::listener::Listener;
use super::timers::Hint;
use super::udp::Udp;
use crate::kernel::Kernel;

/// What came of driving a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its latch is dry: an event or its timer will come.
    Wait,
    /// Its budget is spent: it goes to the end of the queue.
    Again,
    /// It is over.
    Done,
}

/// What the bytes of a bell mean.
#[derive(Clone, Copy, Debug)]
pub enum Ring {
    /// The first one: let replies under way finish, and end. The second: end at once.
    Stop,
    /// Open the access log anew.
    Reopen,
}

/// A guest, and where it stands.
pub(super) struct Guest<K: Kernel> {
    pub what: What<K>,
    /// It waits for a turn.
    pub queued: bool,
    pub hint: Hint,
}

impl<K: Kernel> Guest<K> {
    pub fn new(what: What<K>) -> Guest<K> {
        Guest { what, queued: false, hint: None }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every guest is a connection; a box would cost each of them"
)]
pub(super) enum What<K: Kernel> {
    Connection(Connection<K>),
    Listener(Box<Listener<K>>),
    Udp(Box<Udp<K>>),
    /// Bytes in it mean something.
    Bell(K::Socket, Ring),
}

impl<K: Kernel> What<K> {
    /// Its socket, to be watched.
    pub fn socket(&self) -> &K::Socket {
        match self {
            What::Connection(connection) => connection.socket(),
            What::Listener(listener) => &listener.socket,
            What::Udp(udp) => udp.socket(),
            What::Bell(bell, _) => bell,
        }
    }
}
