//! What `shout explain` says of each packet: conversations written down by hand, and the words on them.
#![cfg(feature = "client")]

#[path = "support/packets.rs"]
mod packets;

use packets::*;
use shoutd::wire::conversation::{Conversations, End};
use shoutd::wire::packet::Packet;
use shoutd::wire::words;

/// The words on the last packets.
fn last(talk: &Talk, count: usize) -> Vec<String> {
    let words = talk.words();
    words[words.len() - count..].to_vec()
}

#[test]
fn a_sentence_and_its_reply_from_the_first_syn_to_the_last_ack() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1000, 5000, b"hello world")).s(1, ack(5000, 1011, 65_000));
    let reply = Tcp { flags: FIN | PSH | ACK, ..data(5000, 1011, b"HELLO WORLD") };
    talk.s(2, reply).c(2, fin(1011, 5012)).s(3, ack(5012, 1012, 65_000));
    assert_eq!(
        talk.words(),
        [
            "SYN: the client asks for a connection",
            "SYN ACK: the server agrees",
            "ACK: the handshake is complete",
            "data: \"hello world\"",
            "ACK: the server has all up to byte 11",
            "the reply, in capitals: \"HELLO WORLD\"; the FIN rides with it: the server closes first",
            "FIN: the client closes too",
            "ACK of the FIN: the connection is over",
        ]
    );
    let packets = talk.packets();
    let conversations = Conversations::of(&packets);
    let only = &conversations.list[0];
    assert_eq!((only.client_bytes, only.server_bytes, only.from_start, only.http), (11, 11, true, false));
    assert_eq!(only.ended, Some(End { by_client: false, reset: false }));
    let numbers: Vec<(i64, Option<i64>)> = conversations
        .seen
        .iter()
        .map(|seen| seen.tcp.as_ref().map(|view| (view.seq, view.ack)).unwrap())
        .collect();
    assert_eq!(numbers[..4], [(0, None), (0, Some(1)), (1, Some(1)), (1, Some(1))]);
    assert_eq!(numbers[6..], [(12, Some(13)), (13, Some(13))]);
}

#[test]
fn replies_are_known_by_their_place_in_the_stream() {
    let mut talk = Talk::with(12005);
    talk.handshake(0).c(1, data(1000, 5000, b"abcde12345fgh"));
    talk.s(2, data(5000, 1013, b"ABCDE")).s(2, data(5005, 1013, b"12345")).s(2, data(5010, 1013, b"FGX"));
    let expected = ["the reply, in capitals: \"ABCDE\"", "data: \"12345\"", "data: \"FGX\""];
    assert_eq!(last(&talk, 3), expected, "digits look the same either way, and X is wrong");
}

#[test]
fn a_refusal_and_a_syn_that_nobody_answers() {
    let mut talk = Talk::with(12999);
    talk.c(0, Tcp { flags: SYN, seq: 7, ..Tcp::default() });
    talk.c(1000, Tcp { flags: SYN, seq: 7, ..Tcp::default() });
    talk.s(1000, Tcp { flags: RST | ACK, ack: 8, ..Tcp::default() });
    let expected =
        ["SYN again after 1.00 s: no answer came", "RST: refused at once, nothing listens on port 12999"];
    assert_eq!(last(&talk, 2), expected);
    assert_eq!(Conversations::of(&talk.packets()).list.len(), 1);
}

#[test]
fn resets_in_the_middle_and_after_the_end() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1000, 5000, b"hi"));
    talk.s(1, Tcp { flags: RST | ACK, seq: 5000, ack: 1002, ..Tcp::default() });
    assert_eq!(last(&talk, 1), ["RST: the server gives up at once; what is unread or unsent is lost"]);

    let mut talk = Talk::with(12000);
    talk.handshake(0).s(1, fin(5000, 1000)).c(2, data(1000, 5001, b"hi"));
    talk.s(2, Tcp { flags: RST, seq: 5001, ..Tcp::default() });
    assert_eq!(
        last(&talk, 3),
        [
            "FIN: the server closes first",
            "data: \"hi\"; sent after the server's FIN",
            "RST: the server has closed already, nobody reads this any more"
        ]
    );
}

#[test]
fn loss_shows_as_gap_duplicates_and_repetition() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1000, 5000, b"first")).s(1, ack(5000, 1005, 65_000));
    talk.c(2, data(1010, 5000, b"third"));
    let sack = [&[1, 1, 5, 10][..], &1010_u32.to_be_bytes(), &1015_u32.to_be_bytes()].concat();
    talk.s(3, Tcp { options: &sack, ..ack(5000, 1005, 65_000) }).s(4, ack(5000, 1005, 65_000));
    talk.c(210, data(1005, 5000, b"other")).c(215, data(1005, 5000, b"other"));
    assert_eq!(
        last(&talk, 5),
        [
            "data: \"third\"; 5 bytes before it are missing here",
            "duplicate ACK 1: byte 6 is missing, 5 bytes after it came",
            "duplicate ACK 2: still waits for byte 6",
            "fills the gap, late or sent again: data: \"other\"",
            "sent again: no ACK for 213.0 ms",
        ]
    );
    talk.s(216, ack(5000, 1015, 65_000)).c(230, data(1005, 5000, b"other"));
    assert_eq!(last(&talk, 1), ["sent again, although it was acknowledged"]);
    let packets = talk.packets();
    assert_eq!(Conversations::of(&packets).list[0].client_bytes, 15, "each byte counts once");
}

