//! How connections under load begin and end.

use super::Streams;
use crate::bench::dialogue::{Dialogue, Fin};
use crate::bench::failure::Kind;
use crate::bench::run::Run;
use crate::bench::seat::State;
use crate::bench::sockets;
use crate::bench::wrong::Wrong;
use mio::{Interest, Token};
use std::io::{self, ErrorKind};

/// How long a place rests after a connection that brought nothing, in nanoseconds.
const REST: u64 = 100_000_000;

impl<D: Dialogue> Streams<D> {
    /// Opens a connection at a seat, and sends again what was under way there.
    pub(super) fn connect(&mut self, place: usize, run: &mut Run) {
        let source =
            if self.reconnect { sockets::another_source(self.address, run.tally.ever) } else { None };
        // Also of one that fails at once, which is not tried again at once.
        self.seats[place].worked = false;
        let stream = match sockets::connect(self.address, source) {
            Ok(stream) => stream,
            Err(error) => return self.fail(place, Kind::of(&error), &error, run),
        };
        self.set_state(place, State::Connecting);
        let seat = &mut self.seats[place];
        seat.stream = Some(stream);
        seat.dialogue = D::new(&mut self.shared);
        seat.send_error = None;
        seat.since = run.clock.now();
        for _ in 0..seat.begun.len() {
            seat.dialogue.ask(&self.shared);
        }
        self.refill(place, run);
        self.flush(place, run);
        let seat = &mut self.seats[place];
        if let Some(stream) = &mut seat.stream {
            let both = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = run.registry.register(stream, Token(place), both) {
                self.fail(place, Kind::Other, &error, run);
            }
        }
    }

    /// Closes a connection that is done, and opens the next if there is a request for it.
    pub(super) fn leave(&mut self, place: usize, run: &mut Run) {
        self.seats[place].stream = None;
        self.set_state(place, State::Idle);
        run.tally.repeated += self.seats[place].begun.len() as u64;
        if self.reconnect {
            self.refill(place, run);
        }
        if !self.reconnect || !self.seats[place].begun.is_empty() {
            self.connect(place, run);
        }
    }

    /// The server has closed.
    pub(super) fn hear_fin(&mut self, place: usize, run: &mut Run) -> Result<(), Wrong> {
        let seat = &mut self.seats[place];
        if let Some(error) = seat.send_error.take() {
            self.fail(place, Kind::of(&error), &error, run);
            return Ok(());
        }
        match seat.dialogue.ended(&mut self.shared)? {
            Fin::Reply(heard) => self.count(place, heard, run),
            Fin::Announced => {
                run.tally.reconnects += 1;
                self.leave(place, run);
            }
            // One that is closed as soon as it is open would only be closed again.
            Fin::Unannounced
                if seat.begun.is_empty() && (seat.worked || run.clock.now() - seat.since > REST) =>
            {
                run.tally.reconnects += 1;
                self.leave(place, run);
            }
            Fin::Cut(what) => {
                run.tally.failures.note_cut(what);
                self.fail(place, Kind::Closed, &ErrorKind::UnexpectedEof.into(), run);
            }
            Fin::Unannounced => self.fail(place, Kind::Closed, &ErrorKind::UnexpectedEof.into(), run),
        }
        Ok(())
    }

    /// A connection has failed. Where it had worked before, what was under way is sent again at once on
    /// another; otherwise the seat rests.
    pub(super) fn fail(&mut self, place: usize, kind: Kind, error: &io::Error, run: &mut Run) {
        let seat = &mut self.seats[place];
        run.tally.fail(kind, error, seat.begun.len(), run.clock.now());
        seat.stream = None;
        if seat.worked && kind != Kind::Timeout {
            self.set_state(place, State::Idle);
            return self.connect(place, run);
        }
        run.pace.give_back(seat.begun.len() as u64);
        seat.begun.clear();
        if !seat.failed {
            seat.failed = true;
            self.failed += 1;
        }
        self.settle(place, run);
        self.set_state(place, State::Resting(run.clock.now() + REST));
    }

    /// A seat's first connection was established or has failed.
    pub(super) fn settle(&mut self, place: usize, run: &Run) {
        if !self.seats[place].settled {
            self.seats[place].settled = true;
            self.settled += 1;
            self.last_settled = run.clock.now();
        }
    }

    /// Changes a seat's state, keeping the counts.
    pub(super) fn set_state(&mut self, place: usize, state: State) {
        let seat = &mut self.seats[place];
        for (old_or_new, is_new) in [(seat.state, false), (state, true)] {
            let count = match old_or_new {
                State::Connecting => &mut self.connecting,
                State::Open => &mut self.open,
                State::Idle | State::Resting(_) => continue,
            };
            *count = if is_new { *count + 1 } else { *count - 1 };
        }
        seat.state = state;
    }
}
