//! Name spaces of workers: what a function sees of the host, what others see of what it leaves, and that all
//! it has started ends with it. Each test says on standard error what this host lets it test.

use super::harness::{Gateway, eventually};
use super::host::await_workers;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = r#"
import json, os, socket, subprocess

def processes():
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            found[int(name)] = open(f"/proc/{name}/cmdline").read()
        except OSError:
            pass  # It has ended meanwhile.
    return found

def outcome(what):
    try:
        what()
        return "done"
    except OSError as error:
        return error.errno

def handler(event, context):
    _, what, argument = (event["rawPath"].strip("/") + "/").split("/")[:3]
    if what == "daemon":
        # Nothing in it tells whose it is: neither its group nor its environment nor its parent.
        command = f"setsid env -i sleep {argument} >/dev/null 2>&1 &"
        subprocess.run(["sh", "-c", command])
        if event.get("rawQueryString"):
            os._exit(1)
    if what == "leave":
        for folder in ["/tmp", "/dev/shm"]:
            open(f"{folder}/{argument}", "w").close()
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    return json.dumps({
        "processes": sorted(processes()),
        "commands": " ".join(processes().values()),
        "pid": os.getpid(),
        "parent": os.getppid(),
        "user": [os.getuid(), os.getgid()],
        "tmp": os.listdir("/tmp"),
        "shared": os.listdir("/dev/shm"),
        "capacity": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
        "folders": [os.environ["TMPDIR"], os.environ["HOME"], os.getcwd(), os.path.dirname(__file__)],
        "capabilities": int(status["CapEff"], 16),
        "init": outcome(lambda: os.kill(1, 9)),
        "root of init": outcome(lambda: os.listdir("/proc/1/root/")),
        "environment of init": outcome(lambda: open("/proc/1/environ").read()),
    })
"#;

/// Why this host allows no name spaces, where it does not.
pub(crate) fn missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let told = Command::new(env!("CARGO_BIN_EXE_ringgate")).arg("doctor").output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let line = told.lines().find(|line| line.contains("  name spaces")).unwrap();
        (!line.starts_with("ok")).then(|| line.to_owned())
    });
    missing.as_deref()
}

