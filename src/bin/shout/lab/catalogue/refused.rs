//! Nobody listens: TCP says so at once, UDP can't.

use crate::lab::experiment::{Experiment, Group};
use crate::lab::prediction::{Size::Just, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{Stage, failed};
use shoutd::trouble::{Trouble, plain};
use shoutd::units::seconds;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub const ALL: &[&Experiment] = &[&TCP_NO_SERVER, &TCP_WRONG_PORT, &UDP_NO_SERVER, &UDP_WRONG_PORT];

/// How long to wait for a reply that won't come.
const SILENCE: Duration = Duration::from_millis(700);

const REFUSED: (&str, &str) = (
    "Why is a TCP client refused at once, and a UDP client not?",
    "TCP opens a connection before anything else, and the kernel of a host answers a SYN for a port on which nobody \
     listens with a reset. UDP opens nothing: sending hands a datagram to the network and is done. The host may send \
     back an ICMP message, but that is a courtesy which firewalls often drop, and which a socket that isn't connected \
     to one peer isn't told of.",
);

/// Connects where nobody listens, and says what came of it.
fn knock(stage: &mut Stage, address: SocketAddr) {
    let start = Instant::now();
    let result = TcpStream::connect_timeout(&address, Duration::from_secs(5));
    let took = seconds(start.elapsed());
    let (measured, refused) = match result {
        Ok(_) => (format!("connected after {took}"), false),
        Err(error) => {
            (format!("{} after {took}", plain(&error)), error.kind() == ErrorKind::ConnectionRefused)
        }
    };
    stage.note("connecting fails: connection refused", measured, refused);
}

/// Sends a datagram and waits in vain.
fn call(stage: &mut Stage, address: SocketAddr) -> Result<std::net::UdpSocket, Trouble> {
    let socket = stage.udp()?;
    let sent = socket.send_to(b"hello world", address);
    let measured = sent.as_ref().map_or_else(plain, |count| format!("{count} bytes sent"));
    stage.note("sending succeeds", measured, sent.is_ok());
    socket.set_read_timeout(Some(SILENCE)).map_err(failed("a socket's options"))?;
    let received = socket.recv(&mut [0; 2048]);
    let nothing = matches!(&received, Err(error) if error.kind() == ErrorKind::WouldBlock);
    let measured = match received {
        Ok(count) => format!("{count} bytes came"),
        Err(_) if nothing => format!("none within {}", seconds(SILENCE)),
        Err(error) => plain(&error),
    };
    stage.note("no reply comes", measured, nothing);
    Ok(socket)
}

static TCP_NO_SERVER: Experiment = Experiment {
    name: "tcp-no-server",
    group: Group::Refused,
    line: "the TCP client starts before its server",
    serves: &[Serves::Nothing],
    client: "connects to a port on which nothing listens",
    because: "The SYN arrives, no program listens on that port, so the kernel answers in its place: a reset. The \
              client's connect fails at once with “connection refused”.",
    expected: &[client(Syn).note("may I?"), server(Reset).note("nobody listens here: refused by the kernel")],
    run: |stage| {
        knock(stage, stage.address(0));
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The refusal came {} after the SYN. No server was there to send it: the reset is the kernel's. A client \
             that gets it can say what is wrong at once: the host is up, and nothing listens on that port.",
            facts.after(1, 2, "at once")
        )
    },
    questions: &[
        REFUSED,
        (
            "What if the host itself were down?",
            "Nobody would answer at all. The client's kernel would send the SYN again after 1, 2, 4… seconds, and \
             connect would fail after minutes, with “timed out” rather than “refused”.",
        ),
    ],
};

