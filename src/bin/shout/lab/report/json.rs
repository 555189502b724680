//! An outcome as a line of JSON. Times are in seconds.

use super::timeline::{self, Moment};
use crate::lab::outcome::Outcome;
use crate::lab::verdict::Row;
use serde_json::{Value, json};
use shoutd::wire::json::{conversation, packet};

/// The whole outcome; with the server's story between the packets, if that is wanted.
pub fn of(outcome: &Outcome, with_story: bool) -> Value {
    let experiment = outcome.experiment;
    let packets = outcome.packets();
    let numbers = |row: &Row| row.packets.iter().map(|place| packets[*place].number).collect::<Vec<_>>();
    let row = |row: &Row| {
        json!({
            "connection": row.connection,
            "predicted": row.predicted,
            "measured": row.measured,
            "agrees": row.mark.word(),
            "note": row.note,
            "packets": numbers(row),
        })
    };
    let counts = outcome.counts.iter().map(|counts| {
        json!({
            "local": counts.local.to_string(),
            "segments_sent": counts.info.segments_sent,
            "segments_received": counts.info.segments_received,
            "data_segments_sent": counts.info.data_segments_sent,
            "data_segments_received": counts.info.data_segments_received,
            "retransmissions": counts.info.retransmissions,
        })
    });
    let figures = outcome.figures.iter().map(|figures| {
        json!({
            "size": figures.size,
            "packets_sent": figures.sent,
            "packets_received": figures.received,
            "mean_payload": figures.mean(),
            "seconds": figures.seconds,
            "segments_counted": figures.counted,
        })
    });
    let moment =
        |moment: Moment| json!({"seconds": moment.seconds, "packet": moment.is_packet, "text": moment.text});
    let story = with_story.then(|| timeline::of(outcome).0.into_iter().map(moment).collect::<Vec<Value>>());
    let list = &outcome.conversations.list;
    let words = outcome.words.iter().enumerate();
    json!({
        "experiment": experiment.name,
        "group": experiment.group.title(),
        "verdict": outcome.mark().word(),
        "agrees": outcome.agrees(),
        "captured": outcome.captured.is_some(),
        "dropped": outcome.captured.as_ref().map(|captured| captured.dropped),
        "seconds": outcome.took.as_secs_f64(),
        "server": outcome.server(),
        "client": experiment.client,
        "because": experiment.because,
        "rows": outcome.rows.iter().map(row).collect::<Vec<Value>>(),
        "why": outcome.why,
        "conversations": list.iter().map(|one| conversation(one, packets)).collect::<Vec<Value>>(),
        "packets": words
            .map(|(place, words)| packet(packets, place, &outcome.conversations, words))
            .collect::<Vec<Value>>(),
        "kernel": counts.collect::<Vec<Value>>(),
        "transfers": figures.collect::<Vec<Value>>(),
        "story": story,
    })
}
