//! A gateway with functions.

use super::harness::{Gateway, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The folder of a function whose worker is [`super::bootstrap`].
pub(crate) fn make_function(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let bootstrap = folder.join("bootstrap");
    let mut own = std::env::current_exe().unwrap();
    if own.starts_with("/tmp") {
        // A worker has a folder of its own there, and sees of the host's only its code.
        fs::copy(&own, folder.join("tests")).unwrap();
        own = folder.join("tests");
    }
    let own = own.display();
    let script = format!(
        "#!/bin/sh\n[ \"$OUTPUT\" != closed ] || exec >/dev/null 2>&1\nexec '{own}' --exact bootstrap::bootstrap --ignored --nocapture\n"
    );
    fs::write(&bootstrap, script).unwrap();
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A gateway with the function `f`, whose table gets these keys, behind every path.
pub(crate) fn gateway(keys: &str) -> Gateway {
    gateway_of("http", keys, "30s")
}

/// The same for an API of this protocol, with this time-out of its integration.
pub(crate) fn gateway_of(protocol: &str, keys: &str, timeout: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    make_function(&folder.path().join("code"));
    Gateway::in_folder(folder, "", &tables(protocol, keys, timeout))
}

/// The tables of such a gateway.
pub(crate) fn tables(protocol: &str, keys: &str, timeout: &str) -> String {
    format!(
        "[[function]]\nname = \"f\"\nruntime = \"provided.al2023\"\ncode = \"code\"\n{keys}\n\
         [[api]]\nname = \"a\"\nprotocol = \"{protocol}\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\", timeout = \"{timeout}\" }}\n"
    )
}

/// Processes that run with a secret of this gateway's in their environment, or were started by such.
pub(crate) fn workers_of(gateway: &Gateway) -> Vec<u32> {
    let folder = gateway.folder().join("code").display().to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    let is_one = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let root = format!("LAMBDA_TASK_ROOT={folder}").into_bytes();
        // What becomes a worker, or waits for one, has its environment too. The command is read behind it,
        // because it may become another at any time.
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !command.split(|byte| *byte == 0).any(|word| word == b"worker-exec")
            && environment.split(|byte| *byte == 0).any(|variable| variable == root)
    };
    pids.filter(is_one).collect()
}

/// Waits until so many processes of functions are left.
pub(crate) fn await_workers(gateway: &Gateway, count: usize) {
    eventually(&format!("{count} workers"), || workers_of(gateway).len() == count);
}
