//! The web server: connections that are kept, and for how long.

use crate::lab::browser::{ask, stay};
use crate::lab::experiment::{Experiment, Group};
use crate::lab::prediction::{Size::Told, What::*, client, server};
use crate::lab::serves::Serves;
use crate::lab::stage::{PATIENCE, failed, wait_for_fin};
use shoutd::units::seconds;
use std::thread;
use std::time::{Duration, Instant};

pub const ALL: &[&Experiment] = &[&INDEX, &IMAGE, &SINGLE_FIN, &DOUBLE_FIN];

const SITE: &[Serves] = &[Serves::Web { close_on_error: false }];

/// Between the two requests of double-fin.
const APART: Duration = Duration::from_secs(2);

pub(super) const KEPT: (&str, &str) = (
    "Why does the server keep the connection for a second, and not close at once or never?",
    "A browser mostly asks for more, and on an open connection that needs no handshake. But an idle connection costs \
     the server memory and a descriptor, and a client that has gone away without a word would hold them for ever. So \
     there is a limit; how long it should be depends on who pays for waiting.",
);

static INDEX: Experiment = Experiment {
    name: "index",
    group: Group::Web,
    line: "a browser opens / and then asks for /favicon.ico",
    serves: SITE,
    client: "asks for /, then for /favicon.ico on the same connection, and stays",
    because: "HTTP/1.1 keeps a connection open after a response, so both requests use one. When nothing has been asked \
              for a second, the server closes: it sends the first FIN.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Told("GET /"))).note("GET /"),
        server(Data(Told("its page"))).note("200: head and page in one segment"),
        client(Data(Told("GET icon"))).note("GET /favicon.ico, which every browser asks for by itself"),
        server(Data(Told("the icon"))).note("200"),
        server(Fin).after(1000).note("a second without a request: the server closes"),
        client(Fin),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        let page = ask(stage, &mut socket, "/", 200)?;
        let hello = page.body.windows(11).any(|words| words == b"Hello World");
        stage.note("the page says Hello World", if hello { "it does" } else { "it does not" }, hello);
        ask(stage, &mut socket, "/favicon.ico", 200)?;
        stay(stage, socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The page took {}, the icon {} and no handshake. The server's timer of this connection was moved by each \
             request; the last one set it to a second, and {} after the last reply the FIN left.",
            facts.after(1, 4, "a moment"),
            facts.after(1, 6, "a moment"),
            facts.after(1, 7, "a second")
        )
    },
    questions: &[
        KEPT,
        (
            "How does the browser know where the page ends, if the connection stays open?",
            "By Content-Length in the head of the response. Before HTTP/1.1 the end of the connection was the end of \
             the page.",
        ),
    ],
};

static IMAGE: Experiment = Experiment {
    name: "image",
    group: Group::Web,
    line: "a picture larger than one segment arrives byte for byte",
    serves: SITE,
    client: "asks for /back1.jpg and compares every byte",
    because: "The response is a head and the bytes of the file, as many segments as the kernel makes of them. No text, \
              no lines: Content-Length says how many bytes there are.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Told("GET image"))).note("GET /back1.jpg"),
        server(Bytes(Told("the image"))).note("200: the head, and the file behind it"),
        server(Fin).after(1000).note("a second without a request"),
        client(Fin),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        let image = ask(stage, &mut socket, "/back1.jpg", 200)?;
        let original = include_bytes!("../../../../../www/back1.jpg");
        let same = image.body == original;
        let got = format!("{} bytes, {}", image.body.len(), if same { "the same" } else { "not the same" });
        stage.note(format!("the file's {} bytes arrive unchanged", original.len()), got, same);
        stay(stage, socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        let segments = facts.events(1).iter().filter(|event| !event.from_client && event.bytes > 0).count();
        format!(
            "{} bytes crossed in {}. Over Ethernet, with at most 1,460 bytes in each, it would have been {}.",
            facts.bytes("the image"),
            match segments {
                0 => "segments that were not seen".to_owned(),
                1 => "one segment, as the loopback interface takes up to 65,483 bytes in one".to_owned(),
                segments => format!("{segments} segments"),
            },
            (facts.told)("the image").map_or(0, |bytes| bytes.div_ceil(1460))
        )
    },
    questions: &[
        (
            "Does the server send a picture differently from a page?",
            "No. Both are bytes; Content-Type tells the browser what to make of them. This server hands larger files \
             to the kernel to send (sendfile), so that they needn't pass through its own memory.",
        ),
        (
            "Some segment was lost on the way. Does the picture get a hole?",
            "No: the receiver's acknowledgements stop at the hole, the sender sends that part again, and the browser \
             gets the bytes in order or not at all.",
        ),
    ],
};

