//! TCP connections under load, each carrying one [`Dialogue`].
//!
//! Edge-triggered: a connection is registered once for both directions. It sends at once what it has to,
//! also while it is still connecting (the kernel then refuses, and says later that it is writable), and
//! reads when the kernel says so, until less came than there was room for.

mod life;

use super::crowd::Crowd;
use super::dialogue::{Dialogue, Progress};
use super::failure::Kind;
use super::payload::CONTIGUOUS;
use super::plan::Plan;
use super::run::Run;
use super::seat::{Seat, State};
use super::wrong::Wrong;
use mio::event::Event;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

/// Connections that are being opened at once: fewer than the backlog of any server, which would drop the
/// rest for a second.
const OPENING: usize = 100;

/// Reads of one connection in a turn, before others have theirs.
const READS: usize = 16;

/// How long opening may take in all, in nanoseconds.
const OPENING_TIME: u64 = 10_000_000_000;

/// How long opening may make no progress before the load goes on without the rest, in nanoseconds.
const STUCK: u64 = 1_000_000_000;

/// All connections.
pub struct Streams<D: Dialogue> {
    address: SocketAddr,
    seats: Vec<Seat<D>>,
    shared: D::Shared,
    room: Vec<u8>,
    depth: usize,
    reconnect: bool,
    /// Seats that were tried at least once: those before this one.
    tried: usize,
    connecting: usize,
    open: usize,
    /// Seats that had a connection which brought nothing.
    failed: usize,
    /// Seats whose first connection was established or has failed, and when the last of them did.
    settled: usize,
    last_settled: u64,
    /// Those who have more to read.
    again: Vec<usize>,
}

impl<D: Dialogue> Streams<D> {
    /// Connections for a plan, none of them open yet.
    pub fn new(plan: &Plan, mut shared: D::Shared) -> Streams<D> {
        let seats = (0..plan.connections).map(|_| Seat::new(D::new(&mut shared))).collect();
        Streams {
            address: plan.addresses[0],
            seats,
            shared,
            room: vec![0; CONTIGUOUS],
            depth: if plan.reconnect { 1 } else { plan.depth },
            reconnect: plan.reconnect,
            tried: 0,
            connecting: 0,
            open: 0,
            failed: 0,
            settled: 0,
            last_settled: 0,
            again: Vec::new(),
        }
    }

    /// Begins as many requests as are due and have room, and offers the rest of the room.
    fn refill(&mut self, place: usize, run: &mut Run) {
        let seat = &mut self.seats[place];
        let now = seat.since;
        while seat.begun.len() + seat.offered < self.depth {
            match run.pace.take(now) {
                Some(due) => {
                    seat.begun.push_back(due);
                    seat.dialogue.ask(&self.shared);
                }
                None => {
                    run.pace.offer(place as u32);
                    seat.offered += 1;
                }
            }
        }
    }

    /// Sends what the kernel takes. An error is left to the next read, which comes at once because it wakes
    /// the poller too: what the server has said before it is to be heard.
    fn flush(&mut self, place: usize, run: &mut Run) {
        let seat = &mut self.seats[place];
        let Some(stream) = &mut seat.stream else { return };
        loop {
            let bytes = seat.dialogue.unsent(&self.shared);
            if bytes.is_empty() {
                return;
            }
            match stream.write(bytes) {
                Ok(count) => {
                    seat.dialogue.sent(count);
                    run.tally.bytes_sent += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::NotConnected].contains(&error.kind()) => {
                    return;
                }
                Err(error) => {
                    // The kernel tells an error once: the read will find a FIN in its place.
                    seat.send_error.get_or_insert(error);
                    return;
                }
            }
        }
    }

