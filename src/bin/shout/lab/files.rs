//! The files of `transfer`, whose every byte is known.

use std::fs::{self, File};
use std::io::{self};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of the files: those of the lab, and two more.
pub const SIZES: [u64; 6] = [13, 2_000, 439_000, 1_000_000, 10_000_000, 100_000_000];

/// Every so many bytes a file says where it is. All else is zero, so it takes little room on the disk.
pub const STRIDE: u64 = 65_536;

/// The files, in a directory that goes away with this.
pub struct Files(PathBuf);

impl Files {
    /// Makes them among the system's temporary files.
    pub fn make() -> io::Result<Files> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("shout-lab-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        let files = Files(path);
        for size in SIZES {
            let file = File::create_new(files.0.join(size.to_string()))?;
            file.set_len(size)?;
            for at in (0..size).step_by(STRIDE as usize) {
                let mark = mark(at);
                let room = mark.len().min((size - at) as usize);
                file.write_all_at(&mark[..room], at)?;
            }
        }
        Ok(files)
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What stands at a place where a file says where it is.
pub fn mark(at: u64) -> [u8; 8] {
    (!at).to_le_bytes()
}

/// Whether these are the bytes of a file from `at` on.
pub fn is_part(bytes: &[u8], at: u64) -> bool {
    let (mut rest, mut at) = (bytes, at);
    while !rest.is_empty() {
        let within = (at % STRIDE) as usize;
        let (piece, others) = rest.split_at(rest.len().min(STRIDE as usize - within));
        let mark = &mark(at - within as u64)[within.min(8)..];
        let (marked, empty) = piece.split_at(piece.len().min(mark.len()));
        if marked != &mark[..marked.len()]
            || empty.chunks(ZEROS.len()).any(|part| part != &ZEROS[..part.len()])
        {
            return false;
        }
        at += piece.len() as u64;
        rest = others;
    }
    true
}

/// To compare many bytes at once with nothing.
const ZEROS: [u8; 4096] = [0; 4096];
