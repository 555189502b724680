//! The page: one file that needs no network and no script, with the plots in it and under each what one
//! should conclude.

pub mod plots;
mod scenarios;
pub mod style;

use crate::samples::{Cores, DRIVERS, Load, Metric, Run, Samples, Service};
use crate::words::{self, Pair};
use crate::{units, wins};
use plots::{Axis, Plot, Series};
use std::fmt::Write as _;
use std::time::Duration;

/// What there is to know besides the samples.
pub struct About {
    /// Names and values: the machine, the versions, the date.
    pub facts: Vec<(String, String)>,
    /// What had to be reduced, and why: sentences.
    pub reduced: Vec<String>,
    /// How many rounds there were.
    pub rounds: u32,
    /// How long a sample was measured.
    pub sample: Duration,
}

/// The whole page.
pub fn page(samples: &Samples, about: &About) -> String {
    let mut html = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str(
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>shoutd: a loop beside threads</title>\n",
    );
    let _ = write!(html, "<style>{}</style>\n</head>\n<body>\n", style::SHEET);
    html.push_str(
        "<header>\n<h1>A loop beside threads</h1>\n<p class=\"lead\">The same sessions, the same files, the same \
         limits, and four ways to drive them: <b>loop</b>, one thread and one readiness loop, which is shoutd; \
         <b>threads</b>, a thread for each connection; <b>pool</b>, a fixed number of threads, each with one \
         connection at a time; and <b>one</b>, which serves one client after the other.</p>\n",
    );
    let peers = peers(samples);
    html.push_str(&names(samples, &peers));
    html.push_str("</header>\n<main>\n");
    for chapter in chapters(samples) {
        html.push_str(&chapter.html(samples, &peers));
    }
    html.push_str(&scenarios::html(samples));
    html.push_str(&where_threads_win(samples));
    html.push_str(&how(samples, about));
    html.push_str("</main>\n<footer>The raw samples are beside this page, in <a href=\"samples.json\">samples.json</a>.</footer>\n</body>\n</html>\n");
    html
}

/// A question, its plots, and the answer.
struct Chapter {
    title: &'static str,
    /// What the plots show.
    lead: &'static str,
    metric: Metric,
    cores: Cores,
    /// The loads in order.
    loads: Vec<Load>,
    x: &'static str,
    /// What is behind it, whatever the figures.
    why: &'static str,
}

fn chapters(samples: &Samples) -> Vec<Chapter> {
    let all = |wanted: fn(&Run) -> bool| {
        let mut loads: Vec<Load> = samples.runs().into_iter().filter(wanted).map(|run| run.load).collect();
        loads.sort_unstable();
        loads.dedup();
        loads
    };
    let closed = all(|run| run.cores == Cores::One && matches!(run.load, Load::Closed(_)));
    let open = all(|run| matches!(run.load, Load::Open { .. }));
    let reconnect = all(|run| matches!(run.load, Load::Reconnect(_)));
    let everywhere = all(|run| run.cores == Cores::All && matches!(run.load, Load::Closed(_)));
    let on_one = |title, lead, metric, why| Chapter {
        title,
        lead,
        metric,
        cores: Cores::One,
        loads: closed.clone(),
        x: "connections",
        why,
    };
    let mut chapters = vec![
        on_one(
            "Throughput",
            "Verified replies a second. On each connection the next request follows the reply; the server has one core, \
             the load generator another.",
            Metric::Throughput,
            "A thread that has nothing to do sleeps, and waking it costs a switch. The loop asks once who is \
             ready and serves everybody who is, so the more of them are ready, the less it pays for each.",
        ),
        on_one(
            "The wait that one in a hundred exceeds",
            "The 99th percentile of the time from request to reply, in the same runs. With everybody asking all the \
             time most of it is queueing: connections divided by throughput.",
            Metric::P99,
            "What is worth looking at is how far the p99 is above that quotient: it tells how evenly the turns \
             are dealt, by the loop's queue or by the kernel's scheduler.",
        ),
    ];
    if !open.is_empty() {
        chapters.push(Chapter {
            title: "The wait at a fixed rate",
            lead: "The 99th percentile again, but requests come at a rate that doesn't depend on the server, and the wait \
                   counts from when each was due. Nobody slows down because the server does.",
            metric: Metric::P99,
            cores: Cores::One,
            loads: open,
            x: "requests a second, offered",
            why: "Below saturation the wait hardly grows. From where a server can't keep up, its queue gets longer for as \
                  long as the run lasts, and so does every wait.",
        });
    }
    chapters.push(on_one(
        "Memory",
        "Resident memory of the server at the end of the run. Socket buffers are the kernel's and not in it.",
        Metric::Resident,
        "A connection of the loop is a small struct. A thread has a stack, of which a few pages are touched at least, \
         and as much again in the kernel, which isn't counted here.",
    ));
    chapters.push(on_one(
        "CPU for a request",
        "Microseconds of CPU that the server spent, user and system, divided by the replies. It doesn't depend on how busy \
         the load generator was, and is the figure to compare where that was the limit.",
        Metric::Cpu,
        "Nearly all of it is the kernel's: receive, send, and finding out or being told that there is something to \
         receive.",
    ));
    chapters.push(on_one(
        "Switches for a request",
        "How often a thread of the server was taken off its core or left it, divided by the replies.",
        Metric::Switches,
        "One thread that always finds somebody ready has no reason to sleep. A thread for each connection \
         sleeps after each reply.",
    ));
    if !reconnect.is_empty() {
        chapters.push(Chapter {
            title: "A connection for each request",
            lead: "Replies a second where every request opens a connection of its own and closes it, as the labs' first \
                   clients do. Here the server with one client at a time can take part.",
            metric: Metric::Throughput,
            cores: Cores::One,
            loads: reconnect,
            x: "clients",
            why: "Opening and closing in the kernel costs several times what the request does, so the drivers differ less. A new thread \
                  for each connection comes on top of that; the pool has its threads already.",
        });
    }
    if !everywhere.is_empty() {
        chapters.push(Chapter {
            title: "Throughput on all cores",
            lead: "As in the first plots, but nothing is pinned: server and load generator are where the kernel puts them.",
            metric: Metric::Throughput,
            cores: Cores::All,
            loads: everywhere,
            x: "connections",
            why: "Threads can use every core that the load generator leaves, the loop only one.",
        });
    }
    chapters
}

