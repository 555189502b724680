//! The part of the HTTP session that answers `POST /upper`.

use super::Http;
use crate::http::content::Content;
use crate::http::request::{Framing, Subject};
use crate::http::response::{Connection, Status};
use crate::limits;
use crate::now::Now;
use crate::session::uppering::{Progress, Uppering};

/// The path of the uppercase service over HTTP.
const UPPER: &[u8] = b"/upper";

impl Http {
    /// Begins to answer a body with itself in capitals. False where the output has no room for that yet.
    pub(super) fn begin_uppering(
        &mut self,
        head: usize,
        body: Framing,
        connection: Connection,
        expects: bool,
    ) -> bool {
        if self.output.room_left() <= limits::PIECE_ROOM {
            return false;
        }
        self.input.consume(head);
        self.scanned = 0;
        self.begun = false;
        if expects && self.input.is_empty() {
            self.output.put(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.uppering = Some(Box::new(match body {
            Framing::Length(length) => Uppering::with_length(length, connection),
            Framing::Chunked => Uppering::chunked(connection),
        }));
        true
    }

    /// Goes on with that. False where it needs more input, or room in the output.
    pub(super) fn advance_uppering(&mut self, now: &Now) -> bool {
        let Some(uppering) = &mut self.uppering else { return true };
        let progress = uppering.advance(&mut self.input, &mut self.output, now);
        if let Some(journal) = &mut self.journal {
            journal.has_head(uppering.head() as u64);
        }
        if progress == Progress::Going {
            return false;
        }
        self.last = uppering.is_last() || progress == Progress::Broken;
        self.uppering = None;
        if progress == Progress::Refused {
            return self.refuse_body(Status::BAD_REQUEST, now);
        }
        self.note_end(Status::OK);
        true
    }
}

/// Whether a request is about the uppercase service, and no file has that name.
pub(super) fn is_upper(subject: &Subject, now: &Now, site: &mut impl Content) -> bool {
    matches!(subject, Subject::Path(target) if *target.path == *UPPER && !site.has(target, now))
}
