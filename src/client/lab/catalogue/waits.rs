//! Who waits for whom inside the kernel: Nagle's algorithm, delayed acknowledgements, windows, backlogs.

use crate::client::lab::experiment::{Experiment, Group, Serves};
use crate::client::lab::facts::Facts;
use crate::client::lab::prediction::{Size::Just, What::*, client, server};
use crate::client::lab::stage::{PATIENCE, Stage, connect_with_small_buffer, failed, read, wait_for_fin};
use crate::client::report::seconds;
use crate::client::trouble::{Trouble, plain};
use crate::client::wire::conversation::Seen;
use crate::client::wire::packet::Packet;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

pub const ALL: &[&Experiment] = &[&NAGLE, &DELAYED_ACK, &WINDOW, &BACKLOG];

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
    wait_for_fin(&mut socket, PATIENCE);
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
        wait_for_fin(&mut socket, PATIENCE);
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

/// Bytes of the reply that the slow reader doesn't read for a while.
const REPLY: usize = 100_000;

static WINDOW: Experiment = Experiment {
    name: "window",
    group: Group::Further,
    line: "a client that doesn't read closes its window, and the server has to wait",
    serves: &[Serves::Tcp("repeat=1000")],
    client: "has a small receive buffer, asks for 100,000 bytes, reads nothing for a second, and then all",
    because: "Every acknowledgement says how many bytes more the receiver has room for: the window. The client's buffer \
              fills, its window closes to 0, and the server may send nothing but probes. When the client reads, it \
              announces a new window, and the rest flows.",
    expected: &[
        client(Syn).note("its window says how small the buffer is"),
        server(SynAck),
        client(Data(Just(100))).note("100 bytes, to be answered a thousand times over"),
        server(Bytes(Just(REPLY))).note("in as many segments as the windows allow"),
        client(Fin),
        server(Fin),
    ],
    run: |stage| {
        let mut socket = connect_with_small_buffer(stage.address(0), 8192)
            .map_err(failed("connecting with a small buffer"))?;
        socket.write_all(&[b'x'; 100]).map_err(failed("sending"))?;
        thread::sleep(Duration::from_secs(1));
        let reply = read(&mut socket, REPLY);
        let right = reply.len() == REPLY && reply.iter().all(|byte| *byte == b'X');
        let got = format!("{} bytes, {}", reply.len(), if right { "all of them right" } else { "not those" });
        stage.note("the reply is 100,000 times X", got, right);
        stage.close(socket);
        Ok(())
    },
    judge: Some(|facts| {
        let closed = facts.all(1).find(|(_, seen)| seen.from_client && is_closed(seen));
        let closed = closed.map(|(packet, _)| packet.time);
        let measured = closed.map_or("it never did".to_owned(), |time| format!("after {}", seconds(time)));
        facts.judge("the client closes its window", measured, closed.is_some());
        let shut = shut(facts);
        let measured = shut.map_or("not at all".to_owned(), seconds);
        facts.judge(
            "the server sends no data for most of a second",
            measured,
            shut.is_some_and(|time| time.as_millis() >= 700),
        );
        let opened = opened(facts);
        facts.judge(
            "the client announces a new window when it reads",
            if opened { "it did" } else { "it did not" },
            opened,
        );
    }),
    why: |facts| {
        let before: usize = {
            let closed = facts
                .all(1)
                .find(|(_, seen)| seen.from_client && is_closed(seen))
                .map(|(packet, _)| packet.number);
            let sent = |(packet, seen): &(&Packet, &Seen)| {
                !seen.from_client && closed.is_some_and(|closed| packet.number < closed)
            };
            facts.all(1).filter(sent).map(|(packet, _)| packet.length).sum()
        };
        format!(
            "{} of 100,000 bytes crossed before the window was closed; then the server sent no data for {}, and only \
             asked now and then whether there was room again. Nothing was lost and nobody was told to slow down by any \
             program: the receiver's buffer decided. In shoutd this is backpressure, too: while a reply is unsent it \
             doesn't read, so a client that doesn't read can't fill the server's memory.",
            if before > 0 { before.to_string() } else { "Only some".to_owned() },
            shut(facts).map_or("nearly a second".to_owned(), seconds)
        )
    },
    questions: &[
        (
            "What if the announcement of the new window is lost?",
            "Then both would wait for ever. That is what the probes are for: the sender asks now and then, and the answer \
             says how large the window is.",
        ),
        (
            "Does a closed window mean that packets were lost?",
            "No. It is the receiver that has no room. Loss on the way is another matter, and has a window of its own at \
             the sender (congestion control).",
        ),
    ],
};

