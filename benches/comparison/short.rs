//! The short form as a table of Markdown, for a README: what it says of each driver is in one column.

use crate::runs::{Beside, Cores, DRIVERS, Load, Run, Service};
use crate::samples::{Metric, Samples};
use crate::{table, units, words};
use std::fmt::Write as _;

/// The table. A row without any figure is left out.
pub fn markdown(samples: &Samples) -> String {
    let mut text = format!(
        "| server on one core | {} |\n|{}\n",
        DRIVERS.join(" | "),
        " --- |".repeat(DRIVERS.len() + 1)
    );
    for service in Service::ALL {
        let Some(load) = table::usual(samples, service) else { continue };
        let what = format!("{}, {}", service.title(), words::load(load));
        row(
            &mut text,
            samples,
            (service, load),
            &format!("{what}: replies a second"),
            Metric::Throughput,
            units::rate,
        );
        row(
            &mut text,
            samples,
            (service, load),
            &format!("{}, CPU for each", service.title()),
            Metric::Cpu,
            units::time,
        );
        row(
            &mut text,
            samples,
            (service, load),
            &format!("{}, switches for each", service.title()),
            Metric::Switches,
            units::number,
        );
        row(
            &mut text,
            samples,
            (service, load),
            &format!("{}, memory", service.title()),
            Metric::Resident,
            units::memory,
        );
    }
    let mut kinds: Vec<Beside> = samples.runs().iter().filter_map(|run| run.load.beside()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for load in kinds.into_iter().map(Load::Waiting) {
        let beside = if load == Load::Waiting(Beside::Nothing) { "with" } else { "beside" };
        let what = format!("HTTP, longest wait {beside} {}", words::load(load));
        row(&mut text, samples, (Service::Http, load), &what, Metric::Worst, units::time);
    }
    text
}

fn row(
    text: &mut String,
    samples: &Samples,
    (service, load): (Service, Load),
    what: &str,
    metric: Metric,
    write: fn(f64) -> String,
) {
    let cell = |server: &&str| {
        let run = Run { service, cores: Cores::One, load, server: (*server).to_owned() };
        match samples.spread(&run, metric) {
            // Without these the figures of the others would mislead.
            Some(spread) if metric == Metric::Throughput && samples.starved(&run) > 0 => {
                let starved = units::count(samples.starved(&run).into());
                format!("{} ({starved} waited in vain)", write(spread.median))
            }
            Some(spread) => write(spread.median),
            None if samples.failure(&run).is_some() => "no reply".to_owned(),
            None => "–".to_owned(),
        }
    };
    let cells: Vec<String> = DRIVERS.iter().map(cell).collect();
    if cells.iter().any(|cell| cell != "–") {
        let _ = writeln!(text, "| {what} | {} |", cells.join(" | "));
    }
}
