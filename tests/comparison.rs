//! The pure parts of the comparison (`cargo bench`): its plan, its statistics, its sentences and its page,
//! on samples that are made up here and are nobody's result.
#![cfg(feature = "client")]

#[path = "../benches/comparison/plan.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod plan;
#[path = "../benches/comparison/runs.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod runs;
#[path = "../benches/comparison/samples.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod samples;
#[path = "../benches/comparison/statistics.rs"]
mod statistics;
#[path = "../benches/comparison/units.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod units;
#[path = "../benches/comparison/wins.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod wins;
#[path = "../benches/comparison/words.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod words;

use plan::{Means, Plan};
use runs::{Beside, Cores, Load, Run, Service};
use samples::{Figures, Metric, Sample, Samples};
use serde_json::{Value, json};
use statistics::{Finding, Ratio, Spread};
use std::time::Duration;
use words::Pair;

fn run(server: &str, load: Load) -> Run {
    Run { service: Service::Tcp, cores: Cores::One, load, server: server.to_owned() }
}

/// Samples of a run: the throughput of each round, from which everything else follows.
fn rounds(run: &Run, throughputs: &[f64]) -> Vec<Sample> {
    let figures = |throughput: f64| Figures {
        throughput,
        p50: 5e5 / throughput,
        p99: 1e6 / throughput,
        worst: 2e6 / throughput,
        cpu: Some(9e5 / throughput),
        switches: Some(0.5),
        resident: Some(3e6),
        ..Figures::default()
    };
    (1..)
        .zip(throughputs)
        .map(|(round, throughput)| Sample {
            run: run.clone(),
            round,
            outcome: Ok(figures(*throughput)),
            raw: Value::Null,
        })
        .collect()
}

fn samples_of(cases: &[(&str, Load, &[f64])]) -> Samples {
    Samples(
        cases
            .iter()
            .flat_map(|(server, load, throughputs)| rounds(&run(server, *load), throughputs))
            .collect(),
    )
}

fn pair<'a>(a: &'a str, b: &'a str) -> Pair<'a> {
    Pair { service: Service::Tcp, cores: Cores::One, a, b }
}

#[test]
fn the_median_is_the_middle_value_and_the_range_has_both_ends() {
    let odd = Spread::of([30.0, 10.0, 20.0]).unwrap();
    assert_eq!((odd.low, odd.median, odd.high), (10.0, 20.0, 30.0));
    let even = Spread::of([4.0, 1.0, 3.0, 2.0, f64::NAN]).unwrap();
    assert_eq!(even.median, 2.5);
    assert_eq!(Spread::of([]), None);
}

#[test]
fn a_factor_is_a_quotient_of_medians_of_the_rounds_that_both_have() {
    // A machine that is half as fast in the second round.
    let a = [(1, 200.0), (2, 100.0)];
    let b = [(1, 100.0), (2, 50.0), (3, 7.0)];
    let found = Ratio::of(&a, &b).unwrap();
    assert_eq!((found.factor, found.low, found.high, found.rounds), (2.0, 2.0, 2.0, 2));
    assert_eq!(Ratio::of(&a, &[(3, 1.0)]), None);
    assert_eq!(Ratio::of(&a, &[(1, 0.0)]), None, "nothing is infinitely many times as much");
    assert_eq!(Ratio::of(&[(1, 0.0)], &a), None);
}

#[test]
fn a_factor_is_the_same_whichever_is_divided() {
    for (a, b) in [([117.0, 2520.0], [100.0, 1.0]), ([3.0, 4.0], [7.0, 5.0]), ([1.0, 1.0], [1.0, 3.0])] {
        let rounds = |values: [f64; 2]| [(1, values[0]), (2, values[1])];
        let [there, back] = [Ratio::of(&rounds(a), &rounds(b)), Ratio::of(&rounds(b), &rounds(a))];
        let (there, back) = (there.unwrap(), back.unwrap().inverse());
        for (one, other) in [(there.factor, back.factor), (there.low, back.low), (there.high, back.high)] {
            assert!((one / other - 1.0).abs() < 1e-9, "{there:?} {back:?}");
        }
        assert!((there.low..=there.high).contains(&there.factor), "{there:?}");
    }
}

