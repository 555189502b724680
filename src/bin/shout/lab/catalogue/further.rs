//! What TCP and UDP do by themselves, at the edges: closing by halves, resets, datagrams that don't fit.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{LIMIT, failed, read, wait_for_fin};
use shoutd::units::seconds;
use std::io::Write;
use std::net::Shutdown;
use std::time::Instant;

pub const ALL: &[&Experiment] = &[&HALF_CLOSE, &RESET, &UDP_TRUNCATION];

static HALF_CLOSE: Experiment = Experiment {
    name: "half-close",
    group: Group::Further,
    line: "the client closes its half, and still gets its reply",
    serves: &[Serves::Tcp("delay=500ms")],
    client: "sends 13 bytes, shuts its sending half down, and reads until the server's FIN",
    because: "A connection is two streams, and a FIN ends one of them. The client has nothing more to say and says so; \
              the server, which reads half a second later, may answer all the same.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(13))).note("the question"),
        client(Fin).note("I have nothing more to say, and am listening"),
        server(Data(Just(13))).after(500).note("the reply, after the client's FIN"),
        server(Fin).after(500).note("the other half closes: the end was read after another wait"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"hello, world!").map_err(failed("sending"))?;
        socket.shutdown(Shutdown::Write).map_err(failed("shutting down"))?;
        let reply = read(&mut socket, 13);
        stage.check("the reply is", b"HELLO, WORLD!", &reply);
        let (closed, after) = wait_for_fin(&mut socket, LIMIT);
        let measured =
            if closed { format!("it did, after {}", seconds(after)) } else { "it did not".to_owned() };
        stage.note("the server closes, too", measured, closed);
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "{} after the client's FIN the reply came, on the half that was still open. This is how `nc -N` and `shout \
             tcp` with a pipe work: the FIN says that the input is complete, and the answer may take its time.",
            facts.after(1, 5, "Half a second")
        )
    },
    questions: &[
        (
            "How does shutdown differ from close?",
            "shutdown sends the FIN and leaves the socket open for reading. After close there is nobody to read: if data \
             still arrives, the kernel answers it with a reset.",
        ),
        (
            "In which states are both sides between the two FINs?",
            "The client, whose FIN was acknowledged, is in FIN-WAIT-2; the server, which has received it and not sent its \
             own, is in CLOSE-WAIT. `ss -tan` shows them.",
        ),
    ],
};

static RESET: Experiment = Experiment {
    name: "reset",
    group: Group::Further,
    line: "closing with unread data: a reset instead of a FIN",
    serves: &[Serves::Tcp("")],
    client: "sends 13 bytes, waits until the reply is there, and closes without reading it",
    because: "A program that closes with data unread has thrown it away, and the other side should know that it didn't \
              arrive. So the kernel sends a reset where it would have sent a FIN, and both sides forget the connection.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Just(13))).note("the question"),
        server(Data(Just(13))).note("the reply, which nobody will read"),
        client(Reset).note("closed with 13 bytes unread: no FIN, but a reset"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        socket.write_all(b"hello, world!").map_err(failed("sending"))?;
        // Looks at the reply without taking it.
        let waiting = socket.peek(&mut [0; 13]);
        let measured =
            waiting.as_ref().map_or("nothing came".to_owned(), |count| format!("{count} bytes wait"));
        stage.note("the reply waits in the receive buffer", measured, waiting.is_ok_and(|count| count > 0));
        stage.close(socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The reset came {} after the reply. Nothing follows a reset, not even an acknowledgement, and nobody has to \
             wait in TIME-WAIT. The server's next read fails with “connection reset by peer”.",
            facts.after(1, 5, "at once")
        )
    },
    questions: &[
        (
            "Why is a server careful not to close with unread data?",
            "Because its reset can overtake its reply: the client's kernel throws away what it has received and not \
             handed over yet. So shoutd sends its FIN, reads on until the client's, and only then closes.",
        ),
        (
            "Where else do resets come from?",
            "From a port on which nobody listens, from a host that has restarted and knows nothing of the connection, \
             from firewalls, and from programs that ask for it (SO_LINGER of zero).",
        ),
    ],
};

static UDP_TRUNCATION: Experiment = Experiment {
    name: "udp-truncation",
    group: Group::Further,
    line: "a datagram that doesn't fit into the reader's buffer loses its rest",
    serves: &[Serves::Udp],
    client: "sends 26 bytes, receives the reply into 10 bytes, and then asks for the rest",
    because: "Receiving returns one datagram, whole or cut. What the buffer has no room for is thrown away by the kernel: \
              there is no stream in which it could wait for the next call.",
    expected: &[
        client(Datagram(Just(26))).note("26 letters"),
        server(Datagram(Just(26))).note("all 26 cross: the packet is whole"),
        client(Datagram(Just(4))).note("another message"),
        server(Datagram(Just(4))).note("its reply is what is received next"),
    ],
    run: |stage| {
        let socket = stage.udp()?;
        socket.send_to(b"abcdefghijklmnopqrstuvwxyz", stage.address(0)).map_err(failed("sending"))?;
        let mut room = [0; 10];
        let count = socket.recv(&mut room).unwrap_or(0);
        stage.check("a receive into 10 bytes gets", b"ABCDEFGHIJ", &room[..count]);
        let start = Instant::now();
        socket.send_to(b"next", stage.address(0)).map_err(failed("sending"))?;
        let count = socket.recv(&mut room).unwrap_or(0);
        stage.check("the next receive gets", b"NEXT", &room[..count]);
        stage.tell("microseconds", start.elapsed().as_micros() as usize);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The datagram crossed with all its 26 bytes, and {} after the second message its reply was received: the 16 \
             bytes KLMNOPQRSTUVWXYZ were gone by then. No error told so, for `recv` counts only what it delivers (recvmsg \
             would have set MSG_TRUNC).",
            (facts.told)("microseconds").map_or("soon".to_owned(), |micros| format!("{micros} µs"))
        )
    },
    questions: &[
        (
            "How large should the buffer of a UDP receiver be?",
            "As large as the largest message of its protocol, and 65,507 bytes if that isn't known: no datagram over IPv4 \
             carries more.",
        ),
        (
            "What happens with TCP in the same place?",
            "The rest stays in the receive buffer and comes with the next read: it is a stream.",
        ),
    ],
};
