//! What a function may do to others: less than its user may.

use super::harness::Gateway;
use super::host::workers_of;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SOURCE: &str = r#"
import ctypes, json, os, signal, subprocess, time

def landlock():
    return ctypes.CDLL(None).syscall(444, None, 0, 1)

def outcome(what):
    try:
        what()
        return "done"
    except PermissionError:
        return "refused"
    except OSError as error:
        return type(error).__name__ + str(error.errno)

def read(path):
    with open(path, "rb") as file:
        return file.read()

def rename():
    home = os.environ["TMPDIR"]
    os.mkdir(home + "/a"), os.mkdir(home + "/b")
    open(home + "/a/file", "w").close()
    os.rename(home + "/a/file", home + "/b/file")

def large():
    with open(os.environ["TMPDIR"] + "/large", "wb") as file:
        file.seek(512 * 1024 * 1024)
        file.write(b"x")
        file.flush()

def fill():
    for name in "12":
        file = os.open(os.environ["TMPDIR"] + "/fill" + name, os.O_WRONLY | os.O_CREAT)
        os.posix_fallocate(file, 0, 300 * 1024 * 1024)

def own():
    child = subprocess.Popen(["sleep", "60"])
    read(f"/proc/{child.pid}/environ")
    child.send_signal(signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM

def handler(event, context):
    if event["rawPath"] == "/fill":
        fill()
        time.sleep(15)
    parent, other = os.getppid(), event["rawPath"].strip("/")
    return json.dumps({
        "landlock": landlock(),
        "environment of ringgate": outcome(lambda: read(f"/proc/{parent}/environ")),
        "memory of ringgate": outcome(lambda: read(f"/proc/{parent}/mem")),
        "environment of another": outcome(lambda: read(f"/proc/{other}/environ")),
        "signal": outcome(lambda: os.kill(parent, 0)),
        "signal to another": outcome(lambda: os.kill(int(other), 0)),
        "its own child": outcome(own),
        "rename": outcome(rename),
        "large file": outcome(large),
        "gives way": os.sched_getscheduler(0) == os.SCHED_BATCH,
    })
"#;

fn tables(user: &str) -> String {
    let function = |name: &str, keys: &str| {
        format!(
            "[[function]]\nname = \"{name}\"\nruntime = \"python3\"\nhandler = \"app.handler\"\n\
             code = \"{name}\"\nnamespaces = false\n{user}\n{keys}\n"
        )
    };
    format!(
        "{}{}[[api]]\nname = \"a\"\nprotocol = \"http\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n",
        function("f", "timeout = \"20s\""),
        function("code", "environment = { SECRET = \"hush\" }\nworkers = { min = 1 }"),
    )
}

/// System calls by number on x86-64 and on others, with arguments that do nothing if they succeed.
const CALLS: &str = r#"
import ctypes, json, os, platform, subprocess, threading

NUMBERS = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "bpf": (321, 280), "keyctl": (250, 219),
    "init_module": (175, 105), "kexec_load": (246, 104), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "clone3": (435, 435), "reboot": (169, 142),
}
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    number = NUMBERS[name][platform.machine() != "x86_64"]
    ctypes.set_errno(0)
    return "done" if libc.syscall(number, *arguments) >= 0 else ctypes.get_errno()

