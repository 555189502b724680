//! Whether the server is there: when it fell silent, and when it came back.
//!
//! A single connection that is refused or reset says little, as others may go on. A server is gone where no
//! reply at all came after that.

use super::failure::Kind;

/// Without a reply for so long, a server that refuses is gone, in nanoseconds. Shorter gaps are those
/// between two replies.
const GAP: u64 = 50_000_000;

/// The same where it only resets, closes, or says nothing: it may still be there.
const LONG_GAP: u64 = 500_000_000;

/// Absences that are remembered.
const REMEMBERED: usize = 8;

/// What is known of it, in nanoseconds of the run's clock.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    fall: Option<Fall>,
    absences: Vec<(u64, u64)>,
    /// Those beyond [`REMEMBERED`].
    forgotten: u64,
}

/// The first failure since the last reply.
#[derive(Clone, Copy, Debug)]
struct Fall {
    at: u64,
    /// Whether a connection or a datagram was refused since.
    is_refused: bool,
}

/// Why a server is thought to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Nothing listens there any more.
    Refused,
    /// It refuses nobody, and no reply comes.
    Silent,
}

impl Gone {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Gone::Refused => "the server died",
            Gone::Silent => "the server fell silent",
        }
    }
}

impl Presence {
    /// A reply has come.
    pub fn replied(&mut self, now: u64) {
        let Some(fall) = self.fall.take() else { return };
        if fall.is_refused && now.saturating_sub(fall.at) >= GAP {
            if self.absences.len() < REMEMBERED {
                self.absences.push((fall.at, now));
            } else {
                self.forgotten += 1;
            }
        }
    }

    /// A connection or a datagram has failed.
    pub fn failed(&mut self, kind: Kind, now: u64) {
        if matches!(kind, Kind::Refused | Kind::Reset | Kind::Closed) {
            let fall = self.fall.get_or_insert(Fall { at: now, is_refused: false });
            fall.is_refused |= kind == Kind::Refused;
        }
    }

    /// Since when it is gone and why, if it is.
    pub fn gone(&self, now: u64) -> Option<(u64, Gone)> {
        let fall = self.fall?;
        let (gap, why) = if fall.is_refused { (GAP, Gone::Refused) } else { (LONG_GAP, Gone::Silent) };
        (now.saturating_sub(fall.at) >= gap).then_some((fall.at, why))
    }

    /// When it was gone and came back: from, to.
    pub fn absences(&self) -> &[(u64, u64)] {
        &self.absences
    }

    /// How many more times that happened.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Counting begins: what was over before doesn't count.
    pub fn begin(&mut self) {
        self.absences.clear();
        self.forgotten = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_server_is_gone_where_no_reply_follows_a_refusal() {
        let mut presence = Presence::default();
        presence.replied(5);
        presence.failed(Kind::Reset, 10 * MS);
        presence.failed(Kind::Refused, 11 * MS);
        assert_eq!(presence.gone(59 * MS), None);
        assert_eq!(presence.gone(60 * MS), Some((10 * MS, Gone::Refused)));
        presence.replied(400 * MS);
        assert_eq!((presence.gone(9_000 * MS), presence.absences()), (None, &[(10 * MS, 400 * MS)][..]));
        presence.begin();
        assert_eq!(presence.absences(), []);
    }

    #[test]
    fn single_failures_among_replies_are_no_absence() {
        let mut presence = Presence::default();
        for now in 1..1000 {
            presence.failed(Kind::Refused, now * MS);
            presence.replied(now * MS + 1);
            presence.failed(Kind::Timeout, now * MS + 2);
        }
        assert_eq!((presence.absences(), presence.gone(5_000 * MS)), (&[][..], None));
        presence.failed(Kind::Closed, 5_000 * MS);
        assert_eq!(presence.gone(5_499 * MS), None);
        assert_eq!(presence.gone(5_500 * MS), Some((5_000 * MS, Gone::Silent)));
    }

    #[test]
    fn absences_are_remembered_up_to_a_bound() {
        let mut presence = Presence::default();
        for now in 0..100 {
            presence.failed(Kind::Refused, now * 1000 * MS);
            presence.replied((now * 1000 + 500) * MS);
        }
        assert_eq!((presence.absences().len(), presence.forgotten()), (REMEMBERED, 92));
    }
}
