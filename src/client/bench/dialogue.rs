//! The protocol of one connection: what is to be sent, and whether what came back is right.
//!
//! Pure, like the sessions of the server: it has no socket and reads no clock.

use super::tally::Bytes;
use super::wrong::Wrong;

/// What a piece of the server's bytes amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Verified replies that it completed.
    pub replies: usize,
    /// Further replies that say that the server can't answer now, as HTTP has them: complete, and nothing to
    /// be verified.
    pub refusals: usize,
    /// Of both, those that have the status of an error.
    pub errors: usize,
}

/// What the server's FIN means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fin {
    /// It ends a reply.
    Reply(Progress),
    /// It came between replies, as the server had announced.
    Announced,
    /// It came between replies, and nothing had announced it.
    Unannounced,
}

/// One connection's side of it.
pub trait Dialogue {
    /// What all connections share.
    type Shared;

    /// For a new connection.
    fn new(shared: &mut Self::Shared) -> Self;

    /// Bytes of each request and of its reply, which are all alike.
    fn bytes(shared: &Self::Shared) -> Bytes;

    /// Adds a request to what is to be sent.
    fn ask(&mut self, shared: &Self::Shared);

    /// What is to be sent next, or some of it; empty if there is nothing.
    fn unsent<'a>(&self, shared: &'a Self::Shared) -> &'a [u8];

    /// So many bytes of that were sent.
    fn sent(&mut self, count: usize);

    /// These bytes have come, one at least. An error is final.
    fn received(&mut self, bytes: &[u8], shared: &mut Self::Shared) -> Result<Progress, Wrong>;

    /// The server's FIN has come. An error is final.
    fn ended(&mut self, shared: &mut Self::Shared) -> Result<Fin, Wrong>;

    /// Whether the connection can carry no further request, as the server has said.
    fn is_over(&self) -> bool;
}
