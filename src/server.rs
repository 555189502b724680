//! From what the command line says to a running loop: sockets are bound here, and nowhere else.
//!
//! [`Server::bind`] opens everything or fails with one error that says what to do; [`Server::run`]
//! serves. In between, [`Server::listening`] tells the ports that were really bound, so that port 0 can
//! be asked for. Who drives the sessions in another way begins with [`Config::bind`] as well.

use crate::access_log::{AccessLog, Destination};
use crate::descriptors;
use crate::event_loop::answers::Answers;
use crate::event_loop::listener::{Listener, Service};
use crate::event_loop::udp::Udp;
use crate::event_loop::{EventLoop, Ring};
use crate::kernel::linux::{Linux, read_clock};
use crate::limits::Limits;
use crate::now::Now;
use crate::outlet::ServerLog;
use crate::session::http::HttpOptions;
use crate::session::upper::UpperOptions;
use crate::site::Site;
use crate::sockets::{self, Place, UnixPath};
use rustix::io::Errno;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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

/// A socket that was bound, for whoever drives it. It doesn't block.
pub enum Bound {
    /// A listening socket, TCP or Unix, and what its connections are for.
    Listener(OwnedFd, Service),
    /// A UDP socket, and what it answers.
    Udp(UdpSocket, Box<Answers>),
}

/// What was bound, in order: `tcp`, `udp` or `http`, and the place, with its real port if it has one.
pub type Listening = Vec<(&'static str, Place)>;

/// Why the server can't start: what failed, why, and what to do, in one line.
#[derive(Debug)]
pub struct StartError {
    what: String,
    why: io::Error,
    advice: &'static str,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let is_short = matches!(Errno::from_io_error(&self.why), Some(Errno::MFILE));
        let advice = if is_short { ": raise the limit of descriptors (ulimit -n)" } else { self.advice };
        write!(f, "{}: {}{advice}", self.what, self.why)
    }
}

impl std::error::Error for StartError {}

impl StartError {
    /// Whether an address is to blame that this machine doesn't have, or a whole family of them.
    fn is_elsewhere(&self) -> bool {
        self.why.kind() == ErrorKind::AddrNotAvailable || self.why.raw_os_error() == Some(libc::EAFNOSUPPORT)
    }
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
        let possible = descriptors::places(serves_files).map_err(too_few_descriptors)?;
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

    /// Binds every socket and gives it to `take`. The paths of Unix sockets go to `paths`, which are to be
    /// dropped, and thereby removed, when nobody listens any more.
    pub fn bind(
        &self,
        now: &Now,
        paths: &mut Vec<UnixPath>,
        take: &mut dyn FnMut(Bound) -> io::Result<()>,
    ) -> Result<Listening, StartError> {
        let mut listening = Listening::new();
        for (place, options) in &self.tcp {
            let service = Service::Upper(Arc::new(options.clone()));
            at_each("tcp", place, &mut |place| {
                listen("tcp", place, service.clone(), paths, &mut listening, take)
            })?;
        }
        let mut sockets = Vec::new();
        for place in &self.udp {
            at_each("udp", place, &mut |place| {
                let fail = |error| bind_error("udp", place, error);
                let address = place.ip().ok_or(ErrorKind::InvalidInput.into()).map_err(fail)?;
                let socket = sockets::bind_udp(address).map_err(fail)?;
                let bound = socket.local_addr().map_err(fail)?;
                listening.push(("udp", bound.into()));
                sockets.push((socket, bound));
                Ok(())
            })?;
        }
        let own_ports: Vec<u16> = sockets.iter().map(|(_, address)| address.port()).collect();
        for (socket, bound) in sockets {
            let answers = Box::new(Answers::new(own_ports.clone(), bound.ip().is_unspecified(), now));
            take(Bound::Udp(socket, answers)).map_err(|error| bind_error("udp", &bound.into(), error))?;
        }
        let http_options = Arc::new(self.http_options.clone());
        for place in &self.http {
            let service = Service::Http(http_options.clone());
            at_each("http", place, &mut |place| {
                listen("http", place, service.clone(), paths, &mut listening, take)
            })?;
        }
        Ok(listening)
    }
}

