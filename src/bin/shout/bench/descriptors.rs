//! What this machine allows: descriptors and ports, and what has to be reduced for them.

use super::plan::{Plan, Service};
use rustix::process::{Resource, getrlimit};
use shoutd::descriptors::raise_limit;
use std::fs;

/// Descriptors that aren't connections: the standard streams, the poller, its timer, files in `/proc`.
const SPARE: usize = 32;

/// Raises the descriptor limit as far as it goes and makes the plan fit, adding to `reduced` what was
/// changed and why.
pub fn fit(plan: &mut Plan, reduced: &mut Vec<String>) {
    let limit = raise();
    reduce(
        plan,
        limit.saturating_sub(SPARE).max(1),
        &format!("the descriptor limit is {limit} (ulimit -Hn)"),
        reduced,
    );
    // A connection that isn't closed occupies a port, and all of them lead to the same address and port.
    if let (Service::Tcp | Service::Http, Some(ports)) = (plan.service, ports()) {
        reduce(plan, ports, &format!("there are {ports} local ports (ip_local_port_range)"), reduced);
    }
}

fn reduce(plan: &mut Plan, most: usize, why: &str, reduced: &mut Vec<String>) {
    if plan.connections > most {
        reduced.push(format!("{} connections reduced to {most}: {why}", plan.connections));
        plan.connections = most;
    }
}

/// The descriptor limit, raised as far as it goes.
fn raise() -> usize {
    raise_limit();
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// How many ports the kernel chooses from for connections (ip(7)).
fn ports() -> Option<usize> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = range.split_ascii_whitespace().map(str::parse);
    let (Some(Ok(first)), Some(Ok(last))) = (ends.next(), ends.next()) else { return None };
    usize::checked_sub(last, first).map(|ports| ports + 1)
}
