//! Finds the IP header behind what the link puts before it, which differs from link to link
//! (tcpdump.org/linktypes.html).

/// VLAN tags that are looked behind.
const TAGS: usize = 4;

/// Where in a frame of this link type the IP header begins, if it has one: not every link says so. `None` if
/// it was cut before, or if nothing is known of the link type.
pub fn ip_offset(link_type: u32, frame: &[u8]) -> Option<usize> {
    let start = match link_type {
        NULL | LOOP => 4, // an address family, which each system numbers differently
        ETHERNET => behind_tags(frame, 12)?,
        RAW | RAW_OF_BSD | RAW_OF_OPENBSD | IPV4 | IPV6 => 0,
        LINUX_COOKED => behind_tags(frame, 14)?,
        // It has the protocol at its beginning, and what that announces at its end.
        LINUX_COOKED_2 => match half(frame, 0)? {
            IP_4 | IP_6 => 20,
            tag if is_tag(tag) => behind_tags(frame, 22)?,
            _ => return None,
        },
        _ => return None,
    };
    (start < frame.len()).then_some(start)
}

/// Whether something is known of a link type.
pub fn is_known(link_type: u32) -> bool {
    const KNOWN: [u32; 10] =
        [NULL, ETHERNET, RAW_OF_BSD, RAW_OF_OPENBSD, RAW, LOOP, LINUX_COOKED, IPV4, IPV6, LINUX_COOKED_2];
    KNOWN.contains(&link_type)
}

const NULL: u32 = 0;
const ETHERNET: u32 = 1;
const RAW_OF_BSD: u32 = 12;
const RAW_OF_OPENBSD: u32 = 14;
const RAW: u32 = 101;
const LOOP: u32 = 108;
const LINUX_COOKED: u32 = 113;
const IPV4: u32 = 228;
const IPV6: u32 = 229;
const LINUX_COOKED_2: u32 = 276;

const IP_4: u16 = 0x0800;
const IP_6: u16 = 0x86dd;

/// Where the IP header begins, given where the EtherType stands. Tags of VLANs may come before it
/// (IEEE 802.1Q): four bytes each, with the next EtherType at their end.
fn behind_tags(frame: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..=TAGS {
        match half(frame, at)? {
            IP_4 | IP_6 => return Some(at + 2),
            tag if is_tag(tag) => at += 4,
            _ => return None,
        }
    }
    None
}

fn is_tag(ether_type: u16) -> bool {
    [0x8100, 0x88a8, 0x9100].contains(&ether_type)
}

fn half(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}
