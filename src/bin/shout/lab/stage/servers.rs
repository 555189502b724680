//! What listens in an experiment: shoutd in a thread, or a stand-in.

use super::mute::Mute;
use crate::lab::files::Files;
use crate::lab::serves::{Change, Serves};
use shoutd::server::{Config, Server};
use shoutd::session::http::HttpOptions;
use shoutd::trouble::{Trouble, plain};
use shoutd::values;
use socket2::{Domain, Socket, Type};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Something that listens.
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    /// The listener that nobody accepts from.
    pub waiting: Option<TcpListener>,
    kind: Kind,
}

enum Kind {
    Shoutd { bell: UnixStream, thread: JoinHandle<()>, _files: Option<Files> },
    Mute(Mute),
    Nothing,
}

/// Starts what is asked for, on a free port of the loopback interface or at `address`.
pub fn start(serves: Serves, address: Option<SocketAddr>, change: &Change) -> Result<Running, Trouble> {
    let wanted = address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    let mut config = empty();
    match serves {
        Serves::Tcp(options) => {
            let options = values::tcp_listener(format!("0,{options}").trim_end_matches(','));
            let options = options.map_err(|error| Trouble::new(error, ""))?.1;
            config.tcp = vec![(wanted.into(), change.tcp.clone().unwrap_or(options))];
        }
        Serves::Udp => config.udp = vec![wanted.into()],
        Serves::Web { close_on_error } => {
            config.http = vec![wanted.into()];
            config.http_options.close_on_error = change.close_on_error.unwrap_or(close_on_error);
            config.http_options.keep_alive = change.keep_alive.unwrap_or(config.http_options.keep_alive);
        }
        Serves::Files => {
            let files = Files::make().map_err(|error| trouble("the files of transfer", &error))?;
            config.http = vec![wanted.into()];
            config.root = Some(files.path().to_owned());
            return shoutd(config, Some(files));
        }
        Serves::Mute => {
            let listener = TcpListener::bind(wanted).map_err(|error| trouble("a listener", &error))?;
            let address = listener.local_addr().map_err(|error| trouble("a listener", &error))?;
            let mute = Mute::start(listener).map_err(|error| trouble("a thread", &error))?;
            return Ok(Running { address, waiting: None, kind: Kind::Mute(mute) });
        }
        Serves::Backlog(room) => {
            let listener = backlog(wanted, room).map_err(|error| trouble("a listener", &error))?;
            let address = listener.local_addr().map_err(|error| trouble("a listener", &error))?;
            return Ok(Running { address, waiting: Some(listener), kind: Kind::Nothing });
        }
        Serves::Nothing => {
            let address = free_port().map_err(|error| trouble("a free port", &error))?;
            return Ok(Running { address, waiting: None, kind: Kind::Nothing });
        }
    }
    shoutd(config, None)
}

fn empty() -> Config {
    Config {
        tcp: Vec::new(),
        udp: Vec::new(),
        http: Vec::new(),
        http_options: HttpOptions {
            keep_alive: Duration::from_secs(1),
            close_on_error: false,
            upper: true,
            logged: false,
        },
        root: None,
        autoindex: false,
        access_log: None,
        max_connections: Some(64),
        memory: shoutd::limits::MEMORY,
        drain: Duration::ZERO,
    }
}

/// Runs a server in a thread. It is bound there, as it doesn't move between threads.
fn shoutd(config: Config, files: Option<Files>) -> Result<Running, Trouble> {
    let (sender, receiver) = mpsc::channel();
    let run = move || {
        let bound = Server::bind(&config).map_err(|error| error.to_string()).and_then(|server| {
            let bell = server.stopper().map_err(|error| error.to_string())?;
            let place = server.listening().first().and_then(|(_, place)| place.ip());
            Ok((bell, place.ok_or("it listens nowhere")?, server))
        });
        match bound {
            Ok((bell, address, server)) => {
                let _ = sender.send(Ok((bell, address)));
                let _ = server.run();
            }
            Err(error) => _ = sender.send(Err(error)),
        }
    };
    let thread = thread::Builder::new().name("shoutd".to_owned()).spawn(run);
    let thread = thread.map_err(|error| trouble("a thread", &error))?;
    match receiver.recv() {
        Ok(Ok((bell, address))) => {
            Ok(Running { address, waiting: None, kind: Kind::Shoutd { bell, thread, _files: files } })
        }
        Ok(Err(error)) => Err(Trouble::new(format!("the lab's server can't start: {error}"), "")),
        Err(_) => Err(Trouble::new("the lab's server has died", "")),
    }
}

impl Running {
    /// Ends it at once.
    pub fn stop(self) {
        match self.kind {
            Kind::Shoutd { mut bell, thread, .. } => {
                // The first byte asks it to finish, the second not to wait.
                if bell.write_all(b"..").is_ok() {
                    let _ = thread.join();
                }
            }
            Kind::Mute(mute) => mute.stop(),
            Kind::Nothing => {}
        }
    }
}

/// A listener with room for so many connections that nobody has accepted yet.
fn backlog(address: SocketAddr, room: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(room)?;
    Ok(socket.into())
}

/// A port on which nothing listens, neither over TCP nor over UDP.
fn free_port() -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    TcpListener::bind(address)?;
    Ok(address)
}

fn trouble(what: &str, error: &io::Error) -> Trouble {
    Trouble::new(format!("the lab can't set up {what}: {}", plain(error)), "")
}
