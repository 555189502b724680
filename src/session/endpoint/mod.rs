//! Who answers a request: found in one place, before anything is answered.
//!
//! Each endpoint is a file that says which requests are for it, which methods it has and what it answers. A
//! further one is such a file, a row of [`Endpoint`] and its arms here; how requests are read and replies are
//! written doesn't change for it.

pub mod site;
pub mod upper;

use crate::http::content::Content;
use crate::http::request::{Method, Request};
use crate::http::response::Status;
use crate::now::Now;
use crate::session::exchange::Response;
use crate::session::http::HttpOptions;

/// What answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The files, and all that is nobody else's.
    Site,
    /// The uppercase service.
    Upper,
}

/// What is said to a request.
#[derive(Debug)]
pub enum Answer<'a> {
    /// All of it at once.
    Now(Response<'a>),
    /// Its body in capitals, as it comes.
    Uppercase,
}

impl Endpoint {
    /// The one that a request is for.
    pub fn of(request: &Request, options: &HttpOptions, now: &Now, site: &mut impl Content) -> Endpoint {
        if options.upper && upper::is_asked_for(request, now, site) {
            return Endpoint::Upper;
        }
        Endpoint::Site
    }

    /// The methods that it has.
    pub fn methods(self) -> &'static [Method] {
        match self {
            Endpoint::Site => site::METHODS,
            Endpoint::Upper => upper::METHODS,
        }
    }

    /// What it answers.
    pub fn answer<'a>(self, request: &Request, now: &Now, site: &'a mut impl Content) -> Answer<'a> {
        match request.method {
            Method::Unknown => Answer::Now(Response::Status(Status::NOT_IMPLEMENTED)),
            // It is the same for all paths of an endpoint, so nothing is looked up.
            Method::Options => Answer::Now(Response::Methods(self.methods())),
            method if !self.methods().contains(&method) => Answer::Now(Response::NotAllowed(self.methods())),
            _ => match self {
                Endpoint::Site => Answer::Now(site::answer(request, now, site)),
                Endpoint::Upper => Answer::Uppercase,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_an_endpoint_can_be_listed() {
        for endpoint in [Endpoint::Site, Endpoint::Upper] {
            assert!(endpoint.methods().contains(&Method::Options), "{endpoint:?} answers it");
            for method in endpoint.methods() {
                assert!(!method.name().is_empty(), "{endpoint:?}: {method:?}");
            }
        }
    }
}
