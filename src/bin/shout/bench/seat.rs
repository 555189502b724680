//! One place in the crowd of TCP connections, which one connection after another may take.

use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io;

/// A place for a connection, and the requests under way there.
#[derive(Debug)]
pub struct Seat<D> {
    /// The connection, if there is one.
    pub stream: Option<TcpStream>,
    /// What is said on it.
    pub dialogue: D,
    /// How it stands.
    pub state: State,
    /// The times at which the requests under way were begun or due, the oldest first.
    pub begun: VecDeque<u64>,
    /// How often this place is on offer for a request.
    pub offered: usize,
    /// When something came last, or the first request was begun, or the connection.
    pub since: u64,
    /// Why nothing more can be sent.
    pub send_error: Option<io::Error>,
    /// Whether a reply has come on this connection.
    pub worked: bool,
    /// Whether its first connection was established or has failed.
    pub settled: bool,
    /// Whether a connection here has failed that brought nothing.
    pub failed: bool,
}

/// How a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Without a connection, which the next request will open.
    Idle,
    /// With a connection that isn't established yet.
    Connecting,
    /// With a connection.
    Open,
    /// Without a connection until this time.
    Resting(u64),
}

impl<D> Seat<D> {
    /// An empty place.
    pub fn new(dialogue: D) -> Seat<D> {
        Seat {
            stream: None,
            dialogue,
            state: State::Idle,
            begun: VecDeque::new(),
            offered: 0,
            since: 0,
            send_error: None,
            worked: false,
            settled: false,
            failed: false,
        }
    }
}
