//! What a function may do to others: less than its user may.

use super::harness::Gateway;
use super::host::workers_of;
use std::fs;

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
    })
"#;

fn tables() -> String {
    let function = |name: &str, keys: &str| {
        format!(
            "[[function]]\nname = \"{name}\"\nruntime = \"python3\"\nhandler = \"app.handler\"\n\
             code = \"{name}\"\n{keys}\n"
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

#[test]
fn a_function_cannot_look_into_other_processes_of_its_user() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["f", "code"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("app.py"), SOURCE).unwrap();
    }
    let gateway = Gateway::in_folder(folder, "", &tables());
    super::host::await_workers(&gateway, 1);
    let other = workers_of(&gateway)[0];

    let told = gateway.get(&format!("/{other}")).text();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();

    let abi = told["landlock"].as_i64().unwrap();
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
    assert_eq!(told["rename"], "done", "{told:#}");
    assert_eq!(told["large file"], "OSError27", "EFBIG: {told:#}");

    // Two files of which each may be there.
    let begun = std::time::Instant::now();
    assert_eq!(gateway.get("/fill").status, 500);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "it was killed");
}