/// A gateway whose functions `f` and `g` have these keys, run by this user of its own.
fn gateway(user: Option<u32>, keys: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("app.py"), SOURCE).unwrap();
    for folder in [folder.path(), &code] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder, user, user).unwrap();
    }
    let function = |name: &str| {
        format!(
            "[[function]]\nname = \"{name}\"\nruntime = \"python3\"\nhandler = \"app.handler\"\n\
             code = \"code\"\n{keys}\ntimeout = \"20s\"\n"
        )
    };
    let route = |name: &str| {
        format!(
            "[[api]]\nname = \"{name}\"\nprotocol = \"http\"\nbase_path = \"/{name}\"\n\
             [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
             integration = {{ type = \"lambda\", function = \"{name}\" }}\n"
        )
    };
    let tables = [function("f"), function("g"), route("f"), route("g")].concat();
    // Whoever the user is, it must be able to run the interpreter.
    let path = [("PATH", "/usr/local/bin:/usr/bin:/bin")];
    Gateway::in_environment(folder, "", &tables, &path)
}

fn told(gateway: &Gateway, path: &str) -> serde_json::Value {
    let text = gateway.get(path).text();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
}

/// Runs a test in each way in which workers get name spaces: by the superuser, by the superuser for another
/// user, and by an ordinary user.
fn in_each_way(test: impl Fn(Option<u32>, &str)) {
    const REQUIRED: &str = "namespaces = true";
    if let Some(missing) = missing() {
        return eprintln!("not tested, this host does not allow it: {missing}");
    }
    let user = format!("{REQUIRED}\nuser = \"65534:65533\"");
    if !rustix::process::geteuid().is_root() {
        eprintln!("tested as an ordinary user, and not as the superuser");
        return test(None, REQUIRED);
    }
    test(None, REQUIRED);
    test(None, &user);
    if is_reached_by_others() {
        test(Some(65534), REQUIRED);
        eprintln!("tested as the superuser, with another user, and as an ordinary user");
    } else {
        eprintln!("not tested as an ordinary user, who may not execute the binary here");
    }
}

fn is_reached_by_others() -> bool {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    command.arg("--version").uid(65534).gid(65534).current_dir("/");
    command.output().is_ok_and(|ended| ended.status.success())
}

#[test]
fn a_function_sees_no_other_processes_and_folders_of_its_own() {
    in_each_way(|user, keys| {
        let gateway = gateway(user, keys);
        let own = tempfile::tempdir().unwrap();
        let hosts = own.path().file_name().unwrap().to_str().unwrap();

        let seen = told(&gateway, "/f/look");
        assert_eq!(seen["processes"], serde_json::json!([1, 2]), "{seen:#}");
        assert_eq!((&seen["pid"], &seen["parent"]), (&2.into(), &0.into()), "{seen:#}");
        let is_hosts = seen["tmp"].as_array().unwrap().iter().any(|name| name == hosts);
        assert!(!is_hosts, "the host's /tmp is not seen: {seen:#}");
        assert_eq!(seen["shared"], serde_json::json!([]), "{seen:#}");
        assert_eq!(seen["capacity"], 128 << 20, "as much as the function's memory: {seen:#}");
        let code = gateway.folder().join("code").display().to_string();
        let folders = serde_json::json!(["/tmp", "/tmp", code, code]);
        assert_eq!(seen["folders"], folders, "code that is below /tmp is seen: {seen:#}");

        // It is who it was, and may no more than before.
        let expected = match (user, keys.contains("user")) {
            (_, true) => [65534, 65533],
            (Some(user), false) => [user, user],
            (None, false) => {
                [rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()]
            }
        };
        assert_eq!(seen["user"], serde_json::json!(expected), "{seen:#}");
        let capabilities = seen["capabilities"].as_u64().unwrap();
        assert_eq!(capabilities & (1 << 21), 0, "not to administer: {seen:#}");
        if expected[0] != 0 {
            assert_eq!(capabilities, 0, "{seen:#}");
        }
        for what in ["root of init", "environment of init"] {
            assert_ne!(seen[what], "done", "{what}: {seen:#}");
        }

        told(&gateway, "/f/leave/mine");
        let seen = told(&gateway, "/f/look");
        assert_eq!(seen["shared"], serde_json::json!(["mine"]), "the same worker: {seen:#}");
        assert_eq!(
            seen["processes"],
            serde_json::json!([1, 2]),
            "nothing kills number 1: {seen:#}"
        );
        let other = told(&gateway, "/g/look");
        assert_eq!(other["shared"], serde_json::json!([]), "{other:#}");
        assert!(!other["tmp"].as_array().unwrap().iter().any(|it| it == "mine"), "{other:#}");
        assert!(!fs::exists("/tmp/mine").unwrap() && !fs::exists("/dev/shm/mine").unwrap());
    });
}

/// Processes of the host that run `sleep` for this long.
fn sleepers(seconds: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let commands = entries.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
    let wanted = format!("sleep\0{seconds}\0").into_bytes();
    commands.filter(|command| *command == wanted).count()
}

#[test]
fn all_that_a_function_has_started_ends_with_it() {
    in_each_way(|user, keys| {
        let keys = format!("{keys}\nworkers = {{ max = 1, idle_timeout = \"1s\" }}");
        let gateway = gateway(user, &keys);
        let seconds = format!("{}.5", 100_000 + std::process::id());
        let seen = told(&gateway, &format!("/f/daemon/{seconds}"));
        eventually("it is there", || sleepers(&seconds) == 1);
        assert!(!seen["commands"].as_str().unwrap().contains("serve"), "{seen:#}");
        eventually("it ends with a worker that is not needed", || sleepers(&seconds) == 0);
        await_workers(&gateway, 0);

        assert_eq!(gateway.get(&format!("/f/daemon/{seconds}?exit=1")).status, 500);
        eventually("it ends with a worker that has ended", || sleepers(&seconds) == 0);

        told(&gateway, &format!("/f/daemon/{seconds}"));
        eventually("it is there", || sleepers(&seconds) == 1);
        gateway.signal(rustix::process::Signal::KILL);
        eventually("it ends with the gateway", || sleepers(&seconds) == 0);
    });
}

#[test]
fn libraries_below_the_hosts_folder_are_seen_where_the_file_names_them() {
    if let Some(missing) = missing() {
        return eprintln!("not tested, this host does not allow it: {missing}");
    }
    let library = tempfile::tempdir_in("/tmp").unwrap();
    let path = library.path().display();
    let variables = format!("{{ PYTHONPATH = \"/tmp:/tmp/none:{path}\", OTHER = \"/tmp\" }}");
    let gateway = gateway(None, &format!("namespaces = true\nenvironment = {variables}"));
    let seen = told(&gateway, "/f/look");
    let name = library.path().file_name().unwrap().to_str().unwrap();
    let mut shown: Vec<_> =
        seen["tmp"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    // Where the code and ringgate's loops are, if they are there.
    let folder = gateway.folder().file_name().unwrap().to_str().unwrap();
    shown.retain(|name| !name.starts_with("ringgate-") && *name != folder);
    assert_eq!(shown, [name], "the library, and not all of the host's: {seen:#}");
}

#[test]
fn each_function_may_do_without() {
    let keys = "namespaces = false";
    let gateway = gateway(None, keys);
    let seen = told(&gateway, "/f/look");
    assert!(seen["processes"].as_array().unwrap().len() > 2, "{seen:#}");
    assert_ne!(seen["folders"][0], "/tmp", "{seen:#}");
}

/// A host that forbids them, as far as the superuser is: one without the capability, whose system calls are
/// not filtered, gets a name space of users, and one that may not have that either has none.
#[test]
fn a_host_that_allows_none_is_told_of_and_functions_do_without() {
    if !rustix::process::geteuid().is_root() || missing().is_some() {
        return eprintln!("not tested: only the superuser can take a right from others");
    }
    let doctor = |settings: &str| {
        let script = format!(
            "{settings}; exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin \"$0\" doctor"
        );
        let arguments = ["-U", "-r", "sh", "-c", &script, env!("CARGO_BIN_EXE_ringgate")];
        let told = Command::new("unshare").args(arguments).output().unwrap();
        String::from_utf8_lossy(&told.stdout).into_owned()
    };
    let line = |told: String| {
        told.lines().find(|line| line.contains("  name spaces")).unwrap_or(&told).to_owned()
    };
    let told = line(doctor("true"));
    assert!(told.starts_with("ok") && told.contains("users, processes, "), "{told}");
    let told = line(doctor("echo 0 > /proc/sys/user/max_user_namespaces"));
    assert!(told.starts_with("NO"), "{told}");
    assert!(told.contains("a name space of users is refused: "), "{told}");
    assert!(told.ends_with("user.max_user_namespaces is 0"), "{told}");
}
