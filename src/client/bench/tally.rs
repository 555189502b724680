//! What is counted while measuring.

use super::failure::Failures;
use hdrhistogram::Histogram;

/// The longest latency that is told apart, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// What one request and its reply had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Bytes sent, the head of an HTTP request included.
    pub sent: u64,
    /// Bytes of payload that came back.
    pub received: u64,
}

/// The counts since [`Tally::begin`].
#[derive(Clone, Debug)]
pub struct Tally {
    /// Verified replies.
    pub operations: u64,
    /// Bytes of what was sent for the replies that are counted.
    pub bytes_sent: u64,
    /// Bytes of payload in the replies that are counted.
    pub bytes_received: u64,
    /// Latencies in nanoseconds, to three digits.
    pub latency: Histogram<u64>,
    /// What went wrong.
    pub failures: Failures,
    /// Connections opened in place of one that the server has closed between replies.
    pub reconnects: u64,
    /// Datagrams without a reply.
    pub lost: u64,
    /// Replies to datagrams that came after the reply to a later one.
    pub reordered: u64,
    /// Replies to datagrams that had been answered already.
    pub duplicated: u64,
    /// Verified replies since the very start, the warm-up included.
    pub ever: u64,
    /// When the last of them came, in nanoseconds of the run's clock.
    pub last: u64,
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
            lost: 0,
            reordered: 0,
            duplicated: 0,
            ever: 0,
            last: 0,
            heard: 0,
        }
    }

    /// Forgets the warm-up.
    pub fn begin(&mut self) {
        self.latency.reset();
        let latency = self.latency.clone();
        *self = Tally { ever: self.ever, last: self.last, heard: self.heard, latency, ..Tally::new() };
    }

    /// A verified reply to what was begun (or due) at one time and came at another.
    pub fn reply(&mut self, begun: u64, now: u64, bytes: Bytes) {
        self.bytes_sent += bytes.sent;
        self.bytes_received += bytes.received;
        self.operations += 1;
        self.ever += 1;
        self.last = now;
        self.latency.saturating_record(now.saturating_sub(begun).max(1));
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
                tally.reply(7, 7 + number * unit, Bytes { sent: 2, received: 3 });
            }
            for (quantile, expected) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999), (1.0, 1000)] {
                let (found, expected) = (tally.latency.value_at_quantile(quantile), expected * unit);
                assert!(
                    found.abs_diff(expected) <= expected / 1000 + 1,
                    "{quantile}: {found}, not {expected}"
                );
            }
            assert_eq!((tally.operations, tally.latency.len()), (1000, 1000));
            assert_eq!((tally.bytes_sent, tally.bytes_received), (2000, 3000));
        }
    }

    #[test]
    fn what_takes_too_long_or_no_time_is_counted_all_the_same() {
        let mut tally = Tally::new();
        tally.reply(5, 5, Bytes::default());
        tally.reply(9, 5, Bytes::default());
        tally.reply(0, u64::MAX, Bytes::default());
        assert_eq!((tally.latency.len(), tally.latency.min()), (3, 1));
        assert!(tally.latency.max() >= LONGEST);
        tally.begin();
        assert_eq!((tally.operations, tally.ever, tally.latency.len()), (0, 3, 0));
    }
}
