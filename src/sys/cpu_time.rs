//! The CPU time of another process, by a clock of the kernel that no safe wrapper opens.

use std::io;
use std::time::Duration;

/// The CPU time that a process has used with all its threads, those that have ended included, to the
/// nanosecond (clock_getcpuclockid(3)). Needs no privilege; fails where there is no such process.
pub fn cpu_time(process: u32) -> io::Result<Duration> {
    let process = libc::pid_t::try_from(process).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write one value each to what they are given, which lives until they return.
    unsafe {
        match libc::clock_getcpuclockid(process, &mut clock) {
            0 => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        if libc::clock_gettime(clock, &mut time) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}
