//! What is run: the cells of the comparison, their order, and how long each takes.
//!
//! Rounds are interleaved: every round has each cell once, and begins with another server, so that a slow
//! minute of the machine doesn't hit one server alone.

use crate::runs::{Beside, Cores, DRIVERS, Load, Run, Service};
use std::time::Duration;

/// Requests a second in the scenarios: few enough for every driver, so that the wait is not the load's.
pub const WAITING_RATE: u32 = 500;
/// Clients that want short replies in the scenarios.
pub const WAITING_CLIENTS: u32 = 16;
/// Clients that read slowly.
pub const SLOW_CLIENTS: u32 = 1000;
/// Clients that want files which are not in the page cache.
pub const COLD_CLIENTS: u32 = 4;
/// Reads a second of a disk with a moving arm.
pub const SLOW_READS: u32 = 100;
/// Connections over which a fixed rate is spread.
pub const RATE_CONNECTIONS: u32 = 64;
/// Descriptors that the load generator needs besides its connections.
const SPARE: u32 = 100;

/// The whole plan.
pub struct Plan {
    /// Everything to run in a round.
    pub runs: Vec<Run>,
    /// How many rounds.
    pub rounds: u32,
    /// How many of them, the first ones, have the scenarios as well.
    pub scenario_rounds: u32,
    /// How long a sample is measured.
    pub sample: Duration,
    /// How long the load runs before that.
    pub warmup: Duration,
    /// The same for the scenarios.
    pub scenario: Duration,
    /// What had to be reduced on this machine, and why: sentences.
    pub reduced: Vec<String>,
}

/// What the machine allows.
pub struct Means {
    /// Descriptors that a process may open (the hard limit).
    pub descriptors: u32,
    /// Cores that this process may use.
    pub cores: u32,
    /// Why the disk can't be slowed down, if it can't.
    pub no_slow_disk: Option<String>,
}

impl Plan {
    /// The comparison of a few minutes, or the quick one.
    pub fn new(quick: bool, peers: &[&str], means: &Means) -> Plan {
        let mut reduced = Vec::new();
        let connections = if quick { vec![1, 100, 1000] } else { vec![1, 10, 100, 1000, 10_000] };
        let connections = possible(connections, means.descriptors, &mut reduced);
        let mut runs = Vec::new();
        let mut add = |cores, load, services: &[Service], servers: &[&str]| {
            for &service in services {
                runs.extend(servers.iter().map(|server| Run {
                    service,
                    cores,
                    load,
                    server: (*server).to_owned(),
                }));
            }
        };
        let concurrent = &DRIVERS[..3];
        let stream = [Service::Tcp, Service::Http];
        for &count in &connections {
            add(Cores::One, Load::Closed(count), &Service::ALL, concurrent);
            add(Cores::One, Load::Closed(count), &[Service::Http], peers);
            // Of more connections as many would wait in vain. A UDP socket has no connections.
            let served = if count <= 100 { &Service::ALL[..] } else { &[Service::Udp] };
            add(Cores::One, Load::Closed(count), served, &DRIVERS[3..]);
        }
        for &count in if quick { &[10_u32][..] } else { &[1, 100] } {
            add(Cores::One, Load::Reconnect(count), &stream, &DRIVERS);
        }
        let rates: &[u32] = if quick { &[5_000, 20_000] } else { &[5_000, 20_000, 40_000, 80_000] };
        for &rate in rates {
            let load = Load::Open { connections: RATE_CONNECTIONS, rate };
            add(Cores::One, load, &Service::ALL, concurrent);
        }
        if means.cores > 1 {
            let some = if quick { &[100_u32][..] } else { &[1, 100, 1000] };
            for count in some.iter().copied().filter(|count| connections.contains(count)) {
                add(Cores::All, Load::Closed(count), &Service::ALL, concurrent);
            }
        } else {
            reduced.push(
                "There is one core: server and load generator share it, and \"all cores\" is left out."
                    .to_owned(),
            );
        }
        let slow = possible(vec![SLOW_CLIENTS], means.descriptors, &mut reduced)[0];
        let mut beside = vec![Beside::Nothing, Beside::SlowClients(slow), Beside::ColdFiles(COLD_CLIENTS)];
        match &means.no_slow_disk {
            None => beside.push(Beside::SlowDisk { clients: COLD_CLIENTS, reads: SLOW_READS }),
            Some(why) => reduced.push(format!("Cold files are read at the speed of this disk only: {why}.")),
        }
        // Of the two, the slow disk is the one that shows something on any machine.
        if quick && means.no_slow_disk.is_none() {
            beside.retain(|what| !matches!(what, Beside::ColdFiles(_)));
        }
        for what in beside {
            add(Cores::One, Load::Waiting(what), &[Service::Http], &DRIVERS);
        }
        if means.cores == 2 {
            reduced.push(
                "There are two cores: on \"all cores\" the load generator competes with the server for them, so \
                 those figures say less than they would on a larger machine."
                    .to_owned(),
            );
        }
        Plan {
            runs,
            rounds: if quick { 2 } else { 3 },
            scenario_rounds: if quick { 1 } else { 2 },
            sample: Duration::from_millis(if quick { 120 } else { 350 }),
            warmup: Duration::from_millis(if quick { 40 } else { 80 }),
            scenario: Duration::from_millis(if quick { 500 } else { 1500 }),
            reduced,
        }
    }

