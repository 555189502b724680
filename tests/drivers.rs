//! One table of what a server has to do, held against every driver: the event loop, and those of
//! `benches/drivers/`. A comparison is worth something only where all of them serve alike.
//!
//! Each row starts a server of its own, in this process, and a driver's rows run side by side. One client at a
//! time can't do everything, by its nature: such a row says so, and has what that server does instead.

#[path = "../benches/drivers/mod.rs"]
mod drivers;
#[path = "drivers/http.rs"]
mod http;
#[path = "drivers/many.rs"]
mod many;
#[path = "drivers/stop.rs"]
mod stop;
mod support;
#[path = "drivers/tcp.rs"]
mod tcp;
#[path = "drivers/udp.rs"]
mod udp;

use drivers::Model;
use shoutd::cli::Options;
use shoutd::server::{Listening, Server};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use support::*;

/// Who drives the sessions; `None` is the event loop.
type Who = Option<Model>;

/// A line of the table.
struct Row {
    name: &'static str,
    holds: fn(Who),
    /// What holds for one client at a time instead.
    of_one: Option<fn(Who)>,
}

const fn row(name: &'static str, holds: fn(Who)) -> Row {
    Row { name, holds, of_one: None }
}

const fn row_but_of_one(name: &'static str, holds: fn(Who), of_one: fn(Who)) -> Row {
    Row { name, holds, of_one: Some(of_one) }
}

const TABLE: &[&[Row]] = &[tcp::ROWS, udp::ROWS, http::ROWS, many::ROWS, stop::ROWS];

#[test]
fn the_event_loop_does_all_of_the_table() {
    hold_the_table_against(None);
}

#[test]
fn a_thread_for_each_connection_does_all_of_the_table() {
    hold_the_table_against(Some(Model::Threads));
}

#[test]
fn a_pool_of_threads_does_all_of_the_table() {
    hold_the_table_against(Some(Model::Pool { workers: 64 }));
}

#[test]
fn one_client_at_a_time_does_all_of_the_table_or_what_it_does_instead() {
    hold_the_table_against(Some(Model::One));
}

/// All rows at once; the names of those that don't hold.
fn hold_the_table_against(who: Who) {
    let rows = TABLE.iter().copied().flatten();
    let running: Vec<(&str, JoinHandle<()>)> = rows
        .map(|row| {
            let of_one = if who == Some(Model::One) { row.of_one } else { None };
            let holds = of_one.unwrap_or(row.holds);
            (row.name, thread::spawn(move || holds(who)))
        })
        .collect();
    let failed: Vec<&str> =
        running.into_iter().filter_map(|(name, row)| row.join().is_err().then_some(name)).collect();
    assert!(failed.is_empty(), "{who:?}: {failed:?}");
}

/// A running server.
struct Running {
    listening: Listening,
    stopper: UnixStream,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Starts a server with options of shoutd. Name listeners with port 0.
fn start(who: Who, options: &[&str]) -> Running {
    let options = Options::parse_from(["shoutd"].iter().chain(options).copied());
    let config = options.config;
    let (listening, stopper, thread) = match who {
        None => {
            let server = Server::bind(&config).unwrap();
            (server.listening().to_vec(), server.stopper(), thread::spawn(|| server.run()))
        }
        Some(model) => {
            let driver = drivers::bind(model, &config).unwrap();
            (driver.listening().to_vec(), driver.stopper(), thread::spawn(|| driver.run()))
        }
    };
    Running { listening, stopper: stopper.unwrap(), thread: Some(thread) }
}

impl Running {
    /// The address of the first listener of a scheme.
    fn first(&self, scheme: &str) -> SocketAddr {
        let found = self.listening.iter().find(|(name, _)| *name == scheme);
        found.and_then(|(_, place)| place.ip()).expect("such a listener")
    }

    fn tcp(&self) -> SocketAddr {
        self.first("tcp")
    }

    fn udp(&self) -> SocketAddr {
        self.first("udp")
    }

    fn http(&self) -> SocketAddr {
        self.first("http")
    }

    /// Asks it to stop. Who has ended meanwhile doesn't hear that any more.
    fn ring(&self) {
        let _ = (&self.stopper).write_all(b"!");
    }

    /// Whether it still runs.
    fn runs(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Waits for its end, which must be one without an error.
    fn wait(&mut self) {
        eventually(|| !self.runs(), || "it did not end".into());
        self.thread.take().expect("it ran").join().expect("no panic").expect("no error");
    }
}

impl Drop for Running {
    /// Ends it at once, and waits where the row holds so far.
    fn drop(&mut self) {
        if self.runs() {
            self.ring();
            self.ring();
        }
        if self.thread.is_some() && !thread::panicking() {
            self.wait();
        }
    }
}

#[test]
fn hundreds_of_clients_have_a_thread_each() {
    let server = start(Some(Model::Threads), &["--tcp", "0"]);
    let mut clients: Vec<_> = (0..400).map(|_| many::greet(server.tcp())).collect();
    clients.iter_mut().rev().for_each(|client| client.write_all(b"still here").unwrap());
    clients.iter_mut().for_each(|client| assert_eq!(read_exactly(client, 10), b"STILL HERE"));
}

#[test]
fn a_pool_serves_as_many_clients_as_it_has_workers() {
    let server =
        start(Some(Model::Pool { workers: 2 }), &["--tcp", "0", "--http", "0", "--keep-alive", "1h"]);
    let mut both = [many::greet(server.tcp()), many::greet(server.tcp())];
    // The third stands in the queue, although it rests as the others do and has sent its request.
    let mut third = connect(server.http());
    third.write_all(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(is_silent(&third, many::A_WHILE), "a third is served");
    both[1].write_all(b"still here").unwrap();
    assert_eq!(read_exactly(&mut both[1], 10), b"STILL HERE");
    drop(both);
    assert_eq!(read_response(&mut third, false).status, 200);
}