impl Chapter {
    fn holds(&self, run: &Run) -> bool {
        run.cores == self.cores && self.loads.contains(&run.load)
    }

    fn html(&self, samples: &Samples, peers: &[&str]) -> String {
        let mut html =
            format!("<section>\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"plots\">\n", self.title, self.lead);
        for service in Service::ALL {
            let plot = self.plot(samples, service, peers);
            let svg = plots::svg(&plot);
            if !svg.is_empty() {
                let _ = write!(html, "<figure>\n<h3>{}</h3>\n{svg}\n</figure>\n", escape(&plot.title));
            }
        }
        html.push_str("</div>\n<ul>\n");
        for sentence in self.conclusions(samples) {
            let _ = writeln!(html, "<li>{}</li>", escape(&sentence));
        }
        let _ =
            write!(html, "</ul>\n<p class=\"aside\">{}</p>\n{}</section>\n", self.why, self.figures(samples));
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

    fn conclusions(&self, samples: &Samples) -> Vec<String> {
        let mut sentences = Vec::new();
        for service in Service::ALL {
            for other in &DRIVERS[1..] {
                let pair = Pair { service, cores: self.cores, a: DRIVERS[0], b: other };
                sentences.extend(pair.verdict(samples, &self.loads, self.metric));
            }
            for peer in peers(samples) {
                let pair = Pair { service, cores: self.cores, a: DRIVERS[0], b: peer };
                sentences.extend(pair.verdict(samples, &self.loads, self.metric));
            }
            if matches!(self.loads.first(), Some(Load::Open { .. })) {
                sentences.extend(words::kept_up(samples, service, &self.loads));
            }
        }
        if matches!(self.metric, Metric::Throughput | Metric::P99) {
            sentences.extend(words::starved(samples, |run| self.holds(run)));
        }
        if self.metric == Metric::Throughput {
            sentences.extend(words::client_limit(samples, |run| self.holds(run)));
        }
        sentences
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

/// The servers of others that took part, in order.
fn peers(samples: &Samples) -> Vec<&str> {
    let mut peers: Vec<&str> = samples.0.iter().map(|sample| sample.run.server.as_str()).collect();
    peers.retain(|server| !DRIVERS.contains(server));
    peers.sort_unstable();
    peers.dedup();
    peers
}

/// How each server looks in the plots.
fn names(samples: &Samples, peers: &[&str]) -> String {
    let mut html = String::from("<ul class=\"names\">\n");
    for server in samples.servers(|_| true) {
        let _ = writeln!(html, "<li>{}{}</li>", plots::key(style::look(&server, peers)), escape(&server));
    }
    html.push_str("</ul>\n");
    html
}

fn where_threads_win(samples: &Samples) -> String {
    let mut html = String::from(
        "<section>\n<h2>Where threads win</h2>\n<p>Looked for in every sample of threads and of the pool; what was found \
         is listed with its factors.</p>\n",
    );
    for place in wins::places(samples).into_iter().filter(|place| place.was_run) {
        let _ = write!(html, "<h3>{}</h3>\n<p class=\"aside\">{}</p>\n<ul>\n", place.title, place.why);
        if place.found.is_empty() {
            html.push_str("<li>In these samples they were nowhere clearly ahead here.</li>\n");
        }
        for sentence in place.found {
            let _ = writeln!(html, "<li>{}</li>", escape(&sentence));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</section>\n");
    html
}

fn how(samples: &Samples, about: &About) -> String {
    let mut html = format!(
        "<section>\n<h2>How it was measured</h2>\n<p>In {} rounds, each beginning with another server, every sample with \
         a server process of its own, measured for {} ms after warming up. Every reply was verified, byte for byte. Marks \
         are medians, bars reach from the lowest to the highest round, and factors are medians of quotients within rounds. \
         A difference is called clear where every round shows it, two at least, and its median is 5 % or more. Everything \
         ran over the loopback interface of one machine, so the ratios say more than the figures.</p>\n<dl>\n",
        about.rounds,
        about.sample.as_millis()
    );
    for (name, value) in &about.facts {
        let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    html.push_str("</dl>\n");
    let mut notes: Vec<String> = about.reduced.clone();
    notes.extend(samples.failures().into_iter().map(|(run, why)| format!("No figures for {run}: {why}.")));
    notes.extend(samples.remarks());
    if !notes.is_empty() {
        html.push_str("<h3>Reduced, and failed</h3>\n<ul>\n");
        for note in notes {
            let _ = writeln!(html, "<li>{}</li>", escape(&note));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</section>\n");
    html
}

/// Text that may stand anywhere in a page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
