//! TCP uppercase: what a read returns, and what leaves in a segment.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::facts::Facts;
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{LIMIT, failed, read, wait_for_fin};
use shoutd::units::seconds;
use std::io::Write;

pub const ALL: &[&Experiment] = &[&FIVE_BYTES, &THOUSANDFOLD, &SLOW_READER];

static FIVE_BYTES: Experiment = Experiment {
    name: "five-bytes",
    group: Group::Tcp,
    line: "version 2: the server reads five bytes at a time",
    serves: &[Serves::Tcp("read=5")],
    client: "sends 20 bytes at once, reads 20 bytes, and closes",
    because: "Twenty bytes arrive in one segment, but the server takes five at a time out of its receive buffer \
              and answers each at once. So four replies of five bytes leave, each in a segment of its own.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(20))).note("all of it in one segment"),
        server(Data(Just(5))).note("one read, one reply"),
        server(Data(Just(5))),
        server(Data(Just(5))),
        server(Data(Just(5))).note("the fourth and last"),
        client(Fin),
        server(Fin),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"twenty bytes of text").map_err(failed("sending"))?;
        let reply = read(&mut socket, 20);
        stage.check("the reply is", b"TWENTY BYTES OF TEXT", &reply);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The four replies left within {} of one another. They stayed apart because the server has switched \
             Nagle's algorithm off (TCP_NODELAY): with it, the second would have waited for the first to be \
             acknowledged. The client doesn't notice any of this: it asked for 20 bytes and got 20.",
            facts
                .waited(1, 5)
                .zip(facts.waited(1, 6))
                .zip(facts.waited(1, 7))
                .map_or("a few microseconds".to_owned(), |((a, b), c)| seconds(a + b + c))
        )
    },
    questions: &[
        (
            "One segment arrived, four left. Where were the other bytes meanwhile?",
            "In the receive buffer of the server's kernel. The segment was acknowledged whole when it arrived; what \
             a program reads of it, and when, is the program's business. Reads and segments have nothing to do with \
             one another.",
        ),
        (
            "What would happen if the client sent 7 bytes?",
            "Two replies, of 5 and of 2 bytes: a read returns what is there, and at most what was asked for.",
        ),
    ],
};

static THOUSANDFOLD: Experiment = Experiment {
    name: "thousandfold",
    group: Group::Tcp,
    line: "version 3: each reply is the message a thousand times over",
    serves: &[Serves::Tcp("repeat=1000")],
    client: "sends 13 bytes, reads 13,000 bytes, and closes",
    because: "The reply is 13,000 bytes in one write. On Ethernet that would be nine segments of at most 1,460 \
              bytes; the loopback interface takes far larger ones, so it is one.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(13))).note("the sentence"),
        server(Data(Just(13_000))).note("a thousand of it in one segment"),
        client(Fin),
        server(Fin),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"hello, world!").map_err(failed("sending"))?;
        let reply = read(&mut socket, 13_000);
        let right = reply == b"HELLO, WORLD!".repeat(1000);
        let got = format!("{} bytes, {}", reply.len(), if right { "all of them right" } else { "not those" });
        stage.note("the reply is HELLO, WORLD! a thousand times", got, right);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        let mss = facts.all(1).find_map(|(packet, _)| packet.segment()?.mss);
        let mss = mss.map_or("65495".to_owned(), |mss| mss.to_string());
        format!(
            "Each side's SYN allowed segments of up to {mss} bytes (its MSS: an IP packet has at most 65,535 bytes, of \
             which the headers take 40), and the loopback interface takes packets of that size. So the 13,000 bytes, \
             which came {} after the sentence, did not have to be cut.",
            facts.after(1, 4, "at once")
        )
    },
    questions: &[
        (
            "How many segments would carry the 13,000 bytes over Ethernet?",
            "Nine: its MTU is 1,500 bytes, and the headers of IP and TCP take 40 of them (52 with timestamps), so \
             13,000 / 1,460 rounded up. A capture on the sending host may still show fewer and larger ones, as the \
             network card does the cutting.",
        ),
        (
            "The client asked for 13,000 bytes. Could it have got them with one recv?",
            "Here often, but no program may count on it: recv returns what has arrived so far. It has to be called \
             again until all of it is there.",
        ),
    ],
};

static SLOW_READER: Experiment = Experiment {
    name: "slow-reader",
    group: Group::Tcp,
    line: "version 4: the server waits five seconds before every read",
    serves: &[Serves::Tcp("delay=5s")],
    client: "sends 130 bytes four times without waiting, reads 520 bytes, and closes",
    because: "The kernel takes the four messages and acknowledges them while the server's program waits. After five \
              seconds one read returns all of it, so one reply goes back.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Bytes(Just(520))).note("four sends, in one segment or more"),
        server(Data(Just(520))).after(5000).note("one read, so one reply"),
        client(Fin),
        server(Fin).after(5000).note("the end is read after another wait"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        for letter in [b'a', b'b', b'c', b'd'] {
            socket.write_all(&[letter; 130]).map_err(failed("sending"))?;
        }
        let expected = [[b'A'; 130], [b'B'; 130], [b'C'; 130], [b'D'; 130]].concat();
        let reply = read(&mut socket, 520);
        let right = reply == expected;
        let got = format!("{} bytes, {}", reply.len(), if right { "all of them right" } else { "not those" });
        stage.note("the reply is 520 bytes in capitals", got, right);
        // The server waits before it reads the end, too. Stay until its FIN has come.
        socket.shutdown(std::net::Shutdown::Write).map_err(failed("closing"))?;
        wait_for_fin(&mut socket, LIMIT);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: slow_reader_why,
    questions: &[
        (
            "Why did four sends arrive as one read?",
            "Each send left in a segment of its own, or shared one, and all of them were put one behind the other \
             into the server's receive buffer. When the program read at last, with room for all, it got everything \
             that was there. TCP keeps the order of bytes, not the borders of sends.",
        ),
        (
            "The server's program slept. Who acknowledged the data?",
            "Its kernel. An acknowledgement says that the bytes are in the receive buffer, not that a program has \
             seen them.",
        ),
        (
            "Does anybody else wait while this connection does?",
            "Not here: the wait is a timer of one connection, and the loop serves the others meanwhile. A server \
             that sleeps keeps everybody waiting.",
        ),
    ],
};

fn slow_reader_why(facts: &Facts) -> String {
    let sends = facts.events(1).iter().filter(|event| event.from_client && event.bytes > 0).count();
    let reply = facts.events(1).into_iter().find(|event| !event.from_client && event.bytes > 0);
    let row = facts.rows.iter().find(|row| row.predicted.starts_with("S PSH 520"));
    format!(
        "The four sends crossed in {} and were acknowledged at once, all by the kernel. {} One read returned all \
         520 bytes, and one write answered them in one segment{}.",
        match sends {
            0 => "segments that were not seen".to_owned(),
            1 => "one segment".to_owned(),
            sends => format!("{sends} segments"),
        },
        row.filter(|_| facts.captured).map_or("Then nothing for five seconds.".to_owned(), |row| format!(
            "Then nothing but time passed: {}.",
            row.measured
        )),
        reply.map_or(String::new(), |reply| format!(" ({} bytes)", reply.bytes))
    )
}
