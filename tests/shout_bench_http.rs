//! `shout bench http` against shoutd, other ways to frame a body, and servers that are wrong.
#![cfg(feature = "client")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/peers.rs"]
mod peers;
mod support;

use bench::*;
use peers::*;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;

/// A server that answers the `n`th request, over all connections, with this, and closes where it says so.
fn web(answer: impl Fn(usize) -> (Vec<u8>, bool) + Send + Sync + 'static) -> Server {
    let next = AtomicUsize::new(0);
    tcp_server(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let (reply, closes) = answer(next.fetch_add(1, Ordering::Relaxed));
            if stream.write_all(&reply).is_err() || closes {
                return;
            }
        }
    })
}

/// A response with a length and this status line.
fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Runs it, and gives its complaint the words.
fn fails(address: SocketAddr, options: &str, words: &[&str]) {
    let outcome = bench::bench("http", &address.to_string(), options);
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    outcome.fails(words);
}

#[test]
fn a_site_is_measured_however_it_is_asked() {
    let server = Shoutd::start(&["--http", "0"]);
    let address = server.http();
    for (options, path, length) in [
        ("-c 4", "/file.txt", 89.0),
        ("-c 4 --pipeline 8", "/file.txt", 89.0),
        ("-c 4 --pipeline 100", "/file.txt", 89.0),
        ("-c 4 --reconnect", "/file.txt", 89.0),
        ("-c 2 --rate 1000", "/file.txt", 89.0),
        ("-c 2", "/back1.jpg", std::fs::metadata("www/back1.jpg").unwrap().len() as f64),
    ] {
        let options = format!("{options} --count 200 --warmup 0");
        let result = measured("http", format!("http://{address}{path}"), &options);
        assert_eq!(number(&result, "operations"), 200.0, "{options}: {result}");
        assert_eq!(number(&result, "bytes_received"), 200.0 * length, "{options}: {result}");
        assert!(
            result["errors"].as_object().unwrap().values().all(|count| *count == 0),
            "{options}: {result}"
        );
        assert_eq!(result["target"], format!("http://{address}{path}"));
    }
}

#[test]
fn a_page_that_is_missing_is_measured_and_told() {
    let server = Shoutd::start(&["--http", "0"]);
    let (target, options) = (format!("{}/nope", server.http()), "-c 2 --count 50 --warmup 0");
    let words = ["50 of 50 replies without a status of 2xx (50 with 404)", "check the path", "--status 404"];
    let result = troubled("http", &target, options, &words);
    assert_eq!((number(&result, "operations"), number(&result, "errors.status")), (0.0, 50.0), "{result}");
    assert_eq!(
        (number(&result, "throughput"), &result["latency_us"]["p50"]),
        (0.0, &serde_json::Value::Null)
    );
    assert_eq!(result["statuses"], serde_json::json!({"404": 50}));
    let outcome = bench::bench("http", &target, options);
    outcome.fails(&words);
    let table = String::from_utf8(outcome.stdout).unwrap();
    for words in ["0 in ", "errors       50 of 50 replies without a status of 2xx (50 with 404)"] {
        assert!(table.contains(words), "{table}");
    }
    // Where that is what is to be measured, it counts and is compared.
    let result = measured("http", &target, &format!("{options} --status 404"));
    assert_eq!((number(&result, "operations"), number(&result, "errors.status")), (50.0, 0.0), "{result}");
}

#[test]
fn each_reply_is_counted_once_by_its_status() {
    // Every fifth is another, the very first included.
    for (status, words) in [
        ("503 Service Unavailable", "503: 200"),
        ("429 Too Many Requests", "429: 200"),
        ("404 Not Found", "404: 200"),
        ("302 Found", "302: 200"),
    ] {
        let server = web(move |n| {
            let is_other = n % 5 == 2;
            (if is_other { response(status, "another body") } else { response("200 OK", "hello") }, false)
        });
        for options in ["-c 1", "-c 4", "-c 2 --pipeline 5", "-c 2 --rate 10000", "-c 2 --reconnect"] {
            let options = format!("{options} --count 1000 --warmup 0");
            let result = troubled("http", server.address, &options, &["of 1,000 replies without a status"]);
            let others = number(&result, "errors.status");
            assert!((198.0..=202.0).contains(&others), "{words}, {options}: {result}");
            assert_eq!(number(&result, "operations") + others, 1000.0, "{options}: {result}");
            assert_eq!(number(&result, "latency_us.count"), number(&result, "operations"), "{result}");
            assert_eq!(number(&result, "bytes_received"), 5.0 * number(&result, "operations"), "{result}");
            assert_eq!(sum(&result), 1000.0, "{options}: {result}");
        }
    }
    // A server that is overloaded when it is first asked is asked again.
    let first = web(|n| (response(if n < 2 { "503 Busy" } else { "200 OK" }, "hello"), false));
    let result = measured("http", first.address, "-c 1 --count 20 --warmup 0");
    assert_eq!(number(&result, "operations"), 20.0, "{result}");
}

