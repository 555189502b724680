//! What is left to be said when a run is over: who still waits, and why nothing has worked.

use super::crowd::Crowd;
use super::engine::Run;
use super::failure::Kind;
use super::plan::Service;
use super::wrong::bytes;
use crate::client::report::seconds;
use crate::client::trouble::Trouble;
use std::io::ErrorKind;
use std::time::Duration;

/// Groups that requests are counted in which are due and were never begun.
const GROUPS: u64 = 10_000;

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
    if run.pace.is_closed_loop() {
        if is_udp {
            return;
        }
        // Much longer than the others: in a short run half the time alone is no long wait.
        let long = ((finished - since) / 2).max(tally.latency.value_at_quantile(0.99).saturating_mul(3));
        let waiting = crowd.under_way().filter(|&due| finished.saturating_sub(due) > long).count();
        if waiting > 0 {
            tally.failures.add(Kind::Timeout, waiting as u64);
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
            format!("{target} closed every connection without a reply"),
            "Another service may be listening on that port, or the server turns us away: too many connections?",
        ),
        Some(Kind::Other) => Trouble::new(
            format!("{target}: {}", tally.failures.words(Kind::Other).unwrap_or("nothing could be sent")),
            "",
        ),
        Some(Kind::Status) => Trouble::new(
            format!("{target} answered every request with the status of an error"),
            "Its first response, before the load began, was another: it may limit how much one client may ask.",
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
