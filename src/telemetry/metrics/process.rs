//! Process: what the kernel says about this process, read from `/proc` when a scrape asks.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// What the kernel says about this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// User and system time of all threads.
    pub cpu: Duration,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// The soft limit for them; `None` when there is none.
    pub max_fds: Option<u64>,
}

impl ProcessUsage {
    /// Reads it. Costs some 20 us, and more with many open descriptors: once per scrape.
    ///
    /// # Errors
    /// When `/proc` is not mounted, or does not have the form of proc(5).
    pub fn read() -> io::Result<Self> {
        let mut usage = Self::from_stat(&fs::read_to_string("/proc/self/stat")?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/stat"))?;
        // The directory that is being read is one of them, and is gone afterwards.
        usage.open_fds = (fs::read_dir("/proc/self/fd")?.count() as u64).saturating_sub(1);
        usage.max_fds = getrlimit(Resource::Nofile).current;
        Ok(usage)
    }

    /// proc_pid_stat(5). The second field is the program's name in parentheses and may itself hold
    /// spaces and parentheses, so counting begins after the last one.
    fn from_stat(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // Field n of the manual page is at n - 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = field(14)? + field(15)?;
        let per_second = clock_ticks_per_second().max(1);
        Some(Self {
            cpu: Duration::from_secs_f64(ticks as f64 / per_second as f64),
            threads: field(20)?,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_size() as u64,
            open_fds: 0,
            max_fds: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_shift_the_fields() {
        let text = "1 (a) b (c) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 99 8192 3 18446744073709551615 1";
        let usage = ProcessUsage::from_stat(text).unwrap();
        assert_eq!(usage.threads, 7);
        assert_eq!(usage.virtual_bytes, 8192);
        assert_eq!(usage.resident_bytes, 3 * page_size() as u64);
        assert_eq!(usage.cpu.as_secs_f64() * clock_ticks_per_second() as f64, 200.0);
        assert_eq!(ProcessUsage::from_stat("1 (a) S 1"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let usage = ProcessUsage::read().unwrap();
        assert!(usage.resident_bytes > 0 && usage.open_fds >= 3 && usage.threads >= 1, "{usage:?}");
    }
}
