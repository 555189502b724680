//! What must hold all the time, whatever the peers do.
//!
//! - A turn that moves nothing is followed by a wait.
//! - Whatever is ready is served within a bounded number of turns, and no turn is long.
//! - What one guest may do in a turn is bounded.
//! - No deadline is overrun by more than a bound, however many are busy.
//! - What the server owes is never more than its budget of memory.
//! - A listener doesn't sleep while somebody waits and there is a place in its room.

use crate::peers::{Network, Service};
use crate::world::{What, World};
use rustix::io::Errno;
use shoutd::limits::{self, Limits};
use std::time::Duration;

/// How long TCP uppercase lets a client be silent.
pub const IDLE: Duration = Duration::from_secs(20);

/// The longest that HTTP waits for anything.
const LONGEST: Duration = Duration::from_secs(30);

/// Empty-handed waits in a row that are no spinning.
const IDLE_WAITS: u32 = 40;

pub struct Checks {
    limits: Limits,
    /// How late a deadline may be kept.
    pub late: Duration,
    /// A pause before each read of TCP uppercase.
    pub delay: Duration,
    /// Memory is so scarce that anybody may be reset.
    pub is_scarce: bool,
    /// Turns of the loop so far, and when the last one began.
    pub turn: u64,
    pub turn_began: Duration,
    pub longest_turn: Duration,
    pub longest_waiting: u64,
    /// Waits in a row that weren't to wait at all and told nothing, with nothing moved in between.
    idle_waits: u32,
    /// Waits that ended without news while nobody was there.
    pub vain_waits: u64,
    /// Accepting may pause until then, as it has failed.
    pub may_pause: [Duration; 2],
    /// When accepting failed, if nobody has left since.
    pub failed: [Option<Duration>; 2],
    next: Duration,
    accepts: [(u64, usize); 2],
}

impl Checks {
    pub fn new(limits: Limits, late: Duration, delay: Duration) -> Checks {
        Checks {
            limits,
            late,
            delay,
            is_scarce: limits.memory < 1 << 20,
            turn: 0,
            turn_began: Duration::ZERO,
            longest_turn: Duration::ZERO,
            longest_waiting: 0,
            idle_waits: 0,
            vain_waits: 0,
            may_pause: [Duration::ZERO; 2],
            failed: [None; 2],
            next: Duration::ZERO,
            accepts: [(0, 0); 2],
        }
    }
}

/// Whether a listener has a place for one more: half of all places are shared out between the two, so what the
/// other's connections leave of its share is kept free for them.
fn has_place(most: usize, inside: [usize; 2], place: usize) -> bool {
    let kept_free = (most / 4).max(1).saturating_sub(inside[1 - place]);
    inside[0] + inside[1] + kept_free < most
}

impl World {
    /// Something was moved.
    pub fn did_something(&mut self) {
        self.checks.idle_waits = 0;
    }

    /// The server looks after a stream. A guest has at most two turns in a lap, its first one, and one because
    /// its time is over.
    pub fn serves(&mut self, socket: usize) {
        let turn = self.checks.turn;
        let (steps, bytes) = (self.checks.limits.turn / limits::STEP, self.checks.limits.turn);
        let stream = self.stream(socket);
        stream.ready_since = None;
        if stream.turn != turn {
            (stream.turn, stream.calls, stream.moved) = (turn, 0, 0);
        }
        assert!(stream.calls as usize <= 3 * (steps + 3), "{} calls for one guest in a turn", stream.calls);
        // What was owed from one read may be sent on top of the last budget.
        assert!(stream.moved <= 4 * (bytes + 64 * 1024), "{} bytes for one guest in a turn", stream.moved);
    }

    /// A call on a stream is over, and has moved so many bytes.
    pub fn served(&mut self, socket: usize, result: &std::io::Result<usize>) {
        let (turn, now) = (self.checks.turn, self.now);
        assert!(now - self.checks.turn_began < Duration::from_secs(100), "a turn of the loop never ends");
        let moved = match result {
            Ok(count) => *count,
            Err(_) => 0,
        };
        let stream = self.stream(socket);
        if result.is_ok() {
            stream.calls += 1;
        }
        stream.moved += moved;
        if !stream.inbox.is_empty() || stream.peer_reset || stream.peer_fin && !stream.fin_read {
            stream.has_news(turn);
        }
        if moved > 0 {
            self.did_something();
        }
    }