static SINGLE_FIN: Experiment = Experiment {
    name: "single-fin",
    group: Group::Web,
    line: "two requests 0.1 s apart: one connection, one FIN each way",
    serves: SITE,
    client: "asks for / twice on one connection, 0.1 s apart, and stays",
    because: "The second request comes before the server's second of patience is over, so it finds the connection open. \
              One handshake, two responses, and one FIN from each side at the end.",
    expected: &[
        client(Syn).note("the only handshake"),
        server(SynAck),
        client(Data(Told("GET /"))).note("GET /"),
        server(Data(Told("its page"))).note("200"),
        client(Data(Told("GET /"))).after(100).note("GET / again, on the same connection"),
        server(Data(Told("its page"))).note("200"),
        server(Fin).after(1000).note("a second after the second reply"),
        client(Fin).note("one FIN each way"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        ask(stage, &mut socket, "/", 200)?;
        thread::sleep(Duration::from_millis(100));
        ask(stage, &mut socket, "/", 200)?;
        stay(stage, socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The second request came {} after the first reply and was answered {} later. The server counted its second \
             anew from there: its FIN came {} after the second reply.",
            facts.after(1, 5, "0.1 s"),
            facts.after(1, 6, "a moment"),
            facts.after(1, 7, "1 s")
        )
    },
    questions: &[
        KEPT,
        (
            "Who sent the first FIN, and why?",
            "The server: its timer for idle connections ran out. The client would have kept the connection; it closed \
             because it read the end of the stream.",
        ),
    ],
};

static DOUBLE_FIN: Experiment = Experiment {
    name: "double-fin",
    group: Group::Web,
    line: "two requests 2 s apart: two connections, two FINs each way",
    serves: SITE,
    client: "asks for /, and 2 s later again: on the same connection if that is still open, else on a new one",
    because: "The server closes the first connection after a second of silence. When the client wants more after two, \
              that connection is gone, so it needs a second one, with a handshake and FINs of its own.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Told("GET /"))).note("GET /"),
        server(Data(Told("its page"))).note("200"),
        server(Fin).after(1000).note("a second of silence: the server closes"),
        client(Fin),
        client(Syn).on(2).note("two seconds later: a second handshake"),
        server(SynAck).on(2),
        client(Data(Told("GET /"))).on(2).note("GET / again"),
        server(Data(Told("its page"))).on(2).note("200"),
        server(Fin).on(2).after(1000),
        client(Fin).on(2).note("two FINs each way in all"),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        let start = Instant::now();
        ask(stage, &mut socket, "/", 200)?;
        // Whatever the server does, the second request is sent 2 s after the first.
        let left = || APART.saturating_sub(start.elapsed());
        let (closed, after) = wait_for_fin(&mut socket, left());
        let measured =
            if closed { format!("it did, after {}", seconds(after)) } else { "it did not".to_owned() };
        stage.note("the server closes within 2 s", measured, closed);
        if closed {
            stage.close(socket);
            thread::sleep(left());
            socket = stage.connect(0)?;
        }
        socket.set_read_timeout(Some(PATIENCE)).map_err(failed("a socket's options"))?;
        ask(stage, &mut socket, "/", 200)?;
        stay(stage, socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        let times: Vec<Duration> = facts
            .conversations
            .list
            .iter()
            .filter_map(|c| Some(facts.packets[*c.packets.first()?].time))
            .collect();
        let apart =
            times.first().zip(times.get(1)).map_or("2 s".to_owned(), |(a, b)| seconds(b.saturating_sub(*a)));
        format!(
            "The first connection was closed {} after its reply; the second was opened {apart} after the first. \
             Compare single-fin: the same two requests, and half as many segments that carry nothing.",
            facts.after(1, 5, "a second")
        )
    },
    questions: &[
        KEPT,
        (
            "What if a request and the server's FIN cross on the way?",
            "The client can't know whether the server has seen its request, and gets a FIN or a reset instead of an \
             answer. Browsers then ask once more on a new connection, which is safe for GET and not for everything.",
        ),
    ],
};
