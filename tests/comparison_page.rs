//! The page and the table of the comparison (`cargo bench`), made of samples that are nobody's result.
#![cfg(feature = "client")]

#[path = "../benches/comparison/page/mod.rs"]
mod page;
#[path = "../benches/comparison/runs.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod runs;
#[path = "../benches/comparison/samples.rs"]
#[allow(dead_code, reason = "the bench uses all of it")]
mod samples;
#[path = "../benches/comparison/short.rs"]
mod short;
#[path = "../benches/comparison/statistics.rs"]
mod statistics;
#[path = "../benches/comparison/table.rs"]
mod table;
#[path = "../benches/comparison/units.rs"]
mod units;
#[path = "../benches/comparison/wins.rs"]
mod wins;
#[path = "../benches/comparison/words.rs"]
mod words;

use page::About;
use page::plots::{self, spread_out};
use runs::{Beside, Cores, DRIVERS, Load, Run, Service};
use samples::{Figures, Sample, Samples};
use serde_json::Value;
use std::time::Duration;

/// Every kind of run, with figures that differ by server, in two rounds.
fn everything() -> Samples {
    let loads = [
        Load::Closed(1),
        Load::Closed(100),
        Load::Closed(10_000),
        Load::Reconnect(10),
        Load::Open { connections: 64, rate: 5000 },
        Load::Waiting(Beside::Nothing),
        Load::Waiting(Beside::SlowClients(1000)),
        Load::Waiting(Beside::SlowDisk { clients: 4, reads: 100 }),
    ];
    let mut samples = Samples::default();
    let servers = DRIVERS.iter().copied().chain(["nginx", "<&>"]);
    for (place, server) in servers.enumerate() {
        for (service, load, cores, round) in loads.iter().flat_map(|load| {
            Service::ALL.into_iter().flat_map(move |service| {
                [Cores::One, Cores::All]
                    .into_iter()
                    .flat_map(move |cores| [(service, *load, cores, 1), (service, *load, cores, 2)])
            })
        }) {
            let slower = (place + 1) as f64 + f64::from(round) / 10.0;
            let figures = Figures {
                throughput: 90_000.0 / slower,
                p50: 100.0 * slower,
                p99: 300.0 * slower,
                worst: 900.0 * slower,
                cpu: Some(5.0 * slower),
                switches: Some(0.1 * slower),
                resident: Some(3e6 * slower),
                ..Figures::default()
            };
            let run = Run { service, cores, load, server: server.to_owned() };
            samples.0.push(Sample { run, round, outcome: Ok(figures), raw: Value::Null });
        }
    }
    samples
}

fn about() -> About {
    About {
        facts: vec![("processor".to_owned(), "a <fast> one".to_owned())],
        reduced: vec!["10000 connections became 900.".to_owned()],
        warning: None,
        rounds: 2,
        sample: Duration::from_millis(400),
    }
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let page = page::page(&everything(), &about());
    for outside in ["http://", "https://", "<script", "<link", "@import", "url(", "<img", "<iframe", "src="] {
        assert!(!page.contains(outside), "{outside:?} is in the page");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["samples.json"]);
}

#[test]
fn every_tag_is_closed_and_every_name_escaped() {
    let page = page::page(&everything(), &about());
    assert!(!page.contains("<&") && page.contains("&lt;&amp;") && page.contains("a &lt;fast&gt; one"));
    let mut open: Vec<&str> = Vec::new();
    let body = page.split_once("<body>").unwrap().1.split_once("</body>").unwrap().0;
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.trim_end_matches('/').split_ascii_whitespace().next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "it is closed where another is open");
        } else if !tag.ends_with('/') && name != "br" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn each_service_has_each_plot_and_the_colours_are_the_pages() {
    let page = page::page(&everything(), &about());
    for title in [
        "TCP: replies a second",
        "UDP: p99",
        "HTTP: memory",
        "TCP: CPU a request",
        "HTTP: switches a request",
        "The wait beside 1,000 slow clients",
        "The wait beside a disk of 100 reads a second",
    ] {
        assert!(page.contains(&format!("aria-label=\"{title}\"")), "there is no plot {title:?}");
    }
    // Against connections, and at fixed rates.
    assert_eq!(page.matches("aria-label=\"TCP: p99\"").count(), 2);
    let body = page.split_once("<body>").unwrap().1;
    assert!(!body.contains("=\"#"), "a plot has a colour that dark mode can't change");
    for look in 0..page::style::LOOKS {
        assert!(body.contains(&format!("class=\"s series-{look}\"")), "no line has the look {look}");
    }
}