#[test]
fn a_gap_may_be_filled_in_pieces_and_be_noticed_by_an_ack() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1030, 5000, b"late")).c(2, data(1020, 5000, b"0123456789"));
    talk.c(3, data(1000, 5000, b"abcdefghij")).c(4, data(1005, 5000, b"fghijABCDEFGHIJ"));
    talk.c(5, data(1030, 5000, b"late and more"))
        .s(6, ack(5007, 1043, 65_000))
        .s(7, data(5000, 1043, b"too late"));
    assert_eq!(
        last(&talk, 7),
        [
            "data: \"late\"; 30 bytes before it are missing here",
            "fills the gap, late or sent again: data: \"0123456789\"",
            "fills the gap, late or sent again: data: \"abcdefghij\"",
            "fills the gap, late or sent again: data: \"fghijABCDEFGHIJ\"",
            "data: \"late and more\"",
            "ACK: the server has all up to byte 43; 7 bytes before it are missing here",
            "data: \"too late\"",
        ]
    );
    let bytes = &Conversations::of(&talk.packets()).list[0];
    assert_eq!((bytes.client_bytes, bytes.server_bytes), (43, 8), "each byte counts once");
}

#[test]
fn a_window_closes_is_probed_and_opens() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1000, 5000, &[b'x'; 400]));
    talk.s(1, ack(5000, 1400, 0)).c(300, ack(1399, 5000, 65_000)).s(300, ack(5000, 1400, 0));
    talk.s(400, ack(5000, 1400, 500)).c(401, data(1400, 5000, &[b'y'; 500]));
    let full = format!("data: \"{}…\"; the server's window is full now", "y".repeat(32));
    assert_eq!(
        last(&talk, 5),
        [
            "ACK: the server has all up to byte 400 (window 0: the server has no room left)",
            "window probe: has the server room again?",
            "ACK: the server answers (window 0: the server has no room left)",
            "window update: room for 500 bytes now",
            &full,
        ]
    );
    assert_eq!(Conversations::of(&talk.packets()).list[0].client_bytes, 900);
}

#[test]
fn windows_are_scaled_only_if_both_sides_agree() {
    let scale = |shift| [3, 3, shift, 0];
    for (both, expected) in [(true, 500 << 7), (false, 500)] {
        let mut talk = Talk::with(12000);
        let (own, other) = (scale(7), scale(3));
        talk.c(0, Tcp { flags: SYN, seq: 999, options: &own, window: 500, ..Tcp::default() });
        let options = if both { &other[..] } else { &[] };
        talk.s(0, Tcp { flags: SYN | ACK, seq: 4999, ack: 1000, options, window: 500, ..Tcp::default() });
        talk.c(0, ack(1000, 5000, 500));
        let conversations = Conversations::of(&talk.packets());
        let windows: Vec<u64> =
            conversations.seen.iter().map(|seen| seen.tcp.as_ref().unwrap().window).collect();
        assert_eq!(windows, [500, 500, expected], "those of the SYNs never are");
    }
}

#[test]
fn a_keep_alive_is_no_data() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1000, 5000, b"keep")).s(1, ack(5000, 1004, 65_000));
    talk.c(5000, ack(1003, 5000, 65_000)).s(5000, ack(5000, 1004, 65_000));
    assert_eq!(last(&talk, 2), ["keep-alive: is the server still there?", "ACK: the server answers"]);
}

#[test]
fn an_acknowledgement_is_delayed_if_it_took_longer_than_the_round_trip() {
    for (handshake, waited, delayed) in [(0, 40, true), (100, 101, false), (100, 140, true)] {
        let mut talk = Talk::with(12000);
        talk.handshake(handshake).c(handshake, data(1000, 5000, b"hello"));
        talk.s(handshake + waited, ack(5000, 1005, 65_000));
        let words = last(&talk, 1).remove(0);
        assert_eq!(words.starts_with("delayed ACK"), delayed, "{handshake} {waited} {words}");
    }
}

#[test]
fn after_a_half_close_the_other_half_goes_on() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, fin(1000, 5000)).s(1, ack(5000, 1001, 65_000)).s(9, data(5000, 1001, b"more"));
    assert_eq!(
        last(&talk, 3),
        [
            "FIN: the client closes first",
            "ACK of the FIN: the server may still send",
            "data: \"more\"; sent after the client's FIN",
        ]
    );
}

