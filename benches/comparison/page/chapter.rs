//! A chapter as HTML: its plots, what one should conclude, and the figures.

use super::axis::Axis;
use super::chapters::Chapter;
use super::plots::{self, Plot, Series};
use super::{others, style};
use crate::runs::{DRIVERS, Load, Run, Service};
use crate::samples::{Metric, Samples};
use crate::units;
use crate::words::{self, Pair};
use shoutd::html::escape;
use std::fmt::Write as _;

impl Chapter {
    fn holds(&self, run: &Run) -> bool {
        run.cores == self.cores && self.loads.contains(&run.load)
    }

    /// All of it.
    pub fn html(&self, samples: &Samples, peers: &[&str]) -> String {
        let mut html =
            format!("<section>\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"plots\">\n", self.title, self.lead);
        for service in Service::ALL {
            let plot = self.plot(samples, service, peers);
            let svg = plots::svg(&plot);
            if !svg.is_empty() {
                let _ = write!(html, "<figure>\n<h3>{}</h3>\n{svg}\n</figure>\n", escape(&plot.title));
            }
        }
        html.push_str("</div>\n<ul class=\"told\">\n");
        for sentence in self.conclusions(samples) {
            let _ = writeln!(html, "<li>{}</li>", escape(&sentence));
        }
        let _ = write!(html, "</ul>\n<p class=\"aside\">{}</p>\n", self.why);
        let _ = writeln!(html, "{}{}</section>", self.comparisons(samples), self.figures(samples));
        html
    }

    fn plot(&self, samples: &Samples, service: Service, peers: &[&str]) -> Plot {
        let here = |run: &Run| run.service == service && self.holds(run);
        let series = |server: String| {
            let run = |load: Load| Run { service, cores: self.cores, load, server: server.clone() };
            let point = |load: &Load| {
                let spread = samples.spread(&run(*load), self.metric)?;
                Some((place(*load), spread, samples.starved(&run(*load)) > 0))
            };
            Series {
                look: style::look(&server, peers),
                points: self.loads.iter().filter_map(point).collect(),
                name: server.clone(),
            }
        };
        let (words, tick): (_, fn(f64) -> String) = match self.metric {
            Metric::Throughput => ("replies a second", units::short),
            Metric::Middle | Metric::P99 | Metric::Worst => ("p99", units::time),
            Metric::Cpu => ("CPU a request", units::time),
            Metric::Switches => ("switches a request", units::number),
            Metric::Resident => ("memory", units::memory),
        };
        let logarithmic = matches!(self.metric, Metric::P99 | Metric::Resident);
        Plot {
            title: format!("{}: {words}", service.title()),
            x: Axis { label: self.x, logarithmic: true, tick: units::short, places: Vec::new() },
            y: Axis { label: words, logarithmic, tick, places: Vec::new() },
            series: samples.servers(here).into_iter().map(series).collect(),
            joined: true,
        }
    }

    /// What one should conclude.
    fn conclusions(&self, samples: &Samples) -> Vec<String> {
        let summary =
            |other| words::summary(samples, self.cores, &self.loads, (DRIVERS[0], other), self.metric);
        let mut sentences: Vec<String> = others(samples).into_iter().filter_map(summary).collect();
        if matches!(self.loads.first(), Some(Load::Open { .. })) {
            sentences.extend(
                Service::ALL.into_iter().filter_map(|service| words::kept_up(samples, service, &self.loads)),
            );
        }
        if matches!(self.metric, Metric::Throughput | Metric::P99) {
            sentences.extend(words::starved(samples, |run| self.holds(run)));
        }
        if self.metric == Metric::Throughput {
            sentences.extend(words::client_limit(samples, |run| self.holds(run)));
        }
        sentences
    }

    /// Every comparison with its factors.
    fn comparisons(&self, samples: &Samples) -> String {
        let mut html =
            String::from("<details>\n<summary>Each comparison, with its factors</summary>\n<ul>\n");
        for service in Service::ALL {
            for other in others(samples) {
                let pair = Pair { service, cores: self.cores, a: DRIVERS[0], b: other };
                if let Some(sentence) = pair.verdict(samples, &self.loads, self.metric) {
                    let _ = writeln!(html, "<li>{}</li>", escape(&sentence));
                }
            }
        }
        html.push_str("</ul>\n</details>\n");
        html
    }

    /// The same figures as a table, for those who want them exactly or can't see the plots.
    fn figures(&self, samples: &Samples) -> String {
        let mut html = String::from(
            "<details>\n<summary>The figures: medians, with the range over the rounds</summary>\n",
        );
        let write = match self.metric {
            Metric::Throughput => units::rate,
            Metric::Middle | Metric::P99 | Metric::Worst | Metric::Cpu => units::time,
            Metric::Switches => units::number,
            Metric::Resident => units::memory,
        };
        for service in Service::ALL {
            let servers = samples.servers(|run| run.service == service && self.holds(run));
            if servers.is_empty() {
                continue;
            }
            let _ = write!(
                html,
                "<div class=\"scroll\"><table>\n<caption>{}</caption>\n<tr><th></th>",
                service.title()
            );
            for server in &servers {
                let _ = write!(html, "<th>{}</th>", escape(server));
            }
            html.push_str("</tr>\n");
            for &load in &self.loads {
                let _ = write!(html, "<tr><th>{}</th>", words::load(load));
                for server in &servers {
                    let run = Run { service, cores: self.cores, load, server: server.clone() };
                    html.push_str(&match samples.spread(&run, self.metric) {
                        Some(s) => format!(
                            "<td>{}<small>{}–{}</small></td>",
                            write(s.median),
                            write(s.low),
                            write(s.high)
                        ),
                        None => "<td>–</td>".to_owned(),
                    });
                }
                html.push_str("</tr>\n");
            }
            html.push_str("</table></div>\n");
        }
        html.push_str("</details>\n");
        html
    }
}

/// Where a load stands on its axis.
fn place(load: Load) -> f64 {
    match load {
        Load::Closed(count) | Load::Reconnect(count) | Load::Open { rate: count, .. } => count.into(),
        Load::Waiting(_) => 0.0,
    }
}
