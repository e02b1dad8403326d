//! What an ordinary user may not do, and how it is told.
//!
//! Root is exempt from both limits here, so when the tests run as root the binary runs as nobody.

use crate::client::get;
use crate::gateway::{BINARY, Gateway, HELLO, configuration, folder_with, listening};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The `nobody` of every distribution.
const NOBODY: &str = "65534";

/// A shell that runs `script`, with the binary's `serve` command as its arguments, as a user
/// without privileges.
fn unprivileged(script: &str, folder: &TempDir) -> Command {
    let mut command;
    let mut binary = Path::new(BINARY).to_owned();
    if rustix::process::geteuid().is_root() {
        // Nobody may enter neither the folder of a build below a home nor a temporary one.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        binary = folder.path().join("ringgate");
        if fs::hard_link(BINARY, &binary).is_err() {
            fs::copy(BINARY, &binary).unwrap();
        }
        command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]).args([
            "--clear-groups",
            "--bounding-set=-all",
            "/bin/sh",
        ]);
    } else {
        command = Command::new("/bin/sh");
    }
    command.args(["-c", script, "sh"]).arg(binary).args(["serve", "--config"]);
    command.arg(folder.path().join("ringgate.toml"));
    command
}

#[test]
fn a_small_memory_lock_limit_is_told_with_the_numbers_and_the_fix() {
    let folder = folder_with(&configuration(HELLO));
    let output = unprivileged("ulimit -l 64 && exec \"$@\"", &folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("the memory lock limit of 64 KiB is too small"), "{told}");
    assert!(told.contains("at least 512 KiB"), "{told}");
    assert!(told.contains("LimitMEMLOCK"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn an_ordinary_user_can_serve() {
    let folder = folder_with(&configuration(HELLO));
    let command = unprivileged("exec \"$@\"", &folder);
    let gateway = Gateway::from_command(folder, command);
    assert_eq!(get(gateway.address(), "/hello").status, 200);
}

#[test]
fn a_privileged_port_is_told_with_the_privilege() {
    let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    let lowest: u16 = fs::read_to_string(path).unwrap().trim().parse().unwrap();
    if lowest <= 1 {
        // Docker's default since 20.10: there are no privileged ports, so there is no such mistake.
        println!("this host has no privileged ports");
        return;
    }
    let address = format!("127.0.0.1:{}", lowest - 1);
    let folder = folder_with(&listening(&[&address], HELLO));
    let output = unprivileged("exec \"$@\"", &folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let expected = format!("cannot listen on {address}: ports below {lowest} need a privilege");
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("CAP_NET_BIND_SERVICE"), "{told}");
}
