//! The chapters on slow clients and a slow disk: there the question isn't how much, but who waits for whom.

use super::axis::Axis;
use super::plots::{self, Plot, Series};
use crate::runs::{Beside, Cores, DRIVERS, Load, Run, Service};
use crate::samples::{Metric, Samples};
use crate::units;
use crate::words::{self, Pair};
use shoutd::html::escape;
use std::fmt::Write as _;

/// Both chapters, as far as they were run.
pub fn html(samples: &Samples) -> String {
    let mut html = chapter(
        samples,
        "Many slow clients",
        "While some clients ask for a small file at a fixed rate, many others each ask for a file of 16 MiB and take 4 KB a \
         second of it. How long do the first ones wait? (HTTP, server on one core.)",
        |beside| matches!(beside, Beside::SlowClients(_)),
        "A slow client costs the loop nothing while its socket is full: no event comes. It costs a thread a thread, \
         and a pool one of its places; when all places are taken, everybody else waits in the queue.",
    );
    html.push_str(&chapter(
        samples,
        "A slow disk",
        "The same small file at the same rate, while a few clients read files of 512 KiB that were dropped from \
         the page cache just before.",
        |beside| matches!(beside, Beside::ColdFiles(_) | Beside::SlowDisk { .. }),
        "The kernel has no readiness for files: sendfile returns when the disk has answered, and whoever called it waits. In \
         the loop that is everybody, with threads it is one client. What helps: memory enough that what is asked for stays in \
         the page cache; vmtouch -t, or vmtouch -l, which reads a directory into it or holds it there; a faster \
         disk; and where none of these is to be had, threads.",
    ));
    html
}

fn chapter(samples: &Samples, title: &str, lead: &str, is_here: fn(Beside) -> bool, why: &str) -> String {
    let mut kinds: Vec<Beside> =
        samples.runs().iter().filter_map(|run| run.load.beside()).filter(|b| is_here(*b)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return String::new();
    }
    let mut html = format!("<section>\n<h2>{title}</h2>\n<p>{lead}</p>\n<div class=\"plots\">\n");
    for &kind in &kinds {
        let plot = plot(samples, kind);
        let svg = plots::svg(&plot);
        if !svg.is_empty() {
            let _ = write!(html, "<figure>\n<h3>{}</h3>\n{svg}\n</figure>\n", escape(&plot.title));
        }
    }
    html.push_str("</div>\n<ul class=\"told\">\n");
    for &kind in &kinds {
        for sentence in sentences(samples, kind) {
            let _ = writeln!(html, "<li>{}</li>", escape(&sentence));
        }
    }
    let _ = write!(html, "</ul>\n<p class=\"aside\">{why}</p>\n{}</section>\n", figures(samples, &kinds));
    html
}

fn run(server: &str, beside: Beside) -> Run {
    Run { service: Service::Http, cores: Cores::One, load: Load::Waiting(beside), server: server.to_owned() }
}

/// A place for each driver; at each the wait alone and the wait beside.
fn plot(samples: &Samples, kind: Beside) -> Plot {
    let series = |name: &str, look: usize, beside: Beside, metric: Metric| {
        let point = |(place, server): (f64, &&str)| {
            Some((place, samples.spread(&run(server, beside), metric)?, false))
        };
        let points = (0..).map(f64::from).zip(&DRIVERS).filter_map(point).collect();
        Series { name: name.to_owned(), look, points }
    };
    Plot {
        title: format!("The wait beside {}", words::load(Load::Waiting(kind))),
        x: Axis {
            label: "",
            logarithmic: false,
            tick: units::number,
            places: DRIVERS.map(str::to_owned).to_vec(),
        },
        y: Axis { label: "wait", logarithmic: true, tick: units::time, places: Vec::new() },
        series: vec![
            series("longest", 0, kind, Metric::Worst),
            series("p99", 1, kind, Metric::P99),
            series("p99 alone", 2, Beside::Nothing, Metric::P99),
        ],
        joined: false,
    }
}

fn sentences(samples: &Samples, kind: Beside) -> Vec<String> {
    let at = Load::Waiting(kind);
    let mut sentences = Vec::new();
    for server in DRIVERS {
        if let Some(why) = samples.failure(&run(server, kind)) {
            let (beside, server) = (words::load(at), words::name(server));
            sentences.push(format!("Beside {beside}, with {server}, nobody could be measured: {why}."));
        }
        let Some(p99) = samples.spread(&run(server, kind), Metric::P99) else { continue };
        let worst = samples.spread(&run(server, kind), Metric::Worst).map_or(0.0, |worst| worst.median);
        let alone = samples
            .spread(&run(server, Beside::Nothing), Metric::P99)
            .map_or_else(String::new, |alone| format!(", alone {}", units::time(alone.median)));
        sentences.push(format!(
            "Beside {}, with {}: p99 {}{alone}; the longest wait {}.",
            words::load(at),
            words::name(server),
            units::time(p99.median),
            units::time(worst)
        ));
    }
    for other in &DRIVERS[1..] {
        let pair = Pair { service: Service::Http, cores: Cores::One, a: DRIVERS[0], b: other };
        sentences.extend(pair.verdict(samples, &[at], Metric::Worst));
    }
    sentences
}

fn figures(samples: &Samples, kinds: &[Beside]) -> String {
    let mut html = String::from(
        "<details>\n<summary>The figures: medians over the rounds</summary>\n<div class=\"scroll\"><table>\n<tr><th></th><th></th>\
         <th>answered a second</th><th>median wait</th><th>p99</th><th>longest</th><th>memory</th><th>read from the disk</th></tr>\n",
    );
    for &kind in [Beside::Nothing].iter().chain(kinds) {
        for server in DRIVERS {
            let run = run(server, kind);
            let cell = |metric, write: fn(f64) -> String| {
                samples.spread(&run, metric).map_or_else(|| "–".to_owned(), |spread| write(spread.median))
            };
            let disk = samples
                .of(&run)
                .filter_map(|sample| sample.outcome.as_ref().ok()?.from_disk)
                .reduce(f64::max);
            let _ = writeln!(
                html,
                "<tr><th>{}</th><th>{server}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                words::load(Load::Waiting(kind)),
                cell(Metric::Throughput, units::rate),
                cell(Metric::Middle, units::time),
                cell(Metric::P99, units::time),
                cell(Metric::Worst, units::time),
                cell(Metric::Resident, units::memory),
                disk.map_or_else(|| "–".to_owned(), units::memory),
            );
        }
    }
    html.push_str("</table></div>\n</details>\n");
    html
}
