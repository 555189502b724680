//! What was measured: which run it was, in which round, and what came of it. The raw samples are kept as
//! JSON, so that every figure of the page can be computed again.

use crate::runs::{Cores, DRIVERS, Run};
use crate::statistics::{Ratio, Spread};
use serde_json::{Value, json};

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Verified replies a second.
    pub throughput: f64,
    /// Microseconds from the request, or from when it was due, to its reply: the middle one.
    pub p50: f64,
    /// The wait that one in a hundred exceeds, microseconds.
    pub p99: f64,
    /// The longest wait, microseconds.
    pub worst: f64,
    /// Microseconds of CPU the server spent on a request.
    pub cpu: Option<f64>,
    /// How often the server's threads were switched, a request.
    pub switches: Option<f64>,
    /// Resident memory of the server at the end, bytes.
    pub resident: Option<f64>,
    /// Requests that had no reply in time, and other failures.
    pub failures: u64,
    /// Connections that got no reply at all.
    pub starved: u32,
    /// Whether the load generator itself was the limit.
    pub client_limit: bool,
    /// What the scenario counted besides: bytes read from the disk.
    pub from_disk: Option<f64>,
}

impl Figures {
    /// Those of a report of the load generator. The error says what is wrong with it.
    pub fn of(report: &Value) -> Result<Figures, String> {
        let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
        let operations = number("/operations").ok_or("the load generator's report has no operations")?;
        let failures: u64 =
            report["errors"].as_object().map_or(0, |errors| errors.values().filter_map(Value::as_u64).sum());
        if operations == 0.0 {
            return Err("nobody was answered".to_owned());
        }
        if let Some(at) = number("/gone_after_seconds") {
            return Err(format!("the server was gone after {at:.2} s"));
        }
        let latency = |name: &str| {
            number(&format!("/latency_us/{name}"))
                .ok_or_else(|| format!("the load generator's report has no {name}"))
        };
        // In a closed loop these are the connections that had no reply for most of the run, as no request
        // is given up before its end. In an open loop everybody's wait is among the latencies.
        let timeouts = report.pointer("/errors/timeout").and_then(Value::as_u64).unwrap_or(0);
        let connections = report.pointer("/parameters/connections").and_then(Value::as_u64).unwrap_or(0);
        Ok(Figures {
            throughput: number("/throughput").ok_or("the load generator's report has no throughput")?,
            p50: latency("p50")?,
            p99: latency("p99")?,
            worst: latency("max")?,
            // Seconds a million are microseconds each.
            cpu: number("/server/cpu_seconds_per_million"),
            switches: number("/server/switches_per_operation"),
            resident: number("/server/resident_bytes"),
            failures,
            starved: u32::try_from(timeouts.min(connections)).unwrap_or(u32::MAX),
            client_limit: report.pointer("/client/limit").and_then(Value::as_bool).unwrap_or(false),
            from_disk: None,
        })
    }
}

/// A quantity that is plotted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// [`Figures::throughput`].
    Throughput,
    /// [`Figures::p50`].
    Middle,
    /// [`Figures::p99`].
    P99,
    /// [`Figures::worst`].
    Worst,
    /// [`Figures::cpu`].
    Cpu,
    /// [`Figures::switches`].
    Switches,
    /// [`Figures::resident`].
    Resident,
}

impl Metric {
    /// The figure, if it could be had.
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Metric::Throughput => Some(figures.throughput),
            Metric::Middle => Some(figures.p50),
            Metric::P99 => Some(figures.p99),
            Metric::Worst => Some(figures.worst),
            Metric::Cpu => figures.cpu,
            Metric::Switches => figures.switches,
            Metric::Resident => figures.resident,
        }
    }
}

/// One run in one round.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which.
    pub run: Run,
    /// In which round, from 1.
    pub round: u32,
    /// The figures, or why there are none.
    pub outcome: Result<Figures, String>,
    /// What the load generator printed.
    pub raw: Value,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default)]
pub struct Samples(pub Vec<Sample>);

impl Samples {
    /// The samples of one run.
    pub fn of<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.run == *run)
    }

    /// The figure of each round that has one.
    pub fn rounds(&self, run: &Run, metric: Metric) -> Vec<(u32, f64)> {
        let figure = |sample: &Sample| Some((sample.round, metric.of(sample.outcome.as_ref().ok()?)?));
        self.of(run).filter_map(figure).collect()
    }

    /// Median and range over the rounds.
    pub fn spread(&self, run: &Run, metric: Metric) -> Option<Spread> {
        Spread::of(self.rounds(run, metric).into_iter().map(|(_, value)| value))
    }

    /// The figure of `a` compared with that of `b`, by the rounds that both have.
    pub fn ratio(&self, a: &Run, b: &Run, metric: Metric) -> Option<Ratio> {
        Ratio::of(&self.rounds(a, metric), &self.rounds(b, metric))
    }

    /// Connections that got no reply in every round: the fewest of any. In one round alone it was the machine.
    pub fn starved(&self, run: &Run) -> u32 {
        self.of(run).filter_map(|sample| Some(sample.outcome.as_ref().ok()?.starved)).min().unwrap_or(0)
    }

    /// Why a run has no figures in any round, if it has none.
    pub fn failure<'a>(&'a self, run: &'a Run) -> Option<&'a str> {
        let mut last = None;
        for sample in self.of(run) {
            last = Some(sample.outcome.as_ref().err()?.as_str());
        }
        last
    }

    /// Every different run, in order.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = self.0.iter().map(|sample| sample.run.clone()).collect();
        runs.sort();
        runs.dedup();
        runs
    }

    /// The servers that have samples chosen by `which`, the four drivers first, in the order of [`DRIVERS`].
    pub fn servers(&self, which: impl Fn(&Run) -> bool) -> Vec<String> {
        let mut servers: Vec<String> = Vec::new();
        for run in self.runs().into_iter().filter(which) {
            if !servers.contains(&run.server) {
                servers.push(run.server);
            }
        }
        servers.sort_by_key(|server| {
            DRIVERS.iter().position(|driver| driver == server).unwrap_or(DRIVERS.len())
        });
        servers
    }

    /// Every different failure with the first run it happened in.
    pub fn failures(&self) -> Vec<(&Run, &str)> {
        let mut failures: Vec<(&Run, &str)> = Vec::new();
        for sample in &self.0 {
            if let Err(why) = &sample.outcome
                && !failures.iter().any(|(run, known)| known == why && run.server == sample.run.server)
            {
                failures.push((&sample.run, why));
            }
        }
        failures
    }

    /// How many requests failed otherwise than by waiting: sentences.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = Vec::new();
        for sample in &self.0 {
            let Ok(figures) = &sample.outcome else { continue };
            let other = figures.failures.saturating_sub(figures.starved.into());
            if other > 0 {
                remarks.push(format!("{}, round {}: {other} requests failed.", sample.run, sample.round));
            }
        }
        remarks
    }

    /// As JSON: an array with an object for each sample.
    pub fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|sample| {
                json!({
                    "service": sample.run.service.name(),
                    "server": sample.run.server,
                    "cores": if sample.run.cores == Cores::One { "one" } else { "all" },
                    "load": sample.run.load.to_json(),
                    "round": sample.round,
                    "failure": sample.outcome.as_ref().err(),
                    "bench": sample.raw,
                    "from_disk": sample.outcome.as_ref().ok().and_then(|figures| figures.from_disk),
                })
            })
            .collect()
    }
}
