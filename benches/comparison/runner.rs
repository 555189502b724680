//! Does the plan: a fresh server for every sample, the load, and what came of it.

use crate::child::Interrupted;
use crate::folder::Folder;
use crate::load::{self, Timing};
use crate::plan::Plan;
use crate::runs::{Beside, Load, Run, Service};
use crate::samples::{Figures, Sample, Samples};
use crate::scenarios;
use crate::server::Server;
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering;

/// What was run, or `None` if it was interrupted.
pub fn run(plan: &Plan, folder: &Folder, interrupted: &Interrupted) -> Option<Samples> {
    let mut samples = Samples::default();
    let mut broken: Vec<(String, Service, String)> = Vec::new();
    let total = plan.len();
    for round in 1..=plan.rounds {
        for run in plan.round(round) {
            // A server that can't be started can't be so the next time either.
            let known =
                broken.iter().find(|(name, service, _)| *name == run.server && *service == run.service);
            let measured = match known {
                Some((.., why)) => Err(Failure { what: why.clone(), is_broken: false }),
                None => measure(plan, run, folder, interrupted),
            };
            if interrupted.load(Ordering::Relaxed) {
                return None;
            }
            let (outcome, raw) = match measured {
                Ok((figures, report)) => (Ok(figures), report),
                Err(failure) => {
                    if failure.is_broken {
                        broken.push((run.server.clone(), run.service, failure.what.clone()));
                    }
                    (Err(failure.what), Value::Null)
                }
            };
            let sample = Sample { run: run.clone(), round, outcome, raw };
            tell(&sample, samples.0.len() + 1, total);
            samples.0.push(sample);
        }
    }
    Some(samples)
}

/// Why there is no sample.
struct Failure {
    what: String,
    /// Whether the server didn't even become ready.
    is_broken: bool,
}

impl From<String> for Failure {
    fn from(what: String) -> Failure {
        Failure { what, is_broken: false }
    }
}

fn measure(
    plan: &Plan,
    run: &Run,
    folder: &Folder,
    interrupted: &Interrupted,
) -> Result<(Figures, Value), Failure> {
    let root = folder.root();
    let beside = if let Load::Waiting(beside) = run.load { beside } else { Beside::Nothing };
    // In this order, as they go the other way round: the company, the server, its disk.
    let disk = scenarios::disk(beside, &root)?;
    let server = Server::start(&run.server, run.service, run.cores, &root, interrupted)
        .map_err(|what| Failure { what, is_broken: true })?;
    if let Some(disk) = &disk {
        disk.add(server.pid())?;
    }
    let company = scenarios::start(beside, &server, &root)?;
    let before = server.bytes_from_disk();
    let timing = Timing { duration: plan.duration(run), warmup: plan.warmup };
    let report = load::bench(run, &server, &timing, interrupted)?;
    let mut figures = Figures::of(&report)?;
    if !matches!(beside, Beside::Nothing) {
        figures.from_disk = server.bytes_from_disk().zip(before).map(|(after, before)| after - before);
    }
    drop(company);
    Ok((figures, report))
}

/// A line for each sample; on a terminal each takes the place of the last.
fn tell(sample: &Sample, number: usize, total: usize) {
    let mut stderr = std::io::stderr();
    let what = match &sample.outcome {
        Ok(figures) => format!("{:.0} replies a second", figures.throughput),
        Err(why) => why.clone(),
    };
    let line = format!("{number:>4}/{total} {}: {what}", sample.run);
    let _ = if stderr.is_terminal() {
        let line: String = line.chars().take(100).collect();
        write!(stderr, "\r\x1b[K{line}{}", if number == total { "\n" } else { "" })
    } else {
        writeln!(stderr, "{line}")
    };
    let _ = stderr.flush();
}
