//! Files that are there a second time, compressed: `X.br`, `X.zst` and `X.gz` beside `X`.
//!
//! A sidecar counts only as long as it isn't older than its file, so that a page that was edited and not
//! compressed again is never served as it was before.

use super::directory::{Directory, Opened, Stamp};
use crate::http::coding::{Coding, Codings};

/// The compressed forms that a file has beside it.
pub fn beside(directory: &Directory, plain: &Opened) -> Codings {
    let mut codings = Codings::default();
    for coding in Coding::ALL {
        if find(directory, plain, coding).is_some() {
            codings.add(coding);
        }
    }
    codings
}

/// Opens the compressed form of the file that a path stands for, if it counts. Its name is that of the
/// file, which says the type.
pub fn open(directory: &Directory, path: &[u8], coding: Coding) -> Option<(Opened, Stamp)> {
    let plain = directory.find(path).ok()?;
    let mut sidecar = find(directory, &plain, coding)?;
    sidecar.name = plain.name;
    let stamp = sidecar.stamp;
    Some((sidecar, stamp))
}

/// Where the cache keeps the compressed form: under a name that no path can have.
pub fn key(path: &[u8], coding: Coding) -> Vec<u8> {
    [path, b"\0", coding.name().as_bytes()].concat()
}

fn find(directory: &Directory, plain: &Opened, coding: Coding) -> Option<Opened> {
    let path = [b"/", plain.name.as_slice(), coding.suffix().as_bytes()].concat();
    directory.find(&path).ok().filter(|sidecar| !is_older(sidecar.stamp.modified, plain.stamp.modified))
}

/// Whether a file's time is before another's. Some compressors (brotli) give their output the time of their
/// input in whole seconds, and that one is taken for what it was.
fn is_older((seconds, nanoseconds): (i64, i64), other: (i64, i64)) -> bool {
    if nanoseconds == 0 { seconds < other.0 } else { (seconds, nanoseconds) < other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_compared_as_such() {
        for (sidecar, plain, older) in [
            ((5, 1), (5, 1), false),
            ((5, 1), (5, 2), true),
            ((5, 2), (5, 1), false),
            ((5, 0), (5, 999_999_999), false),
            ((4, 0), (5, 0), true),
            ((4, 999_999_999), (5, 0), true),
        ] {
            assert_eq!(is_older(sidecar, plain), older, "{sidecar:?} {plain:?}");
        }
    }
}
