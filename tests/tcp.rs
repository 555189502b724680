//! TCP uppercase over real sockets: every experiment of the lab, and that no byte is lost, added or
//! changed, whatever the client does with its half of the connection.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// Far less than what would be wrong, and enough for a loaded machine.
const SOON: Duration = Duration::from_secs(15);

/// Sends bytes on a connection of its own.
fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream
}

/// Sends a message and expects its reply.
fn say(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(message).unwrap();
    assert_eq!(read_exactly(stream, message.len()), message.to_ascii_uppercase());
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn oneshot_gives_one_reply_to_one_read_and_closes() {
    let server = Shoutd::start(&["--tcp", "0,read=1024,messages=1"]);
    assert_eq!(read_to_end(&mut send(server.tcp(), b"hello world")), b"HELLO WORLD");
    let long = noise(1, 3000);
    assert_eq!(read_to_end(&mut send(server.tcp(), &long)), long[..1024].to_ascii_uppercase());
}

#[test]
fn two_messages_are_answered_each_by_itself_before_the_server_closes() {
    let server = Shoutd::start(&["--tcp", "0,messages=2"]);
    let mut stream = connect(server.tcp());
    say(&mut stream, b"this is a message of 33 bytes: ab");
    assert!(is_silent(&stream, SECOND / 5), "closed after the first reply");
    say(&mut stream, b"the second has 20 b.");
    assert_eq!(read_to_end(&mut stream), b"");
}

#[test]
fn until_close_the_server_answers_and_only_then_ends_its_side() {
    let server = Shoutd::start(&["--tcp", "0,read=1024"]);
    let mut stream = connect(server.tcp());
    for length in [13, 1, 1023, 1024, 1025, 5000] {
        say(&mut stream, &noise(length, length as usize));
    }
    assert!(is_silent(&stream, SECOND / 5), "the server closed first");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut stream), b"");
}

#[test]
fn five_bytes_a_read_give_all_the_bytes_in_order() {
    let server = Shoutd::start(&["--tcp", "0,read=5"]);
    let mut stream = connect(server.tcp());
    say(&mut stream, b"twenty bytes of text");
    say(&mut stream, &noise(5, 5003));
}

#[test]
fn thousandfold_repeats_the_whole_message_a_thousand_times() {
    let server = Shoutd::start(&["--tcp", "0,repeat=1000"]);
    let mut stream = connect(server.tcp());
    for message in [&b"hello, world!"[..], b"x"] {
        stream.write_all(message).unwrap();
        let reply = read_exactly(&mut stream, 1000 * message.len());
        assert_eq!(reply, message.to_ascii_uppercase().repeat(1000));
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut stream), b"");
}

#[test]
fn slow_reader_takes_all_that_came_in_one_read_and_delays_nobody_else() {
    let server = Shoutd::start(&["--tcp", "0,delay=3s", "--tcp", "0"]);
    let (slow, quick) = (server.nth("tcp", 0), server.nth("tcp", 1));
    let start = Instant::now();
    let mut clients: Vec<TcpStream> = (0..10).map(|_| connect(slow)).collect();
    let messages = noise(6, 520);
    for client in &mut clients {
        messages.chunks(130).for_each(|message| client.write_all(message).unwrap());
    }
    let mut other = connect(quick);
    for _ in 0..100 {
        say(&mut other, b"not delayed");
    }
    let others = start.elapsed();
    for client in &mut clients {
        let mut reply = [0; 2000];
        assert_eq!(client.read(&mut reply).unwrap(), 520, "not in one piece");
        assert_eq!(reply[..520], messages.to_ascii_uppercase());
        assert!(start.elapsed() >= 3 * SECOND, "after {:?}", start.elapsed());
    }
    assert!(start.elapsed() < SOON, "one client waited for the other");
    assert!(others < 3 * SECOND, "a hundred replies took {others:?}");
    // The end of the stream is a read too.
    let end = Instant::now();
    clients[0].shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut clients[0]), b"");
    assert!(start.elapsed() >= 6 * SECOND && end.elapsed() < SOON);
}

