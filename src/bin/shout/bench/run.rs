//! What the crowd has at hand while it is driven: the plan, the clock, the schedule and the counts.

use super::failure::Kind;
use super::pace::Pace;
use super::plan::Plan;
use super::presence::Gone;
use super::tally::Tally;
use mio::Registry;
use std::time::{Duration, Instant};

/// A server is given twice this at least.
const SHORT: Duration = Duration::from_secs(1);

/// What the crowd uses while it is driven.
#[derive(Debug)]
pub struct Run<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// The clock of the run.
    pub clock: Clock,
    /// Where sockets are registered.
    pub registry: Registry,
    /// The schedule.
    pub pace: Pace,
    /// The counts.
    pub tally: Tally,
    /// Replies still to be counted, where their number is given and measuring has begun.
    pub operations_left: Option<u64>,
}

impl Run<'_> {
    /// Counts a reply and its bytes of payload. Those beyond the number asked for are left out.
    pub fn reply(&mut self, due: u64, now: u64, bytes: u64) {
        if self.counts() {
            self.tally.reply(due, now, bytes);
        }
    }

    /// Counts a reply with a status that doesn't count, likewise.
    pub fn refusal(&mut self, status: u16, now: u64) {
        if self.counts() {
            self.tally.refusal(status, now);
        }
    }

    /// Whether one more reply is counted. One that isn't was still under way when the last one came.
    fn counts(&mut self) -> bool {
        match &mut self.operations_left {
            Some(0) => {
                self.tally.under_way += 1;
                return false;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        true
    }

    /// Since when the server is gone and why, if it is.
    pub fn gone(&self, now: u64) -> Option<(u64, Gone)> {
        let tally = &self.tally;
        let has_missed = tally.lost + tally.failures.of(Kind::Timeout) > 0;
        let is_silent = has_missed && now.saturating_sub(tally.last) > self.patience();
        tally.presence.gone(now).or((is_silent && tally.ever > 0).then_some((tally.last, Gone::Silent)))
    }

    /// How long no reply may come before that is more than a pause, in nanoseconds.
    pub fn patience(&self) -> u64 {
        self.twice(self.plan.timeout.max(SHORT))
    }

    /// The same where nothing listens any more, and no time was asked for that it might come back in.
    pub fn least_patience(&self) -> u64 {
        self.twice(SHORT)
    }

    fn twice(&self, time: Duration) -> u64 {
        time.as_nanos() as u64 * 2 + self.plan.rate.map_or(0, |rate| (2e9 / rate) as u64)
    }
}

/// Nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub Instant);

impl Clock {
    /// The time now.
    pub fn now(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}
