//! Development: a changed source replaces the workers, and nobody who asks meanwhile notices but by the
//! answer.

use super::harness::{Gateway, eventually};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Clients at the same time.
const ASKERS: usize = 3;

fn tables(keys: &str) -> String {
    format!(
        "[functions]\nwatch = true\n\
         [[function]]\nname = \"f\"\nruntime = \"python3\"\nhandler = \"app.handler\"\ncode = \"code\"\n\
         log = \"f.log\"\n{keys}\n\
         [[api]]\nname = \"a\"\nprotocol = \"http\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\", timeout = \"20s\" }}\n"
    )
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("code/app.py"), text).unwrap();
}

fn answering(text: &str) -> String {
    format!("def handler(event, context):\n    return '{text}'\n")
}

fn gateway(keys: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("code")).unwrap();
    write(folder.path(), &answering("version 0"));
    Gateway::in_folder(folder, "", &tables(keys))
}

#[test]
fn changed_code_replaces_workers_without_a_failed_request() {
    // With more of them a worker that is started for want of one may be the first of the new code, beside
    // one of the old.
    let gateway = gateway("workers = { max = 1 }");
    assert_eq!(gateway.get("/x").text(), "version 0");
    // What each of them was answered last: that of one may be of the code before.
    let last = Arc::new(Mutex::new(vec![String::new(); ASKERS]));
    let over = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..ASKERS)
        .map(|index| {
            let (over, last, mut client) = (Arc::clone(&over), Arc::clone(&last), gateway.client());
            thread::spawn(move || {
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    let reply = client.ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
                    let text = reply.text();
                    assert_eq!(reply.status, 200, "after {count}: {text}");
                    assert!(text.starts_with("version "), "{text}");
                    last.lock().unwrap()[index] = text;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let says = |text: &str| last.lock().unwrap().iter().all(|last| last == text);
    for number in 1..4 {
        let text = format!("version {number}");
        write(gateway.folder(), &answering(&text));
        eventually(&text, || says(&text));
    }
    // One that cannot be loaded replaces nobody.
    write(gateway.folder(), "import nowhere\n");
    let log = || fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
    eventually("the mistake", || log().contains("No module named 'nowhere'"));
    thread::sleep(std::time::Duration::from_millis(300));
    assert!(says("version 3"));
    write(gateway.folder(), &answering("version 5"));
    eventually("the mistake is mended", || says("version 5"));

    over.store(true, Ordering::Relaxed);
    let counts: Vec<usize> = askers.into_iter().map(|asker| asker.join().unwrap()).collect();
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

#[test]
fn a_mistake_keeps_an_idle_worker_of_the_code_before() {
    let gateway = gateway("");
    assert_eq!(gateway.get("/x").text(), "version 0");
    write(gateway.folder(), "def handler(:\n");
    let log = || fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
    eventually("the mistake", || log().contains("Syntax error in module"));
    assert_eq!(gateway.get("/x").text(), "version 0");
    write(gateway.folder(), &answering("version 1"));
    eventually("the new code", || gateway.get("/x").text() == "version 1");
}

#[test]
fn what_a_function_writes_beside_its_code_does_not_replace_it() {
    let gateway = gateway("");
    assert_eq!(gateway.get("/x").text(), "version 0");
    let text = "import os\nopen('calls.log', 'a').close()\n\
                def handler(event, context):\n    return str(os.getpid())\n";
    write(gateway.folder(), text);
    eventually("the new code", || gateway.get("/x").text().parse::<u32>().is_ok());
    let pid = gateway.get("/x").text();
    thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(gateway.get("/x").text(), pid);
    assert!(!gateway.folder().join("code/__pycache__").exists(), "nothing of ours is put there");
}
