//! Why the server can't start, in words that say what to do.

use crate::access_log::Destination;
use crate::sockets::Place;
use rustix::io::Errno;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

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
    /// The same where our own socket is in the way: an address of the configuration is among those bound before.
    pub(super) fn named_twice(self) -> StartError {
        let is_in_use = self.why.kind() == ErrorKind::AddrInUse;
        let advice =
            if is_in_use { ": it is named twice, so leave one out or change it" } else { self.advice };
        StartError { advice, ..self }
    }

    /// Whether an address is to blame that this machine doesn't have, or a whole family of them.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.why.kind() == ErrorKind::AddrNotAvailable || self.why.raw_os_error() == Some(libc::EAFNOSUPPORT)
    }
}

pub(super) fn bind_error(scheme: &str, place: &Place, why: io::Error) -> StartError {
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

pub(super) fn name_error(scheme: &str, place: &Place, why: io::Error) -> StartError {
    let advice = ": check its spelling, /etc/hosts and the name server, or give an IP address";
    StartError { what: format!("can't listen on {scheme}://{place}"), why, advice }
}

pub(super) fn root_error(root: &Path, why: io::Error) -> StartError {
    let advice = match why.kind() {
        ErrorKind::NotFound => ": create it, or name another directory with --root",
        ErrorKind::NotADirectory => ": name a directory with --root",
        ErrorKind::PermissionDenied => ": let this user read and enter it",
        _ => "",
    };
    StartError { what: format!("can't serve {}", root.display()), why, advice }
}

pub(super) fn log_error(destination: &Destination, why: io::Error) -> StartError {
    let advice = match (why.kind(), why.raw_os_error()) {
        (ErrorKind::NotFound, _) => ": create its directory",
        (ErrorKind::PermissionDenied, _) => ": let this user write there",
        (ErrorKind::IsADirectory, _) => ": name a file with --access-log",
        (_, Some(libc::ENXIO)) => ": start what reads the pipe first",
        _ => "",
    };
    StartError { what: format!("can't open the access log {destination}"), why, advice }
}

pub(super) fn too_few_descriptors(needed: usize) -> StartError {
    let what = format!("no descriptors are left for connections (ulimit -n {needed} is the least)");
    StartError { what, why: Errno::MFILE.into(), advice: "" }
}

pub(super) fn internal(what: &str, why: io::Error) -> StartError {
    StartError { what: format!("can't set up {what}"), why, advice: "" }
}