#[test]
fn what_was_reduced_failed_or_noisy_is_on_the_page() {
    let mut samples = everything();
    for sample in samples.0.iter_mut().filter(|sample| sample.run.server == "nginx") {
        sample.outcome = Err("it did not become ready: no <room>".to_owned());
    }
    let about = About { warning: Some("This machine was not quiet".to_owned()), ..about() };
    let page = page::page(&samples, &about);
    for part in [
        "10000 connections became 900.",
        "it did not become ready: no &lt;room&gt;",
        "This machine was not quiet",
    ] {
        assert!(page.contains(part), "{part:?} is missing");
    }
    assert!(table::table(&samples).contains("it did not become ready"));
}

#[test]
fn samples_without_a_single_figure_make_a_page_all_the_same() {
    let mut samples = everything();
    samples.0.iter_mut().for_each(|sample| sample.outcome = Err("nobody was answered".to_owned()));
    let page = page::page(&samples, &about());
    assert!(page.ends_with("</html>\n") && page.contains("nobody was answered"));
    assert!(page::page(&Samples::default(), &about()).ends_with("</html>\n"));
}

#[test]
fn the_table_has_a_line_for_each_server_and_names_its_load() {
    let table = table::table(&everything());
    for service in ["TCP", "UDP", "HTTP"] {
        assert!(table.contains(&format!("{service}, 100 connections, server on one core")), "{table}");
    }
    let line = table.lines().find(|line| line.trim_start().starts_with("loop")).unwrap();
    // 90,000 divided by 1.1 and by 1.2, of which the median is the mean.
    assert!(line.contains("78,400") && line.contains("75 k–81.8 k"), "{line}");
    assert!(table.contains("a disk of 100 reads a second"));
}

#[test]
fn the_short_form_has_a_column_for_each_driver_and_says_who_got_no_reply() {
    let mut samples = everything();
    for sample in &mut samples.0 {
        match (&sample.run.server[..], sample.run.load) {
            ("one", Load::Waiting(_)) => sample.outcome = Err("nobody was answered".to_owned()),
            ("one", Load::Closed(100)) => sample.outcome.as_mut().unwrap().starved = 99,
            _ => {}
        }
    }
    let text = short::markdown(&samples);
    assert!(text.lines().all(|line| line.matches('|').count() == 6), "{text}");
    let row = |what: &str| {
        text.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {text}"))
    };
    assert!(row("TCP, 100 connections: replies a second").contains("| 78,400 |"), "{text}");
    assert!(row("TCP, 100 connections: replies a second").ends_with("(99 waited in vain) |"));
    assert!(row("longest wait beside 1,000 slow clients").ends_with("| no reply |"));
}

#[test]
fn names_beside_a_plot_never_overlap() {
    let placed = spread_out(&[100, 101, 99, 300, 300], 10, 310);
    let mut sorted = placed.clone();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 14), "{placed:?}");
    assert!(placed[2] < placed[0] && placed[0] < placed[1], "their order is that of the lines");
    assert!(sorted[4] <= 310);
    assert_eq!(spread_out(&[50], 0, 100), [50]);
    let at_the_top = spread_out(&[10, 11, 12], 10, 310);
    assert_eq!(at_the_top[0], 10, "none is above the plot: {at_the_top:?}");
}

#[test]
fn a_key_has_the_marker_of_its_look() {
    let keys: Vec<String> = (0..page::style::LOOKS).map(plots::key).collect();
    for (look, key) in keys.iter().enumerate() {
        assert!(key.starts_with("<svg") && key.contains(&format!("series-{look}")));
        assert_eq!(keys.iter().filter(|other| *other == key).count(), 1);
    }
}

#[test]
fn figures_read_well_at_any_size() {
    for (value, words) in
        [(0.5, "0.5 µs"), (12.345, "12.3 µs"), (999.9, "1 ms"), (1234.0, "1.23 ms"), (2.5e6, "2.5 s")]
    {
        assert_eq!(units::time(value), words);
    }
    for (value, words) in [(640.0, "0.64 kB"), (3_140_000.0, "3.14 MB"), (1.2e9, "1.2 GB")] {
        assert_eq!(units::memory(value), words);
    }
    assert_eq!(units::rate(186_712.0), "187,000");
    assert_eq!(units::count(1_000_000.0), "1,000,000");
    assert_eq!((units::short(9999.0), units::short(10_000.0)), ("10 k".to_owned(), "10 k".to_owned()));
    assert_eq!((units::short(20_000.0), units::short(100.0)), ("20 k".to_owned(), "100".to_owned()));
    assert_eq!(units::number(0.0), "0");
}
