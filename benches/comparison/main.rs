//! `cargo bench`: the event loop beside threads, with figures to trust.
//!
//! The same sessions, the same site, the same limits; only the driver differs. Each sample has a fresh
//! server of its own as a process, and a load generator that verifies every reply. The end is a table, and
//! a page with plots in `target/comparison/`.
//!
//! | file | what |
//! | --- | --- |
//! | [`plan`] | what is run, in which order |
//! | [`runner`], [`server`], [`peers`], [`load`], [`scenarios`] | running it |
//! | [`child`], [`cores`], [`folder`], [`machine`] | processes, pinning, files, and where all this happens |
//! | [`runs`], [`samples`], [`statistics`] | what came of it |
//! | [`table`], [`short`], [`page`], [`words`], [`wins`] | how it is told |

mod child;
mod cores;
#[path = "../drivers/mod.rs"]
mod drivers;
mod folder;
mod load;
mod machine;
mod page;
mod peers;
mod plan;
mod runner;
mod runs;
mod samples;
mod scenarios;
#[path = "../drivers/serve.rs"]
mod serve;
mod server;
mod short;
mod statistics;
mod table;
mod units;
mod wins;
mod words;

use machine::{Machine, Quiet};
use page::About;
use plan::{Means, Plan};
use scenarios::slow_disk::SlowDisk;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const USAGE: &str = "\
Compares the event loop with threads, a pool, one client at a time, and other servers on the PATH.

cargo bench                   everything, some minutes
cargo bench -- --quick        the same in little, within about a minute
cargo bench -- --only TEXT    only runs whose description contains TEXT, such as 'http loop'; may be
                              repeated. The page goes to part/
cargo bench -- --list         what would be run

cargo bench -- serve threads|pool|one [OPTION]...
                              only starts the server with that driver; the options are those of shoutd";

/// What the command line says.
#[derive(Default)]
struct Options {
    quick: bool,
    list: bool,
    only: Vec<String>,
}

fn main() -> ExitCode {
    // cargo adds --bench; without it this was started by `cargo test --benches`, which wants no comparison.
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let mut arguments = arguments.into_iter().filter(|argument| argument != "--bench").peekable();
    if arguments.peek().is_some_and(|argument| argument == "serve") {
        return serve::run(arguments);
    }
    if !is_bench && arguments.peek().is_none() {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match (argument.to_str(), arguments.peek()) {
            (Some("--quick"), _) => options.quick = true,
            (Some("--list"), _) => options.list = true,
            (Some("--only"), Some(text)) => {
                options.only.push(text.to_string_lossy().into_owned());
                arguments.next();
            }
            (Some("--help" | "-h"), _) => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprintln!("comparison: {argument:?} is not known here\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match compare(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("comparison: {why}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let mut results = results_folder();
    if !options.only.is_empty() {
        // The page of everything is worth more than that of a part.
        results.push("part");
    }
    fs::create_dir_all(&results).map_err(|error| format!("can't make {}: {error}", results.display()))?;
    machine::raise_descriptors();
    let means = Means {
        descriptors: machine::descriptors(),
        cores: u32::try_from(cores::usable().len()).unwrap_or(u32::MAX),
        no_slow_disk: SlowDisk::new(&results, plan::SLOW_READS).err(),
    };
    let peers = peers::installed();
    let mut plan = Plan::new(options.quick, &peers, &means);
    if !options.only.is_empty() {
        plan.runs.retain(|run| options.only.iter().any(|only| run.to_string().contains(only.as_str())));
    }
    if plan.runs.is_empty() {
        return Err("nothing is to be run: --list says what there is".to_owned());
    }
    if options.list {
        plan.runs.iter().for_each(|run| println!("{run}"));
        return Ok(());
    }

    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|error| format!("can't handle signals: {error}"))?;
    }
    let folder = folder::Folder::new(&results, plan::COLD_CLIENTS)
        .map_err(|error| format!("can't write the files that are served: {error}"))?;
    let minutes = plan.estimate().as_secs().div_ceil(60);
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    eprintln!("{} samples, about {minutes} {unit}", plan.len());
    plan.reduced.iter().for_each(|sentence| eprintln!("{sentence}"));
    let mut machine = Machine::here(&peers);
    let quiet = Quiet::start();
    let samples = runner::run(&plan, &folder, &interrupted).ok_or("interrupted; nothing was written")?;
    let warning = machine.note(&quiet);
    if samples.0.iter().all(|sample| sample.outcome.is_err()) {
        let (run, why) = samples.failures().swap_remove(0);
        return Err(format!("nothing could be measured; {run}: {why}"));
    }
    drop(folder);

    print!("{}", table::table(&samples));
    if let Some(warning) = &warning {
        println!("\n{warning}");
    }
    let about = About {
        facts: machine.facts.clone(),
        reduced: plan.reduced.clone(),
        warning,
        rounds: plan.rounds,
        sample: plan.sample,
    };
    let page = page::page(&samples, &about);
    let raw = json!({
        "machine": machine.to_json(),
        "reduced": plan.reduced,
        "samples": samples.to_json(),
    });
    write(&results.join("samples.json"), &format!("{raw:#}\n"))?;
    write(&results.join("short.md"), &short::markdown(&samples))?;
    let path = results.join("index.html");
    write(&path, &page)?;
    println!("\n{}", path.display());
    Ok(())
}

/// Beside the other things that cargo makes: `target/comparison`.
fn results_folder() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary.parent().unwrap_or(temporary).join("comparison")
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("can't write {}: {error}", path.display()))
}