#[test]
fn an_error_may_have_any_framing_and_a_length_or_none() {
    let closing = |_| (b"HTTP/1.1 500 Internal Server Error\r\n\r\nno length".to_vec(), true);
    let old = |_| (b"HTTP/1.0 500 No\r\nContent-Length: 2\r\n\r\nno".to_vec(), true);
    let keeping = |_| (response("500 Internal Server Error", "with a length"), false);
    for (what, server) in [("closing", web(closing)), ("old", web(old)), ("keeping", web(keeping))] {
        let words = ["60 of 60 replies without a status of 2xx (60 with 500)", "look at its own messages"];
        let result = troubled("http", server.address, "-c 3 --count 60 --warmup 0", &words);
        let (operations, others) = (number(&result, "operations"), number(&result, "errors.status"));
        assert_eq!((operations, others, sum(&result)), (0.0, 60.0, 60.0), "{what}: {result}");
    }
}

#[test]
fn every_way_to_frame_a_body_is_understood() {
    let chunked = |_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        (format!("{head}5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n").into_bytes(), false)
    };
    let closing = |_| (b"HTTP/1.1 200 OK\r\n\r\nhello world".to_vec(), true);
    let old = |_| (b"HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\nhello world".to_vec(), true);
    let announced = |n| {
        let last = n % 5 == 4;
        let field = if last { "Connection: close\r\n" } else { "" };
        let head = format!("HTTP/1.1 200 OK\r\nX: {n}\r\n{field}Content-Length: 11\r\n\r\n");
        ([head.as_bytes(), b"hello world"].concat(), last)
    };
    let interim = |_| {
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), response("200 OK", "hello world")].concat(), false)
    };
    let servers = [
        ("chunked", web(chunked)),
        ("closing", web(closing)),
        ("HTTP/1.0", web(old)),
        ("announced", web(announced)),
        ("interim", web(interim)),
    ];
    for (what, server) in &servers {
        for options in ["-c 1", "-c 3", "-c 2 --reconnect"] {
            let result = measured("http", server.address, &format!("{options} --count 60 --warmup 0"));
            assert_eq!(number(&result, "operations"), 60.0, "{what}, {options}: {result}");
            assert_eq!(number(&result, "bytes_received"), 660.0, "{what}, {options}: {result}");
            assert!(
                result["errors"].as_object().unwrap().values().all(|count| *count == 0),
                "{what}: {result}"
            );
        }
    }
    let table =
        bench::bench("http", &servers[1].1.address.to_string(), "-c 1 --count 60 --warmup 0").printed();
    assert!(table.contains("opened anew because the server had closed"), "{table}");

    let empty = web(|_| (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), false));
    let result = measured("http", empty.address, "-c 2 --count 20 --warmup 0");
    assert_eq!((number(&result, "operations"), number(&result, "bytes_received")), (20.0, 0.0), "{result}");
}

#[test]
fn bytes_are_those_of_the_replies_that_are_counted_and_of_all_requests() {
    let server = Shoutd::start(&["--http", "0", "--tcp", "0", "--udp", "0"]);
    let page = format!("{}/file.txt", server.http());
    let request = format!(
        "GET /file.txt HTTP/1.1\r\nHost: {}\r\nUser-Agent: shout\r\nAccept: */*\r\n\r\n",
        server.http()
    );
    // Many more are under way when measuring begins than are to be counted.
    for (kind, target, sent, received) in [
        ("http", page, request.len(), 89),
        ("tcp", server.tcp().to_string(), 64, 64),
        ("udp", server.udp().to_string(), 64, 64),
    ] {
        let result = measured(kind, target, "--count 5 --connections 64");
        assert_eq!(number(&result, "operations"), 5.0, "{result}");
        // What was sent counts whatever became of it: one request on each connection.
        assert_eq!(number(&result, "bytes_sent"), 64.0 * sent as f64, "{kind}: {result}");
        assert_eq!(sum(&result), 64.0, "{kind}: {result}");
        assert_eq!(number(&result, "bytes_received"), 5.0 * f64::from(received), "{kind}: {result}");
    }
}

