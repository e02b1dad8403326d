//! Service manager: tells systemd how the process is doing (sd_notify(3), `Type=notify-reload`).
//!
//! Without systemd (`NOTIFY_SOCKET` not set) every call does nothing. A message that cannot be
//! delivered is only logged: the gateway's work does not depend on who watches it.

use sd_notify::NotifyState;
use std::time::Duration;

/// The process is ready and serves. Also ends a reload, a refused one too.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload begins. Must be followed by [`ready`].
pub fn reloading() {
    // systemd uses the time to tell this reload's READY from an earlier one's.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "cannot read the clock for the service manager"),
    }
}

/// The process drains and will end.
pub fn stopping(status: &str) {
    notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// The process is alive. Due at least every [`watchdog_interval`].
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is due, half of `WatchdogSec=` as sd_watchdog_enabled(3) recommends; `None`
/// when nobody waits for it.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    /// Runs itself as a child, because `NOTIFY_SOCKET` is read from the environment.
    #[test]
    fn the_service_manager_reads_what_it_knows() {
        const CHILD: &str = "RINGGATE_TEST_NOTIFYING";
        if std::env::var_os(CHILD).is_some() {
            assert_eq!(watchdog_interval(), Some(Duration::from_secs(5)));
            ready("serving");
            reloading();
            alive();
            stopping("draining");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let name = "control::service_manager::tests::the_service_manager_reads_what_it_knows";
        let status = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(CHILD, "")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "10000000")
            .env_remove("WATCHDOG_PID")
            .output()
            .unwrap()
            .status;
        assert!(status.success());

        let mut packet = [0; 512];
        let mut next = || {
            let length = socket.recv(&mut packet).unwrap();
            String::from_utf8(packet[..length].to_vec()).unwrap()
        };
        assert_eq!(next(), "READY=1\nSTATUS=serving\n");
        let reloading = next();
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(next(), "WATCHDOG=1\n");
        assert_eq!(next(), "STOPPING=1\nSTATUS=draining\n");
    }
}