/// Binds at each address that a place stands for. A name may have addresses that this machine doesn't have
/// (`::1` where there is no IPv6): those are left out, as long as there is another.
fn at_each(
    scheme: &str,
    place: &Place,
    bind: &mut dyn FnMut(&Place) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let places = place.resolve().map_err(|why| name_error(scheme, place, why))?;
    let mut left_out = Vec::new();
    for place in &places {
        match bind(place) {
            Err(error) if error.is_elsewhere() => left_out.push(error),
            result => result?,
        }
    }
    if left_out.len() == places.len() {
        return left_out.pop().map_or(Ok(()), Err);
    }
    left_out.iter().for_each(|error| log::warn!("{place} is not served at all of its addresses: {error}"));
    Ok(())
}

fn listen(
    scheme: &'static str,
    place: &Place,
    service: Service,
    paths: &mut Vec<UnixPath>,
    listening: &mut Listening,
    take: &mut dyn FnMut(Bound) -> io::Result<()>,
) -> Result<(), StartError> {
    let fail = |error| bind_error(scheme, place, error);
    let (socket, bound) = match place {
        Place::Ip(address) => {
            let is_http = matches!(service, Service::Http(_));
            let socket = sockets::bind_tcp(*address, is_http).map_err(fail)?;
            let bound = socket.local_addr().map_err(fail)?.into();
            (socket.into(), bound)
        }
        Place::Unix(path) => {
            let (socket, bound) = sockets::bind_unix(path).map_err(fail)?;
            paths.push(bound);
            (socket, place.clone())
        }
        Place::Name(..) => return Err(fail(ErrorKind::InvalidInput.into())),
    };
    listening.push((scheme, bound));
    take(Bound::Listener(socket, service)).map_err(fail)
}

/// What is said on stdout: each socket that was bound, and `ready`. Scripts wait for the last of these lines.
pub fn announcement(listening: &[(&'static str, Place)]) -> String {
    let lines = listening.iter().map(|(scheme, place)| format!("listening on {scheme}://{place}\n"));
    lines.chain(["ready\n".to_owned()]).collect()
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

fn bind_error(scheme: &str, place: &Place, why: io::Error) -> StartError {
    let port = place.ip().map(|address| address.port());
    let advice = match (why.kind(), port) {
        (ErrorKind::AddrInUse, Some(_)) => ": stop what listens there, or choose another port",
        (ErrorKind::AddrInUse, None) => {
            ": something is there that is no socket left behind; choose another path"
        }
        (ErrorKind::PermissionDenied, Some(..1024)) => {
            ": ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port"
        }
        (ErrorKind::PermissionDenied, None) => ": let this user write to its directory",
        (ErrorKind::NotFound, None) => ": create its directory",
        (ErrorKind::InvalidInput, None) => {
            ": a path of a Unix socket has at most 107 bytes, choose a shorter one"
        }
        (ErrorKind::AddrNotAvailable, _) => ": choose an address of this machine",
        _ => "",
    };
    StartError { what: format!("can't listen on {scheme}://{place}"), why, advice }
}

fn name_error(scheme: &str, place: &Place, why: io::Error) -> StartError {
    let advice = ": check its spelling, /etc/hosts and the name server, or give an IP address";
    StartError { what: format!("can't listen on {scheme}://{place}"), why, advice }
}

fn root_error(root: &Path, why: io::Error) -> StartError {
    let advice = match why.kind() {
        ErrorKind::NotFound => ": create it, or name another directory with --root",
        ErrorKind::NotADirectory => ": name a directory with --root",
        ErrorKind::PermissionDenied => ": let this user read and enter it",
        _ => "",
    };
    StartError { what: format!("can't serve {}", root.display()), why, advice }
}

fn log_error(destination: &Destination, why: io::Error) -> StartError {
    let advice = match (why.kind(), why.raw_os_error()) {
        (ErrorKind::NotFound, _) => ": create its directory",
        (ErrorKind::PermissionDenied, _) => ": let this user write there",
        (ErrorKind::IsADirectory, _) => ": name a file with --access-log",
        (_, Some(libc::ENXIO)) => ": start what reads the pipe first",
        _ => "",
    };
    StartError { what: format!("can't open the access log {destination}"), why, advice }
}

fn too_few_descriptors(needed: usize) -> StartError {
    let what = format!("no descriptors are left for connections (ulimit -n {needed} is the least)");
    StartError { what, why: Errno::MFILE.into(), advice: "" }
}

fn internal(what: &str, why: io::Error) -> StartError {
    StartError { what: format!("can't set up {what}"), why, advice: "" }
}
