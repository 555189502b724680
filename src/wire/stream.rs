//! One TCP conversation, followed segment by segment: relative numbers, and what each segment is in view of
//! those before it. What a capture doesn't have can't be known, so this is an observer's judgement, as
//! that of any capture tool.

use super::packet::Segment;
use std::time::Duration;

/// An acknowledgement that comes later than this was held back: on purpose, in the hope that a reply would
/// carry it (RFC 9293 section 3.8.6.3).
const HELD_BACK: Duration = Duration::from_millis(20);

/// Gaps that are remembered for each side. More are forgotten, oldest first.
const GAPS: usize = 64;

/// What a segment is, with numbers that begin at 0 as capture tools show them: a SYN has 0, the first byte
/// of data 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Its sequence number. Where the beginning was not captured, the first number seen is 1; what comes
    /// later and belongs before that is negative.
    pub seq: i64,
    /// Its acknowledgement number, if it has one.
    pub ack: Option<i64>,
    /// How much its sender takes, in bytes, as far as the scale is known.
    pub window: u64,
    /// Bytes that it acknowledges and that weren't before, SYN and FIN counted.
    pub newly_acked: i64,
    /// Whether it acknowledges the other side's FIN for the first time.
    pub acks_fin: bool,
    /// Whether it acknowledges the SYN-ACK.
    pub completes_handshake: bool,
    /// Whether it is the first FIN of the conversation.
    pub closes_first: bool,
    /// Whether all that it carries was seen before.
    pub again: bool,
    /// Where that has not been acknowledged yet: since when.
    pub unacknowledged: Option<Duration>,
    /// Whether it fills a gap that was left before.
    pub fills_gap: bool,
    /// Bytes before it that were not captured, or not yet.
    pub gap: i64,
    /// Bytes of its payload that were not seen before.
    pub fresh: i64,
    /// The how-manieth acknowledgement it is that says nothing new while something is missing; 0 if it is none.
    pub duplicate_ack: u32,
    /// Whether it repeats a byte that the other side has acknowledged, or has none, only to be answered
    /// (RFC 9293 section 3.8.4).
    pub keep_alive: bool,
    /// Whether it answers that, or a probe of its window.
    pub answers_probe: bool,
    /// Whether it only asks if a window of zero has opened again (RFC 9293 section 3.8.6.1).
    pub probes_window: bool,
    /// Whether its sender has no room left.
    pub zero_window: bool,
    /// Whether it only says that there is more room again than there was.
    pub window_update: bool,
    /// Whether it fills the other side's window: no more may be sent until that grows.
    pub fills_window: bool,
    /// How long after the data it acknowledges it came, where it was held back.
    pub delayed: Option<Duration>,
    /// Of a SYN or RST: whether anything was heard from the other side before.
    pub unheard: bool,
}

/// What is known of one direction.
#[derive(Debug, Default)]
struct Side {
    /// The number that counts as 0.
    base: Option<u32>,
    /// The relative number after the highest that was seen.
    next: i64,
    /// What the other side has acknowledged of this.
    acked: i64,
    fin: Option<i64>,
    scale: Option<u8>,
    /// Whether scales don't count, because this side's SYN was seen and had none.
    unscaled: bool,
    window: Option<u64>,
    duplicate_acks: u32,
    probed: bool,
    /// When that came which the other side has not acknowledged yet.
    waiting_since: Option<Duration>,
    /// The least time that this side took to acknowledge something. Where we listen near the other side, it
    /// is the round trip.
    latency: Option<Duration>,
    gaps: Vec<(i64, i64)>,
}

/// Both directions of a conversation.
#[derive(Debug, Default)]
pub struct Stream {
    client: Side,
    server: Side,
}

impl Stream {
    /// Follows one more segment, which carries `length` bytes.
    pub fn follow(&mut self, segment: &Segment, length: usize, from_client: bool, time: Duration) -> View {
        let (own, other) = if from_client {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        };
        let mut view = View { unheard: other.base.is_none(), ..View::default() };
        own.begin(segment);
        view.seq = own.relative(segment.seq);
        if segment.syn {
            own.scale = segment.window_scale;
            own.unscaled = segment.window_scale.is_none();
        }
        let scale = if segment.syn || own.unscaled || other.unscaled { 0 } else { own.scale.unwrap_or(0) };
        view.window = u64::from(segment.window) << scale.min(14);

        let old_window = own.window.replace(view.window);
        if segment.ack {
            acknowledge(&mut view, own, other, segment, length, old_window, time);
        }
        view.zero_window = segment.window == 0 && !segment.rst && !segment.syn;
        place(&mut view, own, other, segment, length);
        if view.again && view.seq + segment.span(length) > own.acked {
            view.unacknowledged = own.waiting_since.map(|since| time.saturating_sub(since));
        }
        if segment.fin {
            view.closes_first = !view.again && own.fin.is_none() && other.fin.is_none();
            own.fin.get_or_insert(view.seq + length as i64);
        }
        if segment.span(length) > 0 && !view.again {
            own.waiting_since.get_or_insert(time);
        }
        view
    }
}

