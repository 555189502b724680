//! The part of the HTTP session that keeps the journal: what the access log is told of each reply.

use super::Http;
use crate::http::response::Status;
use crate::now::Now;
use crate::session::exchange::Following;
use crate::session::journal::Asked;

impl Http {
    /// A reply was written behind the first `before` bytes of the output, with a head of `head` bytes.
    pub(super) fn note(
        &mut self,
        asked: Option<Asked>,
        status: Status,
        before: usize,
        head: usize,
        now: &Now,
    ) {
        let Some(journal) = &mut self.journal else { return };
        // A body that was answered as it came, and is refused before there was an answer, has its entry.
        if !journal.is_open() {
            journal.begin(asked.unwrap_or_default(), now.date, before as u64);
        }
        journal.has_head(head as u64);
        if !matches!(self.following, Following::Pieces { .. }) {
            self.note_end(status);
        }
    }

    /// A reply begins whose length will be known when it ends.
    pub(super) fn note_beginning(&mut self, asked: Option<Asked>, now: &Now) {
        let before = self.output.len() as u64;
        if let Some(journal) = &mut self.journal {
            journal.begin(asked.unwrap_or_default(), now.date, before);
        }
    }

    /// The reply that was begun last is written.
    pub(super) fn note_end(&mut self, status: Status) {
        let unsent = self.output.len() as u64 + self.following.left();
        if let Some(journal) = &mut self.journal {
            journal.end(status.code, unsent);
        }
    }
}