#[test]
fn pipelined_requests_that_a_closing_server_left_out_are_asked_again() {
    let server = web(|n| {
        let last = n % 5 == 4;
        let field = if last { "Connection: close\r\n" } else { "" };
        (format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 2\r\n\r\nhi").into_bytes(), last)
    });
    let result = measured("http", server.address, "-c 2 --pipeline 8 --count 100 --warmup 0");
    assert_eq!(number(&result, "operations"), 100.0, "{result}");
    assert!(number(&result, "repeated") > 20.0, "{result}");
}

#[test]
fn a_response_unlike_the_first_is_caught() {
    let body = "one body that is long enough to differ somewhere";
    let with = |wrong: Vec<u8>, closes: bool| {
        web(move |n| if n == 7 { (wrong.clone(), closes) } else { (response("200 OK", body), false) })
    };
    let flipped = body.replace("long", "lonG");
    for (what, wrong, closes, words) in [
        (
            "flipped",
            response("200 OK", &flipped),
            false,
            &["at byte 20", "67 20 ", "47 20 ", "a page that doesn't change"][..],
        ),
        ("shorter", response("200 OK", &body[1..]), false, &["a body of 47 bytes, where the first had 48"]),
        (
            "longer",
            response("200 OK", &format!("{body}X")),
            false,
            &["a body of 49 bytes, where the first had 48"],
        ),
        (
            "another status",
            response("203 Non-Authoritative Information", body),
            false,
            &["the status 203", "first response had 200"],
        ),
        ("no HTTP", b"220 hello\r\n\r\n".to_vec(), false, &["isn't HTTP/1", "\"220 hello"]),
        (
            "more",
            [response("200 OK", body), b"XYZ".to_vec()].concat(),
            false,
            &["3 bytes that nobody had asked", "XYZ"],
        ),
        (
            "a chunked body too short",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n".to_vec(),
            false,
            &["a body of 3 bytes, where the first had 48"],
        ),
        (
            "a chunked body that is none",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n".to_vec(),
            false,
            &["a chunked body that isn't one"],
        ),
        (
            "a body without an end",
            [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), body.as_bytes().to_vec(), b"more".to_vec()].concat(),
            true,
            &["goes on after the 48 bytes", "\"more\""],
        ),
    ] {
        let server = with(wrong, closes);
        let words = [&["answered wrongly"], words].concat();
        fails(server.address, "-c 1 --count 100", &words);
        assert!(!what.is_empty());
    }
}

#[test]
fn a_response_that_is_cut_short_is_an_error_of_its_connection() {
    let body = "one body that is long enough to be cut somewhere";
    let cut = |reply: Vec<u8>| {
        web(move |n| if n % 7 == 6 { (reply.clone(), true) } else { (response("200 OK", body), false) })
    };
    let unframed = [b"HTTP/1.1 200 OK\r\n\r\n", &body.as_bytes()[..9]].concat();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n".to_vec();
    for (reply, words) in [
        (response("200 OK", body)[..60].to_vec(), "the first was closed after 21 of 48 bytes of a body"),
        (b"HTTP/1.1 200 OK\r\nCont".to_vec(), "after 21 bytes of a head"),
        (unframed, "after 9 of the 48 bytes that the first body had"),
        (chunked, "after 3 bytes of a chunked body"),
    ] {
        let server = cut(reply);
        let words = ["closed before their whole reply", words];
        let result = troubled("http", server.address, "-c 1 --count 100 --warmup 0", &words);
        assert_eq!(number(&result, "operations"), 100.0, "{result}");
        assert!((15.0..=18.0).contains(&number(&result, "errors.closed")), "{result}");
    }
}

#[test]
fn a_first_response_that_can_not_be_learned_is_told() {
    let (_guard, refusing) = refusing();
    fails(refusing, "", &["connection refused", "must be started"]);
    fails(web(|_| (Vec::new(), true)).address, "", &["closed the connection without a response"]);
    fails(
        web(|_| (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell".to_vec(), true)).address,
        "",
        &["after 4 of 9 bytes"],
    );
    fails(web(|_| (Vec::new(), false)).address, "--timeout 300ms", &["has said nothing for too long"]);
    let uppercase = Shoutd::start(&["--tcp", "0"]);
    fails(uppercase.tcp(), "", &["isn't HTTP/1", "GET / HTTP/1", "shout bench tcp"]);
    let endless = tcp_server(|mut stream| {
        let _ = read_request(&mut stream);
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    fails(endless.address, "", &["a head"]);
}

#[test]
fn requests_carry_the_fields_that_are_given() {
    let server = once(|mut stream| {
        let mut heads = Vec::new();
        while let Some(head) = read_request(&mut stream) {
            stream.write_all(&ok("hello")).unwrap();
            heads.push(head);
        }
        heads
    });
    let address = server.address.to_string();
    // It has only one connection, the one that learns.
    let asked = ["bench", "http", &address, "-H", "Accept: text/plain", "-H", "X: y", "--reconnect"];
    let outcome = run(&[&asked[..], &["--timeout", "300ms", "--duration", "1s"]].concat());
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let expected = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUser-Agent: shout\r\nConnection: close\r\n\
         Accept: text/plain\r\nX: y\r\n\r\n"
    );
    assert_eq!(server.saw(), [expected]);
}
