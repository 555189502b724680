//! TCP uppercase: who closes, and when.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{LIMIT, failed, read, wait_for_fin};
use std::io::Write;

pub const ALL: &[&Experiment] = &[&ONESHOT, &TWO_MESSAGES, &UNTIL_CLOSE];

const WHO_CLOSES: (&str, &str) = (
    "Who sent the first FIN, and why?",
    "The side whose program was done first: a FIN is sent when a program closes its socket (or shuts down its \
     sending half), never by TCP itself. A server that answers one message and is done closes first; a server \
     that reads until the end of the stream learns of the end only by the client's FIN, so it closes second.",
);

static ONESHOT: Experiment = Experiment {
    name: "oneshot",
    group: Group::Tcp,
    line: "one sentence, one reply, and the server closes",
    serves: &[Serves::Tcp("read=1024,messages=1")],
    client: "sends a sentence of 11 bytes, reads the reply, and closes after the server",
    because: "A handshake of three segments opens the connection. One segment carries the sentence. The server \
              knows that its reply is also its last word, so it holds the segment back until it has said that \
              too: reply and FIN ride together. The client closes second.",
    expected: &[
        client(Syn).note("the handshake"),
        server(SynAck),
        client(Data(Just(11))).note("the sentence"),
        server(DataFin(Just(11))).note("the reply, with the FIN in the same segment"),
        client(Fin).note("the client closes second"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"hello world").map_err(failed("sending"))?;
        let reply = read(&mut socket, 11);
        stage.check("the reply is", b"HELLO WORLD", &reply);
        let (closed, _) = wait_for_fin(&mut socket, LIMIT);
        stage.note("the server closes first", if closed { "it did" } else { "it did not" }, closed);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The reply came {} after the sentence. The server was told to give one reply (messages=1), so when it \
             wrote those 11 bytes it already knew that a FIN would follow, and had the kernel hold them back \
             (TCP_CORK) until the FIN could go with them. Of {}, only two carried any data; the others opened, \
             closed and acknowledged.",
            facts.after(1, 4, "at once"),
            facts.count()
        )
    },
    questions: &[
        WHO_CLOSES,
        (
            "Eleven bytes each way: why are there so many packets?",
            "A connection has a price. Three segments open it, and two FINs with their acknowledgements close it, \
             however little is said in between. With UDP the same exchange is two packets, without any promise \
             that they arrive.",
        ),
    ],
};

static TWO_MESSAGES: Experiment = Experiment {
    name: "two-messages",
    group: Group::Tcp,
    line: "two sentences on one connection, then the server closes",
    serves: &[Serves::Tcp("read=1024,messages=2")],
    client: "sends 33 bytes, reads, sends 20 bytes, reads, and closes after the server",
    because: "Both exchanges use one connection, so there is one handshake. The first reply leaves alone, because \
              the server goes on reading; the second is the last one and takes the FIN with it.",
    expected: &[
        client(Syn).note("one handshake for both"),
        server(SynAck),
        client(Data(Just(33))).note("the first sentence"),
        server(Data(Just(33))).note("its reply; the server goes on"),
        client(Data(Just(20))).note("the second sentence"),
        server(DataFin(Just(20))).note("its reply, which is the last: the FIN rides along"),
        client(Fin),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        let both: [(&[u8], &[u8]); 2] = [
            (b"the first message has 33 bytes...", b"THE FIRST MESSAGE HAS 33 BYTES..."),
            (b"the second has 20 b.", b"THE SECOND HAS 20 B."),
        ];
        for (message, expected) in both {
            socket.write_all(message).map_err(failed("sending"))?;
            let reply = read(&mut socket, expected.len());
            stage.check("the reply is", expected, &reply);
        }
        wait_for_fin(&mut socket, LIMIT);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The replies came {} and {} after their sentences. The second sentence needed no handshake, and its \
             segment also acknowledged the first reply. After two replies (messages=2) the server was done.",
            facts.after(1, 4, "at once"),
            facts.after(1, 6, "at once")
        )
    },
    questions: &[
        WHO_CLOSES,
        (
            "Did the server know where the first sentence ended?",
            "No. TCP is a stream of bytes without marks. The server took what one read returned for a message, and \
             that was the sentence only because the client waited for the reply before it sent more.",
        ),
    ],
};

static UNTIL_CLOSE: Experiment = Experiment {
    name: "until-close",
    group: Group::Tcp,
    line: "version 1: the server answers until the client closes",
    serves: &[Serves::Tcp("read=1024")],
    client: "sends 13 bytes, reads the reply, and closes",
    because: "The server reads until the stream ends, so only the client can end it: its FIN comes first, the \
              server reads the end of the stream, and closes too.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(13))).note("the sentence"),
        server(Data(Just(13))).note("the reply"),
        client(Fin).note("the client closes first"),
        server(Fin).note("the server has read the end, and closes"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"hello, world!").map_err(failed("sending"))?;
        let reply = read(&mut socket, 13);
        stage.check("the reply is", b"HELLO, WORLD!", &reply);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The client closed {} after the reply, and the server's FIN came {} later: that is how long it took \
             the server to be woken, to read 0 bytes (which is how the end of a stream looks to a program), and to \
             close.",
            facts.after(1, 5, "soon"),
            facts.after(1, 6, "at once")
        )
    },
    questions: &[
        WHO_CLOSES,
        (
            "What does the side that closed first pay for that?",
            "It keeps the connection in the state TIME-WAIT for a minute (on Linux), so that late segments can't \
             be mistaken for those of a new connection. That is why busy servers like their clients to close first.",
        ),
    ],
};
