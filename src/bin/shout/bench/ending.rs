//! What is left to be said when a run is over: who still waits, and why nothing has worked.

use super::crowd::Crowd;
use super::failure::Kind;
use super::plan::{Plan, Service};
use super::presence::Gone;
use super::run::Run;
use super::wrong::bytes;
use shoutd::trouble::Trouble;
use shoutd::units::seconds;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

/// Groups that requests are counted in which are due and were never begun.
const GROUPS: u64 = 10_000;

/// A time without any reply that is worth telling.
const QUIET: Duration = Duration::from_millis(500);

/// What to try where a server has gone under load.
pub const DIED: &str = "Its own messages and its exit status may tell why; where the kernel ended it for want of memory, \
                        dmesg does.";

/// How long to try whether a server is still there.
const ATTEMPT: Duration = Duration::from_millis(500);

/// A schedule that is late by no more than this is kept.
const LATE: Duration = Duration::from_millis(50);

/// Looks at those who have no reply at the end. In a closed loop those count as timeouts that have
/// waited for most of the run; in an open loop everybody's wait so far counts as a latency, because
/// it would have been at least that.
pub fn count_the_waiting(
    run: &mut Run,
    crowd: &impl Crowd,
    since: u64,
    finished: u64,
    reduced: &mut Vec<String>,
) {
    let tally = &mut run.tally;
    let is_udp = run.plan.service == Service::Udp;
    tally.under_way += crowd.under_way().count() as u64;
    if run.pace.is_closed_loop() {
        if is_udp {
            return;
        }
        // Much longer than the others: in a short run half the time alone is no long wait.
        let long = ((finished - since) / 2).max(tally.latency.value_at_quantile(0.99).saturating_mul(3));
        let waiting = crowd.under_way().filter(|&due| finished.saturating_sub(due) > long).count();
        if waiting > 0 {
            tally.failures.add(Kind::Timeout, waiting as u64);
            tally.under_way -= waiting as u64;
            reduced.push(format!(
                "{waiting} requests had waited for more than half the time when it ended, without a reply \
                 (counted as timeouts)"
            ));
        }
        return;
    }
    let usual = tally.latency.value_at_quantile(0.5);
    // A datagram may be lost, which isn't slow.
    let waiting = if is_udp { 0 } else { usize::MAX };
    for waited in crowd.under_way().take(waiting).map(|due| finished.saturating_sub(due)) {
        if waited > usual {
            tally.latency.saturating_record(waited);
        }
    }
    let (overdue, oldest, interval) = run.pace.overdue(finished);
    if (finished - oldest) > LATE.as_nanos() as u64 {
        let group = overdue.div_ceil(GROUPS).max(1);
        for first in (0..overdue).step_by(group as usize) {
            let waited = (finished - oldest).saturating_sub((first as f64 * interval) as u64);
            tally.latency.saturating_record_n(waited.max(1), group.min(overdue - first));
        }
        reduced.push(format!(
            "the rate was not reached: {overdue} requests were due and not sent when it ended \
             (their waiting is among the latencies)"
        ));
    }
}

/// What was due in the warm-up and not sent yet, if it is much: its replies will be counted, so that there may
/// be more of them than the rate is.
pub fn tell_the_backlog(run: &Run, now: u64) -> Option<String> {
    let (overdue, oldest, _) = run.pace.overdue(now);
    (now - oldest > LATE.as_nanos() as u64).then(|| {
        format!(
            "{overdue} requests of the warm-up were late when measuring began, and are among the replies and \
             latencies (a longer --warmup, or a lower --rate, leaves none)"
        )
    })
}

/// Sentences on when the server was gone: it is since then, or it came back.
pub fn tell_when_it_was_gone(run: &Run, since: u64, finished: u64, gone: Option<(u64, Gone)>) -> Vec<String> {
    let presence = &run.tally.presence;
    let at = |time: u64| seconds(Duration::from_nanos(time.saturating_sub(since)));
    let mut told: Vec<String> = presence
        .absences()
        .iter()
        .map(|&(from, to)| format!("the server was gone from {} to {}, and came back", at(from), at(to)))
        .collect();
    if presence.forgotten() > 0 {
        told.push(format!("and {} more times", presence.forgotten()));
    }
    match gone {
        Some((from, why)) => {
            told.push(format!("{} after {}: these are the figures until then", why.words(), at(from)));
        }
        None => {
            let quiet = finished.saturating_sub(run.tally.last.max(since));
            let usual = run.tally.latency.value_at_quantile(0.99).saturating_mul(3);
            let gap = run.plan.rate.map_or(0, |rate| (2e9 / rate) as u64);
            if quiet > QUIET.as_nanos() as u64 + gap && quiet > usual {
                told.push(format!("no reply came in the last {}", seconds(Duration::from_nanos(quiet))));
            }
        }
    }
    told
}

