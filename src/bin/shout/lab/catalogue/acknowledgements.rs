//! Who waits for whose acknowledgement: Nagle's algorithm, and acknowledgements that are held back.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::facts::Facts;
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{LIMIT, Stage, failed, read, wait_for_fin};
use shoutd::trouble::Trouble;
use shoutd::units::seconds;
use shoutd::wire::conversation::Seen;
use shoutd::wire::packet::Packet;
use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

pub const ALL: &[&Experiment] = &[&NAGLE, &DELAYED_ACK];

/// What the lab's own receiver needs to get ready after a connection was made.
const A_MOMENT: Duration = Duration::from_millis(50);

/// Longer than an acknowledgement is ever held back on Linux (200 ms; 40 ms at first).
const LONGER: Duration = Duration::from_millis(250);

/// Sends four bytes one by one, and closes when they are acknowledged.
fn four_bytes(stage: &mut Stage, nodelay: bool) -> Result<(), Trouble> {
    let mut socket = stage.connect(0)?;
    socket.set_nodelay(nodelay).map_err(failed("a socket's options"))?;
    thread::sleep(A_MOMENT);
    for byte in [b"a", b"b", b"c", b"d"] {
        socket.write_all(byte).map_err(failed("sending"))?;
    }
    thread::sleep(LONGER);
    socket.shutdown(Shutdown::Write).map_err(failed("closing"))?;
    wait_for_fin(&mut socket, LIMIT);
    stage.close(socket);
    Ok(())
}

static NAGLE: Experiment = Experiment {
    name: "nagle",
    group: Group::Further,
    line: "four small writes: joined by Nagle's algorithm, apart with TCP_NODELAY",
    serves: &[Serves::Mute],
    client: "writes four single bytes, first as sockets are by default, then with TCP_NODELAY",
    because: "Nagle's algorithm allows one small segment that isn't acknowledged: the first byte leaves, the others wait \
              for its acknowledgement and then leave together. The receiver has nothing to answer and holds that \
              acknowledgement back for some 40 ms. With TCP_NODELAY each write leaves by itself, at once.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(1))).note("the first byte leaves at once"),
        client(Data(Just(3))).after(40).note("the other three, when the first was acknowledged"),
        client(Fin),
        server(Fin),
        client(Syn).on(2).note("again, with TCP_NODELAY"),
        server(SynAck).on(2),
        client(Data(Just(1))).on(2),
        client(Data(Just(1))).on(2).note("no waiting"),
        client(Data(Just(1))).on(2),
        client(Data(Just(1))).on(2),
        client(Fin).on(2),
        server(Fin).on(2),
    ],
    run: |stage| four_bytes(stage, false).and_then(|()| four_bytes(stage, true)),
    judge: None,
    why: |facts| {
        let apart = (4..=6).map(|n| facts.waited(2, n).unwrap_or_default()).sum();
        format!(
            "With Nagle's algorithm the last three bytes left {} after the first, in one segment; without it, all four \
             within {}. Two good ideas met here: the sender waited for an acknowledgement, and the receiver waited for \
             something to acknowledge with. A program that writes whole messages never sees this; one that writes a \
             message in pieces does, and switches it off.",
            facts.after(1, 4, "some 40 ms"),
            if facts.captured { seconds(apart) } else { "a moment".to_owned() }
        )
    },
    questions: &[
        (
            "What is Nagle's algorithm for?",
            "For a terminal over a slow line: each key would cost a segment with 40 bytes of headers. Waiting for the \
             acknowledgement of the last one joins what was typed meanwhile, and adapts itself to the line.",
        ),
        (
            "Why does shoutd switch it off?",
            "It writes each reply whole, so there is nothing to join, and waiting would only make it late.",
        ),
    ],
};

static DELAYED_ACK: Experiment = Experiment {
    name: "delayed-ack",
    group: Group::Further,
    line: "an acknowledgement that waits for a reply to ride with",
    serves: &[Serves::Tcp(""), Serves::Mute],
    client: "sends 5 bytes to a server that answers, and 5 bytes to one that doesn't",
    because: "An acknowledgement costs a packet of its own unless data goes the same way. So a receiver may wait a moment \
              for a reply: the server that answers acknowledges with its answer; the one that stays mute does so by \
              itself after some 40 ms.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(5))).note("to shoutd, which answers"),
        server(Data(Just(5))).note("the answer acknowledges, too"),
        client(Fin),
        server(Fin),
        client(Syn).on(2),
        server(SynAck).on(2),
        client(Data(Just(5))).on(2).note("to a server that never answers"),
        client(Fin).on(2),
        server(Fin).on(2),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"hello").map_err(failed("sending"))?;
        let reply = read(&mut socket, 5);
        stage.check("the reply is", b"HELLO", &reply);
        stage.close(socket);

        let mut socket = stage.connect(1)?;
        thread::sleep(A_MOMENT);
        socket.write_all(b"hello").map_err(failed("sending"))?;
        thread::sleep(LONGER);
        socket.shutdown(Shutdown::Write).map_err(failed("closing"))?;
        wait_for_fin(&mut socket, LIMIT);
        stage.close(socket);
        Ok(())
    },
    judge: Some(|facts| {
        let held_back = held_back(facts);
        let measured =
            held_back.map_or("no such packet".to_owned(), |time| format!("{} later", seconds(time)));
        let agreed = held_back.is_some_and(|time| (30..=250).contains(&time.as_millis()));
        facts.judge("the mute server acknowledges by itself, some 40 ms after the data", measured, agreed);
    }),
    why: |facts| {
        format!(
            "The mute server's kernel held its acknowledgement back for {}, then sent it alone. Linux waits 40 ms at \
             first and at most 200 ms (RFC 9293 allows 500), and at the beginning of a connection not at all, so that \
             its sender may speed up; the lab's receiver was told to behave as in the middle of a conversation \
             (TCP_QUICKACK off).",
            held_back(facts).map_or("some 40 ms".to_owned(), seconds)
        )
    },
    questions: &[
        (
            "Is a late acknowledgement a slow one?",
            "For a client that waits for a reply it makes no difference: the reply carries it. It hurts only senders that \
             wait for the acknowledgement itself, as Nagle's algorithm does.",
        ),
        (
            "How many packets does it save?",
            "One in each exchange of a question and an answer: the acknowledgement of the question rides with the \
             answer, and that of the answer with the next question.",
        ),
    ],
};

/// How long the mute server held its acknowledgement of the data back.
fn held_back(facts: &Facts) -> Option<Duration> {
    let data = facts.all(2).find(|(packet, seen)| seen.from_client && packet.length > 0)?.0;
    let bare = |(packet, seen): &(&Packet, &Seen)| {
        !seen.from_client
            && packet.number > data.number
            && seen.tcp.as_ref().is_some_and(|tcp| tcp.newly_acked > 0)
    };
    facts.all(2).find(bare).map(|(packet, _)| packet.time.saturating_sub(data.time))
}
