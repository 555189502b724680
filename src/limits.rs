//! Every budget and bound of the server on one page, each with its reason.
//!
//! Budgets make the loop fair: a guest that has spent its budget goes to the end of the queue, and
//! everybody else has a turn first. Bounds keep a peer from taking more than its share of memory,
//! descriptors or time.

use std::time::Duration;

/// Bytes of each buffer that the loop lends to the session it drives. One TCP read of this size costs
/// about 15 µs of copying, so the system call (0.3 µs) hardly shows, and it still fits the L2 cache.
pub const BUFFER: usize = 64 * 1024;

/// Bytes that a connection may receive and send in one turn, together. Sending a file faster than its
/// reader drains it only pushes it out of the cache; and nobody waits longer than some 30 µs a neighbour.
pub const TURN: usize = 128 * 1024;

/// What every step of a turn counts for at least, a byte moved or none: a system call costs as much as
/// copying some thousand bytes. So a turn has at most 32 steps, however small they are.
pub const STEP: usize = 4 * 1024;

/// What making a piece of a long reply counts for, as if so many bytes were moved: two of them are a turn.
pub const WORK: usize = TURN / 2;

/// Bytes that a directory listing may hold, names and their order: some 500,000 names. The rest
/// is left out, and the listing says so.
pub const LISTING: usize = 16 * 1024 * 1024;

/// The same for all listings together. From half of it on those break off that nobody reads ([`LISTING_IDLE`]).
pub const LISTINGS_MEMORY: usize = 32 * 1024 * 1024;

/// Listings held at once, each shared by all who ask for its directory: a descriptor each. Their names are bounded
/// by [`LISTINGS_MEMORY`], so these may be many: a few clients that come and leave must not take all.
pub const LISTINGS: usize = 256;

/// How long the readers of a listing must have taken nothing before it may break off to make room for others. One
/// that reads on takes a piece of some 10 KiB far more often; the others have to wait (503).
pub const LISTING_IDLE: Duration = Duration::from_secs(1);

/// Rows of a listing made at once: each asks the file system for a size and a time, about 1 µs.
pub const ROWS: usize = 64;

/// Symbolic links of a directory that are followed at once, some 2 µs each.
pub const LINKS: usize = 32;

/// How often in a row a call on a file may be interrupted before it counts as failed: a file system that
/// interrupts every one (FUSE, NFS) must not hold the loop.
pub const INTERRUPTIONS: usize = 16;

/// Requests answered into one batch. Each may have to open a file; the rest has its turn later.
pub const REQUESTS: usize = 32;

/// Unsent bytes above which the kernel calls an HTTP socket unwritable (TCP_NOTSENT_LOWAT, tcp(7)).
/// Without it a reply fills megabytes of socket buffer: twice the CPU, and memory for slow readers.
pub const NOT_SENT: u32 = 16 * 1024;

/// The same for TCP uppercase, where whole streams come back: enough to keep them flowing, and what a
/// client that doesn't read can make the kernel hold, instead of 4 MB.
pub const NOT_SENT_STREAM: u32 = 256 * 1024;

/// Time that a lap gives to each of its lines: sockets that many share, connections that were heard of, and those
/// that always have more to do. A newcomer waits for about one lap, whatever the number of busy peers. Much less
/// would ask the kernel for news more often than there are any; it takes some 20 µs among thousands of sockets.
pub const LAP: Duration = Duration::from_millis(4);

/// Bytes moved, counted as for [`TURN`], after which a lap looks at the clock again: some 0.2 ms. So the time
/// that a session is told is hardly older than that, and reading it costs a request nothing.
pub const LOOK: usize = 256 * 1024;

/// Guests looked after in a turn because their time has come. When very many are due at once the rest of them
/// has its turn a few milliseconds later.
pub const DUE: usize = 256;

/// Connections accepted from one listener in a turn, each with its first turn at once. More would let a flood
/// of connections starve the rest.
pub const ACCEPTS: usize = 64;

/// Bytes that those connections may move in their first turns, together, before the listener has to queue.
pub const FIRST_TURNS: usize = 8 * TURN;

/// Bytes that the half-read requests and unsent replies of all connections may hold together, unless
/// `--memory` says otherwise: some 300 of the worst peers, or a thousand times as many that read.
pub const MEMORY: usize = 32 * 1024 * 1024;

