//! Request heads, good and bad.

use super::*;

fn refused(head: &str) -> u16 {
    parse(head.as_bytes()).map_or_else(|status| status.code, |request| panic!("{head:?} gave {request:?}"))
}

fn with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

#[test]
fn a_plain_request() {
    let request = parse(b"GET /a?b HTTP/1.1\r\nHost: example.org:80\r\nAccept: */*\r\n\r\n");
    let expected = Request {
        method: Method::Get,
        target: "/a?b",
        subject: Subject::Path(Target { path: b"/a".as_slice().into(), query: Some("b") }),
        minor: 1,
        keep_alive: true,
        body: Framing::Length(0),
        conditions: Conditions::default(),
        range: None,
        accepts: Accepts { types: b"*/*", ..Accepts::default() },
        expects_continue: false,
    };
    assert_eq!(request, Ok(expected));
}

#[test]
fn persistence_follows_version_and_connection() {
    for (version, connection, expected) in [
        ("1.1", "", true),
        ("1.1", "close", false),
        ("1.1", "Upgrade, CLOSE", false),
        ("1.1", "keep-alive, close", false),
        ("1.0", "", false),
        ("1.0", "Keep-Alive", true),
        ("1.0", "keep-alive, close", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
        assert_eq!(parse(head.as_bytes()).unwrap().keep_alive, expected, "{head}");
    }
}

#[test]
fn methods_are_told_apart() {
    for (name, expected) in [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("PUT", Method::NotAllowed),
        ("POST", Method::Post),
        ("OPTIONS", Method::Options),
        ("get", Method::Unknown),
        ("BREW", Method::Unknown),
    ] {
        let head = format!("{name} / HTTP/1.0\r\n\r\n");
        assert_eq!(parse(head.as_bytes()).unwrap().method, expected);
    }
}

#[test]
fn each_form_of_a_target_belongs_to_some_methods() {
    let subject = |method: &str, target: &str| {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        parse(head.as_bytes()).map(|request| match request.subject {
            Subject::Path(target) => String::from_utf8(target.path.into_owned()).unwrap(),
            Subject::Hidden => "hidden".to_owned(),
            Subject::Server => "server".to_owned(),
            Subject::Authority => "authority".to_owned(),
        })
    };
    for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "BREW"] {
        for (target, expected) in [
            ("/a", "/a"),
            ("http://a", "/"),
            ("https://[::1]:8080/b?c", "/b"),
            ("//", "/"),
            ("/.git", "hidden"),
        ] {
            assert_eq!(subject(method, target).as_deref(), Ok(expected), "{method} {target}");
        }
        let expected = if method == "OPTIONS" { Ok("server".to_owned()) } else { Err(Status::BAD_REQUEST) };
        assert_eq!(subject(method, "*"), expected, "{method} *");
        for malformed in
            ["a", "a:443", "/%", "/%00", "/#", "http://", "http:///", "http://a@b/", "ftp://a/", "**", "*/"]
        {
            assert_eq!(subject(method, malformed), Err(Status::BAD_REQUEST), "{method} {malformed}");
        }
    }
    for tunnel in ["a:443", "127.0.0.1:1", "[::1]:65535", "a-b.example:080"] {
        assert_eq!(subject("CONNECT", tunnel).as_deref(), Ok("authority"), "{tunnel}");
    }
    for malformed in [
        "a",
        "a:",
        ":443",
        "a:b",
        "a:65536",
        "a:-1",
        "/",
        "*",
        "http://a:443/",
        "a@b:443",
        "[::1]",
        "::1:443",
    ] {
        assert_eq!(subject("CONNECT", malformed), Err(Status::BAD_REQUEST), "CONNECT {malformed}");
    }
}

#[test]
fn nothing_is_read_behind_a_connect() {
    let head = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nConnection: keep-alive\r\n\r\n";
    assert!(!parse(head).unwrap().keep_alive);
}

