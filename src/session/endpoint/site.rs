//! The endpoint of all paths that are nobody else's: the files of the site.

use crate::http::content::Content;
use crate::http::request::{Framing, Method, Request, Subject};
use crate::http::response::Status;
use crate::limits;
use crate::now::Now;
use crate::session::exchange::Response;

/// What can be done with a file.
pub const METHODS: &[Method] = &[Method::Get, Method::Head, Method::Options];

/// Answers a GET or a HEAD with what the site has.
pub fn answer<'a>(request: &Request, now: &Now, site: &'a mut impl Content) -> Response<'a> {
    if let Framing::Length(length) = request.body
        && length > limits::BODY
    {
        return Response::Status(Status::CONTENT_TOO_LARGE);
    }
    Response::Reply(match &request.subject {
        Subject::Path(target) => site.find(target, &request.accepts, now),
        Subject::Hidden | Subject::Server | Subject::Authority => site.missing(now),
    })
}
