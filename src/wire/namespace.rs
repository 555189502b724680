//! A network of our own, in which this process may capture without being root.
//!
//! Linux lets an ordinary user make a user namespace and be privileged in it, and a network namespace
//! that belongs to it (user_namespaces(7), network_namespaces(7)). In there is nothing but a loopback
//! interface: every port is free, and every packet is ours.

use crate::trouble::{Trouble, plain};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use rustix::process::{getgid, getuid};
use socket2::{Domain, Socket, Type};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};

/// Moves this process into a network of its own and brings its loopback interface up. Sockets opened
/// before stay in the old network. To be called before any thread is started: the kernel allows it only
/// then (unshare(2)), and to nobody's surprise, as all threads are to be in the same network.
///
/// Fails where the system forbids it, saying what does and how to allow it (an invalid argument: there are
/// threads already). The network is then the old one, in which sockets work as they did before.
pub fn enter() -> Result<(), Trouble> {
    if enter_with_our_privileges()? {
        return Ok(());
    }
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    if let Some(trouble) = forbidden() {
        return Err(trouble);
    }
    let refused = |error: Errno| barred("a network namespace", &error.into());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(refused)?;
    // We stay who we are, so that files belong to whom they belonged before.
    map("setgroups", "deny")?;
    map("uid_map", &format!("{user} {user} 1"))?;
    map("gid_map", &format!("{group} {group} 1"))?;
    // Only now, as there is no way back from here: a network of a user namespace that came to nothing
    // would have no interface.
    unshare(CloneFlags::CLONE_NEWNET).map_err(refused)?;
    raise_loopback().map_err(|error| barred("the loopback interface of a network namespace", &error))
}

/// Tries it with the privileges that we have, and returns whether they were enough. A container may leave us
/// CAP_SYS_ADMIN, which makes the network, and not CAP_NET_ADMIN, which brings its interface up. Where that
/// fails all the same, we return to the old one: without an interface no socket connects.
fn enter_with_our_privileges() -> Result<bool, Trouble> {
    if !has_net_admin() {
        return Ok(false);
    }
    let Ok(old) = File::open("/proc/self/ns/net") else { return Ok(false) };
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        return Ok(false);
    }
    if raise_loopback().is_ok() {
        return Ok(true);
    }
    setns(old, CloneFlags::CLONE_NEWNET)
        .map_err(|error| barred("the way out of a network namespace", &error.into()))?;
    Ok(false)
}

/// Whether CAP_NET_ADMIN is effective (proc_pid_status(5), capabilities(7)). It is asked for before, because
/// the way back takes a privilege over the old network, which root of a user namespace may not have.
fn has_net_admin() -> bool {
    const NET_ADMIN: u32 = 12; // linux/capability.h
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    effective.is_some_and(|bits| bits >> NET_ADMIN & 1 == 1)
}

/// Says in the new user namespace who its users are outside (user_namespaces(7)).
fn map(file: &str, content: &str) -> Result<(), Trouble> {
    fs::write(format!("/proc/self/{file}"), content)
        .map_err(|error| barred(&format!("/proc/self/{file} of a user namespace"), &error))
}

/// Brings the loopback interface up, by a message to the kernel (rtnetlink(7), RTM_NEWLINK), and waits
/// until it says that it has. The interface is the first one of every network, by the number 1.
fn raise_loopback() -> io::Result<()> {
    const ROUTE: i32 = 0;
    const LENGTH: usize = 32;
    let (new_link, request_and_ack, up): (u16, u16, u32) = (16, 1 | 4, 1);
    let netlink = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(ROUTE.into()))?;
    let mut message = Vec::with_capacity(LENGTH);
    // struct nlmsghdr: length, type, flags, sequence number, sender; then struct ifinfomsg: family and
    // type (any), the interface, its flags, and which of them to change.
    message.extend((LENGTH as u32).to_ne_bytes());
    message.extend(new_link.to_ne_bytes());
    message.extend(request_and_ack.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0; 4]);
    message.extend(1_i32.to_ne_bytes());
    message.extend(up.to_ne_bytes());
    message.extend(up.to_ne_bytes());
    netlink.send(&message)?;

    let mut room = [0; 256];
    let count = (&netlink).read(&mut room)?;
    // The answer is another header and an error number, 0 for success (struct nlmsgerr).
    let number = room[..count].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match number {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
        None => Err(ErrorKind::InvalidData.into()),
    }
}

/// What is known to let us make a user namespace and be of no use in it. That is better not tried, as
/// there is no way back out of it: a rule of AppArmor that takes every privilege away, or that we may not
/// write our own maps, as a program with capabilities of its file may not.
fn forbidden() -> Option<Trouble> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let rule = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    let error = if read(rule).trim() == "1" && read("/proc/self/attr/current").trim() == "unconfined" {
        io::Error::from(ErrorKind::PermissionDenied)
    } else {
        File::options().write(true).open("/proc/self/uid_map").err()?
    };
    Some(barred("a network namespace", &error))
}

/// What the system doesn't let us do, why, and how to allow it.
pub(super) fn barred(what: &str, error: &io::Error) -> Trouble {
    let set = |name: &str, value: &str| {
        fs::read_to_string(format!("/proc/sys/{name}")).is_ok_and(|text| text.trim() == value)
    };
    let allow = if set("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    } else if set("kernel/unprivileged_userns_clone", "0") {
        "sysctl kernel.unprivileged_userns_clone=1"
    } else if set("user/max_user_namespaces", "0") {
        "sysctl user.max_user_namespaces=10000"
    } else {
        "user namespaces (in a container: a seccomp profile that has unshare)"
    };
    Trouble::new(
        format!("can't capture: this system doesn't give us {what}: {}", plain(error)),
        format!(
            "To see packets takes a user namespace or CAP_NET_RAW. As root allow {allow}, or run \
             setcap cap_net_raw+ep on this program, or run it as root."
        ),
    )
}