    /// A listener is about to accept. After a shortage it pauses, unless somebody leaves.
    pub fn tries_to_accept(&mut self, listener: usize) {
        let place = usize::from(listener == self.listeners[1]);
        if let Some(failed) = self.checks.failed[place].take() {
            let pause = self.now - failed + self.early();
            assert!(pause >= limits::ACCEPT_PAUSE, "accepting failed, and is tried again after {pause:?}");
        }
    }

    /// Accepting failed.
    pub fn fails_to_accept(&mut self, listener: usize, error: &std::io::Error) {
        let place = usize::from(listener == self.listeners[1]);
        // The system lacks something, and a place that was offered to this listener isn't to another: both may pause.
        self.checks.may_pause = [self.now + limits::ACCEPT_PAUSE * 2; 2];
        let error = Errno::from_io_error(error);
        if error.is_some_and(|error| [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO].contains(&error)) {
            self.checks.failed[place] = Some(self.now);
        }
    }

    /// A listener has accepted somebody.
    pub fn accepts(&mut self, listener: usize) {
        let (turn, most) = (self.checks.turn, self.checks.limits.accepts);
        let place = usize::from(listener == self.listeners[1]);
        let mut before = [Service::Upper, Service::Web].map(|service| self.of(service));
        before[place] -= 1;
        let is_right = self.is_stopping || has_place(self.checks.limits.connections, before, place);
        assert!(
            is_right,
            "listener {place} has accepted somebody for whom it has no place: {before:?} before"
        );
        let (last, count) = &mut self.checks.accepts[place];
        *count = if *last == turn { *count + 1 } else { 1 };
        *last = turn;
        // Once when it was heard of, and again whenever a place became free.
        let freed = self.checks.limits.connections < 1000 || self.hostility.descriptors < 1000;
        assert!(*count <= 2 * most + 1 || freed, "{count} connections accepted in a turn");
        self.did_something();
    }

    /// The server waits: its turn is over.
    pub fn turn_ends(&mut self, timeout: Option<Duration>) {
        let took = self.now - self.checks.turn_began;
        self.checks.longest_turn = self.checks.longest_turn.max(took);
        if timeout != Some(Duration::ZERO) {
            self.nobody_is_shut_out();
        }
    }

    /// A wait is over.
    pub fn waited(&mut self, timeout: Option<Duration>, events: usize) {
        self.checks.turn_began = self.now;
        if events == 0 && timeout == Some(Duration::ZERO) {
            self.checks.idle_waits += 1;
            let spins = self.checks.idle_waits > IDLE_WAITS;
            assert!(!spins, "the loop spins: it asks again and again and does nothing");
        } else {
            self.checks.idle_waits = 0;
        }
        if events == 0 && self.streams.is_empty() {
            self.checks.vain_waits += 1;
        }
    }

    /// The server is about to sleep. Half of all places are shared out among the two listeners.
    fn nobody_is_shut_out(&self) {
        let most = self.checks.limits.connections;
        let inside = [Service::Upper, Service::Web].map(|service| self.of(service));
        for (place, listener) in self.listeners.into_iter().enumerate() {
            let What::Listener { backlog, closed } = &self.sockets[listener].what else { continue };
            let is_told = self.sockets[listener].token.is_some() && !self.ready.contains(&listener);
            let may_pause = self.now < self.checks.may_pause[place] || self.fails_now().is_some();
            if backlog.is_empty() || *closed || !is_told || may_pause {
                continue;
            }
            assert!(
                !has_place(most, inside, place),
                "the loop sleeps, and listener {place} has a place: {inside:?} of {most}"
            );
        }
    }

    fn of(&self, service: Service) -> usize {
        let is = |&&socket: &&usize| matches!(&self.sockets[socket].what, What::Stream(stream) if stream.service == service);
        self.streams.iter().filter(is).count()
    }

