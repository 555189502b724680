//! The HTTP session, driven by hand: any site, a socket of any size, and any time.

use super::*;
use crate::http::accept::Accepts;
use crate::http::content::{Body, Bytes, Reply};
use crate::http::response::Status;
use crate::http::target::Target;
use std::time::SystemTime;

/// A site of three files: `/small`, `/large` (more than the output buffer holds) and `/file`.
struct Invented {
    small: Bytes,
    large: Bytes,
    file: Arc<File>,
}

const LARGE: usize = limits::BUFFER + 1000;
const FILE: u64 = 1_000_000;

impl Content for Invented {
    fn find(&mut self, target: &Target, _accepts: &Accepts, now: &Now) -> Reply<'_> {
        let found =
            |described, body| Reply { status: Status::OK, described, fields: b"", validators: None, body };
        match &*target.path {
            b"/small" => found(b"Content-Length: 5\r\n", Body::Bytes(&self.small)),
            b"/large" => found(b"Content-Length: 66536\r\n", Body::Bytes(&self.large)),
            b"/file" => found(b"Content-Length: 1000000\r\n", Body::File(&self.file, FILE)),
            _ => self.missing(now),
        }
    }

    fn has(&mut self, target: &Target, _now: &Now) -> bool {
        matches!(&*target.path, b"/small" | b"/large" | b"/file")
    }

    fn missing(&mut self, _now: &Now) -> Reply<'_> {
        let (described, body) = (b"Content-Length: 5\r\n".as_slice(), Body::Bytes(&self.small));
        Reply { status: Status::NOT_FOUND, described, fields: b"", validators: None, body }
    }
}

struct Driven {
    session: Http,
    desk: Desk,
    site: Invented,
    now: Now,
}

impl Driven {
    fn new(options: HttpOptions) -> Driven {
        let now = Now::new(Instant::now(), SystemTime::now());
        let site = Invented {
            small: Bytes::Static(b"small"),
            large: Bytes::Shared(vec![b'L'; LARGE].into()),
            file: Arc::new(File::open("/dev/null").expect("a file to hold; nobody reads it")),
        };
        Driven { session: Http::new(Arc::new(options), &now), desk: Desk::default(), site, now }
    }

    fn usual() -> Driven {
        Driven::new(Driven::options())
    }

    fn options() -> HttpOptions {
        HttpOptions { keep_alive: Duration::from_secs(1), close_on_error: false, upper: true, logged: false }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.session.sit(&mut self.desk);
        self.session.room()[..bytes.len()].copy_from_slice(bytes);
        self.session.received(bytes.len(), &self.now, &mut self.site);
        self.session.rise(&mut self.desk).unwrap();
    }

