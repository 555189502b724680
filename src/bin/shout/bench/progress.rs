//! The live line on a terminal while a measurement runs.

use super::plan::{End, Plan};
use super::tally::Tally;
use indicatif::{ProgressBar, ProgressStyle};
use shoutd::units::{count, seconds};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Nanoseconds between two changes of the line.
const EVERY: u64 = 200_000_000;

/// The line, if there is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    end: End,
    connections: usize,
    next: u64,
    shown: (u64, u64),
}

impl Progress {
    /// On standard error, if that is a terminal.
    pub fn on_a_terminal(plan: &Plan) -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar
        });
        Progress { bar, ..Progress::none(plan) }
    }

    /// None at all.
    pub fn none(plan: &Plan) -> Progress {
        Progress { bar: None, end: plan.end, connections: plan.connections, next: 0, shown: (0, 0) }
    }

    /// Shows where it stands, now and then. `since` is when measuring began, if it has.
    pub fn show(&mut self, now: u64, since: Option<u64>, tally: &Tally, open: usize) {
        let Some(bar) = &self.bar else { return };
        if now < self.next {
            return;
        }
        let rate = (tally.ever - self.shown.1) as f64 * 1e9 / (now - self.shown.0).max(1) as f64;
        self.next = now + EVERY;
        self.shown = (now, tally.ever);
        if since.is_none() && tally.ever == 0 {
            return bar.set_message(format!("{open} of {} connections", self.connections));
        }
        let place = match (since, self.end) {
            (None, _) => "warming up".to_owned(),
            (Some(since), End::After(duration)) => {
                format!("{:.1} of {} s", now.saturating_sub(since) as f64 / 1e9, duration.as_secs_f64())
            }
            (_, End::Count(all)) => format!("{} of {}", count(tally.operations as f64), count(all as f64)),
        };
        let p99 = Duration::from_nanos(tally.latency.value_at_quantile(0.99));
        let mut line = format!("{place}   {}/s   p99 {}", count(rate), seconds(p99));
        if tally.failures.total() > 0 {
            line += &format!("   {} errors", tally.failures.total());
        }
        if tally.lost > 0 {
            line += &format!("   {} lost", tally.lost);
        }
        bar.set_message(line); // which also draws it
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
