//! What is counted while measuring.

use super::failure::{Failures, Kind};
use super::presence::Presence;
use hdrhistogram::Histogram;
use std::io;

/// The longest latency that is told apart, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// The counts since [`Tally::begin`].
///
/// Every request that was begun, or was under way at the beginning, is in exactly one of them: `operations`,
/// a kind of `failures`, `lost`, `repeated`, or `under_way`. One that is asked again is begun again. (A failure
/// may also be that of a connection on which no request was under way.)
#[derive(Clone, Debug)]
pub struct Tally {
    /// Verified replies; of HTTP those with a status that counts.
    pub operations: u64,
    /// Bytes that the kernel has taken, heads of HTTP included, whatever became of them; and those of the
    /// requests that were under way at the beginning.
    pub bytes_sent: u64,
    /// Bytes of payload in the replies that are counted.
    pub bytes_received: u64,
    /// Latencies in nanoseconds, to three digits.
    pub latency: Histogram<u64>,
    /// What went wrong.
    pub failures: Failures,
    /// Connections opened in place of one that the server has closed between replies.
    pub reconnects: u64,
    /// Requests that were begun again because the server had closed, as it had announced, before they had
    /// their turn.
    pub repeated: u64,
    /// Requests without an outcome when it ended.
    pub under_way: u64,
    /// Datagrams without a reply.
    pub lost: u64,
    /// Replies to datagrams that came after the reply to a later one.
    pub reordered: u64,
    /// Replies to datagrams that had been answered already.
    pub duplicated: u64,
    /// Whole replies of any status since the very start, the warm-up included.
    pub ever: u64,
    /// When the last of them came, in nanoseconds of the run's clock.
    pub last: u64,
    /// Connections that were established since the very start.
    pub established: u64,
    /// Whether the server is there.
    pub presence: Presence,
    /// Bytes received on connections since the very start, whether or not a reply became whole.
    pub heard: u64,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Tally {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds make a histogram");
        Tally {
            operations: 0,
            bytes_sent: 0,
            bytes_received: 0,
            latency,
            failures: Failures::default(),
            reconnects: 0,
            repeated: 0,
            under_way: 0,
            lost: 0,
            reordered: 0,
            duplicated: 0,
            ever: 0,
            last: 0,
            established: 0,
            presence: Presence::default(),
            heard: 0,
        }
    }

    /// Forgets the warm-up, but for so many bytes of requests that are under way.
    pub fn begin(&mut self, bytes_sent: u64) {
        self.presence.begin();
        *self = Tally {
            ever: self.ever,
            last: self.last,
            established: self.established,
            heard: self.heard,
            presence: std::mem::take(&mut self.presence),
            bytes_sent,
            ..Tally::new()
        };
    }

    /// A verified reply of so many bytes of payload, to what was begun (or due) at one time and came at another.
    pub fn reply(&mut self, begun: u64, now: u64, bytes: u64) {
        self.bytes_received += bytes;
        self.operations += 1;
        self.latency.saturating_record(now.saturating_sub(begun).max(1));
        self.answered(now);
    }

    /// A whole reply with a status that doesn't count.
    pub fn refusal(&mut self, status: u16, now: u64) {
        self.failures.add_status(status);
        self.answered(now);
    }

    fn answered(&mut self, now: u64) {
        self.ever += 1;
        self.last = now;
        self.presence.replied(now);
    }

    /// A connection has failed with so many requests under way, or a datagram.
    pub fn fail(&mut self, kind: Kind, error: &io::Error, requests: usize, now: u64) {
        self.failures.note(kind, error, requests.max(1) as u64);
        self.presence.failed(kind, now);
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits_from_nanoseconds_to_minutes() {
        for unit in [1, 1_000, 1_000_000, 60_000_000] {
            let mut tally = Tally::new();
            for number in 1..=1000 {
                tally.reply(7, 7 + number * unit, 3);
            }
            for (quantile, expected) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999), (1.0, 1000)] {
                let (found, expected) = (tally.latency.value_at_quantile(quantile), expected * unit);
                assert!(
                    found.abs_diff(expected) <= expected / 1000 + 1,
                    "{quantile}: {found}, not {expected}"
                );
            }
            assert_eq!((tally.operations, tally.latency.len()), (1000, 1000));
            assert_eq!(tally.bytes_received, 3000);
        }
    }

    #[test]
    fn what_takes_too_long_or_no_time_is_counted_all_the_same() {
        let mut tally = Tally::new();
        tally.reply(5, 5, 0);
        tally.reply(9, 5, 0);
        tally.reply(0, u64::MAX, 0);
        assert_eq!((tally.latency.len(), tally.latency.min()), (3, 1));
        assert!(tally.latency.max() >= LONGEST);
        tally.begin(7);
        assert_eq!((tally.operations, tally.ever, tally.latency.len(), tally.bytes_sent), (0, 3, 0, 7));
    }
}