#[test]
fn listeners_of_one_process_keep_their_options_apart() {
    let options = ["0,read=3,messages=1", "127.0.0.1:0,repeat=2", "0,messages=2", ":0"];
    let arguments: Vec<&str> = options.iter().flat_map(|options| ["--tcp", *options]).collect();
    let server = Shoutd::start(&arguments);
    let mut clients: Vec<TcpStream> = (0..4).map(|n| connect(server.nth("tcp", n))).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"abcd").unwrap());
    let replies: Vec<Vec<u8>> =
        [3, 8, 4, 4].iter().zip(&mut clients).map(|(n, c)| read_exactly(c, *n)).collect();
    assert_eq!(replies, [&b"ABC"[..], b"ABCDABCD", b"ABCD", b"ABCD"]);
    assert_eq!(read_to_end(&mut clients[0]), b"");
    say(&mut clients[2], b"second");
    assert_eq!(read_to_end(&mut clients[2]), b"");
    say(&mut clients[3], b"second");
    assert!(is_silent(&clients[1], SECOND / 5) && is_silent(&clients[3], SECOND / 5));
}

#[test]
fn every_byte_but_a_to_z_passes_unchanged() {
    let server = Shoutd::start(&["--tcp", "0", "--tcp", "0,read=1"]);
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend("äöü ß ñ é – ﬁ ı ſ ｚ \r\n\0\u{7f}".bytes());
    let upper = |byte: &u8| match byte {
        b'a'..=b'z' => byte - 32,
        _ => *byte,
    };
    let expected: Vec<u8> = bytes.iter().map(upper).collect();
    for n in 0..2 {
        assert_eq!(conversation(server.nth("tcp", n), &bytes), expected);
    }
}

#[test]
fn after_a_half_close_everything_is_answered_before_the_fin() {
    let server = Shoutd::start(&["--tcp", "0", "--tcp", "0,read=7", "--tcp", "0,read=1,repeat=50"]);
    for length in [0, 1, 1000, 40_000] {
        let bytes = noise(length, length as usize);
        let upper = bytes.to_ascii_uppercase();
        assert_eq!(conversation(server.nth("tcp", 0), &bytes), upper);
        assert_eq!(conversation(server.nth("tcp", 1), &bytes), upper);
    }
    let expected: Vec<u8> = noise(9, 999).to_ascii_uppercase().into_iter().flat_map(|b| [b; 50]).collect();
    assert_eq!(conversation(server.nth("tcp", 2), noise(9, 999)), expected);
}

#[test]
fn a_silent_connection_is_closed_after_its_idle_time_and_not_before() {
    let server = Shoutd::start(&["--tcp", "0,idle=2s", "--tcp", "0,idle=0"]);
    let mut patient = connect(server.nth("tcp", 1));
    say(&mut patient, b"let me in");
    let before = server.descriptors();
    thread::scope(|scope| {
        let address = server.nth("tcp", 0);
        scope.spawn(move || {
            let start = Instant::now();
            assert_eq!(read_to_end(&mut connect(address)), b"");
            assert!(start.elapsed() >= 2 * SECOND && start.elapsed() < SOON, "{:?}", start.elapsed());
        });
        scope.spawn(move || {
            let mut stream = connect(address);
            let mut start = Instant::now();
            for _ in 0..6 {
                thread::sleep(SECOND / 2); // in all more than the idle time, but never silent for so long
                start = Instant::now();
                say(&mut stream, b"still here");
            }
            assert_eq!(read_to_end(&mut stream), b"");
            assert!(start.elapsed() >= 2 * SECOND && start.elapsed() < SOON, "{:?}", start.elapsed());
        });
    });
    server.wait_for_descriptors(before);
    say(&mut patient, b"idle for ever");
}

