//! What tells clients one version of a file from another: an entity tag, and dates for those who know no tags.
//!
//! The time of a file proves little. Reproducible builds, containers and `rsync -t` give other bytes the old time,
//! often the same for all files. So the tag of a small file, which is read anyway, is made of its content. To read
//! a large one for that would cost more than to send it: its tag is made of size, inode, and both times, of which
//! that of the last change of anything (ctime, inode(7)) can't be set back. The price: on another host, or after a
//! change of its mode, the same large file has another tag and is sent once more.

use super::directory::Stamp;
use crate::http::conditional::Validators;
use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in the first year is a zero, or nearly, that stands for none.
const NO_TIME: u64 = 365 * 24 * 60 * 60;

/// How much later than its content anything of a file may change, and its time still be taken for that of the
/// content: who writes to another name and renames it is done so soon.
const LAG: Duration = Duration::from_secs(1);

/// Since when the files of a root are served.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// When the root was opened. What changed later may have been sent as it was before.
    pub opened: SystemTime,
    /// Whether another root was served before, in which any file may have been another.
    pub replaced: bool,
}

/// The validators of a file, or of its compressed form with that `suffix`. `content` is all of a small one, and
/// `before` are those of the version that was sent before, if that is known.
pub fn of_file(
    stamp: &Stamp,
    content: Option<&[u8]>,
    suffix: &str,
    epoch: &Epoch,
    before: Option<&Validators>,
    wall: SystemTime,
) -> Validators {
    let etag = match content {
        Some(content) => etag_of(content, suffix),
        None => {
            let (modified, changed) = (stamp.modified, stamp.changed);
            let times = format!("{:x}.{:x}-{:x}.{:x}", modified.0, modified.1, changed.0, changed.1);
            format!("\"{:x}-{:x}-{times}{suffix}\"", stamp.size, stamp.inode.1).into_bytes()
        }
    };
    let modified = time(stamp.modified);
    let mut validators = Validators {
        etag: etag.into_boxed_slice(),
        modified: date(modified, wall),
        current_since: current_since(modified, time(stamp.changed), epoch),
    };
    if let Some(before) = before {
        if before.etag == validators.etag {
            validators.current_since = before.current_since;
        } else if before.modified == validators.modified {
            let replaced = next_second(time(stamp.changed)).max(before.current_since);
            validators.current_since = validators.current_since.max(replaced);
        }
    }
    validators
}

/// The validators of content that comes from no file.
pub fn of_content(content: &[u8], modified: SystemTime, wall: SystemTime) -> Validators {
    Validators {
        etag: etag_of(content, "").into_boxed_slice(),
        modified: date(modified, wall),
        current_since: 0,
    }
}

fn etag_of(content: &[u8], suffix: &str) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("\"{:x}-{:016x}{suffix}\"", content.len(), hasher.finish()).into_bytes()
}

/// What `Last-Modified` says. One in the future would be a mistake (RFC 9110 section 8.8.2.1).
fn date(modified: SystemTime, wall: SystemTime) -> Option<u64> {
    let seconds = modified.min(wall).duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    (seconds >= NO_TIME).then_some(seconds)
}

/// From when on a client that names a date has this content, as far as the file tells: 0 if its own time is
/// enough. If it was given that time later, there may have been other content with it, unless that was before
/// we began.
fn current_since(modified: SystemTime, changed: SystemTime, epoch: &Epoch) -> u64 {
    if changed.duration_since(modified).is_ok_and(|lag| lag <= LAG) || changed < modified {
        0
    } else if epoch.replaced {
        next_second(changed.max(epoch.opened))
    } else if changed >= epoch.opened {
        next_second(changed)
    } else {
        0
    }
}

fn next_second(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() + 1)
}

/// The time that a file carries; 1970 for those before it.
fn time((seconds, nanoseconds): (i64, i64)) -> SystemTime {
    let since = Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validators(modified: (i64, i64), changed: (i64, i64), opened: u64, replaced: bool) -> Validators {
        let stamp = Stamp { size: 3, modified, changed, inode: (1, 2) };
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let epoch = Epoch { opened: at(opened), replaced };
        of_file(&stamp, Some(b"abc"), "", &epoch, None, at(2_000_000_000))
    }

    #[test]
    fn a_time_counts_unless_the_file_was_given_it_while_we_served() {
        let m = 1_000_000_000;
        for (modified, changed, opened, replaced, since) in [
            ((m, 5), (m, 5), 0, false, 0),
            ((m, 5), (m, 5), 0, true, 0),
            ((m, 5), (m + 1, 4), 0, true, 0), // written elsewhere and renamed
            ((m, 0), (m + 9, 1), 1_000_000_010, false, 0), // before we began
            ((m, 0), (m + 9, 1), 1_000_000_009, false, 1_000_000_010),
            ((m, 0), (m + 9, 1), 1_000_000_050, true, 1_000_000_051),
            ((m + 9, 0), (m, 0), 0, true, 0),
        ] {
            let validators = validators(modified, changed, opened, replaced);
            assert_eq!(validators.current_since, since, "{modified:?} {changed:?} {opened} {replaced}");
        }
    }

    #[test]
    fn what_is_replaced_within_its_second_is_known_by_its_tag_alone() {
        let second = 1_000_000_000;
        let stamp = |nanoseconds| {
            let time = (second, nanoseconds);
            Stamp { size: 3, modified: time, changed: time, inode: (1, 2) }
        };
        let at = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let epoch = Epoch { opened: UNIX_EPOCH, replaced: false };
        let of = |nanoseconds, content: &[u8], before: Option<&Validators>| {
            of_file(&stamp(nanoseconds), Some(content), "", &epoch, before, at)
        };
        let first = of(1, b"abc", None);
        let (same, other) = (of(2, b"abc", Some(&first)), of(2, b"abd", Some(&first)));
        assert_eq!((first.current_since, same.current_since), (0, 0));
        assert_eq!(other.current_since, second as u64 + 1);
        assert_eq!(of(3, b"abd", Some(&other)).current_since, second as u64 + 1);
    }

    #[test]
    fn dates_are_left_out_where_they_mean_nothing() {
        let modified = |seconds| validators((seconds, 7), (1_500_000_000, 0), 0, false).modified;
        for (seconds, expected) in [
            (-5, None),
            (0, None),
            (1, None),
            (315_532_800, Some(315_532_800)), // 1980, where the times of DOS begin
            (1_000_000_000, Some(1_000_000_000)),
            (9_000_000_000, Some(2_000_000_000)),
        ] {
            assert_eq!(modified(seconds), expected, "{seconds}");
        }
    }
}
