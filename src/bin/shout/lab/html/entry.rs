//! What the index says of a page: one of this run, or one that was in the directory before.

use super::file_of;
use crate::lab::catalogue;
use crate::lab::experiment::Experiment;
use crate::lab::outcome::Outcome;
use crate::lab::verdict::Mark;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Bytes of a page in which its note must stand. It is in the first few lines.
const HEAD: u64 = 2048;

/// What a page begins its note with.
const NOTE: &str = "<meta name=\"shout-lab\" content=\"";

/// A page of the site.
pub struct Entry {
    /// Its experiment.
    pub experiment: &'static Experiment,
    /// Its verdict.
    pub mark: Mark,
    /// How many packets were captured and how long it took, if the page tells.
    pub size: Option<(usize, Duration)>,
}

impl Entry {
    /// All pages that there are when those of `outcomes` are written, in the order of the catalogue.
    pub fn all(directory: &Path, outcomes: &[Outcome]) -> Vec<Entry> {
        let entry = |experiment: &'static Experiment| {
            let own = outcomes.iter().find(|outcome| outcome.experiment.name == experiment.name);
            own.map(Entry::of).or_else(|| Entry::read(directory, experiment))
        };
        catalogue::all().into_iter().filter_map(entry).collect()
    }

    fn of(outcome: &Outcome) -> Entry {
        let size = Some((outcome.packets().len(), outcome.took));
        Entry { experiment: outcome.experiment, mark: outcome.mark(), size }
    }

    /// The note that a page carries for later runs.
    pub fn note(outcome: &Outcome) -> String {
        let (packets, took) = (outcome.packets().len(), outcome.took.as_micros());
        format!("{NOTE}{packets} {took} {}\">\n", outcome.mark().word())
    }

    /// The page of an experiment in a directory, if there is one. What its note can't tell is left open.
    fn read(directory: &Path, experiment: &'static Experiment) -> Option<Entry> {
        let path = directory.join(file_of(experiment.name));
        if !path.is_file() {
            return None;
        }
        let mut head = Vec::new();
        File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
        let head = String::from_utf8_lossy(&head);
        let note = head.split(NOTE).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let mut words = note.splitn(3, ' ');
        let packets = words.next().and_then(|word| word.parse().ok());
        let took = words.next().and_then(|word| word.parse().ok()).map(Duration::from_micros);
        let word = words.next().unwrap_or_default();
        let mark = [Mark::Yes, Mark::No].into_iter().find(|mark| mark.word() == word).unwrap_or(Mark::Unseen);
        Some(Entry { experiment, mark, size: packets.zip(took) })
    }
}
