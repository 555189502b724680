//! File size against packets.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::serves::Serves;
use crate::lab::transfer::{figures, run};
use shoutd::units::{grouped, seconds};
use std::time::Duration;

pub const ALL: &[&Experiment] = &[&TRANSFER];

/// The most payload of a segment on the loopback interface: an IP packet has at most 65,535 bytes, less 40 of
/// headers is the MSS of 65,495, and timestamps take 12 of that.
const MOST: f64 = 65_483.0;

static TRANSFER: Experiment = Experiment {
    name: "transfer",
    group: Group::Transfer,
    line: "files from 13 bytes to 100 MB: packets, seconds and the mean payload of each",
    serves: &[Serves::Files],
    client: "gets six files, each on a connection of its own, and compares every byte",
    because: "Opening and closing costs the same for every file, so small files are nearly all overhead: 13 bytes and \
              2,000 bytes take equally many packets. Large files are cut into segments, and the loopback interface \
              takes up to 65,483 bytes in each: packets grow with size, but far more slowly than over Ethernet.",
    expected: &[],
    run,
    judge: Some(|facts| {
        let figures = figures(facts.transfers, facts.packets, facts.conversations);
        let whole = facts.transfers.iter().zip(&figures).all(|(transfer, row)| row.once == transfer.received);
        let sum: u64 = figures.iter().map(|row| row.once).sum();
        facts.judge(
            "the capture has every byte that the client received, once",
            format!("{} bytes", grouped(sum)),
            whole,
        );
        // What the client counted before it closed lacks the two FINs, and the acknowledgements about them.
        let agreed = facts.transfers.iter().zip(&figures).all(|(_, row)| {
            row.counted
                .is_none_or(|counted| (counted as usize..=counted as usize + 6).contains(&row.packets()))
        });
        let last = figures.last().and_then(|row| Some((row.packets(), row.counted?)));
        let measured = last.map_or("unknown".to_owned(), |(packets, counted)| {
            format!("of the largest file {} and {}", grouped(packets as u64), grouped(counted.into()))
        });
        facts.judge("the kernel counted the same before the close, up to 6 less", measured, agreed);
        let small: Vec<usize> = figures.iter().take(2).map(|row| row.packets()).collect();
        let measured = small.iter().map(usize::to_string).collect::<Vec<_>>().join(" and ");
        let alike = small.len() == 2 && small[0].abs_diff(small[1]) <= 2;
        facts.judge("13 B and 2,000 B take about equally many packets", measured, alike);
        let most = figures.iter().map(|row| row.mean()).fold(0.0, f64::max);
        let whole = figures.iter().map(|row| row.whole_mean()).max().unwrap_or(0);
        let measured = format!("{} bytes at most", grouped(whole));
        facts.judge("no mean payload is above 65,483 bytes", measured, most > 1460.0 && most <= MOST);
    }),
    why: |facts| {
        let figures = figures(facts.transfers, facts.packets, facts.conversations);
        let Some((first, last)) = figures.first().zip(figures.last()) else { return String::new() };
        let ethernet = last.size.div_ceil(1448);
        if !facts.captured {
            return format!(
                "The smallest file took {} and the largest {}; how many packets that were was not seen, but the table \
                 has how many segments the kernel counted.",
                seconds(Duration::from_secs_f64(first.seconds)),
                seconds(Duration::from_secs_f64(last.seconds))
            );
        }
        format!(
            "The smallest file took {} packets and {}, the largest {} packets and {}: {} times as many bytes, {} times as \
             many packets. The mean payload of the largest was {} bytes. An IP packet has at most 65,535 \
             bytes; less 40 of headers makes the MSS of 65,495 in the SYNs, and timestamps take 12 of it: 65,483 are \
             left. The mean is lower because a connection begins with smaller windows, and because shoutd gives each \
             connection 128 KiB a turn, which is two full segments and 106 bytes. Over Ethernet, at 1,448 bytes each, \
             the largest file would have taken {} segments with data.",
            first.packets(),
            seconds(Duration::from_secs_f64(first.seconds)),
            grouped(last.packets() as u64),
            seconds(Duration::from_secs_f64(last.seconds)),
            grouped(last.size / first.size),
            last.packets().checked_div(first.packets()).unwrap_or(0),
            grouped(last.whole_mean()),
            grouped(ethernet)
        )
    },
    questions: &[
        (
            "Why do 13 and 2,000 bytes take equally many packets?",
            "Either fits into one segment together with the head of the response. What is left is opening, asking, \
             acknowledging and closing, and that is the same for both.",
        ),
        (
            "Why does a run of the same experiment give other numbers of packets?",
            "Where a segment is cut and when an acknowledgement is sent depends on how fast both sides were at that \
             moment. What never differs is the bytes.",
        ),
        (
            "Would larger segments be better over a real network as well?",
            "Fewer headers and less work for each byte, yes (jumbo frames have 9,000 bytes). But a large packet that is \
             damaged is lost whole, and it keeps smaller ones waiting.",
        ),
    ],
};