/// Bytes of each buffer that is lent while memory is scarce: enough for the head of a request and that of a reply with
/// all that rules may add to it, and what a peer that doesn't read can then make us keep.
pub const SMALL_DESK: usize = 20 * 1024;

/// Bytes that must have been freed before free memory is given back to the system.
pub const GIVE_BACK: usize = 256 * 1024;

/// How often at most that is done.
pub const GIVE_BACK_PAUSE: Duration = Duration::from_secs(1);

/// Connections that the kernel may hold for us until we accept them (it caps this at `somaxconn`).
pub const BACKLOG: i32 = 4096;

/// How long a start, or an end, waits for others that take or give back the path of a Unix socket in the same
/// directory, which takes them some 50 µs.
pub const PATH_LOCK: Duration = Duration::from_secs(2);

/// How long accepting pauses when descriptors or places have run out, unless a connection closes first; and anything
/// else whose error may stay.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Errors in a row that are tried again at once, as if each were one peer's.
pub const ERRORS: usize = 64;

/// How often at most the log is told that accepting pauses: an attack must not fill the disk.
pub const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// Lines that the log gets in that time about files that can't be read. The rest is counted.
pub const COMPLAINTS: u32 = 10;

/// Descriptors left aside for files, where there are many: what connections don't hold themselves but are sent.
/// Where there are few, one for each connection. Listings come to that, where there are any ([`LISTINGS`]).
pub const SPARE_DESCRIPTORS: usize = 64;

/// Descriptors that are opened when places have been counted: for the signals' ends of the bells, and for a log that is
/// opened anew before the old one is closed.
pub const LATE_DESCRIPTORS: usize = 8;

/// Descriptors that looking up a file takes for a moment: its directory, and the file itself.
pub const LOOKUPS: usize = 2;

/// Readiness events taken from the kernel in one turn. Those beyond come in the next.
pub const EVENTS: usize = 512;

/// Datagrams received and answered by one pair of system calls.
pub const DATAGRAMS: usize = 64;

/// Batches of datagrams that a UDP socket may handle in a turn: about 0.4 ms at 3 µs a datagram.
pub const BATCHES: usize = 2;

/// Receive buffer asked of the kernel for a UDP socket, bytes: what may arrive while others have their
/// turns. The kernel caps it at `net.core.rmem_max`.
pub const UDP_RECEIVE: usize = 1024 * 1024;

/// Bytes of a request head, line and fields together (431, or 414 where the target alone is longer).
pub const HEAD: usize = 8 * 1024;

/// Fields of a request head (431).
pub const FIELDS: usize = 100;

/// Time for a request head from its first byte, however it drips (408).
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// Bytes of a request body that are read and thrown away to keep the connection usable. With a longer
/// one it is cheaper for both sides to close.
pub const SKIPPED_BODY: u64 = 64 * 1024;

/// The longest request body that is not refused outright (413). Nothing here reads bodies, so a GET with
/// more than this is a mistake or an attack.
pub const BODY: u64 = 1024 * 1024;

/// Bytes of chunk sizes, extensions and trailers that may come without any content between them.
pub const CHUNK_OVERHEAD: usize = 8 * 1024;

/// Room that a piece of an answered body needs in the output besides itself: the head before the first,
/// the chunk around each.
pub const PIECE_ROOM: usize = 512;

/// Time for the first request of a connection that is there, and silent, when the server is told to stop.
pub const LAST_CHANCE: Duration = Duration::from_secs(1);

/// Time for a request body to make progress, where it is answered as it comes.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// Time for a reply to make progress, even by one byte. A peer that stops reading for longer is gone.
pub const WRITE_TIME: Duration = Duration::from_secs(30);

/// How long a closing connection waits for the peer's FIN after ours, so that a reply still on its way
/// isn't destroyed by a reset (RFC 9112 section 9.6).
pub const LINGER_TIME: Duration = Duration::from_secs(2);

/// Bytes read and thrown away during that wait.
pub const LINGER: usize = 8 * 1024 * 1024;

/// Largest file answered from memory. Below it, copying costs less than the bookkeeping of `sendfile`.
pub const SMALL_FILE: u64 = 32 * 1024;

/// Bytes of file content held in memory, over all files.
pub const CACHE: usize = 4 * 1024 * 1024;

/// Files remembered, small and large.
pub const CACHED_FILES: usize = 256;

