//! The chapters on what was measured under load: for each its question, its plots' axes, and the words around
//! them that hold whatever the figures are.

use crate::runs::{Cores, Load, Run};
use crate::samples::{Metric, Samples};

/// A question, its plots, and the answer.
pub struct Chapter {
    /// What it is about.
    pub title: &'static str,
    /// What the plots show.
    pub lead: &'static str,
    /// What is plotted.
    pub metric: Metric,
    /// Where the servers ran.
    pub cores: Cores,
    /// The loads in order.
    pub loads: Vec<Load>,
    /// What the horizontal axis counts.
    pub x: &'static str,
    /// What is behind it, whatever the figures.
    pub why: &'static str,
}

/// Those for which there are samples, in the order of the page.
pub fn chapters(samples: &Samples) -> Vec<Chapter> {
    let all = |wanted: fn(&Run) -> bool| {
        let mut loads: Vec<Load> = samples.runs().into_iter().filter(wanted).map(|run| run.load).collect();
        loads.sort_unstable();
        loads.dedup();
        loads
    };
    let closed = all(|run| run.cores == Cores::One && matches!(run.load, Load::Closed(_)));
    let open = all(|run| matches!(run.load, Load::Open { .. }));
    let reconnect = all(|run| matches!(run.load, Load::Reconnect(_)));
    let everywhere = all(|run| run.cores == Cores::All && matches!(run.load, Load::Closed(_)));
    let on_one = |title, lead, metric, why| Chapter {
        title,
        lead,
        metric,
        cores: Cores::One,
        loads: closed.clone(),
        x: "connections",
        why,
    };
    let mut chapters = vec![
        on_one(
            "Throughput",
            "Verified replies a second. On each connection the next request follows the reply; the server has one core, \
             the load generator another.",
            Metric::Throughput,
            "A thread that has nothing to do sleeps, and waking it costs a switch. The loop asks once who is \
             ready and serves everybody who is, so the more of them are ready, the less it pays for each.",
        ),
        on_one(
            "The wait that one in a hundred exceeds",
            "The 99th percentile of the time from request to reply, in the same runs. With everybody asking all the \
             time most of it is queueing: connections divided by throughput.",
            Metric::P99,
            "What is worth looking at is how far the p99 is above that quotient: it tells how evenly the turns \
             are dealt, by the loop's queue or by the kernel's scheduler.",
        ),
        Chapter {
            title: "The wait at a fixed rate",
            lead: "The 99th percentile again, but requests come at a rate that doesn't depend on the server, and the wait \
                   counts from when each was due. Nobody slows down because the server does.",
            metric: Metric::P99,
            cores: Cores::One,
            loads: open,
            x: "requests a second, offered",
            why: "Below saturation the wait hardly grows. From where a server can't keep up, its queue gets longer for as \
                  long as the run lasts, and so does every wait.",
        },
        on_one(
            "Memory",
            "Resident memory of the server at the end of the run. Socket buffers are the kernel's and not in it.",
            Metric::Resident,
            "A connection of the loop is a small struct. A thread has a stack, of which a few pages are touched at least, \
         and as much again in the kernel, which isn't counted here.",
        ),
        on_one(
            "CPU for a request",
            "Microseconds of CPU that the server spent, user and system, divided by the replies. It doesn't depend on how busy \
         the load generator was, and is the figure to compare where that was the limit.",
            Metric::Cpu,
            "Nearly all of it is the kernel's: receive, send, and finding out or being told that there is something to \
         receive.",
        ),
        on_one(
            "Switches for a request",
            "How often a thread of the server was taken off its core or left it, divided by the replies.",
            Metric::Switches,
            "One thread that always finds somebody ready has no reason to sleep. A thread for each connection \
         sleeps after each reply.",
        ),
        Chapter {
            title: "A connection for each request",
            lead: "Replies a second where every request opens a connection of its own and closes it, as the labs' first \
                   clients do. Here the server with one client at a time can take part.",
            metric: Metric::Throughput,
            cores: Cores::One,
            loads: reconnect,
            x: "clients",
            why: "Opening and closing in the kernel costs several times what the request does, so the drivers differ less. A new thread \
                  for each connection comes on top of that; the pool has its threads already.",
        },
        Chapter {
            title: "Throughput on all cores",
            lead: "As in the first plots, but nothing is pinned: server and load generator are where the kernel puts them.",
            metric: Metric::Throughput,
            cores: Cores::All,
            loads: everywhere,
            x: "connections",
            why: "Threads can use every core that the load generator leaves, the loop only one.",
        },
    ];
    chapters.retain(|chapter| !chapter.loads.is_empty());
    chapters
}
