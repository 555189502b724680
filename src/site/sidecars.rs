//! Files that are there a second time, compressed: `X.br`, `X.zst` and `X.gz` beside `X`.
//!
//! A sidecar counts only as long as it isn't older than its file, so that a page that was edited and not
//! compressed again is never served as it was before.

use super::directory::{Directory, Miss, Opened, Stamp};
use crate::http::coding::{Coding, Codings};

/// The compressed forms that a file has beside it. Of those that can't be looked at `complain` is told: they
/// count as not there.
pub fn beside(directory: &Directory, plain: &Opened, mut complain: impl FnMut(Miss, &[u8])) -> Codings {
    let mut codings = Codings::default();
    for coding in Coding::ALL {
        match find(directory, plain, coding) {
            Ok(_) => codings.add(coding),
            Err(miss) if miss.is_trouble() => complain(miss, &path(plain, coding)),
            Err(_) => {}
        }
    }
    codings
}

/// Opens the compressed form of the file that a path stands for; missing if it doesn't count. Its name is that
/// of the file, which says the type.
pub fn open(directory: &Directory, path: &[u8], coding: Coding) -> Result<Opened, Miss> {
    let plain = directory.find(path)?;
    let sidecar = find(directory, &plain, coding)?;
    Ok(Opened { name: plain.name, ..sidecar })
}

/// Where the cache keeps the compressed form: under a name that no path can have.
pub fn key(path: &[u8], coding: Coding) -> Vec<u8> {
    [path, b"\0", coding.name().as_bytes()].concat()
}

fn find(directory: &Directory, plain: &Opened, coding: Coding) -> Result<Opened, Miss> {
    let sidecar = directory.find(&path(plain, coding))?;
    if is_current(&sidecar.stamp, &plain.stamp) { Ok(sidecar) } else { Err(Miss::Missing) }
}

fn path(plain: &Opened, coding: Coding) -> Vec<u8> {
    [b"/", plain.name.as_slice(), coding.suffix().as_bytes()].concat()
}

/// Whether a compressed form isn't older than its file. Some compressors (brotli) give it the time of the file
/// in whole seconds; then it has to have been made, which nothing can set back, after the file was written.
fn is_current(sidecar: &Stamp, plain: &Stamp) -> bool {
    let (seconds, nanoseconds) = sidecar.modified;
    let is_cut = nanoseconds == 0 && seconds == plain.modified.0;
    sidecar.modified >= plain.modified || (is_cut && sidecar.changed >= plain.modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_whole_seconds_counts_if_the_form_was_made_later() {
        let stamp = |modified, changed| Stamp { modified, changed, ..Stamp::default() };
        for (modified, changed, plain, current) in [
            ((5, 1), (9, 0), (5, 1), true),
            ((5, 1), (9, 0), (5, 2), false),
            ((5, 2), (5, 2), (5, 1), true),
            ((5, 0), (5, 7), (5, 6), true),
            ((5, 0), (5, 7), (5, 8), false),
            ((4, 0), (9, 0), (5, 0), false),
            ((4, 999_999_999), (9, 0), (5, 0), false),
        ] {
            let sidecar = stamp(modified, changed);
            assert_eq!(is_current(&sidecar, &stamp(plain, plain)), current, "{sidecar:?} {plain:?}");
        }
    }
}
