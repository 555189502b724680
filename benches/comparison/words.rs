//! What one should conclude, in words. Every sentence with a figure is computed from the samples; where the
//! rounds disagree, or there is only one, there is no figure, and that is said: see [`Finding`].

use crate::runs::{Beside, Cores, Load, Run, Service};
use crate::samples::{Metric, Samples};
use crate::statistics::{Finding, Ratio};
use crate::units;

/// The part of an offered rate that must be answered for a server to have kept up in a round.
const KEPT_UP: f64 = 0.97;

/// A server in a sentence.
pub fn name(server: &str) -> &str {
    match server {
        "loop" => "the loop",
        "pool" => "the pool",
        "one" => "one at a time",
        other => other,
    }
}

/// A load in a sentence.
pub fn load(load: Load) -> String {
    let of = |count: u32, what: &str| {
        format!("{} {what}{}", units::count(count.into()), if count == 1 { "" } else { "s" })
    };
    match load {
        Load::Closed(connections) => of(connections, "connection"),
        Load::Reconnect(clients) => of(clients, "client"),
        Load::Open { rate, .. } => format!("{} a second", of(rate, "request")),
        Load::Waiting(Beside::Nothing) => "nothing else going on".to_owned(),
        Load::Waiting(Beside::SlowClients(clients)) => of(clients, "slow client"),
        Load::Waiting(Beside::ColdFiles(clients)) => of(clients, "reader") + " of cold files",
        Load::Waiting(Beside::SlowDisk { reads, .. }) => {
            format!("a disk of {}", of(reads, "read") + " a second")
        }
    }
}

/// Two servers of one service on the same cores.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// What they serve.
    pub service: Service,
    /// Where.
    pub cores: Cores,
    /// The one.
    pub a: &'a str,
    /// The other.
    pub b: &'a str,
}

impl Pair<'_> {
    fn run(&self, server: &str, load: Load) -> Run {
        Run { service: self.service, cores: self.cores, load, server: server.to_owned() }
    }

    /// The figure of `a` compared with that of `b`. `None` where one has none, or its figure would mislead: who
    /// is never answered has no wait that could be counted.
    pub fn ratio(&self, samples: &Samples, load: Load, metric: Metric) -> Option<Ratio> {
        let (a, b) = (self.run(self.a, load), self.run(self.b, load));
        if samples.starved(&a) > 0 || samples.starved(&b) > 0 {
            return None;
        }
        samples.ratio(&a, &b, metric)
    }

    /// How the two compare at each of some loads: one sentence, or none if there is nothing to compare.
    pub fn verdict(&self, samples: &Samples, loads: &[Load], metric: Metric) -> Option<String> {
        let (mut more, mut less) = (Vec::new(), Vec::new());
        let (mut even, mut apart, mut single) = (Vec::new(), Vec::new(), Vec::new());
        for &at in loads {
            let Some(ratio) = self.ratio(samples, at, metric) else { continue };
            match ratio.finding() {
                Finding::More => more.push((at, ratio)),
                Finding::Less => less.push((at, ratio.inverse())),
                Finding::Even => even.push(load(at)),
                Finding::Disagreement => apart.push(format!("{} ({})", load(at), range(&ratio))),
                Finding::Single => single.push(load(at)),
            }
        }
        let mut parts = Vec::new();
        for (larger, smaller, found) in [(self.a, self.b, more), (self.b, self.a, less)] {
            if !found.is_empty() {
                let places: Vec<String> = found.iter().map(|(at, ratio)| times(ratio, *at)).collect();
                parts.push(format!("{}: {}", claim(metric, larger, smaller), list(&places)));
            }
        }
        let between = format!("between {} and {}", name(self.a), name(self.b));
        if !even.is_empty() {
            parts.push(format!("no clear difference {between} at {}", list(&even)));
        }
        if !apart.is_empty() {
            let what = quotient(metric, self.a, self.b);
            parts.push(format!("no result, as the rounds disagree on {what}, at {}", list(&apart)));
        }
        if !single.is_empty() {
            parts.push(format!("no result {between}, as there is only one round, at {}", list(&single)));
        }
        (!parts.is_empty()).then(|| format!("{}: {}.", self.service.title(), parts.join("; ")))
    }
}