    /// Looks at every connection, now and then.
    pub fn check(&mut self) {
        let turn = self.checks.turn;
        if self.now < self.checks.next && !turn.is_multiple_of(16) {
            return;
        }
        self.checks.next = self.now + Duration::from_millis(20);
        let most = self.most_waiting();
        let mut longest = 0;
        for &socket in &self.streams {
            let What::Stream(stream) = &self.sockets[socket].what else { continue };
            let has_delay = stream.service == Service::Upper && self.checks.delay > Duration::ZERO;
            if let Some(since) = stream.ready_since
                && !(stream.is_blocked && stream.wants_room)
                && (!has_delay || stream.peer_reset)
            {
                longest = longest.max(turn - since);
                let waits = turn - since;
                assert!(
                    waits <= most,
                    "ready for {waits} turns (at most {most}), at {:?}: {stream:?}",
                    self.now
                );
            }
            self.keeps_deadlines(socket);
        }
        self.checks.longest_waiting = self.checks.longest_waiting.max(longest);
    }

    /// How many turns of the loop somebody who is ready may wait: each turn serves some of those who are, as
    /// many as there is time for in a lap.
    fn most_waiting(&self) -> u64 {
        let turn = (self.checks.limits.turn / limits::STEP + 3) as u32 * self.cost;
        let all = turn * (self.streams.len() as u32 + 4);
        10 + 3 * (all.as_micros() / self.checks.limits.lap.as_micros()) as u64
    }

    fn keeps_deadlines(&self, socket: usize) {
        let (now, late) = (self.now, self.checks.late);
        let What::Stream(stream) = &self.sockets[socket].what else { return };
        let Some(accepted) = stream.accepted else { return };
        let progress = stream.progress().max(accepted);
        let still = now - progress;
        if let Some(fin) = stream.server_fin {
            let lingers = now - fin;
            assert!(
                !stream.inbox.is_empty() || lingers < limits::LINGER_TIME + late,
                "{lingers:?} after its FIN: {stream:?}"
            );
        } else if stream.is_blocked && stream.wants_room {
            // It is looked at twice, and has more time if something was taken in between.
            let is_dead = stream.taken_at <= progress;
            let most = if is_dead { limits::WRITE_TIME } else { 2 * limits::WRITE_TIME };
            let still = if is_dead { still } else { now - stream.taken_at };
            assert!(still < most + late, "nothing taken for {still:?}: {stream:?}");
        } else if stream.inbox.is_empty() && !stream.is_blocked {
            let most = if stream.service == Service::Upper { IDLE } else { LONGEST };
            assert!(still < most + late, "nothing moved for {still:?}: {stream:?}");
        }
    }

    /// A connection is reset for want of memory: those who made progress less lately go first.
    pub fn is_rightly_reset(&self, victim: usize) {
        let What::Stream(stream) = &self.sockets[victim].what else { return };
        let (owed, progress) = (stream.owed(), stream.progress());
        let is_stuck = self.now - progress + self.early() >= limits::WRITE_TIME;
        let is_sacrificed = stream.linger_zero && !stream.wounded && !is_stuck && !stream.peer_reset;
        if !is_sacrificed || owed == 0 || self.is_stopping {
            return;
        }
        for &socket in &self.streams {
            let What::Stream(other) = &self.sockets[socket].what else { continue };
            // Who has taken something may have got more time for it.
            let is_older = other.progress().max(other.taken_at) + Duration::from_millis(100) < progress;
            let holds = other.owed() > 0 && other.turn != self.checks.turn;
            assert!(
                !(is_older && holds),
                "socket {victim} is reset for want of memory, progress at {progress:?}, before {socket}: {other:?}"
            );
        }
    }

    /// The server half-closes. Nobody's silence is counted while their bytes lie unread, but for those that have come
    /// since it last looked.
    pub fn is_rightly_ended(&mut self, socket: usize) {
        let (is_stopping, now, cost) = (self.is_stopping, self.now, self.cost);
        let stream = self.stream(socket);
        let is_heard = stream.inbox.is_empty() || now - stream.unread_since <= 3 * cost;
        let may_be_unheard =
            is_stopping || stream.service == Service::Web && stream.said > 0 || stream.peer_reset;
        assert!(is_heard || may_be_unheard, "a FIN for one who was never heard: {stream:?}");
    }

    /// Bytes that the server must be keeping.
    pub fn owed(&self) -> u64 {
        let owed = |&socket: &usize| match &self.sockets[socket].what {
            What::Stream(stream) => stream.owed(),
            _ => 0,
        };
        self.streams.iter().map(owed).sum()
    }
}