#[test]
fn rounds_that_disagree_are_no_result_and_it_is_said_alike_everywhere() {
    // Within the rounds 1.17 and 2520: a median of quotients is 1260 one way and 2.34 the other.
    let at = Load::Closed(100);
    let samples = samples_of(&[("loop", at, &[117.0, 2520.0]), ("threads", at, &[100.0, 1.0])]);
    let there = pair("loop", "threads").verdict(&samples, &[at], Metric::Throughput).unwrap();
    assert_eq!(
        there,
        "TCP: no result, as the rounds disagree on the replies a second with the loop divided by that with \
         threads, at 100 connections (1.17–2520)."
    );
    let back = pair("threads", "loop").verdict(&samples, &[at], Metric::Cpu).unwrap();
    assert!(back.contains("no result") && back.contains("(1.17–2520)"), "{back}");
    for (a, b) in [("loop", "threads"), ("threads", "loop")] {
        let said = words::summary(&samples, Cores::One, &[at], (a, b), Metric::P99).unwrap();
        assert!(said.starts_with("In 1 of 1 comparisons between ") && said.contains("no result"), "{said}");
        assert!(!said.contains(" times"), "{said}");
    }
    let places = wins::places(&samples);
    let place = places.iter().find(|place| place.was_run).unwrap();
    assert_eq!((place.found.len(), place.undecided), (0, 2), "replies a second, and p99");
}

#[test]
fn rounds_that_agree_on_the_side_and_not_on_the_factor_give_the_least() {
    let at = Load::Closed(100);
    let samples = samples_of(&[("loop", at, &[300.0, 1000.0]), ("threads", at, &[100.0, 100.0])]);
    let said = pair("loop", "threads").verdict(&samples, &[at], Metric::Throughput).unwrap();
    let expected = "the loop answered more than threads: at least 3.00 times at 100 connections (3.00–10)";
    assert!(said.contains(expected), "{said}");
    let back = pair("threads", "loop").verdict(&samples, &[at], Metric::Throughput).unwrap();
    assert_eq!(said, back);
    let said = words::summary(&samples, Cores::One, &[at], ("loop", "threads"), Metric::P99).unwrap();
    assert!(said.contains("most in TCP, 100 connections: at least 3.00 times"), "{said}");
}

#[test]
fn keeping_up_in_one_round_is_not_keeping_up() {
    let at = |rate| Load::Open { connections: 64, rate };
    let rates = [at(1000), at(5000)];
    // The first has a backlog of the warm-up in it: the median of both would be enough.
    let samples = samples_of(&[
        ("loop", rates[0], &[1000.0, 999.0]),
        ("loop", rates[1], &[9000.0, 1500.0]),
        ("pool", rates[0], &[400.0, 1700.0]),
    ]);
    assert_eq!(
        words::kept_up(&samples, Service::Tcp, &rates).unwrap(),
        "TCP: the loop kept up with 1,000 a second (with 5,000 a second not in every round) and the pool \
         did not keep up with 1,000 a second in every round."
    );
}

#[test]
fn one_round_alone_is_no_result_and_not_no_difference() {
    let at = Load::Waiting(Beside::Nothing);
    let samples = samples_of(&[("loop", at, &[100.0]), ("threads", at, &[900.0])]);
    let said = pair("loop", "threads").verdict(&samples, &[at], Metric::Worst).unwrap();
    assert!(said.contains("as there is only one round") && !said.contains("difference"), "{said}");
    assert_eq!(Ratio::of(&[(1, 9.0)], &[(1, 1.0)]).unwrap().finding(), Finding::Single);
}

#[test]
fn a_difference_is_stated_with_its_factor_and_its_range() {
    let at = Load::Closed(100);
    let samples =
        samples_of(&[("loop", at, &[300.0, 200.0, 210.0]), ("threads", at, &[100.0, 100.0, 100.0])]);
    let said = pair("loop", "threads").verdict(&samples, &[at], Metric::Throughput).unwrap();
    assert_eq!(said, "TCP: the loop answered more than threads: 2.10 times at 100 connections (2.00–3.00).");
    let said = pair("loop", "threads").verdict(&samples, &[at], Metric::Cpu).unwrap();
    assert!(said.contains("threads took more CPU for a request than the loop: 2.10 times"), "{said}");
}

