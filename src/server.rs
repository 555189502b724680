//! From what the command line says to a running loop.
//!
//! [`Server::bind`] opens everything or fails with one error that says what to do; [`Server::run`]
//! serves. In between, [`Server::listening`] tells the ports that were really bound, so that port 0 can
//! be asked for. Who drives the sessions in another way begins with [`Config::bind`] as well.

mod binding;
mod start_error;

use crate::access_log::{AccessLog, Destination};
use crate::descriptors;
use crate::event_loop::listener::Listener;
use crate::event_loop::udp::Udp;
use crate::event_loop::{EventLoop, Ring};
use crate::kernel::linux::{Linux, read_clock};
use crate::limits::Limits;
use crate::now::Now;
use crate::outlet::ServerLog;
use crate::session::http::HttpOptions;
use crate::session::upper::UpperOptions;
use crate::site::Site;
use crate::sockets::{Place, UnixPath};
use start_error::{internal, log_error, root_error, too_few_descriptors};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use binding::{Bound, Listening, announcement};
pub use start_error::StartError;

/// What to serve and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP uppercase listeners.
    pub tcp: Vec<(Place, UpperOptions)>,
    /// UDP uppercase sockets.
    pub udp: Vec<Place>,
    /// HTTP listeners.
    pub http: Vec<Place>,
    /// How HTTP connections behave.
    pub http_options: HttpOptions,
    /// The directory that HTTP serves; the built-in site if `None`.
    pub root: Option<PathBuf>,
    /// Whether a directory without an index is listed.
    pub autoindex: bool,
    /// Where every response of HTTP is logged, if anywhere.
    pub access_log: Option<Destination>,
    /// Connections at once; if `None`, as many as the descriptor limit allows.
    pub max_connections: Option<usize>,
    /// Bytes that half-read requests and unsent replies may hold together.
    pub memory: usize,
    /// How long replies under way have after a request to stop.
    pub drain: Duration,
}

/// Everything bound and ready to run.
pub struct Server {
    event_loop: EventLoop<Linux, Site>,
    listening: Listening,
    stopper: UnixStream,
    reopener: UnixStream,
    /// Removed when the server is over.
    _paths: Vec<UnixPath>,
}

impl Server {
    /// Binds every socket and opens the site.
    pub fn bind(config: &Config) -> Result<Server, StartError> {
        descriptors::raise_limit();
        let now = read_clock();
        let limits = config.limits();
        let kernel = Linux::new(limits.events).map_err(|error| internal("polling", error))?;
        let mut event_loop = EventLoop::new(kernel, config.open_site(&now)?, limits);
        if let Some(destination) = &config.access_log {
            event_loop.log_to(AccessLog::open(destination).map_err(|error| log_error(destination, error))?);
        }
        let mut bell = |ring| bell(&mut event_loop, ring).map_err(|error| internal("a socket pair", error));
        let (stopper, reopener) = (bell(Ring::Stop)?, bell(Ring::Reopen)?);
        let mut paths = Vec::new();
        let listening = config.bind(&now, &mut paths, &mut |bound| match bound {
            Bound::Listener(socket, service) => event_loop.add_listener(Listener::new(socket, service)),
            Bound::Udp(socket, answers) => event_loop.add_udp(Udp::new(socket.into(), *answers)),
        })?;
        event_loop.allow(config.connection_limit()?);
        Ok(Server { event_loop, listening, stopper, reopener, _paths: paths })
    }

    /// Each socket in order: `tcp`, `udp` or `http`, and the place that was really bound.
    pub fn listening(&self) -> &[(&'static str, Place)] {
        &self.listening
    }

    /// A stream that stops the server: one byte written to it lets replies under way finish, a second
    /// one ends it at once. Signal handlers may write to it.
    pub fn stopper(&self) -> io::Result<UnixStream> {
        self.stopper.try_clone()
    }

    /// A stream of which each byte has the access log opened anew, after its file was renamed.
    pub fn reopener(&self) -> io::Result<UnixStream> {
        self.reopener.try_clone()
    }

    /// Has the loop look after the server's own log.
    pub fn look_after(&mut self, log: ServerLog) {
        self.event_loop.look_after(log);
    }

    /// Says on stdout what was bound, and `ready`, without waiting for somebody to read it.
    pub fn announce(&mut self) {
        self.event_loop.announce(&announcement(&self.listening));
    }

    /// Serves until it is stopped. Fails only if polling does.
    pub fn run(mut self) -> io::Result<()> {
        self.event_loop.run()
    }
}

impl Config {
    /// Opens the site: the directory, or what is built in.
    pub fn open_site(&self, now: &Now) -> Result<Site, StartError> {
        match &self.root {
            Some(root) => {
                Site::in_directory(root, self.autoindex, now).map_err(|error| root_error(root, error))
            }
            None => Site::built_in(now).map_err(|error| internal("the built-in site", error)),
        }
    }

    /// The limits of the loop that serves this, but for the connections.
    fn limits(&self) -> Limits {
        Limits { memory: self.memory, drain: self.drain, ..Limits::default() }
    }

    /// How many connections there may be at once, now that everything is bound and opened. Fails where the limit of
    /// descriptors leaves none.
    pub fn connection_limit(&self) -> Result<usize, StartError> {
        let serves_files = self.root.is_some() && !self.http.is_empty();
        let possible =
            descriptors::places(serves_files, serves_files && self.autoindex).map_err(too_few_descriptors)?;
        match self.max_connections {
            Some(asked) if asked > possible => {
                log::warn!(
                    "--max-connections {asked} is more than the descriptor limit leaves, {possible} (ulimit -n)"
                );
                Ok(asked)
            }
            Some(asked) => Ok(asked),
            None => Ok(possible),
        }
    }
}

/// Has writes to a file fail with EFBIG that may not grow any more (`ulimit -f`, setrlimit(2)): a log is then treated as
/// on a full disk. Unless it is told this at its start, the process is killed by SIGXFSZ instead. A handler does that
/// and not ignoring it, which programs started later would inherit. SIGPIPE, its sibling, Rust has ignored already.
pub fn outlive_file_limit() -> io::Result<()> {
    let never_read = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::signal::SIGXFSZ, never_read).map(drop)
}

/// A stream whose bytes wake the loop up and ask it for something.
fn bell(event_loop: &mut EventLoop<Linux, Site>, ring: Ring) -> io::Result<UnixStream> {
    let (bell, ringer) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    event_loop.add_bell(bell.into(), ring)?;
    Ok(ringer)
}
