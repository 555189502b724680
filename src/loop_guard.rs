//! Keeps two UDP services from answering each other for ever (CVE-2024-2169).
//!
//! A forged datagram whose source is another uppercase service starts a loop: each answers the other's
//! answer. But from the second round on such a datagram never changes any more, and the same one comes
//! again and again. So a datagram that uppercasing leaves unchanged, and that this source has sent
//! before, draws on a small bucket of tokens: [`limits::REPEATS`] at first, then one a second. When the
//! bucket is empty the datagram isn't answered and the loop is dead. A datagram with a lower-case letter
//! never comes here and pays nothing.
//!
//! There is a bucket for each pair of source and content, so several forged datagrams in flight don't
//! hide each other. The table has a fixed size and is hashed with a key nobody else knows. Within a set
//! of places the least recently used one is given up, so many sources can't make it grow.

use crate::limits;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::SocketAddr;
use std::time::Instant;

/// Places that one hash may go to. With as many places as datagrams fit a receive buffer ten times over,
/// more than this many in one set is as good as impossible.
const WAYS: usize = 8;

/// The buckets.
#[derive(Debug)]
pub struct LoopGuard {
    places: Vec<Bucket>,
    key: RandomState,
    epoch: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Source and content; 0 is nobody.
    who: u64,
    /// Seconds since the guard's epoch, up to which tokens have been added.
    second: u32,
    tokens: u32,
}

impl LoopGuard {
    /// An empty table, which takes its memory when it is first needed. `epoch` is any time not later than those given to [`admits`](Self::admits).
    pub fn new(epoch: Instant) -> LoopGuard {
        LoopGuard { places: Vec::new(), key: RandomState::new(), epoch }
    }

    /// Whether to answer a datagram that uppercasing left as it was.
    pub fn admits(&mut self, source: &SocketAddr, content: &[u8], now: Instant) -> bool {
        let who = self.key.hash_one(Pair(source, content)).max(1);
        let second = now.saturating_duration_since(self.epoch).as_secs() as u32;
        self.places.resize(limits::GUARDED, Bucket::default());
        let set = (who as usize % (limits::GUARDED / WAYS)) * WAYS;
        let places = &mut self.places[set..set + WAYS];

        if let Some(bucket) = places.iter_mut().find(|b| b.who == who) {
            let earned = second.saturating_sub(bucket.second);
            bucket.tokens = bucket.tokens.saturating_add(earned).min(limits::REPEATS);
            bucket.second = second;
            let admitted = bucket.tokens > 0;
            bucket.tokens = bucket.tokens.saturating_sub(1);
            return admitted;
        }
        if let Some(oldest) = places.iter_mut().min_by_key(|b| (b.who != 0, b.second)) {
            *oldest = Bucket { who, second, tokens: limits::REPEATS };
        }
        true
    }
}

struct Pair<'a>(&'a SocketAddr, &'a [u8]);

impl Hash for Pair<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn source(n: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], n))
    }

    #[test]
    fn the_same_datagram_is_answered_65_times_and_then_once_a_second() {
        let start = Instant::now();
        let mut guard = LoopGuard::new(start);
        let burst = (0..1000).filter(|_| guard.admits(&source(5000), b"HELLO", start)).count();
        assert_eq!(burst as u32, 1 + limits::REPEATS, "the first one is no repetition");
        for second in 1..10 {
            let now = start + Duration::from_secs(second);
            let answered = (0..100).filter(|_| guard.admits(&source(5000), b"HELLO", now)).count();
            assert_eq!(answered, 1, "second {second}");
        }
    }

    #[test]
    fn a_rested_bucket_holds_one_burst_and_no_more() {
        let start = Instant::now();
        let mut guard = LoopGuard::new(start);
        while guard.admits(&source(5000), b"", start) {}
        let later = start + Duration::from_secs(100_000);
        let burst = (0..1000).filter(|_| guard.admits(&source(5000), b"", later)).count();
        assert_eq!(burst as u32, limits::REPEATS);
    }

    #[test]
    fn different_datagrams_and_different_sources_do_not_pay_for_each_other() {
        let now = Instant::now();
        let mut guard = LoopGuard::new(now);
        for n in 0..100_000u32 {
            assert!(guard.admits(&source(5000), &n.to_be_bytes(), now));
        }
        while guard.admits(&source(5000), b"X", now) {}
        assert!(guard.admits(&source(5001), b"X", now));
        assert!(guard.admits(&source(5000), b"Y", now));
    }

    #[test]
    fn loops_of_many_datagrams_die_as_well() {
        // As many as a receive buffer holds, going round and round: each dies after its burst.
        let now = Instant::now();
        let mut guard = LoopGuard::new(now);
        let mut flying: Vec<u32> = (0..277).collect();
        let mut rounds = 0;
        while !flying.is_empty() {
            flying.retain(|n| guard.admits(&source(5000), &n.to_be_bytes(), now));
            rounds += 1;
            assert!(rounds <= 2 + limits::REPEATS, "{} are still flying", flying.len());
        }
    }
}