#[test]
fn a_difference_that_a_round_contradicts_is_not_called_one() {
    let at = Load::Closed(1);
    let samples = samples_of(&[("loop", at, &[150.0, 150.0, 90.0]), ("threads", at, &[100.0, 100.0, 100.0])]);
    let said = pair("loop", "threads").verdict(&samples, &[at], Metric::Throughput).unwrap();
    assert_eq!(said, "TCP: no clear difference between the loop and threads at 1 connection.");
    let once = samples_of(&[("loop", at, &[150.0]), ("threads", at, &[100.0])]);
    let said = pair("loop", "threads").verdict(&once, &[at], Metric::Throughput).unwrap();
    assert!(said.contains("there is only one round"), "one round proves nothing: {said}");
}

#[test]
fn a_summary_counts_both_sides_and_names_the_largest_factor_of_each() {
    let (few, many, most) = (Load::Closed(1), Load::Closed(100), Load::Closed(1000));
    let samples = samples_of(&[
        ("loop", few, &[100.0, 100.0]),
        ("threads", few, &[120.0, 120.0]),
        ("loop", many, &[200.0, 200.0]),
        ("threads", many, &[100.0, 100.0]),
        ("loop", most, &[300.0, 300.0]),
        ("threads", most, &[100.0, 100.0]),
    ]);
    let said =
        words::summary(&samples, Cores::One, &[few, many, most], ("loop", "threads"), Metric::Throughput)
            .unwrap();
    assert_eq!(
        said,
        "The loop answered more than threads in 2 of 3 comparisons, most in TCP, 1,000 connections: 3.00 times; \
         threads answered more than the loop in 1 of 3 comparisons, most in TCP, 1 connection: 1.20 times."
    );
}

#[test]
fn who_is_never_answered_has_no_wait_to_be_compared() {
    let at = Load::Closed(100);
    let mut samples = samples_of(&[("loop", at, &[100.0, 100.0]), ("one", at, &[300.0, 300.0])]);
    for sample in samples.0.iter_mut().filter(|sample| sample.run.server == "one") {
        sample.outcome.as_mut().unwrap().starved = 99;
    }
    assert_eq!(pair("loop", "one").verdict(&samples, &[at], Metric::P99), None);
    let said = words::starved(&samples, |_| true).unwrap();
    assert!(said.contains("with one at a time 99 of 100 (TCP)") && !said.contains("loop"), "{said}");
    assert_eq!(words::starved(&samples, |run| run.server == "loop"), None);
    let once = samples.0.iter_mut().find(|sample| sample.run.server == "loop").unwrap();
    once.outcome.as_mut().unwrap().starved = 45;
    assert_eq!(
        words::starved(&samples, |run| run.server == "loop"),
        None,
        "one round may have been the machine's"
    );
}

#[test]
fn it_is_told_up_to_which_rate_a_server_kept_up() {
    let at = |rate| Load::Open { connections: 64, rate };
    let rates = [at(1000), at(2000), at(4000)];
    let samples = samples_of(&[
        ("loop", rates[0], &[1000.0]),
        ("loop", rates[1], &[1999.0]),
        ("loop", rates[2], &[3000.0]),
        ("pool", rates[0], &[500.0]),
        ("pool", rates[1], &[2000.0]),
    ]);
    let said = words::kept_up(&samples, Service::Tcp, &rates).unwrap();
    assert_eq!(
        said,
        "TCP: the loop kept up with 2,000 a second and the pool didn't keep up with 1,000 a second."
    );
}

#[test]
fn threads_win_only_where_the_samples_show_it() {
    let few = Load::Closed(1);
    let even = samples_of(&[("loop", few, &[100.0, 100.0]), ("threads", few, &[101.0, 102.0])]);
    let places = wins::places(&even);
    assert!(places.iter().any(|place| place.was_run && place.title == "Few connections"));
    assert!(places.iter().all(|place| place.found.is_empty()));
    assert!(places.iter().all(|place| !place.was_run || place.title == "Few connections"));

    let faster = samples_of(&[("loop", few, &[100.0, 100.0]), ("threads", few, &[130.0, 150.0])]);
    let found = &wins::places(&faster)[0].found;
    assert!(
        found[0].contains("threads answered more than the loop: 1.40 times at 1 connection"),
        "{found:?}"
    );
    assert!(found[1].contains("the p99 was longer with the loop than with threads"), "{found:?}");

    let slower = samples_of(&[("loop", few, &[130.0, 150.0]), ("threads", few, &[100.0, 100.0])]);
    assert!(wins::places(&slower).iter().all(|place| place.found.is_empty()));
}

