//! UDP uppercase: a datagram there, a datagram back.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::failed;

pub const ALL: &[&Experiment] = &[&DATAGRAM, &EMPTY_DATAGRAM];

static DATAGRAM: Experiment = Experiment {
    name: "datagram",
    group: Group::Udp,
    line: "one datagram there, one back: two packets in all",
    serves: &[Serves::Udp],
    client: "sends 11 bytes in a datagram and waits for the reply",
    because: "UDP has no connection: nothing is opened, nothing is acknowledged, nothing is closed. The first packet \
              already carries the message, and the second one the answer.",
    expected: &[
        client(Datagram(Just(11))).note("the message: no handshake before it"),
        server(Datagram(Just(11))).note("the answer: nothing follows"),
    ],
    run: |stage| {
        let socket = stage.udp()?;
        socket.send_to(b"hello world", stage.address(0)).map_err(failed("sending"))?;
        let mut room = [0; 2048];
        let count = socket.recv(&mut room).unwrap_or(0);
        stage.check("the reply is", b"HELLO WORLD", &room[..count]);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The answer came {} after the message, and {} is all there was. The same over TCP takes ten or so, for \
             opening, acknowledging and closing; that is the price of knowing that it arrived.",
            facts.after(1, 2, "at once"),
            facts.count().replace("the 2 packets", "that: two packets,")
        )
    },
    questions: &[
        (
            "How does the server know where to send the answer?",
            "Each datagram carries its sender's address and port, and the server is told them with the data \
             (recvfrom). It remembers nothing afterwards.",
        ),
        (
            "Who closed?",
            "Nobody: there was nothing to close. The client's port was free again when its socket was.",
        ),
    ],
};

static EMPTY_DATAGRAM: Experiment = Experiment {
    name: "empty-datagram",
    group: Group::Udp,
    line: "a datagram of no bytes is a message, too",
    serves: &[Serves::Udp],
    client: "sends a datagram of 0 bytes and waits for the reply",
    because: "A datagram has a header, and its data may be empty. It crosses, it is received, and it is answered by \
              one that is empty as well.",
    expected: &[
        client(Datagram(Just(0))).note("28 bytes of headers and nothing else"),
        server(Datagram(Just(0))).note("the answer, just as empty"),
    ],
    run: |stage| {
        let socket = stage.udp()?;
        socket.send_to(b"", stage.address(0)).map_err(failed("sending"))?;
        let received = socket.recv(&mut [0; 2048]);
        let got = received.as_ref().map_or("no datagram".to_owned(), |count| format!("one of {count} bytes"));
        stage.note("a datagram of 0 bytes comes back", got, matches!(received, Ok(0)));
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "Receiving returned 0 after {}. On a TCP socket 0 would have meant the end of the stream; a UDP socket has \
             no stream and no end, so it means what it says: a datagram came, and it was empty.",
            facts.after(1, 2, "a moment")
        )
    },
    questions: &[
        (
            "Can a TCP client send an empty message?",
            "No. Writing 0 bytes to a TCP socket sends nothing, because a stream has no place where nothing could \
             stand.",
        ),
        (
            "What is such a datagram good for?",
            "Its arrival is the message: keeping a port open in a firewall, or asking whether somebody is there.",
        ),
    ],
};
