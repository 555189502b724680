//! The files that are served, in a directory that goes away with its handle. It is beside the results, not
//! among the system's temporary files: those may be in memory, and a scenario needs a disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The small file's name in a URL.
pub const SMALL: &str = "small.txt";
/// A file that a slow client never finishes.
pub const LARGE: &str = "large.bin";
/// Bytes of the small file: a short page.
const SMALL_SIZE: usize = 600;
/// Bytes of the large one: more than the kernel's buffers hold for a connection.
const LARGE_SIZE: usize = 16 * 1024 * 1024;
/// Bytes of each file that is read cold: some reads of the disk each.
pub const COLD_SIZE: usize = 512 * 1024;
/// How many of those there are for each reader.
pub const COLD_FILES: u32 = 8;

/// The directory.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it in `parent`, with the files in `files` beneath it, safely on the disk.
    pub fn new(parent: &Path, readers: u32) -> io::Result<Folder> {
        let path = parent.join(format!("files-{}", std::process::id()));
        fs::create_dir_all(path.join("files"))?;
        let folder = Folder { path };
        folder.write(SMALL, SMALL_SIZE)?;
        folder.write(LARGE, LARGE_SIZE)?;
        for reader in 0..readers {
            for number in 0..COLD_FILES {
                folder.write(&cold(reader, number), COLD_SIZE)?;
            }
        }
        Ok(folder)
    }

    /// The directory that is served.
    pub fn root(&self) -> PathBuf {
        self.path.join("files")
    }

    /// A file can only be dropped from the page cache once it is on the disk.
    fn write(&self, name: &str, size: usize) -> io::Result<()> {
        let line = b"All that a comparison needs is a file of which every byte is known beforehand.\n";
        let content: Vec<u8> = line.iter().copied().cycle().take(size).collect();
        let mut file = File::create(self.root().join(name))?;
        file.write_all(&content)?;
        file.sync_all()
    }
}

/// The name of a file that only one reader asks for.
pub fn cold(reader: u32, number: u32) -> String {
    format!("cold-{reader}-{number}.bin")
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