fn means(descriptors: u32) -> Means {
    Means { descriptors, cores: 2, no_slow_disk: Some("it is too good".to_owned()) }
}

#[test]
fn every_round_has_each_run_once_and_begins_with_another_server() {
    let plan = Plan::new(false, &["nginx"], &means(20_000));
    let mut firsts = Vec::new();
    for round in 1..=plan.rounds {
        let runs = plan.round(round);
        firsts.push(runs[0].server.clone());
        let is_in = |run: &&Run| round <= plan.scenario_rounds || !matches!(run.load, Load::Waiting(_));
        assert_eq!(runs.len(), plan.runs.iter().filter(is_in).count());
        for run in plan.runs.iter().filter(is_in) {
            assert_eq!(runs.iter().filter(|other| **other == run).count(), 1, "{run} in round {round}");
        }
    }
    firsts.dedup();
    assert_eq!(firsts.len(), plan.rounds as usize, "{firsts:?}");
    assert!(plan.estimate() <= Duration::from_secs(390), "{:?} for {}", plan.estimate(), plan.len());
    let quick = Plan::new(true, &["nginx"], &means(20_000));
    assert!(quick.estimate() <= Duration::from_secs(60), "{:?} for {}", quick.estimate(), quick.len());
}

#[test]
fn what_the_machine_does_not_allow_is_reduced_and_said() {
    let plan = Plan::new(false, &[], &means(1024));
    let most = |load| if let Load::Closed(count) = load { count } else { 0 };
    assert_eq!(plan.runs.iter().map(|run| most(run.load)).max(), Some(924));
    let slow = |run: &Run| matches!(run.load, Load::Waiting(Beside::SlowClients(924)));
    assert!(plan.runs.iter().any(slow));
    assert!(!plan.runs.iter().any(|run| matches!(run.load, Load::Waiting(Beside::SlowDisk { .. }))));
    let said = plan.reduced.join("\n");
    for part in ["10000 connections became 924", "1024 descriptors", "it is too good", "There are two cores"]
    {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(
        Plan::new(false, &[], &means(20_000)).reduced.iter().all(|sentence| !sentence.contains("became"))
    );
}

#[test]
fn a_report_is_read_and_a_strange_one_refused() {
    let report = json!({
        "operations": 500, "throughput": 1000.0, "parameters": {"connections": 10},
        "errors": {"refused": 1, "timeout": 9, "reset": 0},
        "latency_us": {"p50": 10.0, "p99": 20.0, "max": 30.0},
        "server": {"cpu_seconds_per_million": 5.5, "switches_per_operation": 0.25, "resident_bytes": 4096},
        "client": {"limit": true}
    });
    let figures = Figures::of(&report).unwrap();
    assert_eq!((figures.throughput, figures.p50, figures.p99, figures.worst), (1000.0, 10.0, 20.0, 30.0));
    assert_eq!((figures.cpu, figures.switches, figures.resident), (Some(5.5), Some(0.25), Some(4096.0)));
    assert_eq!((figures.failures, figures.starved, figures.client_limit), (10, 9, true));
    let mut foreign = report.clone();
    foreign["server"] = Value::Null;
    assert_eq!(Figures::of(&foreign).unwrap().cpu, None);
    let mut dead = report.clone();
    dead["gone_after_seconds"] = json!(0.25);
    assert_eq!(Figures::of(&dead), Err("the server was gone after 0.25 s".to_owned()));
    let mut silent = report;
    silent["operations"] = json!(0);
    assert_eq!(Figures::of(&silent), Err("nobody was answered".to_owned()));
    assert!(Figures::of(&json!({})).unwrap_err().contains("operations"));
}
