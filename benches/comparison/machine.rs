//! Where it was measured, with what, and how quiet it was. A figure without these is a rumour.

use crate::cores;
use crate::peers;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::{Instant, SystemTime};

/// The part of a core that others may use before the figures are to be distrusted.
const NOISE: f64 = 0.1;

/// What there is to say: names and values, in order.
pub struct Machine {
    /// For instance `processor` and its name.
    pub facts: Vec<(String, String)>,
}

impl Machine {
    /// Of this machine, now, with the versions of the peers that take part.
    pub fn here(peers: &[&str]) -> Machine {
        let mut facts = Vec::new();
        let mut fact = |name: &str, value: Option<String>| {
            facts.push((name.to_owned(), value.unwrap_or_else(|| "unknown".to_owned())));
        };
        fact("processor", field("/proc/cpuinfo", "model name"));
        fact("cores", Some(cores::usable().len().to_string()));
        let memory =
            field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        fact("memory", memory.map(|kib| format!("{:.1} GiB", kib / 1024.0 / 1024.0)));
        fact(
            "kernel",
            fs::read_to_string("/proc/sys/kernel/osrelease")
                .ok()
                .map(|text| format!("Linux {}", text.trim())),
        );
        fact("descriptors a process may open", Some(descriptors().to_string()));
        fact("date", Some(httpdate::fmt_http_date(SystemTime::now())));
        fact("shoutd", Some(env!("CARGO_PKG_VERSION").to_owned()));
        fact("source", said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]));
        fact("compiler", said("rustc", &["--version"]));
        for peer in peers {
            fact(peer, peers::version(peer));
        }
        Machine { facts }
    }

    /// Adds how quiet it was. Returns a warning if it was not.
    pub fn note(&mut self, quiet: &Quiet) -> Option<String> {
        let (others, stolen) = quiet.others();
        let words =
            format!("{:.0} % of a core; {:.1} % withheld by the hypervisor", others * 100.0, stolen * 100.0);
        self.facts.push(("used by others meanwhile".to_owned(), words));
        let is_noisy = others > NOISE || stolen > NOISE;
        is_noisy.then(|| {
            format!(
                "This machine was not quiet: others used {:.0} % of a core meanwhile, and {:.0} % were withheld by the \
                 hypervisor. Distrust these figures, and measure again when it is.",
                others * 100.0,
                stolen * 100.0
            )
        })
    }

    /// As an object.
    pub fn to_json(&self) -> Value {
        self.facts
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// Descriptors that a process may open once it has raised its limit.
pub fn descriptors() -> u32 {
    getrlimit(Resource::Nofile).maximum.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(u32::MAX)
}

/// Raises this process's limit as far as it goes. Children inherit it.
pub fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // If that fails there are fewer, which whoever needs them will say.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The first value of a field in a file of lines `name: value`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Measures how much of the processor others use meanwhile.
pub struct Quiet {
    start: Instant,
    busy: f64,
    stolen: f64,
    own: f64,
}

impl Quiet {
    /// From now on.
    pub fn start() -> Quiet {
        let (busy, stolen) = system();
        Quiet { start: Instant::now(), busy, stolen, own: own() }
    }

    /// What others have used of one core since, and what the hypervisor has withheld, as parts of 1. Only what has been run and
    /// waited for counts as ours, so ask when no child is left.
    pub fn others(&self) -> (f64, f64) {
        let (busy, stolen) = system();
        let seconds = self.start.elapsed().as_secs_f64().max(0.01);
        let others = (busy - self.busy) - (own() - self.own);
        ((others / seconds).max(0.0), ((stolen - self.stolen) / seconds).max(0.0))
    }
}

/// Seconds that all cores together were busy, and seconds withheld from them (`proc_stat(5)`).
fn system() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<f64> =
        text.lines().next().unwrap_or_default().split(' ').filter_map(|part| part.parse().ok()).collect();
    let [user, nice, system, _idle, _waiting, interrupts, soft, stolen, ..] = numbers[..] else {
        return (0.0, 0.0);
    };
    ((user + nice + system + interrupts + soft) / ticks(), stolen / ticks())
}

/// Seconds of this process and of its children that have ended (`proc_pid_stat(5)`).
fn own() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let fields = after.split_ascii_whitespace().skip(11).take(4);
    fields.filter_map(|part| part.parse::<f64>().ok()).sum::<f64>() / ticks()
}

/// Clock ticks a second, the unit of those files.
fn ticks() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}