#[test]
fn a_beginning_that_was_not_captured_is_made_up_for() {
    // The server speaks first, from the lower port.
    let mut talk = Talk::with(80);
    talk.s(0, data(70, 900, b"abc")).c(1, ack(900, 73, 10)).s(2, data(73, 900, b"def"));
    let packets = talk.packets();
    let conversations = Conversations::of(&packets);
    assert_eq!(conversations.list[0].client, talk.client);
    assert!(!conversations.list[0].from_start);
    assert_eq!(conversations.seen[2].tcp.as_ref().unwrap().seq, 4, "the first byte seen is 1");
    assert_eq!(talk.words()[0], "(begun before the capture) data: \"abc\"");
    assert_eq!(talk.words()[1], "ACK: the client has all up to byte 3");

    let mut talk = Talk::with(80);
    talk.c(0, ack(900, 73, 10));
    assert_eq!(talk.words(), ["(begun before the capture) an ACK"]);

    // A request says who is the client, whatever the ports.
    let mut talk = Talk::with(50_000);
    talk.c(0, data(70, 900, b"GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(Conversations::of(&talk.packets()).list[0].client, talk.client);
}

#[test]
fn a_port_used_again_is_another_conversation() {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, fin(1000, 5000)).s(1, fin(5000, 1001)).c(2, ack(1001, 5001, 65_000));
    talk.c(9, Tcp { flags: SYN, seq: 99_999, ..Tcp::default() });
    let conversations = Conversations::of(&talk.packets());
    assert_eq!(conversations.list.iter().map(|one| one.packets.len()).collect::<Vec<_>>(), [6, 1]);
}

#[test]
fn numbers_go_on_beyond_four_gibibytes() {
    let mut talk = Talk::with(12000);
    let start = u32::MAX - 2;
    talk.c(0, Tcp { flags: SYN, seq: start, ..Tcp::default() });
    talk.s(0, Tcp { flags: SYN | ACK, seq: 4999, ack: start + 1, ..Tcp::default() });
    talk.c(1, data(start + 1, 5000, b"before")).s(1, ack(5000, start.wrapping_add(7), 9));
    talk.c(2, data(start.wrapping_add(7), 5000, b"after"));
    let packets = talk.packets();
    let conversations = Conversations::of(&packets);
    assert_eq!(conversations.seen[4].tcp.as_ref().unwrap().seq, 7);
    assert_eq!(conversations.list[0].client_bytes, 11);
    assert_eq!(talk.words()[3], "ACK: the server has all up to byte 6");
}

#[test]
fn requests_and_responses_of_http() {
    let mut talk = Talk::with(8080);
    let two = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\n";
    talk.handshake(0)
        .c(1, data(1000, 5000, two))
        .s(3, data(5000, 1057, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell"));
    talk.s(4, data(5041, 1057, b"o the"))
        .c(5, data(1057, 5046, b"POST /upper HTTP/1.1\r\n\r\n"))
        .c(6, data(1081, 5046, b"body"));
    assert_eq!(
        last(&talk, 5),
        [
            "2 requests at once, the first: GET /a",
            "response: 200 OK, 2.0 ms after the request",
            "more of the response: \"o the\"",
            "request: POST /upper",
            "more of the request: \"body\"",
        ]
    );
}

#[test]
fn datagrams_find_their_answers() {
    let (client, server) = ("[::1]:40000".parse().unwrap(), "[::1]:12000".parse().unwrap());
    let frames = [
        udp(client, server, b"one"),
        udp(client, server, b"two"),
        udp(server, client, b"TWO"),
        udp(client, server, b""),
        udp(server, client, b""),
        port_unreachable(&udp(client, server, b"one"), server.ip(), client.ip()),
        udp(client, server, b"lost"),
    ];
    let time = std::time::Duration::from_micros;
    let packets: Vec<Packet> = (0..)
        .zip(&frames)
        .map(|(at, frame)| Packet::of(at + 1, time(at as u64 * 10), frame, frame.len()).unwrap())
        .collect();
    let conversations = Conversations::of(&packets);
    assert_eq!(conversations.list.len(), 1, "the ICMP message belongs to it");
    assert_eq!(
        words::explain(&packets, &conversations),
        [
            "datagram: \"one\"",
            "datagram: \"two\"",
            "reply in capitals to 2, 10 µs later: \"TWO\"",
            "datagram: empty, as UDP allows",
            "reply to 4, 10 µs later: empty, as UDP allows",
            "ICMP port unreachable: no UDP server has port 12000",
            "datagram: \"lost\"; no answer was seen",
        ]
    );
}

#[test]
fn nothing_of_a_payload_reaches_the_terminal_raw() {
    let mut talk = Talk::with(12000);
    let hostile = "\x1b[31m\x07\u{9b}\u{202e}e\u{301}\u{200b}日\"\\ü\n".as_bytes();
    talk.handshake(0)
        .c(1, data(1000, 5000, hostile))
        .c(2, data(1000 + hostile.len() as u32, 5000, b"\xff\xfe\0ok"));
    assert_eq!(
        last(&talk, 2),
        ["data: \"\\x1b[31m\\x07\\x9b\\u{202e}e\\u{301}…\"", "data: \"\\xff\\xfe\\x00ok\""]
    );
}
