//! Other web servers, which join the comparison if they are on the PATH: one process, one thread, no access
//! log, connections kept for as many requests as come, and the same small file.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A server of somebody else.
pub struct Peer {
    /// Its name, and the name of its program.
    pub name: &'static str,
    /// How to have its version printed.
    pub version: &'static str,
    /// The command that serves the files of a directory on a port of the loopback interface. What it needs
    /// beside the files it may write next to that directory.
    pub command: fn(&Path, u16) -> Result<Command, String>,
}

/// All that the comparison knows how to start.
pub const KNOWN: [Peer; 3] = [
    Peer { name: "nginx", version: "-v", command: nginx },
    Peer { name: "lighttpd", version: "-v", command: lighttpd },
    Peer { name: "darkhttpd", version: "--version", command: darkhttpd },
];

/// The names of those that are installed.
pub fn installed() -> Vec<&'static str> {
    KNOWN.iter().filter(|peer| find(peer.name).is_some()).map(|peer| peer.name).collect()
}

/// The version that a peer says it has, in its own words.
pub fn version(name: &str) -> Option<String> {
    let peer = KNOWN.iter().find(|peer| peer.name == name)?;
    let output = Command::new(find(name)?).arg(peer.version).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim();
    Some(line.chars().take(60).collect())
}

/// Where a program is. Web servers are often where only root's PATH leads.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn program(name: &str) -> Result<Command, String> {
    find(name).map(Command::new).ok_or_else(|| format!("{name} is not installed"))
}

/// A file next to the served directory.
fn write_beside(root: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = root.with_file_name(name);
    std::fs::write(&path, text).map_err(|error| format!("can't write {}: {error}", path.display()))?;
    Ok(path)
}

/// As its documentation advises for static files, but without workers: the process that is started is the
/// one that serves, so that it can be pinned and measured.
fn nginx(root: &Path, port: u16) -> Result<Command, String> {
    let folder = root.parent().unwrap_or(root).display().to_string();
    let served = root.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("  {name}_temp_path {folder}/nginx-{name};\n"))
        .collect();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr error;\n\
         worker_rlimit_nofile 20000;\nevents {{ worker_connections 16384; }}\n\
         http {{\n{temporary}  access_log off;\n  sendfile on;\n  keepalive_requests 1000000000;\n  \
         keepalive_timeout 60s;\n  types {{ text/plain txt; }}\n  \
         server {{ listen 127.0.0.1:{port} backlog=4096; root \"{served}\"; }}\n}}\n"
    );
    let file = write_beside(root, "nginx.conf", &text)?;
    let mut command = program("nginx")?;
    command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(file);
    Ok(command)
}

fn lighttpd(root: &Path, port: u16) -> Result<Command, String> {
    let text = format!(
        "server.document-root = \"{}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
         server.max-fds = 20000\nserver.max-connections = 10000\nserver.listen-backlog = 4096\n\
         server.max-keep-alive-requests = 1000000000\nserver.max-keep-alive-idle = 60\n\
         mimetype.assign = ( \".txt\" => \"text/plain\" )\n",
        root.display()
    );
    let file = write_beside(root, "lighttpd.conf", &text)?;
    let mut command = program("lighttpd")?;
    command.arg("-D").arg("-f").arg(file);
    Ok(command)
}

fn darkhttpd(root: &Path, port: u16) -> Result<Command, String> {
    let mut command = program("darkhttpd")?;
    command.arg(root).args([
        "--addr",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--maxconn",
        "16384",
        "--timeout",
        "60",
    ]);
    Ok(command)
}