#[test]
fn hosts_must_be_one_and_make_sense() {
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), 400);
    for fields in ["Host: a\r\n", "Host:\r\n"] {
        assert_eq!(refused(&with(fields)), 400, "{fields}");
    }
    for host in ["", "a b", "a/b", "a@b", "caf\u{e9}", "a\"b"] {
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), 400, "{host}");
    }
    for host in ["a", "a.b-c:8080", "[::1]:80", "127.0.0.1"] {
        assert!(parse(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).is_ok(), "{host}");
    }
    assert!(parse(b"GET / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 had no Host");
    assert_eq!(refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

#[test]
fn bodies_are_framed_in_one_way_only() {
    let framing = |fields: &str| parse(with(fields).as_bytes()).map(|request| request.body);
    assert_eq!(framing("Content-Length: 42\r\n"), Ok(Framing::Length(42)));
    assert_eq!(framing("Content-Length: 18446744073709551615\r\n"), Ok(Framing::Length(u64::MAX)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for (fields, status) in [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
        ("Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        ("Content-Length: 3, 3\r\n", 400),
        ("Content-Length: +3\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: 0x3\r\n", 400),
        ("Content-Length: 3 4\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Content-Length: 18446744073709551616\r\n", 400),
        ("Transfer-Encoding: identity\r\n", 400),
        ("Transfer-Encoding: chunked, gzip\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 400),
        ("Transfer-Encoding:\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
    ] {
        assert_eq!(refused(&with(fields)), status, "{fields}");
    }
    assert_eq!(refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

#[test]
fn what_httparse_must_refuse_for_us() {
    for fields in [
        "A : b\r\n",
        "A: b\r\n folded\r\n",
        "A: b\rc\r\n",
        "A: b\0c\r\n",
        ": b\r\n",
        "A b\r\n",
        "A\u{e9}: b\r\n",
    ] {
        assert_eq!(refused(&with(fields)), 400, "{fields:?}");
    }
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET /",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / FTP/1.1",
        "GET / HTTP/11",
        "GET / http/1.1",
    ] {
        assert_eq!(refused(&format!("{line}\r\nHost: a\r\n\r\n")), 400, "{line:?}");
    }
}

#[test]
fn other_versions_are_named() {
    for version in ["2.0", "3.0", "0.9"] {
        assert_eq!(refused(&format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")), 505, "{version}");
    }
}

#[test]
fn expectations() {
    assert!(parse(with("Expect: 100-Continue\r\n").as_bytes()).unwrap().expects_continue);
    assert_eq!(refused(&with("Expect: a-pony\r\n")), 417);
    assert!(parse(b"GET / HTTP/1.0\r\nExpect: a-pony\r\n\r\n").is_ok(), "HTTP/1.0 had no Expect");
}

#[test]
fn a_hundred_fields_and_no_more() {
    let fields = |count: usize| with(&"A: b\r\n".repeat(count - 1));
    assert!(parse(fields(limits::FIELDS).as_bytes()).is_ok());
    assert_eq!(refused(&fields(limits::FIELDS + 1)), 431);
}

#[test]
fn a_later_minor_version_is_read_as_the_one_we_know() {
    for (line, expected) in [
        ("GET / HTTP/1.2", "GET / HTTP/1.1"),
        ("GET / HTTP/1.9", "GET / HTTP/1.1"),
        ("GET / HTTP/1.0", "GET / HTTP/1.0"),
        ("GET / HTTP/2.2", "GET / HTTP/2.2"),
        ("GET /HTTP/1.2", "GET /HTTP/1.2"),
    ] {
        let mut head = format!("{line}\r\nHost: HTTP/1.2\r\n\r\n").into_bytes();
        settle_version(&mut head);
        assert_eq!(String::from_utf8(head).unwrap(), format!("{expected}\r\nHost: HTTP/1.2\r\n\r\n"));
    }
}
