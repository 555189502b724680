//! The result of a measurement.

use super::plan::Plan;
use super::presence::Gone;
use super::process::{Costs, Snapshots};
use super::tally::Tally;
use std::time::Duration;

/// A thread that is busy for more of the time than this has nothing left to give.
const SATURATED: f64 = 0.95;

/// All there is to tell.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was done, as it was done: reductions included.
    pub plan: Plan,
    /// How long was measured, and what of that the server was there.
    pub times: Times,
    /// The counts.
    pub tally: Tally,
    /// What it has cost.
    pub costs: Costs,
    /// What was not done as asked, or isn't what it seems, each in a sentence.
    pub reduced: Vec<String>,
}

/// Times since measuring began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// How long was measured: until it ended, or the server was gone.
    pub elapsed: Duration,
    /// When the server was gone for good, and why it is thought to be.
    pub gone: Option<(Duration, Gone)>,
    /// When it was gone and came back: from, to.
    pub absences: Vec<(Duration, Duration)>,
}

/// Puts the result together.
pub fn conclude(
    plan: &Plan,
    times: Times,
    tally: Tally,
    snapshots: Snapshots,
    mut reduced: Vec<String>,
) -> Outcome {
    let costs = snapshots.last(tally.ever, times.gone.is_some());
    if let Some(server) = &costs.server {
        for pid in &server.ended {
            reduced.push(format!("process {pid} has ended: its cost is in none of the figures"));
        }
        if server.cpu.is_zero() && costs.operations > 0 {
            reduced.push("the process of --pid has used no CPU at all: is it the server's?".to_owned());
        }
        if server.switches_are_missing {
            reduced.push(
                "threads of the server ended meanwhile: their context switches are not counted".to_owned(),
            );
        }
    } else if !plan.pids.is_empty() {
        reduced.push("the server's process has ended: its cost is unknown".to_owned());
    }
    Outcome { plan: plan.clone(), times, tally, costs, reduced }
}

impl Outcome {
    /// Replies a second.
    pub fn throughput(&self) -> f64 {
        per(self.tally.operations as f64, self.times.elapsed.as_secs_f64())
    }

    /// A latency in microseconds; `None` where nothing has one.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let latency = &self.tally.latency;
        (!latency.is_empty()).then(|| latency.value_at_quantile(quantile) as f64 / 1e3)
    }

    /// The part of the time that we were busy, as long as there was a server.
    pub fn client_busy(&self) -> f64 {
        per(self.costs.client.as_secs_f64(), self.costs.client_elapsed.as_secs_f64())
    }

    /// The CPUs that the server kept busy, where that is known: above 1 with several threads.
    pub fn server_busy(&self) -> Option<f64> {
        let server = self.costs.server.as_ref()?;
        Some(per(server.cpu.as_secs_f64(), self.costs.elapsed.as_secs_f64()))
    }

    /// Whether it was probably us who could do no more, and not the server.
    pub fn client_is_the_limit(&self) -> bool {
        // One that fell silent may have been busy only until then.
        let server = self.costs.server.as_ref();
        let server =
            server.map(|server| per(server.cpu.as_secs_f64(), self.costs.client_elapsed.as_secs_f64()));
        self.client_busy() > SATURATED && server.is_none_or(|busy| busy < self.client_busy())
    }

    /// Context switches of the server for a reply.
    pub fn switches_per_operation(&self) -> Option<f64> {
        let server = self.costs.server.as_ref()?;
        Some(per((server.voluntary + server.involuntary) as f64, self.costs.operations as f64))
    }

    /// CPU seconds of the server for a million replies.
    pub fn cpu_per_million(&self) -> Option<f64> {
        let server = self.costs.server.as_ref()?;
        Some(per(server.cpu.as_secs_f64() * 1e6, self.costs.operations as f64))
    }
}

/// A quotient that is 0 where there is nothing to divide by.
pub fn per(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::{End, Service};
    use crate::bench::process::ServerCost;

    fn outcome(client: u64, server: Option<u64>) -> Outcome {
        let plan = Plan {
            service: Service::Tcp,
            target: String::new(),
            addresses: Vec::new(),
            connections: 1,
            size: 1,
            request: Vec::new(),
            depth: 1,
            rate: None,
            reconnect: false,
            end: End::Count(1),
            warmup: Duration::ZERO,
            timeout: Duration::ZERO,
            pids: Vec::new(),
            status: None,
        };
        let server = server.map(|cpu| ServerCost {
            pids: vec![1],
            ended: Vec::new(),
            cpu: Duration::from_millis(cpu),
            voluntary: 30,
            involuntary: 10,
            switches_are_missing: false,
            resident: 0,
            resident_peak: 0,
            threads: 1,
        });
        let (elapsed, client) = (Duration::from_secs(1), Duration::from_millis(client));
        let costs = Costs { elapsed, operations: 20, server, client, client_elapsed: elapsed };
        let times = Times { elapsed, ..Times::default() };
        Outcome { plan, times, tally: Tally::new(), costs, reduced: Vec::new() }
    }

    #[test]
    fn the_client_is_the_limit_where_it_has_nothing_left_and_the_server_has() {
        for (client, server, expected) in [
            (990, None, true),
            (900, None, false),
            (990, Some(800), true),
            (960, Some(990), false),
            (990, Some(1900), false),
            (500, Some(100), false),
        ] {
            assert_eq!(outcome(client, server).client_is_the_limit(), expected, "{client} {server:?}");
        }
    }

    #[test]
    fn costs_are_those_of_the_replies_between_the_readings() {
        let outcome = outcome(500, Some(100));
        assert_eq!((outcome.cpu_per_million(), outcome.switches_per_operation()), (Some(5000.0), Some(2.0)));
        assert_eq!((outcome.client_busy(), outcome.server_busy()), (0.5, Some(0.1)));
        assert_eq!(outcome.throughput(), 0.0);
    }
}
