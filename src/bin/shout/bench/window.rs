//! One UDP socket and its window: the datagrams that it has under way, and some of those before them.

use mio::net::UdpSocket;
use std::collections::VecDeque;

/// A socket, and what it has sent.
#[derive(Debug)]
pub struct Socket {
    /// Connected to the server.
    pub socket: UdpSocket,
    /// Where in the payload its datagrams start.
    pub start: usize,
    /// The datagrams from `first` on, those under way and some before them.
    pub sent: VecDeque<Sent>,
    /// The number of the first of those.
    pub first: u64,
    /// How many are under way.
    pub under_way: usize,
    /// How often this place is on offer for a datagram.
    pub offered: usize,
    /// The highest number that was answered, plus one.
    pub answered: u64,
    /// When a datagram was due that the kernel has no room for.
    pub held_back: Option<u64>,
}

/// A datagram that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// When it was due.
    pub due: u64,
    /// When it was sent.
    pub at: u64,
    /// What came of it.
    pub state: State,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its reply is awaited.
    UnderWay,
    /// Its reply has come.
    Answered,
    /// Its reply is awaited no longer.
    Lost,
    /// The same, as a refusal was taken for its own.
    Refused,
}

impl Socket {
    /// One that has sent nothing.
    pub fn new(socket: UdpSocket, start: usize) -> Socket {
        Socket {
            socket,
            start,
            sent: VecDeque::new(),
            first: 0,
            under_way: 0,
            offered: 0,
            answered: 0,
            held_back: None,
        }
    }

    /// The number of the next datagram.
    pub fn next(&self) -> u64 {
        self.first + self.sent.len() as u64
    }

    /// The number of the oldest one under way, if there is any.
    pub fn oldest(&self) -> Option<u64> {
        let place = self.sent.iter().position(|sent| sent.state == State::UnderWay)?;
        Some(self.first + place as u64)
    }

    /// Waits no longer for one of those that are remembered.
    pub fn give_up(&mut self, place: usize) {
        self.sent[place].state = State::Lost;
        self.under_way -= 1;
    }

    /// The same for the oldest under way, as a datagram was refused. Returns whether there was one.
    pub fn refuse_oldest(&mut self) -> bool {
        let Some(place) = self.sent.iter().position(|sent| sent.state == State::UnderWay) else {
            return false;
        };
        self.give_up(place);
        self.sent[place].state = State::Refused;
        true
    }

    /// Forgets the oldest, as long as nobody waits for them, down to so many.
    pub fn forget(&mut self, memory: usize) {
        while self.sent.len() > memory && self.sent.front().is_some_and(|sent| sent.state != State::UnderWay)
        {
            self.sent.pop_front();
            self.first += 1;
        }
    }
}
