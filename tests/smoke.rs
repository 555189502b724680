//! All three services of one process, as its start page shows them.

mod support;

use std::io::Write;
use std::net::Shutdown;
use support::*;

#[test]
fn one_process_serves_all_three() {
    let server = Shoutd::start(&["--tcp", "0", "--udp", "0", "--http", "0"]);

    let mut stream = connect(server.tcp());
    stream.write_all(b"hello\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut stream), b"HELLO\n");

    let socket = udp_to(server.udp());
    socket.send(b"hello").unwrap();
    let mut reply = [0; 16];
    let count = socket.recv(&mut reply).unwrap();
    assert_eq!(&reply[..count], b"HELLO");

    let page = get(server.http(), "/");
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains("Hello World"));
}
