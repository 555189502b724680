//! The part of the HTTP session that sends what is made as it is sent: a directory listing.

use super::{Http, State};
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
        let Following::Pieces { source, chunked } = &mut self.following else { return };
        let chunked = *chunked;
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
            if chunked {
                self.output.put(format!("{:x}\r\n", piece.len()).as_bytes());
            }
            self.output.put(&piece);
            if chunked {
                self.output.put(b"\r\n");
            }
        }
        if !more {
            if chunked {
                self.output.put(b"0\r\n\r\n");
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
