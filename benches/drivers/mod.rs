//! The same server with threads in place of the event loop, so that the two can be compared.
//!
//! Sessions, site, limits, sockets and command line are those of `shoutd`. A [`Driver`] differs in one
//! thing: a thread that has to wait does so inside `recv` or `send`, and the kernel remembers where it was.
//! There are three of them, each with what it means at its top: a thread for each connection
//! ([`threads`]), a fixed number of threads for all ([`pool`]), and one client at a time ([`one`]).
//!
//! | file | what |
//! | --- | --- |
//! | `threads`, `pool`, `one` | the models: who serves an accepted connection |
//! | `conversation` | one connection, from its first need to its last: the heart |
//! | `acceptor` | how connections come in |
//! | `lobby` | who is inside, how many may be, and that it is time to go |
//! | `shared_site`, `clock` | the site behind a lock; the time, read by each thread for itself |
//! | `udp` | a thread for each UDP socket, in every model |
//! | `serve` | a program of it, with the command line of `shoutd` |

mod acceptor;
mod clock;
mod conversation;
mod lobby;
mod one;
mod pool;
mod shared_site;
mod threads;
mod udp;

use clock::Clock;
use lobby::{Entrance, Lobby};
use log::{info, warn};
use shared_site::SharedSite;
use shoutd::descriptors;
use shoutd::event_loop::answers::Answers;
use shoutd::limits;
use shoutd::server::{Bound, Config, Listening, StartError};
use shoutd::sockets::{Place, UnixPath};
use std::io::{self, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How often the end of the last conversation, or a second ring, is looked for while stopping.
const DRAIN_STEP: Duration = Duration::from_millis(10);

/// How long conversations that were cut off have to notice it.
const CUT_OFF: Duration = Duration::from_secs(2);

/// Who serves an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A thread of its own.
    Threads,
    /// The next free one of a fixed number of threads.
    Pool {
        /// How many, at least 1.
        workers: usize,
    },
    /// The thread that accepted it, and meanwhile it accepts nobody else.
    One,
}

/// Everything bound and ready to run, as [`shoutd::server::Server`] is.
pub struct Driver {
    model: Model,
    house: Arc<House>,
    listeners: Vec<(Arc<TcpListener>, Entrance)>,
    udp: Vec<(UdpSocket, Box<Answers>)>,
    listening: Listening,
    /// Removed when the server is over.
    _paths: Vec<UnixPath>,
    drain: Duration,
    bell: UnixStream,
    ringer: UnixStream,
}

/// What all threads share.
struct House {
    lobby: Lobby,
    site: SharedSite,
    desks: threads::Desks,
}

/// Binds every socket and opens the site. Fails as [`shoutd::server::Server::bind`] does.
pub fn bind(model: Model, config: &Config) -> Result<Driver, StartError> {
    descriptors::raise_limit();
    let now = Clock::new().now().clone();
    let site = config.open_site(&now)?;
    let (mut listeners, mut udp) = (Vec::new(), Vec::new());
    let mut paths = Vec::new();
    let lobby = Lobby::new();
    let listening = config.bind(&now, &mut paths, &mut |bound| {
        match bound {
            Bound::Listener(socket, service) => {
                let listener = TcpListener::from(socket);
                listener.set_nonblocking(false)?;
                listeners.push((Arc::new(listener), lobby.add_entrance(service)));
            }
            Bound::Udp(socket, answers) => {
                socket.set_nonblocking(false)?;
                udp.push((socket, answers));
            }
        }
        Ok(())
    })?;
    let (bell, ringer) = UnixStream::pair().expect("a pair of sockets");
    lobby.allow(config.connection_limit()?);
    let house = Arc::new(House { lobby, site: SharedSite::new(site), desks: threads::Desks::default() });
    Ok(Driver { model, house, listeners, udp, listening, _paths: paths, drain: config.drain, bell, ringer })
}

impl Driver {
    /// Each socket in order: `tcp`, `udp` or `http`, and the place that was really bound.
    pub fn listening(&self) -> &[(&'static str, Place)] {
        &self.listening
    }

    /// A stream that stops the server: one byte lets replies under way finish, a second one ends it at once.
    pub fn stopper(&self) -> io::Result<UnixStream> {
        self.ringer.try_clone()
    }

    /// Serves until it is stopped. Fails only where the threads to begin with can't be started.
    pub fn run(self) -> io::Result<()> {
        let mut threads = Vec::new();
        let queue = Arc::new(pool::Queue::default());
        for (listener, entrance) in &self.listeners {
            let (house, listener, entrance) = (self.house.clone(), listener.clone(), entrance.clone());
            let (model, queue) = (self.model, queue.clone());
            threads.push(threads::builder().spawn(move || match model {
                Model::Threads => threads::serve(&listener, &entrance, &house),
                Model::Pool { .. } => pool::serve(&listener, &entrance, &house, &queue),
                Model::One => one::serve(&listener, &entrance, &house),
            })?);
        }
        if let Model::Pool { workers } = self.model {
            for _ in 0..workers {
                let (house, queue) = (self.house.clone(), queue.clone());
                threads.push(threads::builder().spawn(move || pool::work(&queue, &house))?);
            }
        }
        for (socket, answers) in self.udp {
            let house = self.house.clone();
            threads.push(threads::builder().spawn(move || udp::serve(&socket, *answers, &house.lobby))?);
        }

        wait_for_the_bell(&self.bell, &self.house.site)?;
        let inside = self.house.lobby.inside();
        // In this order, so that who finds nobody listening any more is answered as the last.
        self.house.lobby.stop();
        for (listener, _) in &self.listeners {
            acceptor::close(listener);
        }
        queue.close();
        info!("stopping: {inside} connections are open");
        drain(&self.bell, self.drain, &self.house.lobby)?;
        if self.house.lobby.inside() == 0 {
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        Ok(())
    }
}

/// Waits to be told to stop, and closes unused files meanwhile.
fn wait_for_the_bell(mut bell: &UnixStream, site: &SharedSite) -> io::Result<()> {
    let mut clock = Clock::new();
    bell.set_read_timeout(Some(limits::FRESH))?;
    loop {
        match bell.read(&mut [0]) {
            Ok(_) => return Ok(()),
            Err(error) if is_timeout(&error) => site.tidy(clock.read()),
            Err(error) => return Err(error),
        }
    }
}

/// Lets the conversations under way end by themselves; cuts them off at a second ring, or when `time` is over.
fn drain(mut bell: &UnixStream, time: Duration, lobby: &Lobby) -> io::Result<()> {
    let end = Instant::now() + time;
    bell.set_read_timeout(Some(DRAIN_STEP))?;
    while lobby.inside() > 0 && Instant::now() < end {
        match bell.read(&mut [0]) {
            Ok(_) => break,
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if lobby.inside() > 0 {
        warn!("{} connections did not finish in time", lobby.inside());
        lobby.cut_off();
    }
    let end = Instant::now() + CUT_OFF;
    while lobby.inside() > 0 && Instant::now() < end {
        thread::sleep(DRAIN_STEP);
    }
    Ok(())
}

/// Whether a blocking call ended because its time was over, or because of a signal.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
