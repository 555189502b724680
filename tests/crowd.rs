//! Many at once: hundreds of clients of all three services beside slow and hostile ones, more than there
//! are places, more than there are descriptors, and crowds that leave without a word.

mod support;

use socket2::SockRef;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// CPU ticks, hundredths of a second, that two seconds of nothing to do may take.
const AT_REST: u64 = 20;

fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream
}

/// Leaves with a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// The server with a limit of open descriptors, soft and hard.
fn with_descriptors(limit: u32, arguments: &[&str]) -> Shoutd {
    Shoutd::spawn(limited(limit, arguments))
}

fn limited(limit: u32, arguments: &[&str]) -> Command {
    let plain = command(arguments);
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\""));
    limited.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stdin(std::process::Stdio::null());
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    limited
}

/// Two seconds in which nothing happens must cost nothing.
fn assert_rests(server: &Shoutd) {
    let before = server.cpu_ticks();
    thread::sleep(2 * SECOND); // the time that is measured
    let ticks = server.cpu_ticks() - before;
    assert!(ticks <= AT_REST, "{ticks} hundredths of a second of CPU for doing nothing");
}

/// What the well-behaved clients say and hear, over and over.
struct Guests {
    tcp: Vec<TcpStream>,
    http: Vec<TcpStream>,
    udp: Vec<UdpSocket>,
}

impl Guests {
    fn new(server: &Shoutd, each: usize) -> Guests {
        Guests {
            tcp: (0..each).map(|_| connect(server.tcp())).collect(),
            http: (0..each).map(|_| connect(server.http())).collect(),
            udp: (0..each / 2).map(|_| udp_to(server.udp())).collect(),
        }
    }

    /// Everybody speaks, and then everybody listens.
    fn round(&mut self, round: u64, files: &[(String, Vec<u8>)]) {
        let said = |n: usize, most: u64| noise(round << 32 | n as u64, 1 + (n as u64 * 37 % most) as usize);
        let asked = |n: usize| &files[(n + round as usize) % files.len()];
        for (n, stream) in self.tcp.iter_mut().enumerate() {
            stream.write_all(&said(n, 5000)).unwrap();
        }
        for (n, stream) in self.http.iter_mut().enumerate() {
            write!(stream, "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", asked(n).0).unwrap();
        }
        // A datagram may be lost where the receive buffer is full, so not all at once.
        for (n, sockets) in self.udp.chunks(20).enumerate() {
            for (m, socket) in sockets.iter().enumerate() {
                socket.send(&said(20 * n + m, 1000)).unwrap();
            }
            for (m, socket) in sockets.iter().enumerate() {
                let mut reply = [0; 2000];
                let count = socket.recv(&mut reply).expect("a datagram");
                assert_eq!(reply[..count], said(20 * n + m, 1000).to_ascii_uppercase());
            }
        }
        for (n, stream) in self.http.iter_mut().enumerate() {
            let response = read_response(stream, false);
            assert_eq!(response.status, 200);
            assert!(response.body == asked(n).1, "not what is in {}", asked(n).0);
        }
        for (n, stream) in self.tcp.iter_mut().enumerate() {
            let said = said(n, 5000);
            assert!(read_exactly(stream, said.len()) == said.to_ascii_uppercase());
        }
    }
}

/// One who sends what makes no sense, in pieces, leaves in the middle, and comes again.
fn annoy(server: [SocketAddr; 3], round: u64) {
    let [tcp, udp, http] = server;
    let garbage = noise(round, 20_000);
    let _ = connect(http).write_all(&garbage);
    let _ =
        connect(http).write_all(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n");
    let mut dripping = connect(http);
    for byte in b"GET /index.html HT" {
        let _ = dripping.write_all(&[*byte]);
    }
    reset(dripping);
    reset(send(tcp, &garbage));
    let halfway = send(tcp, &garbage);
    let _ = halfway.shutdown(Shutdown::Write);
    let _ = (&halfway).read(&mut [0; 10]);
    reset(halfway);
    let socket = udp_to(udp);
    let _ = socket.send(&[]);
    let _ = socket.send(&garbage);
    reset(send(http, &b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10)));
}

