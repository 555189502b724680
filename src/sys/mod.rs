//! What no safe wrapper has of the system: the one folder with unsafe code.
//!
//! Each file is one noun, and says why it can't do without.
#![allow(
    unsafe_code,
    reason = "the kernel's structures hold pointers, and its calls read and write through them"
)]

#[cfg(not(target_os = "linux"))]
compile_error!("shoutd needs Linux: epoll's edges, openat2, sendfile, recvmmsg");

#[cfg(feature = "client")]
mod cpu_time;
mod datagrams;
mod memory;
mod options;
#[cfg(feature = "client")]
mod packet_ring;
mod tcp_info;

#[cfg(feature = "client")]
pub use cpu_time::cpu_time;
pub use datagrams::{Datagram, Datagrams, is_for_many};
pub use memory::{release_freed_memory, release_start_up_code};
#[cfg(feature = "client")]
pub use options::choose_port_late;
pub use options::report_destination;
#[cfg(feature = "client")]
pub use packet_ring::{PacketRing, RingPacket};
pub use tcp_info::{TcpInfo, taken_by_peer, tcp_info};