/// A factor, where, and its range.
fn times(ratio: &Ratio, at: Load) -> String {
    format!("{} at {} ({})", by(ratio), load(at), range(ratio))
}

/// By which factor, as far as the rounds agree.
fn by(ratio: &Ratio) -> String {
    if ratio.is_agreed() {
        format!("{} times", factor(ratio.factor))
    } else {
        format!("at least {} times", factor(ratio.low))
    }
}

fn range(ratio: &Ratio) -> String {
    format!("{}–{}", factor(ratio.low), factor(ratio.high))
}

fn factor(value: f64) -> String {
    if (0.1..10.0).contains(&value) { format!("{value:.2}") } else { units::number(value) }
}

/// What is divided, in a sentence.
fn quotient(metric: Metric, a: &str, b: &str) -> String {
    let what = match metric {
        Metric::Throughput => "the replies a second",
        Metric::Middle => "the median wait",
        Metric::P99 => "the p99",
        Metric::Worst => "the longest wait",
        Metric::Cpu => "the CPU for a request",
        Metric::Switches => "the switches a request",
        Metric::Resident => "the memory",
    };
    format!("{what} with {} divided by that with {}", name(a), name(b))
}

fn claim(metric: Metric, larger: &str, smaller: &str) -> String {
    let (larger, smaller) = (name(larger), name(smaller));
    match metric {
        Metric::Throughput => format!("{larger} answered more than {smaller}"),
        Metric::Middle => format!("the median wait was longer with {larger} than with {smaller}"),
        Metric::P99 => format!("the p99 was longer with {larger} than with {smaller}"),
        Metric::Worst => format!("the longest wait was longer with {larger} than with {smaller}"),
        Metric::Cpu => format!("{larger} took more CPU for a request than {smaller}"),
        Metric::Switches => format!("{larger} switched more often than {smaller}"),
        Metric::Resident => format!("{larger} occupied more memory than {smaller}"),
    }
}

/// How two servers compare over all services and some loads: one sentence, or none if there is nothing to
/// compare. Each side's largest factor is named.
pub fn summary(
    samples: &Samples,
    cores: Cores,
    loads: &[Load],
    (a, b): (&str, &str),
    metric: Metric,
) -> Option<String> {
    let (mut more, mut less) = (Vec::new(), Vec::new());
    let [mut all, mut even, mut apart, mut single] = [0; 4];
    for service in Service::ALL {
        for &at in loads {
            let Some(ratio) = (Pair { service, cores, a, b }).ratio(samples, at, metric) else { continue };
            all += 1;
            match ratio.finding() {
                Finding::More => more.push((ratio, service, at)),
                Finding::Less => less.push((ratio.inverse(), service, at)),
                Finding::Even => even += 1,
                Finding::Disagreement => apart += 1,
                Finding::Single => single += 1,
            }
        }
    }
    let mut parts = Vec::new();
    for (larger, smaller, found) in [(a, b, &more), (b, a, &less)] {
        let sure = |ratio: &Ratio| if ratio.is_agreed() { ratio.factor } else { ratio.low };
        let most = found.iter().max_by(|one, other| sure(&one.0).total_cmp(&sure(&other.0)));
        if let Some((most, service, at)) = most {
            parts.push(format!(
                "{} in {} of {all} comparisons, most in {}, {}: {}",
                claim(metric, larger, smaller),
                found.len(),
                service.title(),
                load(*at),
                by(most)
            ));
        }
    }
    let mut is_first = parts.is_empty();
    for (number, what) in [
        (even, "there was no clear difference"),
        (apart, "the rounds disagree, which is no result"),
        (single, "there is only one round, which is no result"),
    ] {
        if number > 0 {
            let of = if is_first {
                format!(" of {all} comparisons between {} and {}", name(a), name(b))
            } else {
                String::new()
            };
            parts.push(format!("in {number}{of} {what}"));
            is_first = false;
        }
    }
    (all > 0).then(|| sentence(&parts.join("; ")))
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// `a, b and c`.
pub fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Who was not answered, by server: the sentence that belongs under a plot with hollow marks.
pub fn starved(samples: &Samples, which: impl Fn(&Run) -> bool) -> Option<String> {
    let mut servers = Vec::new();
    for server in samples.servers(&which) {
        let mut cases = Vec::new();
        for run in samples.runs().into_iter().filter(|run| run.server == server && which(run)) {
            let (Load::Closed(connections), starved) = (run.load, samples.starved(&run)) else { continue };
            if starved > 0 {
                let (some, all) = (units::count(starved.into()), units::count(connections.into()));
                cases.push(format!("{some} of {all} ({})", run.service.title()));
            }
        }
        if !cases.is_empty() {
            servers.push(format!("with {} {}", name(&server), list(&cases)));
        }
    }
    (!servers.is_empty()).then(|| {
        format!(
            "Hollow marks: some connections had waited for more than half of the run when it ended, {}. Those waits are \
             in no p99, as nobody knows their end.",
            servers.join("; ")
        )
    })
}

/// In which rounds a server kept up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Always,
    Sometimes,
    Never,
}

