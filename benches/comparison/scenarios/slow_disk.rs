//! A disk that is slow because the kernel makes it so: a control group holds the server to a number of reads a
//! second (`io.max` of cgroup v2, `blkio.throttle` of v1). That takes root. Only the server is in the
//! group, and the group goes away with its handle.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where control groups are: with version 2 one tree, with version 1 one for block devices.
const TREES: [(&str, Version); 3] = [
    ("/sys/fs/cgroup", Version::Two),
    ("/sys/fs/cgroup/unified", Version::Two),
    ("/sys/fs/cgroup/blkio", Version::One),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The control group.
pub struct SlowDisk {
    group: PathBuf,
}

impl SlowDisk {
    /// Makes a group that is held to `reads` reads a second of the disk on which `path` is. The error says why
    /// that can't be had here.
    pub fn new(path: &Path, reads: u32) -> Result<SlowDisk, String> {
        let device = disk_of(path)?;
        let mut why = "there is no control group for block devices".to_owned();
        for (tree, version) in TREES {
            let controls = match version {
                Version::Two => {
                    fs::read_to_string(format!("{tree}/cgroup.subtree_control")).unwrap_or_default()
                }
                Version::One => {
                    if Path::new(tree).is_dir() {
                        "io".to_owned()
                    } else {
                        String::new()
                    }
                }
            };
            if !controls.split_ascii_whitespace().any(|control| control == "io") {
                continue;
            }
            let group = Path::new(tree).join(format!("shoutd-comparison-{}", std::process::id()));
            if let Err(error) = fs::create_dir(&group) {
                why = format!("making a control group in {tree} takes root ({error})");
                continue;
            }
            let slow = SlowDisk { group };
            let limit = match version {
                Version::Two => fs::write(slow.group.join("io.max"), format!("{device} riops={reads}")),
                Version::One => {
                    fs::write(slow.group.join("blkio.throttle.read_iops_device"), format!("{device} {reads}"))
                }
            };
            match limit {
                Ok(()) => return Ok(slow),
                Err(error) => {
                    why = format!("the disk {device} can't be held to {reads} reads a second ({error})")
                }
            }
        }
        Err(why)
    }

    /// Puts a process into the group.
    pub fn add(&self, pid: u32) -> Result<(), String> {
        fs::write(self.group.join("cgroup.procs"), pid.to_string())
            .map_err(|error| format!("the server can't be put into a control group: {error}"))
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.group);
    }
}

/// The numbers of the whole disk on which a file is. A limit can't be set on a partition alone.
fn disk_of(path: &Path) -> Result<String, String> {
    let device = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.dev();
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let known = PathBuf::from(format!("/sys/dev/block/{number}"));
    if !known.exists() {
        return Err("the files aren't on a disk of their own".to_owned());
    }
    if known.join("partition").exists() {
        let whole = known.canonicalize().ok().and_then(|path| path.parent().map(|disk| disk.join("dev")));
        let text = whole.and_then(|file| fs::read_to_string(file).ok());
        return text.map(|text| text.trim().to_owned()).ok_or_else(|| "the disk has no number".to_owned());
    }
    Ok(number)
}
