//! The short form, for the terminal: one line a server, at a hundred connections, and the scenarios.

use crate::runs::{Beside, Cores, DRIVERS, Load, Run, Service};
use crate::samples::{Metric, Samples};
use crate::statistics::Spread;
use crate::{units, words};
use std::fmt::Write as _;

/// The connections of the table, if they were run: enough to keep a server busy, and every driver can have them.
const USUAL: u32 = 100;

/// All of it.
pub fn table(samples: &Samples) -> String {
    let mut text = String::new();
    for service in Service::ALL {
        let at = usual(samples, service);
        let Some(at) = at else { continue };
        let here = |run: &Run| run.service == service && run.cores == Cores::One && run.load == at;
        let _ = writeln!(text, "\n{}, {}, server on one core", service.title(), words::load(at));
        let _ = writeln!(
            text,
            "  {:<10} {:>12} {:>15} {:>10} {:>10} {:>12} {:>10}",
            "", "replies/s", "range", "p99", "CPU each", "switches each", "memory"
        );
        for server in samples.servers(here) {
            let run = Run { service, cores: Cores::One, load: at, server };
            line(&mut text, samples, &run);
        }
    }
    scenarios(&mut text, samples);
    // Those of the scenarios are told there.
    for (run, why) in samples.failures().into_iter().filter(|(run, _)| run.load.beside().is_none()) {
        let _ = writeln!(text, "\n{run}: {why}");
    }
    text
}

/// The load of a service that the table shows.
pub fn usual(samples: &Samples, service: Service) -> Option<Load> {
    let closed = |run: &Run| match run.load {
        Load::Closed(connections) if run.service == service && run.cores == Cores::One => Some(connections),
        _ => None,
    };
    samples.0.iter().find(|sample| sample.run.service == service && sample.outcome.is_ok())?;
    let counts: Vec<u32> = samples.runs().iter().filter_map(closed).collect();
    counts.iter().copied().min_by_key(|count| count.abs_diff(USUAL)).map(Load::Closed)
}

fn line(text: &mut String, samples: &Samples, run: &Run) {
    let words = |metric: Metric, write: fn(f64) -> String| {
        samples.spread(run, metric).map_or_else(|| "?".to_owned(), |spread: Spread| write(spread.median))
    };
    let range = samples.spread(run, Metric::Throughput).map_or_else(String::new, |spread| {
        format!("{}–{}", units::short(spread.low), units::short(spread.high))
    });
    let starved = samples.starved(run);
    let remark = if starved > 0 {
        format!("  {} waited in vain", units::count(starved.into()))
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "  {:<10} {:>12} {range:>15} {:>10} {:>10} {:>12} {:>10}{remark}",
        run.server,
        words(Metric::Throughput, units::rate),
        words(Metric::P99, units::time),
        words(Metric::Cpu, units::time),
        words(Metric::Switches, units::number),
        words(Metric::Resident, units::memory),
    );
}

fn scenarios(text: &mut String, samples: &Samples) {
    let mut kinds: Vec<Beside> = samples.runs().iter().filter_map(|run| run.load.beside()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nHTTP, the wait of others for a small file: p99, longest");
    for kind in kinds {
        let at = Load::Waiting(kind);
        let _ = writeln!(text, "  {}", words::load(at));
        for server in DRIVERS {
            let run = Run { service: Service::Http, cores: Cores::One, load: at, server: server.to_owned() };
            if let Some(why) = samples.failure(&run) {
                let _ = writeln!(text, "    {server:<10} nobody could be measured: {why}");
            }
            let Some(p99) = samples.spread(&run, Metric::P99) else { continue };
            let worst = samples.spread(&run, Metric::Worst).map_or(0.0, |worst| worst.median);
            let _ =
                writeln!(text, "    {server:<10} {:>10} {:>10}", units::time(p99.median), units::time(worst));
        }
    }
}
