use super::*;
use crate::lab::events::Kind;
use crate::lab::prediction::{Size, Size::Just, What::*, client, server};
use std::time::Duration;

/// An event: at so many milliseconds, from the client or not.
fn event(milliseconds: u64, from_client: bool, kind: Kind, bytes: usize) -> Event {
    let time = Duration::from_millis(milliseconds);
    Event { packet: 0, time, from_client, kind, push: bytes > 0, bytes, fresh: bytes }
}

/// The marks of a prediction with these events, as one word.
fn marks(expected: &[Expect], events: Vec<Event>) -> String {
    let mut rows = Vec::new();
    let told = |name: &str| (name == "told").then_some(7);
    Match { connection: 1, expected: expected.to_vec(), events, at: 0, told: &told }.rows(&mut rows);
    rows.iter().map(|row| row.mark.sign()).collect()
}

fn oneshot() -> Vec<Event> {
    vec![
        event(0, true, Kind::Syn, 0),
        event(0, false, Kind::SynAck, 0),
        event(1, true, Kind::Data, 11),
        event(2, false, Kind::DataFin, 11),
        event(3, true, Kind::Fin, 0),
    ]
}

const ONESHOT: &[Expect] =
    &[client(Syn), server(SynAck), client(Data(Just(11))), server(DataFin(Just(11))), client(Fin)];

#[test]
fn what_is_as_predicted_agrees() {
    assert_eq!(marks(ONESHOT, oneshot()), "✓✓✓✓✓");
}

#[test]
fn a_wrong_size_a_wrong_side_and_a_missing_push_are_noticed() {
    let mut events = oneshot();
    events[3].bytes = 10;
    assert_eq!(marks(ONESHOT, events), "✓✓✓✗✓");
    let mut events = oneshot();
    events[2].from_client = false;
    assert_eq!(marks(ONESHOT, events), "✓✓✗✓✓");
    let mut events = oneshot();
    events[2].push = false;
    assert_eq!(marks(ONESHOT, events), "✓✓✗✓✓");
}

#[test]
fn what_is_missing_or_too_much_is_noticed() {
    let mut events = oneshot();
    events.remove(1);
    assert_eq!(marks(ONESHOT, events), "✓✗✓✓✓");
    let mut events = oneshot();
    events.truncate(3);
    assert_eq!(marks(ONESHOT, events), "✓✓✓✗✗");
    let mut events = oneshot();
    events.push(event(4, true, Kind::Reset, 0));
    assert_eq!(marks(ONESHOT, events), "✓✓✓✓✓✗");
    assert_eq!(marks(ONESHOT, Vec::new()), "✗✗✗✗✗");
}

#[test]
fn bytes_may_come_in_pieces_but_not_more_and_not_fewer() {
    let expected = [client(Bytes(Just(520))), server(Data(Just(520)))];
    let pieces = |sizes: &[usize]| {
        let mut events: Vec<Event> = sizes.iter().map(|size| event(0, true, Kind::Data, *size)).collect();
        events.push(event(1, false, Kind::Data, 520));
        events
    };
    assert_eq!(marks(&expected, pieces(&[520])), "✓✓");
    assert_eq!(marks(&expected, pieces(&[130, 390])), "✓✓");
    assert_eq!(marks(&expected, pieces(&[130, 130])), "✗✓");
    assert_eq!(marks(&expected, pieces(&[130, 521])), "✗✗✗");
    // What is sent again counts once.
    let mut events = pieces(&[130, 130, 390]);
    events[1].fresh = 0;
    assert_eq!(marks(&expected, events), "✓✓");
}

#[test]
fn a_time_is_counted_from_the_row_before_and_may_be_late_but_not_early() {
    let expected = [server(Data(Just(5))), server(Fin).after(1000)];
    let after = |time: u64| vec![event(100, false, Kind::Data, 5), event(100 + time, false, Kind::Fin, 0)];
    assert_eq!(marks(&expected, after(1000)), "✓✓");
    assert_eq!(marks(&expected, after(2400)), "✓✓");
    assert_eq!(marks(&expected, after(900)), "✓✗");
    assert_eq!(marks(&expected, after(2600)), "✓✗");
    assert_eq!(marks(&expected, after(0)), "✓✗");
}

#[test]
fn what_may_be_missing_is_no_mistake_either_way() {
    let expected = [client(Datagram(Just(7))), server(Unreachable).maybe(), client(Datagram(Just(3)))];
    let (first, last) = (event(0, true, Kind::Datagram, 7), event(1, true, Kind::Datagram, 3));
    assert_eq!(marks(&expected, vec![first, last]), "✓–✓");
    assert_eq!(marks(&expected, vec![first, event(0, false, Kind::Unreachable, 0), last]), "✓✓✓");
}

#[test]
fn sizes_that_the_client_tells_are_used() {
    let expected = [server(Data(Size::Told("told"))), server(Data(Size::Told("never told")))];
    let events = vec![event(0, false, Kind::Data, 7), event(0, false, Kind::Data, 7)];
    assert_eq!(marks(&expected, events), "✓✗");
    assert_eq!(expected[1].text(&|_| None), "S PSH ?");
}

#[test]
fn without_packets_nothing_is_said_of_them() {
    let rows = unseen(ONESHOT, &|_| None);
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row.mark == Mark::Unseen && row.measured == "not seen"));
}