#[test]
fn a_crowd_is_served_right_beside_slow_and_hostile_clients() {
    let folder = Folder::new();
    let small = ["a", "b", "c"].map(|name| (format!("{name}.txt"), noise(name.len() as u64, 3000)));
    let files = [&small[..], &[("medium.bin".to_owned(), noise(7, 100_000))]].concat();
    for (name, content) in files.iter().chain([&("large.bin".to_owned(), noise(8, 20_000_000))]) {
        folder.write(name, content);
    }
    let listeners = ["--tcp", "0", "--tcp", "0,repeat=1000000", "--udp", "0", "--http", "0"];
    let server =
        Shoutd::start(&[&listeners[..], &["--keep-alive", "1m", "--root", folder.as_str()]].concat());
    let address = [server.tcp(), server.udp(), server.http()];
    let before = server.descriptors();

    // Ten of each kind that never reads its reply, and ten that never finish their request.
    let mut slow = Vec::new();
    for _ in 0..10 {
        slow.push(send(server.nth("tcp", 1), &[b'x'; 1000]));
        slow.push(send(server.http(), b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"));
        slow.push(send(server.http(), b"GET /a.txt HTT"));
    }
    let mut guests = Guests::new(&server, 150);
    let goes_on = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| (0..).take_while(|_| goes_on.load(Ordering::Relaxed)).for_each(|n| annoy(address, n)));
        // Also when a round fails: otherwise the scope would wait for ever.
        let end = End(&goes_on);
        (0..15).for_each(|round| guests.round(round, &files));
        drop(end);
    });
    // The slow ones are still waited for, at no cost.
    assert_rests(&server);
    let inside = server.descriptors() - before;
    assert!(inside >= 20 + guests.tcp.len() + guests.http.len(), "only {inside} are still there");
    slow.into_iter().for_each(reset);
    drop(guests);
    server.wait_for_descriptors(before);
}

/// Ends the annoyance when it goes away.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn who_comes_when_all_places_are_taken_waits_for_one() {
    let arguments =
        ["--tcp", "0", "--http", "0", "--udp", "0", "--max-connections", "5", "--keep-alive", "1h"];
    let server = Shoutd::start(&arguments);
    let mut inside: Vec<TcpStream> = (0..4).map(|_| send(server.tcp(), b"hello")).collect();
    for stream in &mut inside {
        assert_eq!(read_exactly(stream, 5), b"HELLO");
    }
    // The fifth place is kept free for HTTP.
    let mut web = send(server.http(), b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(read_response(&mut web, false).status, 200);
    let mut sixth = send(server.tcp(), b"sixth");
    let mut seventh = send(server.http(), b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    server.wait_for_log("--max-connections");
    assert_rests(&server);
    assert!(is_silent(&sixth, SECOND / 100) && is_silent(&seventh, SECOND / 100), "more than five");
    let socket = udp_to(server.udp());
    socket.send(b"who needs a connection").unwrap();
    assert_eq!(socket.recv(&mut [0; 100]).unwrap(), 22);

    drop(inside.pop());
    drop(inside.pop());
    assert_eq!(read_exactly(&mut sixth, 5), b"SIXTH");
    assert_eq!(read_response(&mut seventh, false).status, 200);
    // And again: those who were let in late take places too.
    let mut eighth = send(server.tcp(), b"eighth");
    assert!(is_silent(&eighth, SECOND / 2), "more than five");
    reset(sixth);
    assert_eq!(read_exactly(&mut eighth, 6), b"EIGHTH");
}

#[test]
fn those_who_gave_up_waiting_take_no_place() {
    let server = Shoutd::start(&["--tcp", "0", "--max-connections", "2"]);
    let before = server.descriptors();
    let mut inside = [send(server.tcp(), b"x"), send(server.tcp(), b"y")];
    inside.iter_mut().for_each(|stream| drop(read_exactly(stream, 1)));
    for n in 0..200 {
        let waiting = send(server.tcp(), b"z");
        if n % 2 == 0 { reset(waiting) } else { drop(waiting) }
    }
    let mut patient = send(server.tcp(), b"patient");
    drop(inside);
    assert_eq!(read_exactly(&mut patient, 7), b"PATIENT");
    drop(patient);
    server.wait_for_descriptors(before);
}

#[test]
fn running_out_of_descriptors_is_survived_without_spinning() {
    let listeners = ["--tcp", "0", "--http", "0", "--udp", "0", "--max-connections", "1000"];
    let server = with_descriptors(40, &listeners);
    let before = server.descriptors();
    for _ in 0..3 {
        let mut clients: Vec<TcpStream> = (0..100).map(|_| send(server.tcp(), b"hello")).collect();
        // At least, as some that were inherited may lie above the limit.
        eventually(|| server.descriptors() >= 40, || format!("{} descriptors", server.descriptors()));
        assert_rests(&server);
        let is_served = |client: &&mut TcpStream| !is_silent(client, Duration::from_millis(1));
        let served = clients.iter_mut().filter(is_served).count();
        assert!((20..40).contains(&served), "{served} are served");
        // Somebody leaves, somebody comes in.
        reset(clients.remove(0));
        assert_eq!(read_exactly(&mut clients[served - 1], 5), b"HELLO");
        let socket = udp_to(server.udp());
        socket.send(b"x").unwrap();
        assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 1);
        drop(clients);
        server.wait_for_descriptors(before);
        assert_eq!(get(server.http(), "/file.txt").status, 200);
        assert_eq!(conversation(server.tcp(), b"served again"), b"SERVED AGAIN");
    }
}

