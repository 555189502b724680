//! UDP sockets under load, each with a window of datagrams under way.
//!
//! The sockets are connected, which sends nothing: it makes the kernel pass on only what comes from the
//! server, and its host's refusals (ICMP port-unreachable).

use super::crowd::Crowd;
use super::failure::Kind;
use super::identity::Identity;
use super::plan::Plan;
use super::run::Run;
use super::sockets;
use super::window::{Sent, Socket, State};
use super::wrong::{Wrong, bytes};
use mio::event::Event;
use mio::{Interest, Token};
use std::io::{self, ErrorKind};

/// Room for any datagram.
const ROOM: usize = 65_536;

/// Datagrams that a socket receives in a turn, before others have theirs.
const RECEIVED: usize = 64;

/// A datagram is given up when it has been overtaken by so many.
const OVERTAKEN: usize = 4096;

/// Answered datagrams that are remembered, at least, so that a second reply is recognised.
const REMEMBERED: usize = 64;

/// All sockets.
pub struct Datagrams {
    sockets: Vec<Socket>,
    identity: Identity,
    window: usize,
    room: Vec<u8>,
    message: Vec<u8>,
    again: Vec<usize>,
    opened: bool,
    refused: bool,
}

/// Makes the window fit what datagrams of this size can tell apart, and says what they can't.
pub fn fit(plan: &mut Plan, identity: &Identity, reduced: &mut Vec<String>) {
    let size = plan.size;
    if size == 0 {
        reduced.push(
            "empty datagrams can't be told apart: order is unknown, and a late reply passes for the next one. \
             Servers that guard against loops, as shoutd does, answer few of them"
                .to_owned(),
        );
    }
    // One that can't be told from any other is given up when the next is sent.
    let most = (identity.modulus() / 2).clamp(1, OVERTAKEN as u64 / 2) as usize;
    if plan.depth > most {
        reduced.push(format!(
            "a window of {} reduced to {most}: datagrams of size {size} can't tell more apart",
            plan.depth
        ));
        plan.depth = most;
    }
}

impl Datagrams {
    /// Sockets for a plan, none of them open yet.
    pub fn new(plan: &Plan, identity: Identity) -> Datagrams {
        Datagrams {
            sockets: Vec::with_capacity(plan.connections),
            identity,
            window: plan.depth,
            room: vec![0; ROOM],
            message: Vec::new(),
            again: Vec::new(),
            opened: false,
            refused: false,
        }
    }

    /// Sends as many as are due and have room, and offers the rest of the room.
    fn refill(&mut self, place: usize, now: u64, run: &mut Run) {
        loop {
            let socket = &mut self.sockets[place];
            if socket.held_back.is_some() || socket.under_way + socket.offered >= self.window {
                return;
            }
            match run.pace.take(now) {
                Some(due) => {
                    if !self.send(place, due, now, run) {
                        return; // the next tick tries again
                    }
                }
                None => {
                    run.pace.offer(place as u32);
                    socket.offered += 1;
                }
            }
        }
    }

    /// Sends one. Returns whether others may follow at once.
    fn send(&mut self, place: usize, due: u64, now: u64, run: &mut Run) -> bool {
        let socket = &mut self.sockets[place];
        let (number, start) = (socket.next(), socket.start);
        let datagram = self.identity.datagram(start, number, &mut self.message);
        // An error may belong to an earlier datagram: the kernel reports refusals at the next call.
        let mut result = socket.socket.send(datagram);
        let mut is_refused = false;
        if let Err(error) = &result
            && error.kind() == ErrorKind::ConnectionRefused
        {
            // It frees a place, which would be filled, be refused and be free again for ever.
            is_refused = true;
            let error = io::Error::from(error.kind());
            self.fail(place, &error, run);
            result =
                self.sockets[place].socket.send(self.identity.datagram(start, number, &mut self.message));
        }
        let socket = &mut self.sockets[place];
        match result {
            Ok(count) => run.tally.bytes_sent += count as u64,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {
                socket.held_back = Some(due);
                return false;
            }
            // The refusal of yet another: this one has not been begun.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.fail(place, &error, run);
                run.pace.give_back(1);
                return false;
            }
            // It was never sent, and is counted as this failure alone.
            Err(error) => {
                run.tally.fail(Kind::of(&error), &error, 1, now);
                run.pace.give_back(1);
                return false;
            }
        }
        socket.sent.push_back(Sent { due, at: now, state: State::UnderWay });
        socket.under_way += 1;
        let memory = OVERTAKEN.min(self.identity.modulus() as usize);
        if socket.sent.len() > memory
            && socket.sent.front().is_some_and(|front| front.state == State::UnderWay)
        {
            socket.give_up(0);
            run.tally.lost += 1;
        }
        socket.forget(memory.min(REMEMBERED.max(2 * self.window)));
        !is_refused
    }

    /// Receives until the socket is dry, or its turn is over.
    fn receive(&mut self, place: usize, run: &mut Run) -> Result<(), Wrong> {
        for _ in 0..RECEIVED {
            match self.sockets[place].socket.recv(&mut self.room) {
                Ok(count) => {
                    let now = run.clock.now();
                    let was_due = self.hear(place, count, now, run)?;
                    let is_all = was_due && self.sockets[place].under_way == 0;
                    self.refill(place, now, run);
                    if is_all {
                        return Ok(()); // nothing else was due: what comes now will wake us
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(place, &error, run);
                }
            }
        }
        self.again.push(place);
        Ok(())
    }

    /// A datagram has come. Returns whether one was due.
    fn hear(&mut self, place: usize, count: usize, now: u64, run: &mut Run) -> Result<bool, Wrong> {
        let socket = &mut self.sockets[place];
        let reply = &self.room[..count];
        let number = if self.identity.modulus() == 1 && count == 0 {
            // They can't be told apart: it answers the oldest, or none.
            socket.oldest().or(socket.next().checked_sub(1))
        } else if socket.next() == 0 {
            return Err(Wrong::unasked(
                format!("{} came that nobody had asked for", bytes(count as u64)),
                reply,
            ));
        } else {
            self.identity.number(socket.start, reply, socket.next())
        };
        let Some(number) = number else {
            let due = socket.oldest().unwrap_or(socket.first);
            return Err(self.identity.wrong(socket.start, due, reply));
        };
        let Some(sent) = number.checked_sub(socket.first).and_then(|i| socket.sent.get_mut(i as usize))
        else {
            run.tally.duplicated += 1; // or later than anything that is remembered
            return Ok(false);
        };
        let before = sent.state;
        if before == State::Answered {
            run.tally.duplicated += 1;
            return Ok(false);
        }
        sent.state = State::Answered;
        let due = sent.due;
        match before {
            State::Lost => run.tally.lost = run.tally.lost.saturating_sub(1), // only late
            // It was another that was refused, which is still under way or was given up since.
            State::Refused if !socket.refuse_oldest() => {
                run.tally.lost = run.tally.lost.saturating_sub(1);
            }
            State::Refused => {}
            State::UnderWay | State::Answered => socket.under_way -= 1,
        }
        if number < socket.answered {
            run.tally.reordered += 1;
        }
        socket.answered = socket.answered.max(number + 1);
        // A reply is as long as its datagram, or it would be wrong.
        run.reply(due, now, count as u64);
        Ok(before == State::UnderWay)
    }

    /// The kernel has reported an error: a refusal belongs to the oldest datagram under way, about. Its
    /// place is free again at the next tick, so that nobody is flooded with what is refused.
    fn fail(&mut self, place: usize, error: &io::Error, run: &mut Run) {
        run.tally.fail(Kind::of(error), error, 1, run.clock.now());
        self.refused |= error.kind() == ErrorKind::ConnectionRefused;
        if self.sockets[place].refuse_oldest() {
            run.pace.give_back(1);
        } else if error.kind() == ErrorKind::ConnectionRefused {
            // It was given up before its refusal came.
            run.tally.lost = run.tally.lost.saturating_sub(1);
        }
    }
}

