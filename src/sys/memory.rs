//! Giving memory back that is free, or that only start-up has used.
//!
//! The C library knows which pages of its heap are free, and the kernel takes pages back by an address: both are
//! calls on raw memory.

use std::ptr;

/// Gives back to the system what start-up has allocated and freed: some 100 KB of the heap, which would
/// stay resident for good (malloc_trim(3)).
pub fn release_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only returns pages that the allocator itself knows to be free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets go of the program's code, its own and that of its libraries, which stays in the system's cache: what start-up
/// alone has run isn't resident any more, and what is run again is mapped again when it is (madvise(2),
/// MADV_DONTNEED). Some 700 KB; a page that comes back costs under a microsecond.
pub fn release_start_up_code() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(range), Some("r-xp"), Some(path)) = (words.next(), words.next(), words.nth(3)) else {
            continue;
        };
        let Some((start, end)) = range.split_once('-') else { continue };
        let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)) else {
            continue;
        };
        if path.starts_with('/') {
            // SAFETY: the range is a mapping of a file that nobody can write through (r-x) and that is private, so its
            // pages are the file's own and come back as they were. No code of ours is patched at run time.
            unsafe {
                libc::madvise(ptr::without_provenance_mut(start), end - start, libc::MADV_DONTNEED);
            }
        }
    }
}
