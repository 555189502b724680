//! Keeps the floors: a module uses only those below it, and the lower ones touch no socket and no clock.
//!
//! It reads the source as text. That is crude and it is enough: a `use` of an upper floor can't be written
//! without its name.

use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each module of the library; `main.rs` is above all of them.
const FLOORS: [(&str, u32); 21] = [
    ("uppercase", 0),
    ("limits", 0),
    ("buffer", 0),
    ("likeness", 0),
    ("loop_guard", 0),
    ("now", 1),
    ("http", 1),
    ("session", 2),
    ("site", 3),
    ("outlet", 3),
    ("access_log", 3),
    ("kernel", 4),
    ("event_loop", 4),
    ("sockets", 4),
    ("descriptors", 4),
    ("sys", 4),
    ("server", 5),
    ("client", 5),
    ("values", 5),
    ("slips", 5),
    ("cli", 5),
];

/// What only the floors from this one up may name.
const RESERVED: [(&str, u32); 12] = [
    ("mio", 4),
    ("socket2", 4),
    ("libc::", 4),
    ("rustix::net", 4),
    ("TcpStream", 4),
    ("TcpListener", 4),
    ("UdpSocket", 4),
    ("UnixStream", 4),
    ("Instant::now", 4),
    ("SystemTime::now", 4),
    ("std::fs::", 3),
    ("rustix::fs", 3),
];

fn floor_of(module: &str) -> u32 {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("{module} has no floor: add it to FLOORS")).1
}

/// Every module of the library as (its name, its path, its text without tests and comments).
fn modules() -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    let top = folders[0].clone();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let inside = path.strip_prefix(&top).unwrap();
                let module = inside.components().next().unwrap().as_os_str().to_str().unwrap();
                found.push((module.trim_end_matches(".rs").to_owned(), path.clone(), code_of(&path)));
            }
        }
    }
    found.retain(|(module, ..)| !["lib", "main", "bin"].contains(&module.as_str()));
    found
}

fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that a text names.
fn named(code: &str) -> Vec<&str> {
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .collect()
}

#[test]
fn lower_floors_never_use_upper_ones() {
    let modules = modules();
    assert!(modules.len() > 20, "only {} files were found", modules.len());
    let mut uses = 0;
    for (module, path, code) in &modules {
        for other in named(code).into_iter().filter(|other| other != module) {
            uses += 1;
            assert!(
                floor_of(other) <= floor_of(module),
                "{} uses {other}, which is above it",
                path.display()
            );
        }
    }
    assert!(uses > 50, "only {uses} uses were found");
}

#[test]
fn sockets_files_and_the_clock_stay_on_their_floors() {
    for (module, path, code) in modules() {
        for (word, floor) in RESERVED {
            // A session may hold a file that it was handed; opening one takes a function of std::fs.
            let allowed = floor_of(&module) >= floor || (word == "std::fs::" && opens_no_file(&code));
            assert!(allowed || !code.contains(word), "{} names {word}", path.display());
        }
    }
}

fn opens_no_file(code: &str) -> bool {
    !["File::open", "File::create", "OpenOptions", "fs::read", "fs::write", "fs::metadata"]
        .iter()
        .any(|call| code.contains(call))
}

#[test]
fn unsafe_code_is_in_one_folder() {
    let modules = modules();
    let unsafe_files =
        modules.iter().filter(|(.., code)| code.contains("unsafe {") || code.contains("unsafe impl"));
    let (inside, outside): (Vec<_>, Vec<_>) = unsafe_files.partition(|(module, ..)| module == "sys");
    assert!(outside.is_empty(), "{outside:?}");
    assert!(inside.len() > 3, "only {} files were found", inside.len());
}