static TCP_WRONG_PORT: Experiment = Experiment {
    name: "tcp-wrong-port",
    group: Group::Refused,
    line: "the TCP server listens, but the client uses another port",
    serves: &[Serves::Tcp(""), Serves::Nothing],
    client: "connects to another port than the server's",
    because: "A server runs on this host, but a port is an address of its own: on this one nobody listens, and the \
              kernel refuses as if there were no server at all.",
    expected: &[client(Syn).note("to the wrong port"), server(Reset).note("refused by the kernel")],
    run: |stage| {
        knock(stage, stage.address(1));
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "Refused {} after the SYN. From outside nobody can tell a server that isn't running from one that listens \
             elsewhere: both are a reset. That is also how a port scanner finds out which ports are open.",
            facts.after(1, 2, "at once")
        )
    },
    questions: &[
        REFUSED,
        (
            "Did the server notice?",
            "No. The SYN named a port that isn't the server's, so the kernel had no reason to wake it.",
        ),
    ],
};

static UDP_NO_SERVER: Experiment = Experiment {
    name: "udp-no-server",
    group: Group::Refused,
    line: "a datagram sent before the server starts is lost, one sent after is answered",
    serves: &[Serves::Nothing],
    client: "sends a datagram, waits in vain; the server starts; sends another one",
    because: "Sending succeeds although nobody listens: there is nobody to ask before. The datagram is thrown away, \
              and a server that starts later never sees it. One that is sent afterwards is answered.",
    expected: &[
        client(Datagram(Just(11))).note("nobody is there to receive it"),
        server(Unreachable).maybe().note("its host may say so"),
        client(Datagram(Just(16))).after(700).note("sent when the server is there"),
        server(Datagram(Just(16))).note("the only answer"),
    ],
    run: |stage| {
        let socket = call(stage, stage.address(0))?;
        stage.start_late(0, Serves::Udp)?;
        socket.send_to(b"is anyone there?", stage.address(0)).map_err(failed("sending"))?;
        let mut room = [0; 2048];
        socket.set_read_timeout(Some(Duration::from_secs(5))).map_err(failed("a socket's options"))?;
        let count = socket.recv(&mut room).unwrap_or(0);
        stage.check("the answer to the second message is", b"IS ANYONE THERE?", &room[..count]);
        Ok(())
    },
    judge: None,
    why: |facts| {
        let icmp = facts
            .packets
            .iter()
            .any(|packet| matches!(packet.kind, shoutd::wire::packet::Kind::Unreachable(_)));
        format!(
            "The first datagram was gone for good: {}, and the server that started {} later had nothing to read. UDP \
             keeps no copy and sends nothing again; whoever needs an answer has to ask again.",
            if icmp {
                "the host said so with an ICMP message, of which this socket, being connected to nobody, was not told"
            } else {
                "nobody kept it"
            },
            seconds(SILENCE)
        )
    },
    questions: &[
        REFUSED,
        (
            "Would the client have been told of the ICMP message?",
            "If it had connected its socket (connect works for UDP too, and only notes the peer): then the next call \
             fails with “connection refused”. Unconnected sockets talk to many, so they aren't told.",
        ),
    ],
};

static UDP_WRONG_PORT: Experiment = Experiment {
    name: "udp-wrong-port",
    group: Group::Refused,
    line: "the UDP server listens, but the client uses another port",
    serves: &[Serves::Udp, Serves::Nothing],
    client: "sends a datagram to another port than the server's, and waits in vain",
    because: "The datagram reaches the host and no socket. Sending has succeeded long before, and the client waits for \
              an answer that nobody was asked for.",
    expected: &[
        client(Datagram(Just(11))).note("to the wrong port"),
        server(Unreachable).maybe().note("the host may say so"),
    ],
    run: |stage| call(stage, stage.address(1)).map(drop),
    judge: None,
    why: |facts| {
        format!(
            "{} crossed, and nothing that the client could see came back within {}. A client of UDP needs a limit of \
             its own for how long it waits, and has to decide what silence means.",
            match facts.packets.len() {
                0 => "The datagram".to_owned(),
                1 => "One packet".to_owned(),
                _ => "The datagram and an ICMP message".to_owned(),
            },
            seconds(SILENCE)
        )
    },
    questions: &[
        REFUSED,
        (
            "Is silence proof that the port is wrong?",
            "No. The datagram or its answer may have been lost, the server may be busy, or a firewall may drop either. \
             With UDP these all look the same.",
        ),
    ],
};