#[test]
fn a_reply_that_nobody_reads_costs_no_memory_and_is_complete_when_it_is_read() {
    // The delay makes sure that the message is read whole: it fits the receive window, and is there long
    // before.
    let server = Shoutd::start(&["--tcp", "0,repeat=1000,delay=1s"]);
    let before = server.resident();
    let message = noise(11, 60_000);
    let mut clients: Vec<TcpStream> = (0..4).map(|_| send(server.tcp(), &message)).collect();
    for client in &mut clients {
        assert_eq!(client.peek(&mut [0]).unwrap(), 1);
    }
    thread::sleep(SECOND); // during which they don't read
    let (grown, ticks) = (server.resident() - before, server.cpu_ticks());
    // The message itself for each, 60 KB, and what a first connection touches.
    assert!(grown <= 4 * 64 + 384, "4 clients cost {grown} KiB");
    thread::sleep(SECOND); // during which the server has nothing to do
    assert!(server.cpu_ticks() - ticks <= 10, "the server is busy with clients that don't read");

    let expected = message.to_ascii_uppercase();
    thread::scope(|scope| {
        for mut client in clients {
            let expected = &expected;
            scope.spawn(move || {
                client.shutdown(Shutdown::Write).unwrap();
                for n in 0..1000 {
                    assert!(read_exactly(&mut client, expected.len()) == *expected, "copy {n} is wrong");
                }
                assert_eq!(read_to_end(&mut client), b"");
            });
        }
    });
    let grown = server.resident().saturating_sub(before);
    assert!(grown <= 4 * 64 + 384, "{grown} KiB are kept");
}

#[test]
fn only_a_client_that_takes_nothing_for_30_seconds_is_thrown_out() {
    let server = Shoutd::start(&["--tcp", "0,repeat=1000000"]);
    let before = server.descriptors();
    let start = Instant::now();
    let stuck = send(server.tcp(), &[b'x'; 1000]);
    let mut slow = send(server.tcp(), &[b'y'; 1000]);
    // Twenty kilobytes a second, steadily.
    while start.elapsed() < 36 * SECOND {
        assert_eq!(read_exactly(&mut slow, 4000), [b'Y'; 4000]);
        thread::sleep(SECOND / 5); // how slow it is
        let both = server.descriptors() == before + 2;
        assert!(both || start.elapsed() >= 30 * SECOND, "closed after {:?}", start.elapsed());
    }
    server.wait_for_descriptors(before + 1);
    reset(slow);
    let mut rest = Vec::new();
    let end = (&stuck).read_to_end(&mut rest);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset, "an incomplete reply ends with a reset");
    server.wait_for_descriptors(before);
}

#[test]
fn resets_at_any_moment_cost_nothing() {
    let server = Shoutd::start(&["--tcp", "0", "--tcp", "0,repeat=100000", "--tcp", "0,delay=300ms"]);
    let before = server.descriptors();
    for round in 0..20 {
        for n in 0..3 {
            let address = server.nth("tcp", n);
            reset(connect(address));
            reset(send(address, b"half a mess"));
            let mut halfway = send(address, &noise(round, 10_000));
            read_exactly(&mut halfway, 5);
            reset(halfway);
            let half_closed = send(address, &noise(round, 10_000));
            half_closed.shutdown(Shutdown::Write).unwrap();
            reset(half_closed);
            drop(send(address, &noise(round, 10_000)));
        }
    }
    server.wait_for_descriptors(before);
    say(&mut connect(server.tcp()), b"still serving");
}

#[test]
fn the_last_reply_arrives_whole_though_more_was_sent_behind() {
    let server =
        Shoutd::start(&["--tcp", "0,read=5,messages=1", "--tcp", "0,read=1000,messages=3,repeat=500"]);
    for round in 0..50 {
        let bytes = noise(round, 200_000);
        let upper = bytes.to_ascii_uppercase();
        let mut stream = send(server.nth("tcp", 0), &bytes);
        if round % 2 == 0 {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!(read_to_end(&mut stream), upper[..5]);

        let expected: Vec<u8> = upper[..3000].chunks(1000).flat_map(|chunk| chunk.repeat(500)).collect();
        let reply = read_to_end(&mut send(server.nth("tcp", 1), &bytes));
        assert!(reply == expected, "{} bytes of {}", reply.len(), expected.len());
    }
}

#[test]
fn many_megabytes_go_both_ways_at_once() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let bytes = noise(13, 32 * 1024 * 1024);
    let mut stream = connect(server.tcp());
    let mut sender = stream.try_clone().unwrap();
    let reply = thread::scope(|scope| {
        scope.spawn(|| {
            bytes.chunks(100_003).for_each(|chunk| sender.write_all(chunk).unwrap());
            sender.shutdown(Shutdown::Write).unwrap();
        });
        read_to_end(&mut stream)
    });
    assert_eq!(reply.len(), bytes.len());
    assert!(reply == bytes.to_ascii_uppercase(), "a byte is wrong");
}