    /// Does what is needed to send, `most` bytes at a time; a file is sent as so many `F`.
    fn send_all(&mut self, most: usize) -> String {
        let mut sent = Vec::new();
        loop {
            self.session.sit(&mut self.desk);
            match self.session.need() {
                Need::Write(_) => {
                    let unsent = self.session.unsent();
                    let count = unsent.len().min(most);
                    assert!(count > 0, "a need to write nothing");
                    sent.extend_from_slice(&unsent[..count]);
                    self.session.sent(count, &self.now, &mut self.site);
                }
                Need::SendFile { .. } => {
                    let (_, _, left) = self.session.file().expect("a file");
                    let count = left.min(most as u64);
                    sent.resize(sent.len() + count as usize, b'F');
                    self.session.file_sent(count, &self.now, &mut self.site);
                }
                _ => break,
            }
            self.session.rise(&mut self.desk).unwrap();
        }
        self.session.rise(&mut self.desk).unwrap();
        String::from_utf8(sent).expect("replies in ASCII")
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        assert!(self.session.deadline().is_some_and(|deadline| deadline <= self.now.instant), "too early");
        self.session.sit(&mut self.desk);
        self.session.expired(&self.now);
        self.session.rise(&mut self.desk).unwrap();
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn statuses(replies: &str) -> Vec<&str> {
    replies.split("HTTP/1.1 ").skip(1).map(|reply| &reply[..3]).collect()
}

#[test]
fn a_pipeline_is_answered_in_one_batch() {
    let mut driven = Driven::usual();
    driven.receive(request("/small").repeat(3).as_bytes());
    assert_eq!(driven.session.need(), Need::Write(Then::Nothing));
    let replies = driven.send_all(usize::MAX);
    assert_eq!(statuses(&replies), ["200", "200", "200"]);
    assert_eq!(driven.session.need(), Need::Read);
}

#[test]
fn large_bodies_keep_their_place_in_a_pipeline() {
    let pipeline = ["/small", "/file", "/large", "/small", "/file", "/nope"].map(request).concat();
    for most in [1000, 4096, usize::MAX] {
        let mut driven = Driven::usual();
        driven.receive(pipeline.as_bytes());
        let replies = driven.send_all(most);
        assert_eq!(statuses(&replies), ["200", "200", "200", "200", "200", "404"]);
        assert_eq!(replies.matches('F').count() as u64, 2 * FILE + 1, "with that of Not Found");
        assert_eq!(replies.matches('L').count(), LARGE + 6, "with those of Content-Length");
        assert!(replies.ends_with("\r\n\r\nsmall"));
    }
}

#[test]
fn more_replies_than_fit_leave_in_batches() {
    let count = limits::BUFFER / 46; // requests of 36 bytes, replies of more than 80
    let mut driven = Driven::usual();
    driven.receive(request("/small").repeat(count).as_bytes());
    let replies = driven.send_all(usize::MAX);
    assert!(replies.len() > limits::BUFFER);
    assert_eq!(statuses(&replies).len(), count);
    assert_eq!(driven.session.need(), Need::Read);
}

#[test]
fn a_file_follows_its_head_and_the_fin_follows_the_file() {
    let mut driven = Driven::usual();
    driven.receive(b"GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /ignored");
    assert_eq!(driven.session.need(), Need::Write(Then::More));
    driven.session.sit(&mut driven.desk);
    let head = driven.session.unsent().len();
    driven.session.sent(head, &driven.now, &mut driven.site);
    driven.session.rise(&mut driven.desk).unwrap();
    assert_eq!(driven.session.need(), Need::SendFile { last: true });
    driven.send_all(usize::MAX);
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn a_file_that_ends_too_early_closes() {
    let mut driven = Driven::usual();
    driven.receive(request("/file").as_bytes());
    driven.session.sit(&mut driven.desk);
    let head = driven.session.unsent().len();
    driven.session.sent(head, &driven.now, &mut driven.site);
    driven.session.file_sent(0, &driven.now, &mut driven.site);
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn bodies_are_skipped_however_they_are_cut() {
    let first = "GET /small HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n".to_owned() + &"x".repeat(100);
    let both = first + &request("/nope");
    for cut in 1..both.len() {
        let mut driven = Driven::usual();
        driven.receive(&both.as_bytes()[..cut]);
        let mut replies = driven.send_all(usize::MAX);
        driven.receive(&both.as_bytes()[cut..]);
        replies += &driven.send_all(usize::MAX);
        assert_eq!(statuses(&replies), ["200", "404"], "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_skipped_closes() {
    for fields in [
        "Content-Length: 65537",
        "Transfer-Encoding: chunked",
        "Content-Length: 1\r\nExpect: 100-continue",
        "Connection: close",
    ] {
        let mut driven = Driven::usual();
        driven.receive(format!("GET /small HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").as_bytes());
        let reply = driven.send_all(usize::MAX);
        assert!(reply.contains("\r\nConnection: close\r\n"), "{fields}: {reply}");
        assert_eq!(driven.session.need(), Need::Shutdown, "{fields}");
    }
}

#[test]
fn silence_between_requests_is_for_the_keep_alive_time() {
    let mut driven = Driven::usual();
    let start = driven.now.instant;
    assert_eq!(driven.session.deadline(), Some(start + Duration::from_secs(1)));
    driven.receive(request("/small").as_bytes());
    driven.now.instant += Duration::from_millis(700);
    driven.send_all(usize::MAX);
    driven.pass(Duration::from_secs(1));
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn a_dripping_head_has_ten_seconds_from_its_first_byte() {
    let mut driven = Driven::usual();
    let end = driven.now.instant + limits::HEAD_TIME;
    for byte in b"GET / HT" {
        driven.receive(&[*byte]);
        assert_eq!(driven.session.deadline(), Some(end));
        driven.now.instant += Duration::from_secs(1);
    }
    driven.pass(Duration::from_secs(2));
    let reply = driven.send_all(usize::MAX);
    assert_eq!(statuses(&reply), ["408"]);
    assert!(reply.contains("Connection: close"));
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn empty_lines_are_silence() {
    let mut driven = Driven::usual();
    driven.receive(request("/small").as_bytes());
    driven.send_all(usize::MAX);
    let idle = driven.session.deadline();
    for piece in ["\r\n", "\r", "\n\r\n"] {
        driven.now.instant += Duration::from_millis(300);
        driven.receive(piece.as_bytes());
        assert_eq!(driven.session.deadline(), idle, "after {piece:?}");
    }
    driven.pass(Duration::from_millis(100));
    assert_eq!(driven.session.need(), Need::Shutdown, "and no 408");
}

#[test]
fn a_refused_head_request_gets_no_body() {
    let mut driven = Driven::usual();
    driven.receive(b"HEAD / HTTP/1.1\r\n\r\n");
    let reply = driven.send_all(usize::MAX);
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.ends_with("\r\n\r\n"), "{reply}");
}

#[test]
fn a_reply_that_is_not_taken_is_given_up() {
    let mut driven = Driven::usual();
    driven.receive(request("/small").as_bytes());
    driven.pass(limits::WRITE_TIME);
    assert_eq!(driven.session.need(), Need::Abort);
}

#[test]
fn errors_close_where_that_is_asked_for() {
    let options =
        HttpOptions { keep_alive: Duration::from_secs(1), close_on_error: true, upper: true, logged: false };
    let mut driven = Driven::new(options);
    driven.receive((request("/small") + &request("/nope") + &request("/small")).as_bytes());
    assert_eq!(statuses(&driven.send_all(usize::MAX)), ["200", "404"]);
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn without_keep_alive_each_reply_closes() {
    let mut driven = Driven::new(HttpOptions {
        keep_alive: Duration::ZERO,
        close_on_error: false,
        upper: true,
        logged: false,
    });
    assert_eq!(driven.session.deadline(), Some(driven.now.instant + limits::HEAD_TIME));
    driven.receive(request("/small").as_bytes());
    assert!(driven.send_all(usize::MAX).contains("Connection: close"));
}

#[test]
fn stopping_lets_the_request_under_way_finish() {
    let mut resting = Driven::usual();
    resting.receive(request("/small").as_bytes());
    resting.send_all(usize::MAX);
    resting.session.stop(&resting.now);
    resting.pass(Duration::ZERO);
    assert_eq!(resting.session.need(), Need::Close);

    let mut silent = Driven::new(HttpOptions { keep_alive: Duration::from_secs(60), ..Driven::options() });
    silent.session.stop(&silent.now);
    assert_eq!(silent.session.deadline(), Some(silent.now.instant + limits::LAST_CHANCE));
    silent.receive(request("/small").as_bytes());
    assert!(silent.send_all(usize::MAX).contains("Connection: close"));

    let mut begun = Driven::usual();
    begun.receive(b"GET /small HTTP/1.1\r\n");
    begun.session.stop(&begun.now);
    begun.receive(b"Host: a\r\n\r\n");
    assert!(begun.send_all(usize::MAX).contains("Connection: close"));
    assert_eq!(begun.session.need(), Need::Shutdown);

    let mut replying = Driven::usual();
    replying.receive(request("/file").as_bytes());
    replying.session.stop(&replying.now);
    assert_eq!(statuses(&replying.send_all(1000)), ["200"]);
    assert_eq!(replying.session.need(), Need::Shutdown);
}

#[test]
fn an_idle_session_is_small() {
    let size = std::mem::size_of::<crate::session::Session>();
    println!("a session takes {size} bytes, one of HTTP {}", std::mem::size_of::<Http>());
    assert!(size <= 256, "a session takes {size} bytes");
}

#[test]
fn a_refusal_knows_which_request_it_refuses() {
    // What is left of the body looks like a HEAD request, and it is the POST that is refused.
    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Transfer-Encoding: chunked", "HEAD / HTTP/1.1\r\n\r\n").as_bytes());
    let reply = driven.send_all(usize::MAX);
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.ends_with("\r\n\r\n400 Bad Request\n"), "{reply}");
    // A HEAD behind others is one, and what only looks like one is none.
    for (refused, has_body) in [
        ("HEAD / HTTP/1.1\r\n\r\n", false),
        ("HEAD nowhere HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ("HEAD /\n", false),
        ("head / HTTP/1.1\r\n\r\n", true),
        ("HEADS / HTTP/1.1\r\n\r\n", true),
        ("HEAD\t/ HTTP/1.1\r\n\r\n", true),
        ("GET /HEAD HTTP/1.1\r\n\r\n", true),
    ] {
        let mut driven = Driven::usual();
        let before = request("/small") + &post("/small", "Content-Length: 5", "HEAD ") + &request("/nope");
        driven.receive((before + "\r\n" + refused + "HEAD / HTTP/1.1\r\n").as_bytes());
        let reply = driven.send_all(usize::MAX);
        assert_eq!(statuses(&reply), ["200", "405", "404", "400"], "{refused}");
        assert_eq!(reply.ends_with("400 Bad Request\n"), has_body, "{refused}: {reply}");
        assert!(has_body || reply.ends_with("\r\n\r\n"), "{refused}: {reply}");
    }
}

#[test]
fn malformed_targets_are_refused_whatever_the_method() {
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
        for target in
            ["small", "%2fsmall", "http:///small", "/small#part", "/%", "/%00", "a@b", "http://a:b/", "**"]
        {
            let mut driven = Driven::usual();
            let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            driven.receive((head + &request("/small")).as_bytes());
            let reply = driven.send_all(usize::MAX);
            assert_eq!(statuses(&reply), ["400"], "{method} {target}");
            assert!(reply.contains("\r\nConnection: close\r\n"), "{method} {target}: {reply}");
            assert_eq!(driven.session.need(), Need::Shutdown, "{method} {target}");
        }
    }
}

fn post(path: &str, fields: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}")
}

#[test]
fn bodies_come_back_in_capitals_however_they_are_cut() {
    let first = post("/upper", "Content-Length: 11", "hello, body");
    let second =
        post("/upper", "Transfer-Encoding: chunked", "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n");
    let all = first + &second + &request("/nope");
    for cut in 1..all.len() {
        let mut driven = Driven::usual();
        let mut replies = String::new();
        for part in [&all[..cut], &all[cut..]] {
            driven.receive(part.as_bytes());
            replies += &driven.send_all(7);
        }
        assert_eq!(statuses(&replies), ["200", "200", "404"], "cut at {cut}: {replies}");
        assert!(
            replies.contains("Content-Length: 11\r\n") && replies.contains("Transfer-Encoding: chunked\r\n")
        );
        let letters: String = replies.split("\r\n\r\n").skip(1).collect();
        let capitals: String = letters.chars().filter(char::is_ascii_uppercase).collect();
        assert!(capitals.starts_with("HELLOBODY") && capitals.contains("HELLO"), "cut at {cut}: {letters}");
    }
}

#[test]
fn a_long_body_takes_no_more_than_the_desk() {
    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Content-Length: 1000000", "").as_bytes());
    let mut got = 0;
    for _ in 0..100 {
        assert_eq!(driven.session.need(), Need::Read);
        driven.receive(&[b'x'; 10_000]);
        got += driven.send_all(usize::MAX).matches('X').count();
    }
    assert_eq!(got, 1_000_000 + 1, "with the X of X-Content-Type-Options");
    driven.receive(request("/small").as_bytes());
    assert_eq!(statuses(&driven.send_all(usize::MAX)), ["200"]);
}

#[test]
fn a_client_that_waits_for_a_100_gets_it() {
    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Content-Length: 2\r\nExpect: 100-continue", "").as_bytes());
    assert_eq!(driven.send_all(usize::MAX), "HTTP/1.1 100 Continue\r\n\r\n");
    driven.receive(b"ok");
    assert!(driven.send_all(usize::MAX).ends_with("\r\n\r\nOK"));
    assert_eq!(driven.session.need(), Need::Read);
}

#[test]
fn malformed_bodies_are_refused_or_cut_off() {
    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Transfer-Encoding: chunked", "x\r\n").as_bytes());
    assert_eq!(statuses(&driven.send_all(usize::MAX)), ["400"]);
    assert_eq!(driven.session.need(), Need::Shutdown);

    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Transfer-Encoding: chunked", "2\r\nokx").as_bytes());
    let reply = driven.send_all(usize::MAX);
    assert!(reply.ends_with("\r\n2\r\nOK\r\n"), "no last chunk: {reply}");
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn only_post_and_only_there() {
    let mut driven = Driven::usual();
    let requests = request("/upper")
        + &post("/small", "Content-Length: 1", "x")
        + &post("/nope", "Content-Length: 0", "");
    driven.receive(requests.as_bytes());
    let replies = driven.send_all(usize::MAX);
    assert_eq!(statuses(&replies), ["405", "405", "405"]);
    assert_eq!(replies.matches("Allow: POST, OPTIONS\r\n").count(), 1);
}

#[test]
fn a_body_that_stops_coming_ends_the_connection() {
    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Content-Length: 10", "abc").as_bytes());
    driven.send_all(usize::MAX);
    driven.pass(limits::BODY_TIME);
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn a_body_that_stops_coming_before_its_reply_is_told() {
    for (fields, body) in [
        ("Content-Length: 10", ""),
        ("Content-Length: 10\r\nExpect: 100-continue", ""),
        ("Transfer-Encoding: chunked", ""),
        ("Transfer-Encoding: chunked", "5;x=HEAD "),
        ("Transfer-Encoding: chunked", "0\r\nX: y"),
    ] {
        let mut driven = Driven::usual();
        driven.receive(post("/upper", fields, body).as_bytes());
        let interim = driven.send_all(usize::MAX);
        assert_eq!(interim.is_empty(), !fields.contains("Expect"), "{interim}");
        driven.pass(limits::BODY_TIME);
        let reply = driven.send_all(usize::MAX);
        assert_eq!(statuses(&reply), ["408"], "{fields} {body}");
        assert!(
            reply.contains("\r\nConnection: close\r\n") && reply.ends_with("408 Request Timeout\n"),
            "{reply}"
        );
        assert_eq!(driven.session.need(), Need::Shutdown, "{fields} {body}");
    }
}

#[test]
fn the_log_has_the_request_that_was_refused_and_no_other() {
    let logged = |request: &str, passes: bool| {
        let mut driven = Driven::usual();
        driven.session = Http::new(driven.session.options.clone(), &driven.now).logged(None);
        driven.receive(request.as_bytes());
        driven.send_all(usize::MAX);
        if passes {
            driven.pass(limits::BODY_TIME);
            driven.send_all(usize::MAX);
        }
        String::from_utf8(std::mem::take(&mut driven.desk.lines)).unwrap()
    };
    let expected = |status: u16, size| format!(" \"POST /upper HTTP/1.1\" {status} {size} \"-\" \"-\"\n");
    let late = logged(&post("/upper", "Transfer-Encoding: chunked", "5;HEAD "), true);
    assert!(late.ends_with(&expected(408, 20)) && late.lines().count() == 1, "{late}");
    let late = logged(&post("/upper", "Content-Length: 5\r\nExpect: 100-continue", ""), true);
    assert!(late.ends_with(&expected(408, 20)) && late.lines().count() == 1, "{late}");
    let wrong = logged(
        &post("/upper", "Transfer-Encoding: chunked", "HEAD / HTTP/1.1\r\nUser-Agent: x\r\n\r\n"),
        false,
    );
    assert!(wrong.ends_with(&expected(400, 16)) && wrong.lines().count() == 1, "{wrong}");
    let both = logged(&(request("/small") + "POST small HTTP/1.1\r\nHost: a\r\n\r\n"), false);
    assert!(both.ends_with("\"POST small HTTP/1.1\" 400 16 \"-\" \"-\"\n"), "{both}");
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn what_breaks_a_reply_that_is_out_ends_the_connection_at_once() {
    let mut driven = Driven::usual();
    driven.receive(post("/upper", "Transfer-Encoding: chunked", "2\r\nok").as_bytes());
    assert!(driven.send_all(usize::MAX).ends_with("\r\n2\r\nOK\r\n"));
    driven.receive(b"xGET /small HTTP/1.1\r\n");
    assert_eq!(driven.session.need(), Need::Shutdown, "nothing else belongs into this reply");
}

#[test]
fn each_state_has_a_deadline_of_its_own() {
    const SECOND: Duration = Duration::from_secs(1);
    let mut driven = Driven::usual();
    let left = |driven: &Driven| driven.session.deadline().unwrap() - driven.now.instant;
    assert_eq!(left(&driven), SECOND, "at rest");
    driven.receive(post("/small", "Content-Length: 10", "x").as_bytes());
    assert_eq!(left(&driven), limits::WRITE_TIME, "replying");
    driven.send_all(usize::MAX);
    for passed in 0..8 {
        assert_eq!(left(&driven), limits::HEAD_TIME - passed * SECOND, "a body that drips has no more time");
        driven.now.instant += SECOND;
        driven.receive(b"x");
    }
    driven.receive(b"x");
    assert_eq!(left(&driven), SECOND, "at rest again");
    driven.receive(b"POST /upper HTTP/1.1\r\nHost: a\r\n");
    assert_eq!(left(&driven), limits::HEAD_TIME, "in a head");
    driven.now.instant += SECOND;
    driven.receive(b"Content-Length: 3\r\n");
    assert_eq!(left(&driven), limits::HEAD_TIME - SECOND, "still in it");
    driven.receive(b"\r\n");
    for _ in 0..3 {
        assert_eq!(left(&driven), limits::BODY_TIME, "in a body that is answered");
        driven.now.instant += SECOND;
        driven.receive(b"x");
        assert_eq!(left(&driven), limits::WRITE_TIME);
        driven.send_all(usize::MAX);
    }
    assert_eq!(left(&driven), SECOND, "at rest once more");
}

#[test]
fn whatever_is_under_way_is_finished_when_the_server_stops() {
    for (before, behind, status) in [
        (request("/small")[..20].to_owned(), request("/small")[20..].to_owned(), "200"),
        (post("/small", "Content-Length: 4", "x"), "xxx".to_owned(), ""),
        (post("/upper", "Content-Length: 2", ""), "ok".to_owned(), "200"),
        (post("/upper", "Content-Length: 2", "o"), "k".to_owned(), ""),
    ] {
        let mut driven = Driven::usual();
        driven.receive(before.as_bytes());
        driven.send_all(usize::MAX);
        driven.session.stop(&driven.now);
        assert_eq!(driven.session.need(), Need::Read, "{before}");
        driven.receive(behind.as_bytes());
        let reply = driven.send_all(usize::MAX);
        assert_eq!(statuses(&reply).concat(), status, "{before}");
        assert_eq!(driven.session.need(), Need::Shutdown, "{before}");
    }
}

#[test]
fn what_comes_in_time_is_answered_while_the_server_stops() {
    let mut resting = Driven::usual();
    resting.receive(request("/small").as_bytes());
    resting.send_all(usize::MAX);
    resting.session.stop(&resting.now);
    assert!(resting.session.is_resting());
    resting.receive(request("/small").as_bytes());
    assert!(resting.send_all(usize::MAX).contains("\r\nConnection: close\r\n"));
    assert_eq!(resting.session.need(), Need::Shutdown);

    // Empty lines are no request, and buy no time here either.
    let mut unheard = Driven::new(HttpOptions { keep_alive: Duration::from_secs(60), ..Driven::options() });
    unheard.session.stop(&unheard.now);
    let last = unheard.session.deadline();
    unheard.now.instant += limits::LAST_CHANCE / 2;
    unheard.receive(b"\r\n");
    assert_eq!((unheard.session.deadline(), unheard.session.need()), (last, Need::Read));
    unheard.pass(limits::LAST_CHANCE / 2);
    assert_eq!(unheard.session.need(), Need::Close);

    let mut nearly_over = Driven::usual();
    nearly_over.now.instant += Duration::from_millis(900);
    let last = nearly_over.session.deadline();
    nearly_over.session.stop(&nearly_over.now);
    assert_eq!(nearly_over.session.deadline(), last, "stopping gives nobody more time");
}

#[test]
fn the_peers_fin_ends_every_state_that_reads() {
    for begun in [
        String::new(),
        request("/small")[..20].to_owned(),
        post("/small", "Content-Length: 4", "x"),
        post("/upper", "Content-Length: 2", ""),
        post("/upper", "Content-Length: 2", "o"),
    ] {
        let mut driven = Driven::usual();
        if !begun.is_empty() {
            driven.receive(begun.as_bytes());
            driven.send_all(usize::MAX);
        }
        assert_eq!(driven.session.need(), Need::Read, "{begun}");
        driven.receive(b"");
        assert_eq!(driven.session.need(), Need::Close, "{begun}");
    }
}

/// A reply that is made as it is sent, and breaks off behind its first piece.
struct BreaksOff {
    pieces: usize,
}

impl crate::http::content::Pieces for BreaksOff {
    fn next(&mut self, _most: usize, _now: &Now, piece: &mut Vec<u8>) -> std::io::Result<bool> {
        self.pieces += 1;
        if self.pieces > 1 {
            return Err(std::io::ErrorKind::Other.into());
        }
        piece.extend_from_slice(b"piece");
        Ok(true)
    }
}

#[test]
fn what_breaks_off_never_looks_complete() {
    for (in_chunks, piece, need) in
        [(true, &b"5\r\npiece\r\n"[..], Need::Shutdown), (false, b"piece", Need::Abort)]
    {
        let mut driven = Driven::usual();
        let source = Box::new(BreaksOff { pieces: 0 });
        let following = Following::Pieces { source, chunked: in_chunks };
        driven.session.state = State::Replying { until: driven.now.instant, following, next: Next::End };
        driven.session.sit(&mut driven.desk);
        assert_eq!(driven.session.need(), Need::Work);
        driven.session.work(&driven.now, &mut driven.site);
        assert_eq!(driven.session.unsent(), piece);
        driven.session.sent(piece.len(), &driven.now, &mut driven.site);
        driven.session.work(&driven.now, &mut driven.site);
        assert_eq!(driven.session.need(), need, "only a reset tells where a FIN ends the body");
    }
}

#[test]
fn what_still_comes_at_the_end_has_room_whatever_lies_unread() {
    let upper = "POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    for first in [upper.to_owned(), request("/file")] {
        let mut driven = Driven::usual();
        driven.receive(first.as_bytes());
        if first == upper {
            driven.send_all(usize::MAX);
            // No size of a chunk, and as much as there is room for.
            driven.receive(&[b'x'; limits::BUFFER]);
        } else {
            driven.session.sit(&mut driven.desk);
            driven.session.sent(driven.session.unsent().len(), &driven.now, &mut driven.site);
            let room = driven.session.room();
            let count = room.len();
            room.fill(b'x');
            driven.session.input.filled_by(count);
            driven.session.file_sent(0, &driven.now, &mut driven.site);
            driven.session.rise(&mut driven.desk).unwrap();
        }
        driven.session.sit(&mut driven.desk);
        assert_eq!(driven.session.need(), Need::Shutdown);
        driven.session.shut(&driven.now);
        assert_eq!(driven.session.need(), Need::Read);
        assert!(!driven.session.room().is_empty(), "a read of nothing would be taken for the peer's FIN");
        driven.session.rise(&mut driven.desk).unwrap();
        assert_eq!(driven.session.held(), 0);
    }
}