#[test]
fn thousands_who_leave_with_a_reset_leave_nothing_behind() {
    let server = Shoutd::start(&["--tcp", "0", "--http", "0"]);
    let before = server.descriptors();
    let crowd = |address: SocketAddr, bytes: &[u8]| (0..100).for_each(|_| reset(send(address, bytes)));
    crowd(server.tcp(), b"x");
    crowd(server.http(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.wait_for_descriptors(before);
    let resident = server.resident();
    for _ in 0..20 {
        crowd(server.tcp(), &[b'x'; 1000]);
        crowd(server.http(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET");
    }
    server.wait_for_descriptors(before);
    let grown = server.resident().saturating_sub(resident);
    assert!(grown <= 512, "4000 resets cost {grown} KiB");
    assert_eq!(conversation(server.tcp(), b"still here"), b"STILL HERE");
}

#[test]
fn with_few_descriptors_it_serves_every_file_or_says_that_it_cannot_start() {
    let folder = Folder::new();
    // Too large for the cache, and for the buffers of a connection that nobody reads.
    (0..40).for_each(|n| folder.write(&format!("{n}.bin"), vec![b'x'; 400_000 + n]));
    let mut served = 0;
    for limit in [12, 17, 18, 24, 32, 36, 40, 48, 56, 64, 80] {
        let mut command =
            limited(limit, &["--http", "0", "--tcp", "0", "--root", folder.as_str(), "--autoindex"]);
        let mut first = Killed(command.spawn().unwrap());
        let mut said = String::new();
        BufReader::new(first.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said.is_empty() {
            assert_eq!(wait_for_end(&mut first.0), Some(1), "{limit}");
            first.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            assert!(said.lines().count() == 1 && said.contains("ulimit -n"), "{limit}: {said}");
            continue;
        }
        drop(first);
        served += 1;
        let server = Shoutd::spawn(command);
        let clients: Vec<TcpStream> = (0..40)
            .map(|n| {
                let path = if n % 7 == 6 { String::new() } else { format!("{n}.bin") };
                let request = format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                send(server.http(), request.as_bytes())
            })
            .collect();
        for (n, mut client) in clients.into_iter().enumerate() {
            let reply = read_to_end(&mut client);
            let (head, length) = (String::from_utf8_lossy(&reply[..15]).into_owned(), reply.len());
            assert!(head == "HTTP/1.1 200 OK", "{limit} descriptors, client {n}: {head}");
            assert!(n % 7 == 6 || length > 400_000 + n, "{limit} descriptors, client {n}: {length} bytes");
        }
    }
    assert!(served >= 4, "it serves with 48 descriptors");
}
