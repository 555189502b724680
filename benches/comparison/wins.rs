//! Where threads win: looked for in all samples, kind by kind, and said so where there is nothing to find.

use crate::runs::{Beside, Cores, Load, Service};
use crate::samples::{Metric, Samples};
use crate::statistics::Finding;
use crate::words::Pair;

/// A place where one would look, and what the samples say of it.
pub struct Place {
    /// What is special about it.
    pub title: &'static str,
    /// Why threads may be expected to do well there.
    pub why: &'static str,
    /// Where they did, a sentence each; none if they nowhere clearly did.
    pub found: Vec<String>,
    /// Comparisons without a result, as the rounds disagree or there is only one.
    pub undecided: usize,
    /// Whether there was anything to compare.
    pub was_run: bool,
}

/// All of them.
pub fn places(samples: &Samples) -> Vec<Place> {
    let waits = [Metric::P99, Metric::Worst];
    let plain = [Metric::Throughput, Metric::P99];
    let few = |cores, at| cores == Cores::One && matches!(at, Load::Closed(1..=10));
    let several = |cores, _| cores == Cores::All;
    let disk = |_, at| matches!(at, Load::Waiting(Beside::ColdFiles(_) | Beside::SlowDisk { .. }));
    let slow = |_, at| matches!(at, Load::Waiting(Beside::SlowClients(_)));
    let rest = |cores, at| {
        cores == Cores::One && matches!(at, Load::Closed(11..) | Load::Open { .. } | Load::Reconnect(_))
    };
    vec![
        place(
            samples,
            "Few connections",
            "A thread that waits in recv is woken with its data and needs one system call less: nobody has to be \
             asked first who is ready.",
            few,
            &plain,
        ),
        place(
            samples,
            "Several cores",
            "The loop is one thread and has one core, however many there are. Threads are put wherever a core is \
             free.",
            several,
            &plain,
        ),
        place(
            samples,
            "A disk that has to be waited for",
            "A read of a file that isn't in memory stops the thread that does it. With threads that is the one \
             whose client asked; in the loop it is everybody's.",
            disk,
            &waits,
        ),
        place(
            samples,
            "Many slow clients",
            "Each costs a thread that sleeps, or a place in the loop that nobody looks at. Threads do no better than the \
             loop in principle.",
            slow,
            &waits,
        ),
        place(
            samples,
            "Everything else",
            "Many connections, fixed rates, and a connection for each request.",
            rest,
            &plain,
        ),
    ]
}

fn place(
    samples: &Samples,
    title: &'static str,
    why: &'static str,
    is_here: impl Fn(Cores, Load) -> bool,
    metrics: &[Metric],
) -> Place {
    let mut found = Vec::new();
    let mut undecided = 0;
    let mut was_run = false;
    let mut cases: Vec<(Service, Cores, Load)> = samples
        .runs()
        .iter()
        .map(|run| (run.service, run.cores, run.load))
        .filter(|(_, cores, at)| is_here(*cores, *at))
        .collect();
    cases.sort_unstable();
    cases.dedup();
    for server in ["threads", "pool"] {
        for &metric in metrics {
            for &(service, cores, at) in &cases {
                let pair = if metric == Metric::Throughput {
                    Pair { service, cores, a: server, b: "loop" }
                } else {
                    Pair { service, cores, a: "loop", b: server }
                };
                let Some(ratio) = pair.ratio(samples, at, metric) else { continue };
                was_run = true;
                // At a fixed rate there is no more to be answered than was asked.
                let is_fixed =
                    matches!(at, Load::Open { .. } | Load::Waiting(_)) && metric == Metric::Throughput;
                match ratio.finding() {
                    _ if is_fixed => {}
                    Finding::More => found.extend(pair.verdict(samples, &[at], metric)),
                    Finding::Disagreement | Finding::Single => undecided += 1,
                    Finding::Less | Finding::Even => {}
                }
            }
        }
    }
    Place { title, why, found, undecided, was_run }
}