/// How far each server kept up with the offered rates of a service.
pub fn kept_up(samples: &Samples, service: Service, rates: &[Load]) -> Option<String> {
    let mut parts = Vec::new();
    for server in samples.servers(|run| run.service == service && rates.contains(&run.load)) {
        let keeps = |at: &Load| {
            let Load::Open { rate, .. } = *at else { return None };
            let run = Run { service, cores: Cores::One, load: *at, server: server.clone() };
            let answered = samples.spread(&run, Metric::Throughput)?;
            let enough = f64::from(rate) * KEPT_UP;
            let kept = match (answered.low >= enough, answered.high >= enough) {
                (true, _) => Kept::Always,
                (false, true) => Kept::Sometimes,
                (false, false) => Kept::Never,
            };
            Some((rate, kept))
        };
        let tried: Vec<(u32, Kept)> = rates.iter().filter_map(keeps).collect();
        let kept = tried.iter().take_while(|(_, kept)| *kept == Kept::Always).count();
        let (most, next) = (tried[..kept].last(), tried.get(kept));
        let rate = |rate: &u32| format!("{} a second", units::count((*rate).into()));
        let server = name(&server);
        parts.extend(match (most, next) {
            (Some((most, _)), None) => {
                Some(format!("{server} kept up with {}, the most that was offered", rate(most)))
            }
            (Some((most, _)), Some((next, Kept::Sometimes))) => {
                let most = rate(most);
                Some(format!("{server} kept up with {most} (with {} not in every round)", rate(next)))
            }
            (Some((most, _)), Some(_)) => Some(format!("{server} kept up with {}", rate(most))),
            (None, Some((next, Kept::Sometimes))) => {
                Some(format!("{server} did not keep up with {} in every round", rate(next)))
            }
            (None, Some((next, _))) => Some(format!("{server} didn't keep up with {}", rate(next))),
            (None, None) => None,
        });
    }
    (!parts.is_empty()).then(|| format!("{}: {}.", service.title(), list(&parts)))
}

/// In how many samples the load generator was the limit, not the server.
pub fn client_limit(samples: &Samples, which: impl Fn(&Run) -> bool) -> Option<String> {
    let mut limited = 0;
    let mut all = 0;
    for figures in
        samples.0.iter().filter(|sample| which(&sample.run)).filter_map(|sample| sample.outcome.as_ref().ok())
    {
        all += 1;
        limited += u32::from(figures.client_limit);
    }
    (limited > 0).then(|| {
        format!(
            "In {limited} of these {all} samples the load generator itself was probably the limit: there the server \
             could have answered more, and CPU per request is the figure to compare."
        )
    })
}
