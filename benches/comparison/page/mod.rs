//! The page: one file that needs no network and no script, with the plots in it and under each what one
//! should conclude.

mod axis;
mod chapter;
mod chapters;
pub mod plots;
mod scenarios;
pub mod style;

use crate::runs::DRIVERS;
use crate::samples::Samples;
use crate::wins;
use shoutd::html::{self, escape};
use std::fmt::Write as _;
use std::time::Duration;

/// What there is to know besides the samples.
pub struct About {
    /// Names and values: the machine, the versions, the date.
    pub facts: Vec<(String, String)>,
    /// What had to be reduced, and why: sentences.
    pub reduced: Vec<String>,
    /// Why the figures are to be distrusted, if they are.
    pub warning: Option<String>,
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
    let _ = write!(html, "<style>{}{}</style>\n</head>\n<body>\n", html::STYLE, style::SHEET);
    html.push_str(
        "<header>\n<h1>A loop beside threads</h1>\n<p class=\"lead\">The same sessions, the same files, the same \
         limits, and four ways to drive them: <b>loop</b>, one thread and one readiness loop, which is shoutd; \
         <b>threads</b>, a thread for each connection; <b>pool</b>, a fixed number of threads, each with one \
         connection at a time; and <b>one</b>, which serves one client after the other. Other web servers take \
         part as they are.</p>\n",
    );
    if let Some(warning) = &about.warning {
        let _ = writeln!(html, "<p class=\"warning\"><b>{}</b></p>", escape(warning));
    }
    let peers = peers(samples);
    html.push_str(&names(samples, &peers));
    html.push_str("</header>\n<main>\n");
    for chapter in chapters::chapters(samples) {
        html.push_str(&chapter.html(samples, &peers));
    }
    html.push_str(&scenarios::html(samples));
    html.push_str(&where_threads_win(samples));
    html.push_str(&how(samples, about));
    html.push_str("</main>\n<footer>The raw samples are beside this page, in <a href=\"samples.json\">samples.json</a>.</footer>\n</body>\n</html>\n");
    html
}

/// Everybody whom the loop is compared with.
fn others(samples: &Samples) -> Vec<&str> {
    DRIVERS[1..].iter().copied().chain(peers(samples)).collect()
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
    html.push_str("</ul>\n<p class=\"aside\">Marks are medians, bars reach from the lowest round to the highest. What is said \
         below a plot is computed from its samples.</p>\n");
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
        if place.undecided > 0 {
            let comparisons = if place.undecided == 1 { "comparison" } else { "comparisons" };
            let _ = writeln!(
                html,
                "<li>{} {comparisons} had no result, as the rounds disagree or there is only one.</li>",
                place.undecided
            );
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
         are medians, bars reach from the lowest to the highest round, and factors are quotients of two medians, with the \
         range of the quotients within rounds. A difference is called clear where every round shows it, two at least, and the \
         factor is 1.05 or more. Rounds whose quotients differ by more than a factor of 2 are no result, unless each of them says 2 or more; then the \
         least of them is given. Everything \
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
