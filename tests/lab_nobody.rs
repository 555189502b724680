//! `shout lab` without privileges: as a user who has none, as root with some of them taken away, and where
//! the system lets nobody see packets.
#![cfg(feature = "client")]

mod support;
#[path = "support/lab.rs"]
mod support_lab;

use std::process::Command;
use support::*;
use support_lab::*;

/// The program where everybody may run it, which isn't so for where it was built.
fn copy() -> (Folder, String) {
    let folder = Folder::new();
    let path = folder.path().join("shout");
    // By another process: a child of another test would hold our own file open for writing until it has
    // become its program, and what is open for writing can't be run.
    let status = Command::new("cp").arg(env!("CARGO_BIN_EXE_shout")).arg(&path).status();
    assert!(status.expect("cp").success());
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everybody).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn a_user_without_privileges_sees_the_packets() {
    let (folder, shout) = copy();
    let mut command = if rustix::process::getuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", &shout]);
        command
    } else {
        Command::new(&shout)
    };
    let output = command.args(["lab", "oneshot"]).current_dir(folder.path()).output().expect("setpriv");
    let said = text(&output);
    if said.contains("not seen") {
        return skip(&errors(&output));
    }
    assert_eq!(output.status.code(), Some(0), "{said}{}", errors(&output));
    assert!(said.contains("✓ oneshot: all 7 rows are as predicted"), "{said}");
}

#[test]
fn where_packets_can_not_be_seen_it_says_so_and_tells_what_the_kernel_counted() {
    let (_folder, shout) = copy();
    // In a user namespace of its own that may have no further ones, a process has no privilege over the
    // network outside, and no way to get one.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_net_namespaces && \
                  exec \"$0\" \"$@\"";
    let run = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script, &shout, "lab"]).args(arguments);
        command.output().expect("unshare")
    };
    let output = run(&["oneshot"]);
    let (said, errors) = (text(&output), errors(&output));
    if errors.starts_with("unshare:") || errors.contains("cannot create") {
        return skip(&errors);
    }
    assert_eq!(output.status.code(), Some(0), "{said}{errors}");
    assert!(errors.contains("can't capture") && errors.contains("user.max_"), "{errors}");
    assert!(said.contains("? S PSH+FIN 11") && said.contains("not seen"), "{said}");
    assert!(!said.contains("✓ S PSH+FIN"), "{said}");
    assert!(said.contains("✓ the reply is: \"HELLO WORLD\""), "{said}");
    assert!(said.contains("segments sent (1 with data)"), "{said}");
    assert!(said.contains("? oneshot"), "{said}");

    let output = run(&["oneshot", "--pcap", "/dev/null"]);
    assert_eq!(output.status.code(), Some(1), "there is nothing to write");
}

#[test]
fn without_the_privilege_to_raise_an_interface_it_is_not_stuck_in_a_network_that_has_none() {
    let (_folder, shout) = copy();
    if !rustix::process::getuid().is_root() {
        return skip("only root has privileges to give up");
    }
    // What is left is enough to make a network namespace. A user namespace would give back all the rest, so
    // they are forbidden the first time; and the last time root may not map itself into one.
    let no_more = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    let inside = ["unshare", "--user", "--map-root-user", "sh", "-c", no_more, "sh"];
    for (before, given_up) in [
        (&inside[..], "-net_admin,-net_raw"),
        (&[], "-net_admin,-net_raw"),
        (&[], "-net_admin,-net_raw,-setfcap"),
    ] {
        let arguments = [format!("--bounding-set={given_up}"), format!("--inh-caps={given_up}")];
        let mut words = before.to_vec();
        words.extend(["setpriv", &arguments[0], &arguments[1], &shout, "lab", "oneshot"]);
        let output = Command::new(words[0]).args(&words[1..]).output().expect("setpriv and unshare");
        let (said, errors) = (text(&output), errors(&output));
        if errors.starts_with("unshare:") || errors.contains("cannot create") {
            skip(&errors);
            continue;
        }
        assert_eq!(output.status.code(), Some(0), "{given_up}: {said}{errors}");
        assert!(said.contains("✓ the reply is: \"HELLO WORLD\""), "{given_up}: {said}");
        let is_seen = said.contains("✓ oneshot: all 7 rows are as predicted");
        let is_told = said.contains("segments sent (1 with data)") && errors.contains("can't capture");
        assert!(is_seen != is_told && (before.is_empty() || is_told), "{given_up}: {said}{errors}");
    }
}
