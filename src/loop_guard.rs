//! Keeps this service and another one from answering each other for ever (CVE-2024-2169).
//!
//! A forged datagram whose source is another service starts a loop: each answers the other's answer. By counts
//! and times such a loop can't be told from an honest client that sends its next datagram when it has a reply. So
//! what they say must tell: a service says the same over and over. There are two rules.
//!
//! **The same capitals.** Between two services like this one nothing changes any more from the second round on. A
//! source that repeats a datagram that uppercasing leaves as it was owes for the answer; one a second is forgiven.
//!
//! **Much the same**, whatever the letters. A service that complains sends a fixed text, maybe with a counter or
//! the time in it, or what it got with some words before or behind, which grows until it is cut. All of these
//! become [alike](crate::likeness) from round to round. For a datagram that is like an earlier one of its source that
//! source owes as well; [`limits::ALIKE_RATE`] answers a second are forgiven, and one for each datagram that is like none.
//!
//! Who owes [`limits::REPEATS`] answers by the first rule gets no more until something is forgiven. By the second one
//! it misses one in [`limits::MISSED`], which an honest client takes for a lost datagram, while a loop ends with each
//! answer that is missing: who only answers never speaks again. In the first second of the second rule
//! [`limits::ALIKE_BURST`] may be owed, for clients that have a list to send. Who owes [`limits::ALIKE_MOST`] gets no
//! answer at all until it has been silent for a second, which ends a loop with a service that answers each datagram twice.
//! A client whose datagrams differ in more than numbers owes nothing. Nor does a service whose answers do, by a
//! random word, say: content can't tell the two apart, and its loop goes on.
//!
//! What was said is remembered by pairs of source and content (or likeness), so several forged datagrams in flight
//! don't hide each other. The table has a fixed size and is hashed with keys nobody else knows. Within a set of
//! places the one that owes least is given up, so many sources can't make it grow, and a flood of datagrams
//! that are all different can't hide a loop.

use crate::likeness::Likenesses;
use crate::limits;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::SocketAddr;
use std::time::Instant;

/// Places that one hash may go to. With as many places as datagrams fit a receive buffer ten times over,
/// more than this many in one set is as good as impossible.
const WAYS: usize = 8;

/// Parts of a second in which time is counted: one for each answer that [`limits::ALIKE_RATE`] forgives.
const TICKS: u32 = limits::ALIKE_RATE;

/// The accounts.
#[derive(Debug)]
pub struct LoopGuard {
    places: Vec<Account>,
    key: RandomState,
    likenesses: Likenesses,
    epoch: Instant,
}

/// What a source has had for a content, or for all that was alike; or only that it has said something.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Rule, source and content; 0 is nobody.
    who: u64,
    /// When it last owed nothing, in ticks since the guard's epoch.
    since: u32,
    /// Up to when answers were forgiven.
    settled: u32,
    /// Answers that they owe for.
    owed: u32,
    /// Datagrams since the last one that missed its answer.
    answered: u32,
}

impl Account {
    /// Forgives what is forgiven in so many times [`Rule::price`]: more where much is owed, so that only who is answered
    /// more than [`limits::ALIKE_PACE`] times a second owes more and more.
    fn forgive(&mut self, times: u32, rule: Rule) {
        let fast = if rule == Rule::Alike { limits::ALIKE_PACE / TICKS } else { 1 };
        let above = self.owed.saturating_sub(limits::REPEATS).div_ceil(fast).min(times);
        self.owed -= (above * fast).min(self.owed.saturating_sub(limits::REPEATS));
        self.owed = self.owed.saturating_sub(times - above);
    }
}

/// How an account is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    SameCapitals,
    Alike,
}

impl Rule {
    /// Ticks after which one answer is forgiven.
    fn price(self) -> u32 {
        match self {
            Rule::SameCapitals => TICKS,
            Rule::Alike => 1,
        }
    }

