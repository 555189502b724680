//! The web server: replies that end their connection.

use super::web::KEPT;
use crate::lab::browser::{ask, stay};
use crate::lab::experiment::{Experiment, Group};
use crate::lab::prediction::{Size::Told, What::*, client, server};
use crate::lab::serves::Serves;

pub const ALL: &[&Experiment] = &[&REDIRECT, &NOT_FOUND];

const CLOSING_SITE: &[Serves] = &[Serves::Web { close_on_error: true }];

static REDIRECT: Experiment = Experiment {
    name: "redirect",
    group: Group::Web,
    line: "/redirect answers 301 and closes; the browser follows on a new connection",
    serves: CLOSING_SITE,
    client: "asks for /redirect, reads Location, and asks for that on a new connection",
    because: "301 says that the page is elsewhere: Location names it. The server was told to close after every status \
              of 300 or above, so the reply carries Connection: close and the FIN. The browser needs a new connection.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Told("GET redirect"))).note("GET /redirect"),
        server(DataFin(Told("the redirect"))).note("301, and the FIN with it"),
        client(Fin),
        client(Syn).on(2).note("a new connection"),
        server(SynAck).on(2),
        client(Data(Told("GET result"))).on(2).note("GET /result.html, as Location said"),
        server(Data(Told("the result"))).on(2).note("200"),
        server(Fin).on(2).after(1000).note("a good reply: kept for a second"),
        client(Fin).on(2),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        let moved = ask(stage, &mut socket, "/redirect", 301)?;
        let location = moved.location.unwrap_or_default();
        stage.check("Location is", b"/result.html", location.as_bytes());
        stay(stage, socket);
        let mut socket = stage.connect(0)?;
        ask(stage, &mut socket, "/result.html", 200)?;
        stay(stage, socket);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The 301 was {} bytes and came {} after the request, its FIN in the same segment. The page it led to took a \
             second handshake, and came {} after it was asked for.",
            facts.bytes("the redirect"),
            facts.after(1, 4, "a moment"),
            facts.after(2, 4, "a moment")
        )
    },
    questions: &[
        (
            "Who asked for /result.html: the server or the browser?",
            "The browser. The server has only said where to look; whether to go there is the client's choice.",
        ),
        (
            "Must a redirect close the connection?",
            "No, and shoutd does not unless it is told to (--close-on-error): the second request may use the same \
             connection. The experiment has it close so that the capture shows both.",
        ),
    ],
};

static NOT_FOUND: Experiment = Experiment {
    name: "not-found",
    group: Group::Web,
    line: "a missing path answers 404 and closes; a silent second connection is closed too",
    serves: CLOSING_SITE,
    client: "opens two connections as browsers do, asks for /nope on the first, says nothing on the second",
    because: "404 is an answer like any other, with a page. The server was told to close after it, so its FIN rides with \
              it. The other connection, opened in case it is needed, says nothing, and is closed a second after its \
              handshake.",
    expected: &[
        client(Syn),
        server(SynAck),
        client(Data(Told("GET nope"))).note("GET /nope"),
        server(DataFin(Told("the error page"))).note("404, and the FIN with it"),
        client(Fin),
        client(Syn).on(2).note("a connection in reserve"),
        server(SynAck).on(2),
        server(Fin).on(2).after(1000).note("a second after the handshake: nobody asked for anything"),
        client(Fin).on(2),
    ],
    run: |stage| {
        let mut socket = stage.connect(0)?;
        let silent = stage.connect(0)?;
        ask(stage, &mut socket, "/nope", 404)?;
        stay(stage, socket);
        stay(stage, silent);
        Ok(())
    },
    judge: None,
    why: |facts| {
        format!(
            "The 404 came {} after the request. The silent connection cost the server one small structure and a timer, \
             and ended {} after its handshake.",
            facts.after(1, 4, "a moment"),
            facts.after(2, 3, "a second")
        )
    },
    questions: &[
        (
            "Why does a browser open a connection that it doesn't use?",
            "To save the handshake if it needs one: pages mostly ask for more files at once. If none comes, nothing is \
             lost but a few packets.",
        ),
        KEPT,
    ],
};
