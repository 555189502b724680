//! `shout lab`: every experiment by one command, with the packets that really crossed.
//!
//! The [`catalogue`] has the experiments: what is served, what the client does, which packets are
//! [predicted](prediction). An [`outcome`] is one run: the [`stage`] with its servers in this process, the
//! capture, and the [`verdict`], row by row. [`report`] tells it on a terminal, as Markdown or as JSON,
//! [`html`] as pages.

pub mod browser;
pub mod catalogue;
pub mod code_path;
pub mod events;
pub mod experiment;
pub mod facts;
pub mod files;
pub mod html;
pub mod options;
pub mod outcome;
pub mod prediction;
pub mod report;
pub mod serves;
pub mod stage;
pub mod story;
pub mod transfer;
pub mod verdict;
mod waiting;

use crate::output::{self, say};
use experiment::Experiment;
use options::Lab;
use outcome::{Outcome, Sight};
use serves::Change;
use shoutd::trouble::{Trouble, plain};
use shoutd::wire::capture::{Capture, Ports};
use shoutd::wire::pcapng;
use shoutd::wire::style::Style;
use shoutd::wire::{namespace, packet::Packet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Duration;
use verdict::Mark;
use waiting::Waiting;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything was as predicted.
    Done,
    /// Something was not.
    Failed,
    /// There is no such experiment.
    Usage,
}

/// Does what the command line says. To be called before any thread is started: the network of its own that
/// it makes is the process's.
pub fn run(options: &Lab) -> Result<End, Trouble> {
    let Some(name) = &options.name else {
        print(&report::terminal::list())?;
        return Ok(End::Done);
    };
    let experiments = match name.as_str() {
        "all" => catalogue::all(),
        name => match catalogue::named(name) {
            Some(experiment) => vec![experiment],
            None => {
                let short: String = name.chars().take(60).collect();
                let nearest = catalogue::nearest(name).map(|name| format!("; the nearest is {name}"));
                say(format_args!(
                    "shout: there is no experiment {short:?}{}\n  `shout lab` lists them all.",
                    nearest.unwrap_or_default()
                ));
                return Ok(End::Usage);
            }
        },
    };
    let change = options.server.clone().unwrap_or_default();
    if let [experiment] = experiments[..]
        && !change.applies_to(experiment.serves)
    {
        say(format_args!(
            "shout: the server of {name} has no such option\n  It is: {}",
            experiment.server(&Change::default())
        ));
        return Ok(End::Usage);
    }
    let sight = look();
    if let Sight::None(why) = &sight {
        say(why);
    }
    if options.trace || options.html.is_some() {
        story::listen();
    }
    // What can't be written is better known before the packets are there than after.
    let pcap = options.pcap.as_deref().map(|path| Ok((path, create(path, &sight)?))).transpose()?;
    options.html.as_deref().map(html::make).transpose()?;
    let (outcomes, tried) = run_all(&experiments, &sight, &change, options)?;
    if let Some((path, file)) = pcap {
        write_pcap(path, file, &outcomes)?;
    }
    if let Some(directory) = &options.html {
        html::write(directory, &outcomes, options.to_scale)?;
        say(format_args!("the pages are in {}: open its index.html", directory.display()));
    }
    let agrees = outcomes.len() == tried && outcomes.iter().all(Outcome::agrees);
    Ok(if agrees { End::Done } else { End::Failed })
}

/// Runs the experiments one after the other, and tells of each as it ends; those that nobody would read of any more
/// are left out. Returns what came of those that could be run, and how many were tried.
fn run_all(
    experiments: &[&'static Experiment],
    sight: &Sight,
    change: &Change,
    options: &Lab,
) -> Result<(Vec<Outcome>, usize), Trouble> {
    let style = Style::of_stdout(options.all);
    let many = experiments.len() > 1;
    let (mut outcomes, mut tried) = (Vec::new(), 0);
    // Files are still wanted where nobody reads what is printed.
    let keeps = options.pcap.is_some() || options.html.is_some();
    for experiment in experiments {
        if !many && !options.json && !options.markdown {
            print(&report::terminal::prediction(experiment, change, &style))?;
        }
        tried += 1;
        let waiting = Waiting::begin(experiment, change);
        let result = Outcome::of(experiment, sight, change);
        waiting.end();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(trouble) if many => {
                say(format_args!("shout: {}: {trouble}", experiment.name));
                continue;
            }
            Err(trouble) => return Err(trouble),
        };
        let text = if options.json {
            format!("{}\n", report::json::of(&outcome, options.trace))
        } else if options.markdown {
            report::markdown::of(&outcome, options.trace, options.all)
        } else if many {
            report::terminal::line(&outcome)
        } else {
            report::terminal::of(&outcome, options.trace, &style)
        };
        let is_read = print(&text)?;
        outcomes.push(outcome);
        if !is_read && !keeps {
            break;
        }
    }
    if many && !options.json && !options.markdown {
        print(&report::terminal::summary(&outcomes, tried))?;
    }
    Ok((outcomes, tried))
}

/// Finds out where packets can be seen: in a network of our own, or at least here.
fn look() -> Sight {
    let Err(trouble) = namespace::enter() else { return Sight::Own };
    // Where the namespace is refused, the privilege to capture may still be there.
    match Capture::start(Ports::Only(Vec::new())).and_then(Capture::finish) {
        Ok(_) => Sight::Shared,
        Err(_) => Sight::None(trouble.to_string()),
    }
}

/// Makes the file that the packets are to be written to.
fn create(path: &Path, sight: &Sight) -> Result<File, Trouble> {
    if let Sight::None(_) = sight {
        let what = format!("there will be no packets to write to {}", path.display());
        return Err(Trouble::new(what, "Without --pcap the experiments are run all the same."));
    }
    File::create(path).map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("can't write {}: {}", path.display(), plain(error)), "")
}

/// Writes all packets of all runs, one run behind the other, as they were in time.
fn write_pcap(path: &Path, file: File, outcomes: &[Outcome]) -> Result<(), Trouble> {
    let captures = || outcomes.iter().filter_map(|outcome| outcome.captured.as_ref());
    let Some(began) = captures().map(|captured| captured.began).min() else { return Ok(()) };
    let mut packets: Vec<Packet> = Vec::new();
    for captured in captures() {
        let later = captured.began.duration_since(began).unwrap_or(Duration::ZERO);
        packets.extend(captured.packets.iter().cloned().map(|mut packet| {
            packet.time += later;
            packet
        }));
    }
    let words: Vec<String> = outcomes.iter().flat_map(|outcome| outcome.words.clone()).collect();
    pcapng::write(&mut BufWriter::new(file), &packets, &words, began).map_err(|error| unwritten(path, &error))
}

/// Prints on standard output, and returns whether somebody reads it. A reader who has gone has seen enough (`| head`):
/// whether the prediction holds is told by the exit status all the same.
fn print(text: &str) -> Result<bool, Trouble> {
    match output::write(text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(trouble) if trouble.is_no_failure() => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

/// How many of the outcomes have this mark.
pub(crate) fn count(outcomes: &[Outcome], mark: Mark) -> usize {
    outcomes.iter().filter(|outcome| outcome.mark() == mark).count()
}