impl Side {
    /// Chooses what counts as 0, with the first segment that is seen.
    fn begin(&mut self, segment: &Segment) {
        if self.base.is_none() {
            let (base, next) = if segment.syn { (segment.seq, 0) } else { (segment.seq.wrapping_sub(1), 1) };
            (self.base, self.next) = (Some(base), next);
        }
    }

    /// The relative number of one that crossed: that which is nearest to what is expected, as the numbers
    /// begin again after 4 GiB.
    fn relative(&self, number: u32) -> i64 {
        let expected = self.base.unwrap_or(0).wrapping_add(self.next as u32);
        self.next + i64::from(number.wrapping_sub(expected) as i32)
    }

    /// Takes what there is from one number to before another out of the gaps. Returns how much that was.
    fn fill(&mut self, from: i64, to: i64) -> i64 {
        let mut filled = 0;
        let mut left = Vec::with_capacity(self.gaps.len());
        for (start, end) in self.gaps.drain(..) {
            let common = (end.min(to) - start.max(from)).max(0);
            filled += common;
            let rests = if common == 0 { [(start, end), (0, 0)] } else { [(start, from), (to, end)] };
            left.extend(rests.into_iter().filter(|(start, end)| start < end));
        }
        self.gaps = left;
        filled
    }
}

/// What a segment's acknowledgement says.
fn acknowledge(
    view: &mut View,
    own: &mut Side,
    other: &mut Side,
    segment: &Segment,
    length: usize,
    old_window: Option<u64>,
    time: Duration,
) {
    if other.base.is_none() {
        // Its own segments may come later, or never: one direction of two was captured.
        other.base = Some(segment.ack_number.wrapping_sub(1));
        (other.next, other.acked) = (1, 1);
    }
    let ack = other.relative(segment.ack_number);
    view.ack = Some(ack);
    let bare = segment.is_bare(length);
    if ack > other.acked {
        view.newly_acked = ack - other.acked;
        view.completes_handshake = other.acked == 0 && ack == 1 && bare && own.next == 1;
        view.acks_fin = other.fin.is_some_and(|fin| ack > fin && other.acked <= fin);
        let waited = other.waiting_since.map(|since| time.saturating_sub(since));
        let usual = own.latency.map(|latency| latency.saturating_add(HELD_BACK));
        view.delayed = waited.filter(|waited| {
            let ordinary = bare && !view.acks_fin && !view.completes_handshake;
            ordinary && usual.is_some_and(|usual| *waited >= usual)
        });
        own.latency = own.latency.into_iter().chain(waited).min();
        other.acked = ack;
        other.waiting_since = (ack < other.next).then_some(time);
        own.duplicate_acks = 0;
    } else if bare && ack == other.acked {
        let same_window = old_window == Some(view.window);
        if other.probed {
            view.answers_probe = true;
        } else if !same_window && old_window.is_some_and(|old| view.window > old) {
            view.window_update = true;
        } else if same_window && ack < other.next {
            own.duplicate_acks += 1;
            view.duplicate_ack = own.duplicate_acks;
        }
    }
    other.probed = false;
}

/// Where a segment's bytes stand among those seen before.
fn place(view: &mut View, own: &mut Side, other: &Side, segment: &Segment, length: usize) {
    // A probe has the number before the first that isn't acknowledged, so that it must be answered.
    let small = length <= 1 && segment.ack && !segment.syn && !segment.fin && !segment.rst;
    if small && own.acked > 0 && view.seq == own.acked - 1 && own.fin.is_none() {
        view.probes_window = other.window == Some(0);
        view.keep_alive = !view.probes_window;
        own.probed = true;
        return;
    }
    if segment.rst {
        return;
    }
    let first = view.seq + i64::from(segment.syn);
    let (after, end) = (first + length as i64, view.seq + segment.span(length));
    let fresh = (after - first.max(own.next)).max(0) + own.fill(first, after);
    (view.fresh, view.fills_gap) = (fresh, fresh > 0 && first < own.next);
    if view.seq > own.next {
        view.gap = view.seq - own.next;
        own.gaps.push((own.next, view.seq));
        if own.gaps.len() > GAPS {
            own.gaps.remove(0);
        }
    }
    if end > own.next {
        view.fills_gap &= after <= own.next;
        let window = other.window.filter(|_| other.scale.is_some() || other.unscaled);
        view.fills_window =
            length > 1 && window.is_some_and(|window| window > 0 && end - own.acked >= window as i64);
    } else {
        view.again = fresh == 0 && end > view.seq;
    }
    own.next = own.next.max(end);
}