    /// How many samples there are in all.
    pub fn len(&self) -> usize {
        (1..=self.rounds).map(|round| self.round(round).len()).sum()
    }

    /// The runs of a round, from 1, in their order.
    pub fn round(&self, round: u32) -> Vec<&Run> {
        let is_in = |run: &&Run| round <= self.scenario_rounds || !matches!(run.load, Load::Waiting(_));
        let mut runs: Vec<&Run> = self.runs.iter().filter(is_in).collect();
        // Those that belong together stay together; within them, each round begins with another server.
        let mut order = Vec::with_capacity(runs.len());
        while let Some(first) = runs.first().copied() {
            let same =
                |run: &&Run| (run.service, run.cores, run.load) == (first.service, first.cores, first.load);
            let (mut group, rest): (Vec<&Run>, Vec<&Run>) = runs.into_iter().partition(same);
            let turn = round as usize % group.len();
            group.rotate_left(turn);
            order.extend(group);
            runs = rest;
        }
        order
    }

    /// How long a run is measured. Many connections need longer: in a shorter time some may not come to their
    /// turn, though nobody is forgotten.
    pub fn duration(&self, run: &Run) -> Duration {
        match run.load {
            Load::Waiting(_) => self.scenario,
            Load::Closed(5000..) => self.sample * 4,
            Load::Closed(500..) => self.sample.max(Duration::from_millis(500)),
            _ => self.sample,
        }
    }

    /// About how long all of it takes.
    pub fn estimate(&self) -> Duration {
        let overhead = |run: &Run| match run.load {
            Load::Waiting(_) => Duration::from_millis(500),
            Load::Closed(5000..) => Duration::from_secs(1),
            Load::Closed(500..) => Duration::from_millis(200),
            _ => Duration::from_millis(80),
        };
        let all = (1..=self.rounds).flat_map(|round| self.round(round));
        all.map(|run| self.warmup + self.duration(run) + overhead(run)).sum()
    }
}

/// Counts of connections that a process with so many descriptors can hold.
fn possible(wanted: Vec<u32>, descriptors: u32, reduced: &mut Vec<String>) -> Vec<u32> {
    let most = descriptors.saturating_sub(SPARE).max(1);
    let mut counts: Vec<u32> = wanted.iter().map(|count| (*count).min(most)).collect();
    counts.dedup();
    if wanted.last() > Some(&most) {
        let wanted = wanted.last().copied().unwrap_or_default();
        reduced.push(format!(
            "{wanted} connections became {most}: a process may open {descriptors} descriptors here (ulimit -Hn)."
        ));
    }
    counts
}
