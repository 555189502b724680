//! The site that is part of the program: the files of `www/`.

use super::cache::{Content, Entry, Form};
use super::version;
use crate::http::content::Bytes;
use crate::now::Now;
use std::time::SystemTime;

/// The rules of the built-in site.
pub const REDIRECTS: &str = include_str!("../../www/_redirects");

macro_rules! files {
    ($($name:literal)*) => { &[$((concat!("/", $name), include_bytes!(concat!("../../www/", $name)))),*] };
}

const FILES: &[(&str, &[u8])] =
    files!["index.html" "result.html" "404.html" "file.txt" "favicon.ico" "back1.jpg"];

/// Each path of the built-in site with its reply. The program's own file tells when they were changed
/// last; where that can't be known, the start of the server does.
pub fn entries(now: &Now) -> Vec<(&'static str, Entry)> {
    let modified = program_modified().unwrap_or(now.wall);
    let entry = |path: &str, bytes| {
        let content = Content::Bytes(Bytes::Static(bytes));
        let validators = version::of_content(bytes, modified, now.wall);
        Entry::new(path.as_bytes(), content, None, validators, &Form::default(), now)
    };
    let mut entries: Vec<_> = FILES.iter().map(|&(path, bytes)| (path, entry(path, bytes))).collect();
    let (index, bytes) = FILES[0];
    entries.push(("/", entry(index, bytes)));
    entries
}

fn program_modified() -> Option<SystemTime> {
    std::env::current_exe().ok()?.metadata().ok()?.modified().ok()
}