def name_space():
    # CLONE_NEWUSER and SIGCHLD.
    pid = libc.syscall(56 if platform.machine() == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
        return "done"
    return ctypes.get_errno()

def handler(event, context):
    told = {name: call(name, -1, -1, -1, -1, -1) for name in NUMBERS if name not in ("ptrace", "unshare")}
    told["unshare"] = call("unshare", 0)
    told["clone"] = name_space()
    thread = threading.Thread(target=lambda: told.update(thread=os.getpid()))
    thread.start()
    thread.join()
    told["child"] = subprocess.run(["echo", "a"], capture_output=True, text=True).stdout
    told["user"] = [os.getuid(), os.getgid(), os.getgroups()]
    told["seccomp"] = next(line for line in open("/proc/self/status") if line.startswith("Seccomp:")).split()[1]
    told["landlock"] = libc.syscall(444, None, 0, 1)
    try:
        open(f"/proc/{os.getppid()}/environ").read()
        told["environment of ringgate"] = "done"
    except PermissionError:
        told["environment of ringgate"] = "refused"
    told["ptrace"] = call("ptrace", 0, 0, 0, 0)
    return json.dumps(told)
"#;

fn calls(functions: &str, function: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("app.py"), CALLS).unwrap();
    for folder in [folder.path(), &code] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let tables = format!(
        "{functions}[[function]]\nname = \"f\"\nruntime = \"python3\"\nhandler = \"app.handler\"\n\
         code = \"code\"\n{function}\n[[api]]\nname = \"a\"\nprotocol = \"http\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n"
    );
    // Whoever the function's user is, it must be able to run the interpreter.
    let path = [("PATH", "/usr/local/bin:/usr/bin:/bin")];
    let gateway = Gateway::in_environment(folder, "", &tables, &path);
    let text = gateway.get("/x").text();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

const EPERM: i64 = 1;
const ENOSYS: i64 = 38;

#[test]
fn system_calls_that_functions_have_no_use_for_are_refused() {
    let told = calls("[functions]\nnamespaces = false\n", "timeout = \"20s\"");
    assert_eq!(told["seccomp"], "2", "{told:#}");
    for (name, outcome) in told.as_object().unwrap() {
        if let Some(outcome) = outcome.as_i64()
            && !["landlock", "thread"].contains(&name.as_str())
        {
            let expected = if name == "clone3" { ENOSYS } else { EPERM };
            assert_eq!(outcome, expected, "{name}: {told:#}");
        }
        assert!(outcome != "done" || name == "environment of ringgate", "{name}: {told:#}");
    }
    assert_eq!(told["child"], "a\n", "processes and threads are nobody's business");
    assert!(told["thread"].is_u64());
}

#[test]
fn the_filter_can_be_switched_off() {
    let told =
        calls("[functions]\nsystem_call_filter = false\nnamespaces = false\n", "timeout = \"20s\"");
    assert_eq!(told["seccomp"], "0", "{told:#}");
    assert_eq!((&told["unshare"], &told["ptrace"]), (&"done".into(), &"done".into()), "{told:#}");
}

/// Another user's worker is filtered and in its domain as well. Only root can start one.
#[test]
fn a_function_may_have_a_user_of_its_own() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let told = calls("", "timeout = \"20s\"\nnamespaces = false\nuser = \"65534:65533\"");
    assert_eq!(told["user"], serde_json::json!([65534, 65533, [65533]]), "{told:#}");
    assert_eq!(told["seccomp"], "2", "{told:#}");
    assert_eq!(told["environment of ringgate"], "refused", "{told:#}");
    assert_eq!((&told["mount"], &told["ptrace"]), (&EPERM.into(), &EPERM.into()), "{told:#}");
    assert_eq!(told["child"], "a\n", "{told:#}");
}

/// Asks function `f` what it may do to ringgate and to a worker of function `code`; both have this user.
fn what_it_may(user: &str) -> (Gateway, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &std::path::Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    open(folder.path());
    for name in ["f", "code"] {
        let code = folder.path().join(name);
        fs::create_dir(&code).unwrap();
        open(&code);
        fs::write(code.join("app.py"), SOURCE).unwrap();
    }
    let path = [("PATH", "/usr/local/bin:/usr/bin:/bin")];
    let gateway = Gateway::in_environment(folder, "", &tables(user), &path);
    super::host::await_workers(&gateway, 1);
    let other = workers_of(&gateway)[0];

    let told = gateway.get(&format!("/{other}")).text();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
    let abi = told["landlock"].as_i64().unwrap();
    eprintln!("tested with Landlock {abi}");
    if abi >= 2 {
        for what in ["environment of ringgate", "memory of ringgate", "environment of another"] {
            assert_eq!(told[what], "refused", "{what}: {told:#}");
        }
    }
    if abi >= 6 {
        assert_eq!(told["signal"], "refused", "{told:#}");
        assert_eq!(told["signal to another"], "refused", "{told:#}");
    }
    assert_eq!(told["its own child"], "done", "{told:#}");
    assert_eq!(told["gives way"], true, "its wake-ups interrupt nobody: {told:#}");
    (gateway, told)
}

#[test]
fn a_function_cannot_look_into_other_processes_of_its_user() {
    let (gateway, told) = what_it_may("");
    assert_eq!(told["rename"], "done", "{told:#}");
    assert_eq!(told["large file"], "OSError27", "EFBIG: {told:#}");

    // Two files of which each may be there.
    let begun = std::time::Instant::now();
    assert_eq!(gateway.get("/fill").status, 500);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "it was killed");
}

/// The other function's worker has that user as well, so it is the domain that refuses.
#[test]
fn a_user_of_its_own_and_a_domain_go_together() {
    if rustix::process::geteuid().is_root() {
        what_it_may("user = \"65534:65533\"");
    } else {
        eprintln!("not tested: only the superuser can start a worker of another user");
    }
}

#[test]
fn the_filter_can_be_switched_for_one_function() {
    let off = "timeout = \"20s\"\nsystem_call_filter = false\nnamespaces = false";
    assert_eq!(calls("", off)["seccomp"], "0");
    let on = "timeout = \"20s\"\nsystem_call_filter = true\nnamespaces = false";
    assert_eq!(calls("[functions]\nsystem_call_filter = false\n", on)["seccomp"], "2");
}
