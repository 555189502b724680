//! The result of a measurement.

use super::plan::Plan;
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
    /// How long was measured.
    pub elapsed: Duration,
    /// The counts.
    pub tally: Tally,
    /// What it has cost.
    pub costs: Costs,
    /// What was not done as asked, or isn't what it seems, each in a sentence.
    pub reduced: Vec<String>,
}

/// Puts the result together.
pub fn conclude(
    plan: &Plan,
    elapsed: Duration,
    tally: Tally,
    snapshots: Snapshots,
    mut reduced: Vec<String>,
) -> Outcome {
    let costs = snapshots.last();
    if let Some(server) = &costs.server
        && server.switches_are_missing
    {
        reduced
            .push("threads of the server ended meanwhile: their context switches are not counted".to_owned());
    } else if plan.pid.is_some() && costs.server.is_none() {
        reduced.push("the server's process has ended: its cost is unknown".to_owned());
    }
    Outcome { plan: plan.clone(), elapsed, tally, costs, reduced }
}

impl Outcome {
    /// Replies a second.
    pub fn throughput(&self) -> f64 {
        per(self.tally.operations as f64, self.elapsed.as_secs_f64())
    }

    /// A latency in microseconds.
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.tally.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    /// The part of the time that we were busy.
    pub fn client_busy(&self) -> f64 {
        per(self.costs.client.as_secs_f64(), self.costs.elapsed.as_secs_f64())
    }

    /// The CPUs that the server kept busy, where that is known: above 1 with several threads.
    pub fn server_busy(&self) -> Option<f64> {
        let server = self.costs.server.as_ref()?;
        Some(per(server.cpu.as_secs_f64(), self.costs.elapsed.as_secs_f64()))
    }

    /// Whether it was probably us who could do no more, and not the server.
    pub fn client_is_the_limit(&self) -> bool {
        self.client_busy() > SATURATED && self.server_busy().is_none_or(|busy| busy < self.client_busy())
    }

    /// CPU seconds of the server for a million replies.
    pub fn cpu_per_million(&self) -> Option<f64> {
        let server = self.costs.server.as_ref()?;
        Some(per(server.cpu.as_secs_f64() * 1e6, self.tally.operations as f64))
    }
}

/// A quotient that is 0 where there is nothing to divide by.
pub fn per(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}
