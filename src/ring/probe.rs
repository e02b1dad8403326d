//! Why a ring could not be made, in words that lead to the setting to change.

use std::io;

/// Sizes of one shard's ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSettings {
    /// Entries of the submission queue; the completion queue has four times as many. Power of two.
    pub entries: u32,
    /// How many buffers receive from clients. Power of two, at most 32,768.
    pub client_buffers: u16,
    /// Size of each of them.
    pub client_buffer_bytes: usize,
    /// How many buffers receive from back ends. Power of two, at most 32,768.
    pub upstream_buffers: u16,
    /// Size of each of them.
    pub upstream_buffer_bytes: usize,
}

impl Default for RingSettings {
    /// What a shard needs for some thousands of busy connections: 110 KiB of locked memory and 20 MiB of
    /// buffers, which are resident only once touched.
    fn default() -> Self {
        Self {
            entries: 512,
            // 4 KiB carry every ordinary request head in one piece.
            client_buffers: 1024,
            client_buffer_bytes: 4096,
            // 32 KiB: a 16 KiB answer with its head is one completion (measured, `ring.md`).
            upstream_buffers: 512,
            upstream_buffer_bytes: 32 * 1024,
        }
    }
}

impl RingSettings {
    /// Locked memory one ring needs: 64 bytes a submission entry, 16 bytes a completion entry, 16 bytes
    /// a provided buffer, and a few pages. Counted by the kernel per user, not per process.
    pub fn memlock_bytes(&self) -> u64 {
        let submission = 64 * u64::from(self.entries);
        let completion = 16 * 4 * u64::from(self.entries);
        let buffers = 16 * (u64::from(self.client_buffers) + u64::from(self.upstream_buffers));
        submission + completion + buffers + 4 * 4096
    }
}

/// A ring could not be set up. The text names the cause and the setting that cures it.
#[derive(Debug, thiserror::Error)]
pub enum RingFault {
    /// The system call does not exist or is filtered.
    #[error(
        "io_uring is not available ({0}): the kernel was built without it, or a seccomp filter hides \
         it; containers need a seccomp profile that allows io_uring_setup, io_uring_enter and \
         io_uring_register (see docs/operations.md)"
    )]
    Unavailable(io::Error),
    /// Forbidden by `kernel.io_uring_disabled` or seccomp.
    #[error(
        "io_uring is forbidden ({error}): kernel.io_uring_disabled is {disabled}; set it to 0 \
         (sysctl kernel.io_uring_disabled=0), and in containers use a seccomp profile that allows \
         io_uring_setup, io_uring_enter and io_uring_register"
    )]
    Forbidden {
        /// The kernel's answer.
        error: io::Error,
        /// The sysctl's value, or why it could not be read.
        disabled: String,
    },
    /// Too little memory may be locked.
    #[error(
        "the memory lock limit is too small for one more ring ({error}): the limit is {limit}, one \
         shard needs {needed_kib} KiB; raise LimitMEMLOCK (systemd), --ulimit memlock (Docker) or \
         lower ring.entries"
    )]
    Memlock {
        /// The kernel's answer.
        error: io::Error,
        /// RLIMIT_MEMLOCK in words.
        limit: String,
        /// What one ring needs.
        needed_kib: u64,
    },
    /// The kernel refused a flag or an operation that it is too old for.
    #[error(
        "this kernel ({release}) is too old ({error} from {step}): ringgate needs Linux 6.0 or newer \
         for multishot receive"
    )]
    Kernel {
        /// Which step failed.
        step: &'static str,
        /// The kernel's answer.
        error: io::Error,
        /// `uname -r`.
        release: String,
    },
    /// Anything else.
    #[error("{step} failed: {error}")]
    Other {
        /// Which step failed.
        step: &'static str,
        /// The kernel's answer.
        error: io::Error,
    },
}

impl RingFault {
    /// Finds the cause behind the kernel's answer to one step of the set-up.
    pub(super) fn from_setup(
        step: &'static str,
        error: io::Error,
        settings: &RingSettings,
    ) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOSYS) => Self::Unavailable(error),
            Some(libc::EPERM | libc::EACCES) => {
                let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
                    .map_or_else(|_| "not readable".to_owned(), |text| text.trim().to_owned());
                Self::Forbidden { error, disabled }
            }
            Some(libc::ENOMEM) => {
                let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock)
                    .current
                    .map_or_else(
                        || "unlimited".to_owned(),
                        |bytes| format!("{} KiB", bytes / 1024),
                    );
                let needed_kib = settings.memlock_bytes().div_ceil(1024);
                Self::Memlock { error, limit, needed_kib }
            }
            Some(libc::EINVAL) => {
                let release = rustix::system::uname().release().to_string_lossy().into_owned();
                Self::Kernel { step, error, release }
            }
            _ => Self::Other { step, error },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: i32) -> String {
        let error = io::Error::from_raw_os_error(code);
        RingFault::from_setup("io_uring_setup", error, &RingSettings::default()).to_string()
    }

    #[test]
    fn a_filtered_system_call_leads_to_the_seccomp_profile() {
        let told = told(libc::ENOSYS);
        assert!(told.starts_with("io_uring is not available (Function not implemented"), "{told}");
        assert!(told.contains("seccomp profile that allows io_uring_setup"), "{told}");
    }

    #[test]
    fn a_forbidden_ring_names_the_setting_with_its_value() {
        let found = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
        let found = found.map_or_else(|_| "not readable".to_owned(), |text| text.trim().to_owned());
        for code in [libc::EPERM, libc::EACCES] {
            let told = told(code);
            assert!(told.contains(&format!("kernel.io_uring_disabled is {found};")), "{told}");
            assert!(told.contains("sysctl kernel.io_uring_disabled=0"), "{told}");
            assert!(told.contains("seccomp profile"), "{told}");
        }
        let error = io::Error::from_raw_os_error(libc::EPERM);
        let forbidden = RingFault::Forbidden { error, disabled: "2".to_owned() };
        assert_eq!(
            forbidden.to_string(),
            "io_uring is forbidden (Operation not permitted (os error 1)): kernel.io_uring_disabled \
             is 2; set it to 0 (sysctl kernel.io_uring_disabled=0), and in containers use a seccomp \
             profile that allows io_uring_setup, io_uring_enter and io_uring_register"
        );
    }

    #[test]
    fn too_little_memory_to_lock_is_told_with_both_numbers() {
        let told = told(libc::ENOMEM);
        let needed = RingSettings::default().memlock_bytes().div_ceil(1024);
        let expected = format!("one shard needs {needed} KiB; raise LimitMEMLOCK");
        assert!(told.contains(&expected), "{told}");
        let small = RingFault::Memlock {
            error: io::Error::from_raw_os_error(libc::ENOMEM),
            limit: "64 KiB".to_owned(),
            needed_kib: 98,
        };
        assert!(small.to_string().contains("the limit is 64 KiB, one shard needs 98 KiB"));
    }

    #[test]
    fn an_old_kernel_is_told_with_its_release_and_the_one_needed() {
        let told = told(libc::EINVAL);
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        assert!(told.starts_with(&format!("this kernel ({release}) is too old")), "{told}");
        assert!(told.contains("from io_uring_setup"), "{told}");
        assert!(told.contains("Linux 6.0 or newer"), "{told}");
    }

    #[test]
    fn anything_else_is_told_with_its_step() {
        assert_eq!(told(libc::EMFILE), "io_uring_setup failed: Too many open files (os error 24)");
    }
}