    /// Receives until the socket is dry, or its turn is over.
    fn receive(&mut self, place: usize, hung_up: bool, run: &mut Run) -> Result<(), Wrong> {
        for _ in 0..READS {
            let Some(stream) = &mut self.seats[place].stream else { return Ok(()) };
            match stream.read(&mut self.room) {
                Ok(0) => return self.hear_fin(place, run),
                Ok(count) => {
                    run.tally.heard += count as u64;
                    let seat = &mut self.seats[place];
                    let heard = seat.dialogue.received(&self.room[..count], &mut self.shared)?;
                    self.count(place, heard, run);
                    if self.seats[place].state != State::Open {
                        return Ok(());
                    }
                    if count < self.room.len() && !hung_up {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(place, Kind::of(&error), &error, run);
                    return Ok(());
                }
            }
        }
        self.again.push(place);
        Ok(())
    }

    /// Counts replies, and begins others in their place.
    fn count(&mut self, place: usize, heard: Progress, run: &mut Run) {
        let seat = &mut self.seats[place];
        let now = run.clock.now();
        seat.since = now;
        if heard.replies == 0 && heard.refusals.is_empty() {
            return;
        }
        seat.worked = true;
        let bytes = D::reply_bytes(&self.shared);
        for due in seat.begun.drain(..heard.replies.min(seat.begun.len())) {
            run.reply(due, now, bytes);
        }
        let refused = heard.refusals.len().min(seat.begun.len());
        seat.begun.drain(..refused);
        heard.refusals.iter().for_each(|&status| run.refusal(status, now));
        let is_over = seat.dialogue.is_over();
        if self.reconnect || is_over {
            if is_over && !self.reconnect {
                run.tally.reconnects += 1;
            }
            self.leave(place, run);
        } else {
            self.refill(place, run);
            self.flush(place, run);
        }
    }
}

impl<D: Dialogue> Crowd for Streams<D> {
    fn open(&mut self, run: &mut Run) -> Result<(), Wrong> {
        while self.tried < self.seats.len() && self.connecting < OPENING {
            self.tried += 1;
            if self.reconnect {
                // Each request will open one.
                self.refill(self.tried - 1, run);
                self.settle(self.tried - 1, run);
                continue;
            }
            self.connect(self.tried - 1, run);
        }
        Ok(())
    }

    fn is_settled(&self, now: u64) -> bool {
        self.settled == self.seats.len()
            || now > OPENING_TIME
            || now.saturating_sub(self.last_settled) > STUCK
    }

    fn population(&self) -> usize {
        self.open
    }

    fn note(&mut self, event: &Event, run: &mut Run) -> Result<(), Wrong> {
        let place = event.token().0;
        let hung_up = event.is_read_closed() || event.is_error();
        if event.is_writable() {
            if self.seats[place].state == State::Connecting && !event.is_error() {
                self.set_state(place, State::Open);
                run.tally.established += 1;
                self.settle(place, run);
            }
            self.flush(place, run);
        }
        if event.is_readable() || hung_up { self.receive(place, hung_up, run) } else { Ok(()) }
    }

    fn resume(&mut self, run: &mut Run) -> Result<bool, Wrong> {
        for place in std::mem::take(&mut self.again) {
            // Whether it has hung up is forgotten by now: to be safe, it is read until it is dry.
            self.receive(place, true, run)?;
        }
        Ok(!self.again.is_empty())
    }

    fn begin(&mut self, place: u32, due: u64, run: &mut Run) -> Result<(), Wrong> {
        let place = place as usize;
        let seat = &mut self.seats[place];
        seat.offered -= 1;
        if seat.begun.is_empty() {
            seat.since = run.clock.now();
        }
        match seat.state {
            State::Open | State::Connecting => {
                seat.begun.push_back(due);
                seat.dialogue.ask(&self.shared);
                self.flush(place, run);
            }
            State::Idle => {
                seat.begun.push_back(due);
                self.connect(place, run);
            }
            // It is sent when the rest is over.
            State::Resting(_) => seat.begun.push_back(due),
        }
        Ok(())
    }

    fn tick(&mut self, now: u64, run: &mut Run) -> Result<(), Wrong> {
        let timeout = run.plan.timeout.as_nanos() as u64;
        for place in 0..self.tried {
            let seat = &self.seats[place];
            match seat.state {
                State::Resting(until) if now >= until && self.connecting < OPENING => {
                    self.connect(place, run)
                }
                State::Connecting if now.saturating_sub(seat.since) > timeout => {
                    self.fail(place, Kind::Timeout, &ErrorKind::TimedOut.into(), run);
                }
                State::Open if !seat.begun.is_empty() && now.saturating_sub(seat.since) > timeout => {
                    self.fail(place, Kind::Timeout, &ErrorKind::TimedOut.into(), run);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn under_way(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        Box::new(self.seats.iter().flat_map(|seat| seat.begun.iter().copied()))
    }

    fn bytes_under_way(&self) -> u64 {
        let open = self.seats.iter().filter(|seat| seat.stream.is_some());
        open.map(|seat| seat.dialogue.unanswered(&self.shared)).sum()
    }

    fn is_hopeless(&self) -> bool {
        self.failed == self.seats.len()
    }
}
