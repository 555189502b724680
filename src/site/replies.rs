//! The replies of a site: what is found in the cache, and what is made because nothing is.

use super::Site;
use super::cache::Content as Held;
use super::directory::Miss;
use crate::http::accept::Accepts;
use crate::http::content::{Body, Bytes, Pieces, Reply};
use crate::http::response::{self, Status};
use crate::http::target::encode;
use crate::now::Now;
use std::sync::Arc;

impl Site {
    pub(super) fn held(&self, place: usize, status: Status) -> Reply<'_> {
        let entry = self.cache.at(place);
        let body = match &entry.content {
            Held::Bytes(bytes) => Body::Bytes(bytes),
            Held::File(file, length) => Body::File(file, *length),
        };
        let validators = Some(&entry.validators);
        Reply { status, described: &entry.described, fields: &entry.fields, validators, body }
    }

    pub(super) fn made(&mut self, status: Status, further: &str) -> Reply<'_> {
        let (fields, text) = response::plain_page(status);
        self.made_described = fields;
        self.made_fields = further.to_owned();
        self.made_body = Bytes::Shared(Arc::from(text.into_bytes()));
        let (described, fields) = (self.made_described.as_bytes(), self.made_fields.as_bytes());
        Reply { status, described, fields, validators: None, body: Body::Bytes(&self.made_body) }
    }

    pub(super) fn listed(
        &mut self,
        path: &[u8],
        pieces: Box<dyn Pieces>,
        accepts: &Accepts,
        now: &Now,
    ) -> Reply<'_> {
        let headers = match self.rules.headers.for_path(path) {
            Ok(headers) => headers,
            Err(error) => return self.failed(error.into(), path, now),
        };
        let kind = if accepts.prefers_json() { "application/json" } else { "text/html; charset=utf-8" };
        self.made_described = format!("Content-Type: {kind}\r\n");
        // The names are others' words, so nothing of the page may run.
        self.made_fields = "Vary: Accept\r\nX-Content-Type-Options: nosniff\r\n\
            Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
            .to_owned();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Cache-Control")) {
            self.made_fields += "Cache-Control: no-cache\r\n";
        }
        for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Type")) {
            self.made_fields += &format!("{name}: {value}\r\n");
        }
        let (described, fields) = (self.made_described.as_bytes(), self.made_fields.as_bytes());
        Reply { status: Status::OK, described, fields, validators: None, body: Body::Pieces(pieces) }
    }

    pub(super) fn failed(&mut self, miss: Miss, path: &[u8], now: &Now) -> Reply<'_> {
        if miss == Miss::Forbidden {
            return self.made(Status::FORBIDDEN, "");
        }
        self.complain(miss, path, now);
        match miss {
            Miss::TooLong => self.made(Status::URI_TOO_LONG, ""),
            Miss::Busy | Miss::Unavailable(_) => self.made(Status::SERVICE_UNAVAILABLE, "Retry-After: 1\r\n"),
            _ => self.made(Status::INTERNAL_SERVER_ERROR, ""),
        }
    }

    pub(super) fn complain(&self, miss: Miss, path: &[u8], now: &Now) {
        self.complaints.say(now, format_args!("{} can't be served: {miss}", encode(path)));
    }

    pub(super) fn redirect(&mut self, status: Status, location: &str) -> Reply<'_> {
        self.made(status, &format!("Location: {location}\r\n"))
    }

    pub(super) fn without_root(&mut self) -> Reply<'_> {
        self.made(Status::SERVICE_UNAVAILABLE, "Retry-After: 1\r\n")
    }
}
