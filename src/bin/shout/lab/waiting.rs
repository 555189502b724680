//! What a terminal shows while an experiment runs: that it waits on purpose, and since when.

use super::experiment::Experiment;
use super::serves::Change;
use indicatif::{ProgressBar, ProgressStyle};
use shoutd::units::seconds;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Between two changes of the line.
const EVERY: Duration = Duration::from_millis(200);

/// The line, if there is a terminal.
pub struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Shows it on standard error, if that is a terminal.
    pub fn begin(experiment: &Experiment, change: &Change) -> Waiting {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            let waits = experiment.waits(change);
            let on_purpose = if waits.is_zero() {
                String::new()
            } else {
                format!(", and waits {} at least", seconds(waits))
            };
            bar.set_message(format!("{} runs{on_purpose}:", experiment.name));
            bar.enable_steady_tick(EVERY);
            bar
        });
        Waiting(bar)
    }

    /// Takes it away.
    pub fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