/// Large files held open between requests.
pub const OPEN_FILES: usize = 16;

/// How long a remembered file is served without asking the disk, and how long a large file stays open
/// after its last use: a deleted file must not occupy the disk because a server remembers it.
pub const FRESH: Duration = Duration::from_secs(1);

/// How long a root that is gone isn't looked for again: a link that is removed and made anew, as `ln -sf` does, is
/// missed for no longer.
pub const ROOT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes of `_redirects` that are read, and a bound for its rules.
pub const RULES: usize = 256 * 1024;

/// Bytes of a destination or of a field's value in a rule, and how often it may use what a path has in the place
/// of its placeholders: more nobody can mean.
pub const TEMPLATE: usize = 8 * 1024;
/// See [`TEMPLATE`].
pub const TEMPLATE_USES: usize = 32;

/// Bytes that rules may make of a path: a destination, or the fields of a file altogether. A longer destination
/// no client would follow, as we refuse one of half the length ([`HEAD`]). A path that makes more is refused
/// with 414.
pub const EXPANDED: usize = 16 * 1024;

/// How long a line of the access log waits for others, so that they are written together.
pub const LOG_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of the access log that are written without waiting for more.
pub const LOG_BATCH: usize = 32 * 1024;

/// Bytes of the access log that are kept while they can't be written: more is lost, and counted.
pub const LOG_BACKLOG: usize = 256 * 1024;

/// How long after a failure the access log is tried again.
pub const LOG_RETRY: Duration = Duration::from_secs(1);

/// How long the end of the server waits for whoever reads the access log through a pipe.
pub const LOG_FAREWELL: Duration = Duration::from_secs(1);

/// Answers that a source may owe for repeating itself before [`crate::loop_guard`] falls silent. A loop of 20 ms a
/// round has had them in a second and a half.
pub const REPEATS: u32 = 64;

/// Answers of those that are forgiven in a second for datagrams much like earlier ones: enough for a client that asks the
/// same a few times a second, and a loop that is as slow as that does no harm. For the same capitals it is one.
pub const ALIKE_RATE: u32 = 8;

/// Answers to such datagrams that it may owe in the first second, which a fast client needs for a list that is
/// numbered. Two services on one host exchange some 13,000 datagrams in that time.
pub const ALIKE_BURST: u32 = 16_384;

/// Answers to such datagrams that may be owed at all: who owes so many gets none until there is a second's pause. A
/// loop that multiplies owes them in some two seconds.
pub const ALIKE_MOST: u32 = 8 * ALIKE_BURST;

/// Answers of those that are forgiven in a second where more than [`REPEATS`] are owed. A loop on one host, and each one
/// that multiplies, is faster than that.
pub const ALIKE_PACE: u32 = 1000;

/// Of so many datagrams much like earlier ones one isn't answered, when too many answers are owed. A loop of one
/// datagram ends after that many rounds at most, one of a thousand in about a second.
pub const MISSED: u32 = 16;

/// Bytes at the beginning, and as many at the end, by which datagrams are taken for much the same: looking at
/// them costs some 2 ns each.
pub const COMPARED: usize = 64;

/// Contents of datagrams that the guard can tell apart: more than a socket's receive buffer holds (the kernel
/// doubles [`UDP_RECEIVE`] and counts at least 768 bytes a datagram, so some 2,700), so that a loop can't
/// hide behind others.
pub const GUARDED: usize = 4096;

/// The limits of one event loop. The defaults are the constants of this page; a test may want a loop of two
/// connections that hears of four at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// What they may keep between their turns, in bytes: see [`MEMORY`].
    pub memory: usize,
    /// How long replies under way have after a request to stop.
    pub drain: Duration,
    /// See [`EVENTS`].
    pub events: usize,
    /// See [`BUFFER`]. HTTP needs room for the head of a request and that of a reply.
    pub buffer: usize,
    /// See [`TURN`].
    pub turn: usize,
    /// See [`LAP`].
    pub lap: Duration,
    /// See [`ACCEPTS`].
    pub accepts: usize,
    /// See [`DUE`].
    pub due: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: usize::MAX,
            memory: MEMORY,
            drain: Duration::from_secs(10),
            events: EVENTS,
            buffer: BUFFER,
            turn: TURN,
            lap: LAP,
            accepts: ACCEPTS,
            due: DUE,
        }
    }
}
