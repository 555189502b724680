//! The part of the HTTP session that sends what is made as it is sent: a directory listing.

use super::{Http, State};
use crate::http::chunked;
use crate::http::content::Content;
use crate::http::response::Status;
use crate::limits;
use crate::now::Now;
use crate::session::ending::Ending;
use crate::session::exchange::Following;
use log::warn;

impl Http {
    /// Makes the next piece, into an output that is empty.
    pub(in crate::session) fn work(&mut self, now: &Now, site: &mut impl Content) {
        let Following::Pieces { source, chunked: in_chunks } = &mut self.following else { return };
        let in_chunks = *in_chunks;
        let mut piece = Vec::new();
        let more = match source.next(self.output.room_left() - limits::PIECE_ROOM, &mut piece) {
            Ok(more) => more,
            Err(error) => {
                // The status is sent already. Only closing in the middle can say so.
                warn!("a listing breaks off: {error}");
                self.following = Following::Nothing;
                self.state = State::Ending(Ending::Close);
                return;
            }
        };
        if !piece.is_empty() {
            if in_chunks {
                chunked::put(&piece, &mut self.output);
            } else {
                self.output.put(&piece);
            }
        }
        if !more {
            if in_chunks {
                self.output.put(chunked::LAST_CHUNK);
            }
            self.following = Following::Nothing;
            self.note_end(Status::OK);
        }
        self.deadline = now.instant + limits::WRITE_TIME;
        if self.output.is_empty() && !more {
            self.progressed(0, now, site);
        }
    }
}