    /// Whether the next datagram gets its answer at `tick`.
    fn admits(self, account: &mut Account, tick: u32) -> bool {
        if account.owed >= limits::ALIKE_MOST {
            return false;
        }
        let is_burst = tick.saturating_sub(account.since) < TICKS && account.owed < limits::ALIKE_BURST;
        if account.owed < limits::REPEATS || (self == Rule::Alike && is_burst) {
            return true;
        }
        account.answered = (account.answered + 1) % limits::MISSED;
        self == Rule::Alike && account.answered != 0
    }
}

impl LoopGuard {
    /// An empty table, which takes its memory when it is first needed. `epoch` is any time not later than those
    /// given to [`admits`](Self::admits).
    pub fn new(epoch: Instant) -> LoopGuard {
        let key = RandomState::new();
        let likenesses = Likenesses::new(key.hash_one("likenesses"));
        LoopGuard { places: Vec::new(), key, likenesses, epoch }
    }

    /// Whether to answer a datagram with these `capitals`, which uppercasing has `changed` or left as it was.
    pub fn admits(&mut self, source: &SocketAddr, capitals: &[u8], changed: bool, now: Instant) -> bool {
        let tick = (now.saturating_duration_since(self.epoch).as_millis() * u128::from(TICKS) / 1000) as u32;
        if !changed {
            let who = self.key.hash_one((Rule::SameCapitals, source, capitals));
            if let Some(admitted) = self.charge(Rule::SameCapitals, who, tick) {
                return admitted;
            }
        }
        let likeness = self.key.hash_one((source, self.likenesses.of(capitals)));
        let who = self.key.hash_one((Rule::Alike, source));
        if self.knows(likeness, tick) {
            return self.charge(Rule::Alike, who, tick).unwrap_or(true);
        }
        // Short texts are alike by chance now and then.
        if let Some(account) = self.set(who).iter_mut().find(|account| account.who == who.max(1)) {
            account.owed = account.owed.saturating_sub(1);
        }
        true
    }

    /// Whether this was said before; it is from now on.
    fn knows(&mut self, who: u64, tick: u32) -> bool {
        let (account, is_new) = self.account(who, tick);
        account.settled = tick;
        !is_new
    }

    /// Whether `who` gets another answer, for which they then owe; `None` if the account was opened just now: the
    /// first one costs nothing.
    fn charge(&mut self, rule: Rule, who: u64, tick: u32) -> Option<bool> {
        let (account, is_new) = self.account(who, tick);
        if is_new {
            return None;
        }
        let passed = tick.saturating_sub(account.settled) / rule.price();
        account.settled += passed * rule.price();
        if account.owed < limits::ALIKE_MOST {
            account.forgive(passed, rule);
        } else if passed >= TICKS {
            account.owed = 0;
        }
        if account.owed == 0 {
            account.since = tick;
        }
        let admitted = rule.admits(account, tick);
        account.owed += u32::from(admitted);
        Some(admitted)
    }

    /// The places that `who` may have.
    fn set(&mut self, who: u64) -> &mut [Account] {
        self.places.resize(limits::GUARDED, Account::default());
        let set = (who.max(1) as usize % (limits::GUARDED / WAYS)) * WAYS;
        &mut self.places[set..set + WAYS]
    }

    /// The account of `who`, and whether it was opened just now.
    fn account(&mut self, who: u64, tick: u32) -> (&mut Account, bool) {
        let who = who.max(1);
        let places = self.set(who);
        let owes = |account: &Account| account.owed.saturating_sub(tick.saturating_sub(account.settled));
        let (mut found, mut least) = (0, (true, u32::MAX, u32::MAX));
        for (place, account) in places.iter().enumerate() {
            if account.who == who {
                return (&mut places[place], false);
            }
            let worth = (account.who != 0, owes(account), account.settled);
            if worth < least {
                (found, least) = (place, worth);
            }
        }
        places[found] = Account { who, since: tick, settled: tick, owed: 0, answered: 0 };
        (&mut places[found], true)
    }
}

#[cfg(test)]
mod tests;
