//! HTTP/1.1 as bytes: reading request heads, writing response heads, and nothing that touches a socket,
//! a file or a clock.
//!
//! [`head`] finds where a head ends and refuses what could be read in two ways, [`request`] says what it
//! asks for and how its body is framed, [`target`] turns its target into a path, [`response`] writes the
//! answer's head. [`conditional`] and [`range`] decide how much of it the client needs, [`coding`] in
//! which form. [`content`] is what a site has to be able to do.

pub mod accept;
pub mod chunked;
pub mod coding;
pub mod conditional;
pub mod content;
pub mod head;
pub mod mime;
pub mod range;
pub mod request;
pub mod response;
pub mod target;
