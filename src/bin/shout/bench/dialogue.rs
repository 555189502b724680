//! The protocol of one connection: what is to be sent, and whether what came back is right.
//!
//! Pure, like the sessions of the server: it has no socket and reads no clock.

use super::wrong::Wrong;

/// What a piece of the server's bytes amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Verified replies that it completed.
    pub replies: usize,
    /// The status of each further reply that is complete and doesn't count, as HTTP has them: there is nothing
    /// to be verified.
    pub refusals: Vec<u16>,
}

/// What the server's FIN means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fin {
    /// It ends a reply.
    Reply(Progress),
    /// It came between replies, as the server had announced.
    Announced,
    /// It came between replies, and nothing had announced it.
    Unannounced,
    /// It came in the middle of a reply: where, in words.
    Cut(String),
}

/// One connection's side of it.
pub trait Dialogue {
    /// What all connections share.
    type Shared;

    /// For a new connection.
    fn new(shared: &mut Self::Shared) -> Self;

    /// Bytes of payload of each reply that counts: they are all alike.
    fn reply_bytes(shared: &Self::Shared) -> u64;

    /// Adds a request to what is to be sent.
    fn ask(&mut self, shared: &Self::Shared);

    /// What is to be sent next, or some of it; empty if there is nothing.
    fn unsent<'a>(&self, shared: &'a Self::Shared) -> &'a [u8];

    /// So many bytes of that were sent.
    fn sent(&mut self, count: usize);

    /// Bytes sent so far of requests that have no reply yet.
    fn unanswered(&self, shared: &Self::Shared) -> u64;

    /// These bytes have come, one at least. An error is final.
    fn received(&mut self, bytes: &[u8], shared: &mut Self::Shared) -> Result<Progress, Wrong>;

    /// The server's FIN has come. An error is final.
    fn ended(&mut self, shared: &mut Self::Shared) -> Result<Fin, Wrong>;

    /// Whether the connection can carry no further request, as the server has said.
    fn is_over(&self) -> bool;
}