/// What to say where the server was gone before anything was measured.
pub fn gone_before(run: &Run, at: u64, why: Gone) -> Trouble {
    let (after, replies) = (seconds(Duration::from_nanos(at)), run.tally.ever);
    Trouble::new(
        format!(
            "{}: {} after {after}, before measuring began; {replies} replies had come",
            run.plan.target,
            why.words()
        ),
        DIED,
    )
}

/// Whether nothing listens there now.
fn refuses(plan: &Plan) -> bool {
    let attempt = plan.addresses.first().map(|address| TcpStream::connect_timeout(address, ATTEMPT));
    matches!(attempt, Some(Err(error)) if error.kind() == ErrorKind::ConnectionRefused)
}

/// Why there was not a single whole reply until it ended, and whether that was because of an interrupt.
pub fn nothing_worked(run: &Run, crowd: &impl Crowd, finished: u64, interrupted: bool) -> Trouble {
    let (plan, tally) = (run.plan, &run.tally);
    let target = &plan.target;
    if interrupted {
        let had = if tally.heard > 0 { format!(" ({} had)", bytes(tally.heard)) } else { String::new() };
        let after = seconds(Duration::from_nanos(finished));
        return Trouble::new(
            format!("{target}: interrupted after {after}, before a whole reply had come{had}"),
            "",
        );
    }
    let kind = tally.failures.chief();
    // It was there, as HTTP has learned as well, whatever the most frequent failure is by now.
    let was_there = tally.established > 0 || plan.service == Service::Http;
    let has_failed = matches!(kind, Some(Kind::Refused | Kind::Reset | Kind::Closed));
    if plan.service != Service::Udp && was_there && has_failed && refuses(plan) {
        return Trouble::new(
            format!("{target}: the server died before a whole reply had come, and nothing listens there now"),
            DIED,
        );
    }
    if let (Some(Kind::Refused), Some(&address)) = (kind, plan.addresses.first())
        && plan.service != Service::Udp
    {
        return Trouble::connecting(address, &ErrorKind::ConnectionRefused.into());
    }
    match kind {
        Some(Kind::Refused) => Trouble::new(
            format!("{target} sent back an ICMP port-unreachable to every datagram"),
            "Its host is there, and no UDP server has that port: start the server first, or check the port.",
        ),
        Some(Kind::Reset) => Trouble::new(
            format!("{target} has reset every connection"),
            "It accepts connections and then dies or closes without reading: look at the server's own messages.",
        ),
        Some(Kind::Closed) => Trouble::new(
            match tally.failures.cut() {
                Some(cut) => {
                    format!("{target} closed every connection in the middle of a reply, the first {cut}")
                }
                None => format!("{target} closed every connection without a reply"),
            },
            "Another service may be listening on that port, or the server turns us away: too many connections?",
        ),
        Some(Kind::Other) => Trouble::new(
            format!("{target}: {}", tally.failures.words(Kind::Other).unwrap_or("nothing could be sent")),
            "",
        ),
        _ => {
            let is_out_of_time = tally.failures.of(Kind::Timeout) + tally.lost > 0;
            // The run may have been shorter than anybody's patience.
            let longest = crowd.under_way().map(|due| finished.saturating_sub(due)).max();
            let waited = Duration::from_nanos(longest.unwrap_or(finished));
            let waited = seconds(if is_out_of_time { plan.timeout } else { waited });
            let heard = bytes(tally.heard);
            let what = match (tally.heard, is_out_of_time) {
                (0, _) => format!("{target} has not answered within {waited}"),
                (_, true) => {
                    format!("{target} has sent {heard} and no whole reply, and then nothing for {waited}")
                }
                (_, false) => format!("{target} has sent {heard} and no whole reply within {waited}"),
            };
            let advice = "The server may be busy with somebody else, speak another protocol, or need more time \
                          (--timeout, --duration).";
            Trouble::new(what, advice)
        }
    }
}