fn is_closed(seen: &Seen) -> bool {
    seen.tcp.as_ref().is_some_and(|tcp| tcp.zero_window)
}

/// Whether the client has announced room after it had none.
fn opened(facts: &Facts) -> bool {
    let mut own = facts.all(1).filter(|(_, seen)| seen.from_client);
    own.any(|(_, seen)| is_closed(seen)) && own.any(|(_, seen)| !is_closed(seen))
}

/// The longest time between two segments of the server's data.
fn shut(facts: &Facts) -> Option<Duration> {
    let data = facts.events(1).into_iter().filter(|event| !event.from_client && event.bytes > 0);
    let times: Vec<Duration> = data.map(|event| event.time).collect();
    times.windows(2).map(|two| two[1].saturating_sub(two[0])).max()
}

static BACKLOG: Experiment = Experiment {
    name: "backlog",
    group: Group::Further,
    line: "more connections than the listener has room for: the SYN is dropped, and sent again",
    serves: &[Serves::Backlog(1)],
    client: "connects three times; the server accepts nobody until the third has waited half a second",
    because: "The kernel completes handshakes without the program, and keeps the connections in a queue until they are \
              accepted: here one and one more. The third SYN is dropped without a word, and its client sends it again \
              after a second, when there is room.",
    expected: &[
        client(Syn),
        server(SynAck).note("nobody has accepted, and it is connected all the same"),
        client(Fin),
        server(Fin),
        client(Syn).on(2),
        server(SynAck).on(2).note("the queue is full now"),
        client(Fin).on(2),
        server(Fin).on(2),
        client(Syn).on(3).note("dropped: no answer at all"),
        client(Syn).on(3).after(1000).note("the kernel tries again after a second"),
        server(SynAck).on(3).note("now there is room"),
        client(Fin).on(3),
        server(Fin).on(3),
    ],
    run: |stage| {
        let address = stage.address(0);
        let first = stage.connect(0)?;
        let second = stage.connect(0)?;
        let third = thread::spawn(move || {
            let start = Instant::now();
            TcpStream::connect_timeout(&address, PATIENCE).map(|stream| (stream, start.elapsed()))
        });
        thread::sleep(Duration::from_millis(500));
        let accepted = [stage.accept(0), stage.accept(0)];
        stage.note(
            "two connections wait in the queue",
            format!("{} do", accepted.iter().flatten().count()),
            accepted.iter().all(Result::is_ok),
        );
        let third = third.join().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()));
        let measured = match &third {
            Ok((_, took)) => format!("it did, after {}", seconds(*took)),
            Err(error) => plain(error),
        };
        let late = third.as_ref().is_ok_and(|(_, took)| took.as_millis() >= 900);
        stage.note("the third connects after a second", measured, late);
        let accepted_third = stage.accept(0);
        stage.close(first);
        stage.close(second);
        if let Ok((stream, _)) = third {
            stage.close(stream);
        }
        drop((accepted, accepted_third));
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "listen was called with a backlog of 1, and Linux lets one more than that wait. The first two were connected \
             and could have sent data, though no program had accepted them. The third SYN got no answer; the kernel sent \
             it again {} later. A client of a busy server feels this as a connection that takes a second, or three, and \
             nothing in any log says why (`nstat -az TcpExtListenOverflows` does).",
            facts.after(3, 2, "a second")
        )
    },
    questions: &[
        (
            "Why is the SYN dropped, and not refused with a reset?",
            "The queue is full for a moment, most likely. A client that hears nothing tries again by itself; one that is \
             refused gives up.",
        ),
        (
            "What backlog does shoutd ask for?",
            "4,096, of which the kernel grants at most net.core.somaxconn. It accepts many at a turn, so the queue is \
             short except in a storm.",
        ),
    ],
};
