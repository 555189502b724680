//! Binding what the command line names, for whoever drives the sessions.

use super::Config;
use super::start_error::{StartError, bind_error, name_error};
use crate::event_loop::answers::Answers;
use crate::event_loop::listener::Service;
use crate::now::Now;
use crate::sockets::{self, Place, UnixPath};
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A socket that was bound, for whoever drives it. It doesn't block.
pub enum Bound {
    /// A listening socket, TCP or Unix, and what its connections are for.
    Listener(OwnedFd, Service),
    /// A UDP socket, and what it answers.
    Udp(UdpSocket, Box<Answers>),
}

/// What was bound, in order: `tcp`, `udp` or `http`, and the place, with its real port if it has one.
pub type Listening = Vec<(&'static str, Place)>;

/// What is said on stdout: each socket that was bound, and `ready`. Scripts wait for the last of these lines.
pub fn announcement(listening: &[(&'static str, Place)]) -> String {
    let lines = listening.iter().map(|(scheme, place)| format!("listening on {scheme}://{place}\n"));
    lines.chain(["ready\n".to_owned()]).collect()
}

impl Config {
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
                let in_the_way = |error| failed_beside(&listening, "udp", place, error);
                let address = place.ip().ok_or(ErrorKind::InvalidInput.into()).map_err(fail)?;
                let socket = sockets::bind_udp(address).map_err(in_the_way)?;
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
    let in_the_way = |error| failed_beside(listening, scheme, place, error);
    let (socket, bound) = match place {
        Place::Ip(address) => {
            let is_http = matches!(service, Service::Http(_));
            let socket = sockets::bind_tcp(*address, is_http).map_err(in_the_way)?;
            let bound = socket.local_addr().map_err(fail)?.into();
            (socket.into(), bound)
        }
        Place::Unix(path) => {
            let (socket, bound) = sockets::bind_unix(path).map_err(in_the_way)?;
            paths.push(bound);
            (socket, place.clone())
        }
        Place::Name(..) => return Err(fail(ErrorKind::InvalidInput.into())),
    };
    listening.push((scheme, bound));
    take(Bound::Listener(socket, service)).map_err(fail)
}

/// Why a socket can't be bound beside those that are bound already.
fn failed_beside(
    listening: &[(&'static str, Place)],
    scheme: &'static str,
    place: &Place,
    why: io::Error,
) -> StartError {
    let is_ours = listening.iter().any(|(other, bound)| {
        let is_same_kind = (*other == "udp") == (scheme == "udp");
        is_same_kind
            && match (bound.ip(), place.ip()) {
                (Some(one), Some(other)) => {
                    let overlap =
                        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
                    one.port() == other.port() && overlap
                }
                _ => bound.to_string() == place.to_string(),
            }
    });
    let error = bind_error(scheme, place, why);
    if is_ours { error.named_twice() } else { error }
}