impl Crowd for Datagrams {
    fn open(&mut self, run: &mut Run) -> Result<(), Wrong> {
        if self.opened {
            return Ok(());
        }
        self.opened = true;
        for place in 0..run.plan.connections {
            let buffer = self.window.saturating_mul(run.plan.size.max(1)).saturating_mul(2);
            let opened = sockets::datagram(run.plan.addresses[0], buffer).and_then(|mut socket| {
                let both = Interest::READABLE | Interest::WRITABLE;
                run.registry.register(&mut socket, Token(place), both).map(|()| socket)
            });
            match opened {
                Ok(socket) => {
                    self.sockets.push(Socket::new(socket, self.identity.start()));
                }
                Err(error) => {
                    run.tally.fail(Kind::of(&error), &error, 1, run.clock.now());
                    return Ok(()); // the others would fail as well
                }
            }
        }
        for place in 0..self.sockets.len() {
            let now = run.clock.now();
            self.refill(place, now, run);
        }
        Ok(())
    }

    fn is_settled(&self, _now: u64) -> bool {
        self.opened
    }

    fn population(&self) -> usize {
        self.sockets.len()
    }

    fn note(&mut self, event: &Event, run: &mut Run) -> Result<(), Wrong> {
        let place = event.token().0;
        if event.is_writable()
            && let Some(due) = self.sockets[place].held_back.take()
        {
            let now = run.clock.now();
            self.send(place, due, now, run);
            self.refill(place, now, run);
        }
        if event.is_readable() || event.is_error() { self.receive(place, run) } else { Ok(()) }
    }

    fn resume(&mut self, run: &mut Run) -> Result<bool, Wrong> {
        for place in std::mem::take(&mut self.again) {
            self.receive(place, run)?;
        }
        Ok(!self.again.is_empty())
    }

    fn begin(&mut self, place: u32, due: u64, run: &mut Run) -> Result<(), Wrong> {
        self.sockets[place as usize].offered -= 1;
        let now = run.clock.now();
        self.send(place as usize, due, now, run);
        Ok(())
    }

    fn tick(&mut self, now: u64, run: &mut Run) -> Result<(), Wrong> {
        let timeout = run.plan.timeout.as_nanos() as u64;
        for place in 0..self.sockets.len() {
            let socket = &mut self.sockets[place];
            for number in 0..socket.sent.len() {
                let sent = socket.sent[number];
                if now.saturating_sub(sent.at) <= timeout {
                    break; // those behind it were sent later
                }
                if sent.state == State::UnderWay {
                    socket.give_up(number);
                    run.tally.lost += 1;
                }
            }
            self.refill(place, now, run);
        }
        Ok(())
    }

    fn under_way(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        let sent = self.sockets.iter().flat_map(|socket| &socket.sent);
        Box::new(sent.filter(|sent| sent.state == State::UnderWay).map(|sent| sent.due))
    }

    fn bytes_under_way(&self) -> u64 {
        let under_way: usize = self.sockets.iter().map(|socket| socket.under_way).sum();
        (under_way * self.identity.size()) as u64
    }

    fn is_hopeless(&self) -> bool {
        // Where one was refused and nothing was ever answered, nothing listens there.
        self.refused || (self.opened && self.sockets.is_empty())
    }
}
