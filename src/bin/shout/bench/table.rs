//! The result for people.

use super::outcome::{Outcome, per};
use super::plan::{End, Service};
use super::process::{ServerCost, Tracer};
use super::verdict;
use shoutd::units::count;
use std::fmt::Write;

/// Process ids that are listed, at most.
const SHOWN: usize = 4;

/// A table of a dozen lines.
pub fn table(outcome: &Outcome) -> String {
    let mut text = String::new();
    let _ = write(outcome, &mut text); // writing to a string can't fail
    text
}

fn write(outcome: &Outcome, to: &mut String) -> std::fmt::Result {
    let tally = &outcome.tally;
    writeln!(to, "{}", heading(outcome))?;
    writeln!(to)?;
    let elapsed = outcome.times.elapsed.as_secs_f64();
    let operations = count(tally.operations as f64);
    let which = match (outcome.plan.service, outcome.plan.status) {
        _ if tally.operations == 0 => String::new(),
        (Service::Http, Some(status)) => format!(", each {status} and verified"),
        (Service::Http, None) => ", each 2xx and verified".to_owned(),
        _ => ", each verified".to_owned(),
    };
    writeln!(
        to,
        "throughput   {:>10} replies/s   {operations} in {elapsed:.2} s{which}",
        count(outcome.throughput())
    )?;
    let megabytes = |bytes: u64| per(bytes as f64 / 1e6, elapsed);
    writeln!(
        to,
        "             {:>10} MB/s received, {:.1} MB/s sent",
        format!("{:.1}", megabytes(tally.bytes_received)),
        megabytes(tally.bytes_sent)
    )?;
    writeln!(to)?;
    writeln!(to, "latency      {:>10}{:>10}{:>10}{:>10}{:>10}", "p50", "p90", "p99", "p99.9", "max")?;
    write!(to, "             ")?;
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        write!(to, "{:>10}", outcome.quantile(quantile).map_or_else(|| "–".to_owned(), time))?;
    }
    writeln!(to)?;
    if outcome.plan.rate.is_some() {
        writeln!(to, "             counted from the time at which each request was due")?;
    }
    writeln!(to)?;
    writeln!(to, "errors       {}", verdict::errors(outcome).as_deref().unwrap_or("none"))?;
    if outcome.plan.service == Service::Udp {
        writeln!(
            to,
            "datagrams    {} lost, {} out of order, {} twice",
            count(tally.lost as f64),
            count(tally.reordered as f64),
            count(tally.duplicated as f64)
        )?;
    }
    if tally.repeated > 0 {
        let repeated = count(tally.repeated as f64);
        writeln!(to, "repeated     {repeated} requests, which the server had left out when it closed")?;
    }
    if tally.reconnects > 0 {
        let reconnects = count(tally.reconnects as f64);
        writeln!(
            to,
            "connections  {reconnects} opened anew because the server had closed one between replies"
        )?;
    }
    if let Some(cost) = &outcome.costs.server {
        server(outcome, cost, to)?;
    }
    let limit = if outcome.client_is_the_limit() {
        ": this client was probably the limit, the server can do more"
    } else {
        ""
    };
    writeln!(to, "client       busy for {:.0} % of the time{limit}", outcome.client_busy() * 100.0)?;
    for sentence in &outcome.reduced {
        writeln!(to, "note         {sentence}")?;
    }
    Ok(())
}

fn heading(outcome: &Outcome) -> String {
    let plan = &outcome.plan;
    let (kind, things) = match plan.service {
        Service::Tcp => ("tcp://", "messages"),
        Service::Udp => ("udp://", "datagrams"),
        Service::Http => ("", "requests"),
    };
    let sockets = if plan.service == Service::Udp { "socket" } else { "connection" };
    let plural = if plan.connections == 1 { "" } else { "s" };
    let mut text = format!("{kind}{}: {} {sockets}{plural}", plan.target, count(plan.connections as f64));
    if plan.service != Service::Http {
        let unit = if plan.size == 1 { "byte" } else { "bytes" };
        text += &format!(", {things} of {} {unit}", count(plan.size as f64));
    }
    text += &match (plan.reconnect, plan.depth) {
        (true, _) => ", each request on a new connection".to_owned(),
        (false, 1) => String::new(),
        (false, depth) => format!(", {depth} {things} under way on each"),
    };
    if let Some(rate) = plan.rate {
        text += &format!(", {} a second", count(rate));
    }
    if let End::Count(number) = plan.end {
        text += &format!(", {} in all", count(number as f64));
    }
    text
}

fn server(outcome: &Outcome, cost: &ServerCost, to: &mut String) -> std::fmt::Result {
    let busy = outcome.server_busy().unwrap_or(0.0) * 100.0;
    let per_million = outcome.cpu_per_million().unwrap_or(0.0);
    let threads = if cost.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", cost.threads) };
    let switches = outcome.switches_per_operation().unwrap_or(0.0);
    let [resident, peak] = [cost.resident, cost.resident_peak].map(|bytes| bytes as f64 / 1e6);
    writeln!(
        to,
        "server       {per_million:.2} s of CPU for a million replies; busy for {busy:.0} % of the time"
    )?;
    writeln!(
        to,
        "             {switches:.3} context switches a reply ({} voluntary, {} not)",
        count(cost.voluntary as f64),
        count(cost.involuntary as f64)
    )?;
    writeln!(
        to,
        "             {resident:.1} MB resident ({peak:.1} at the most), {threads}, {}",
        processes(&cost.pids)
    )?;
    let pids: Vec<String> = cost.pids.iter().take(SHOWN).map(u32::to_string).collect();
    match cost.who_counts_calls() {
        Tracer::Tracepoint => {
            writeln!(to, "             system calls: not counted here; perf stat -e raw_syscalls:sys_enter")?;
            writeln!(to, "             -p {} does where it is installed, strace -c -f too", pids.join(","))
        }
        Tracer::Strace => writeln!(
            to,
            "             system calls: not counted here; strace -c -f -p {} does and slows it down",
            pids.join(" -p ")
        ),
        Tracer::OnlyRoot => writeln!(
            to,
            "             system calls: not counted here; only root can, as the server has another user"
        ),
    }
}

/// Which processes the figures are of, and how many if they are sums.
fn processes(pids: &[u32]) -> String {
    let shown: Vec<String> = pids.iter().take(SHOWN).map(u32::to_string).collect();
    match pids {
        [pid] => format!("process {pid}"),
        _ => {
            let more = if pids.len() > SHOWN { ", …" } else { "" };
            format!("sums of {} processes ({}{more})", pids.len(), shown.join(", "))
        }
    }
}

/// A time in microseconds with the unit that suits it, to three digits.
fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        ..1e3 => (micros, "µs"),
        ..1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}
