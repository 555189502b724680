//! No room: a receive buffer that fills, and a queue of connections that does.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::facts::Facts;
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{PATIENCE, connect_with_small_buffer, failed, read};
use shoutd::trouble::plain;
use shoutd::units::seconds;
use shoutd::wire::conversation::Seen;
use shoutd::wire::packet::Packet;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

pub const ALL: &[&Experiment] = &[&WINDOW, &BACKLOG];

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
