//! Where a function's code comes from: a zip, which may change while its function works, and text in the
//! configuration itself.

use super::harness::{Gateway, eventually};
use flate2::Crc;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A zip with one file that is not packed.
fn zip(name: &str, text: &str) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let mut sizes = crc.sum().to_le_bytes().to_vec();
    sizes.extend((text.len() as u32).to_le_bytes());
    sizes.extend((text.len() as u32).to_le_bytes());
    sizes.extend((name.len() as u16).to_le_bytes());
    let mut zip = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0".to_vec();
    zip.extend(&sizes);
    zip.extend([0, 0]);
    zip.extend(name.as_bytes());
    zip.extend(text.as_bytes());
    let at = zip.len() as u32;
    zip.extend(b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0\0\0\0\0");
    zip.extend(&sizes);
    zip.extend([0; 16]);
    zip.extend(name.as_bytes());
    let bytes = zip.len() as u32 - at;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(bytes.to_le_bytes());
    zip.extend(at.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

fn write_zip(folder: &Path, text: &str) {
    let whole = folder.join("f.zip.new");
    fs::write(&whole, zip("app.py", text)).unwrap();
    fs::rename(whole, folder.join("f.zip")).unwrap();
}

fn answering(text: &str) -> String {
    format!("def handler(event, context):\n    return '{text} ' + __file__\n")
}

fn tables(keys: &str) -> String {
    format!(
        "[[function]]\nname = \"f\"\nruntime = \"python3\"\n{keys}\n\
         [[api]]\nname = \"a\"\nprotocol = \"http\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n"
    )
}

const OF_ZIP: &str = "code = \"f.zip\"\nhandler = \"app.handler\"";

#[test]
fn a_zip_is_run_and_a_changed_one_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    write_zip(folder.path(), &answering("one"));
    let gateway = Gateway::in_folder(folder, "", &tables(OF_ZIP));
    let first = gateway.get("/x").text();
    let (said, file) = first.split_once(' ').unwrap();
    assert_eq!(said, "one");
    assert!(Path::new(file).is_file(), "unpacked: {file}");

    // Nobody says so: the gateway watches it as it does its configuration.
    write_zip(gateway.folder(), &answering("two"));
    eventually("the new code", || gateway.get("/x").text().starts_with("two "));

    fs::write(gateway.folder().join("f.zip"), "damaged").unwrap();
    gateway.await_metric("ringgate_reload_success", 0.0);
    assert!(gateway.get("/x").text().starts_with("two "), "what was good goes on");
}

#[test]
fn source_in_the_configuration_is_run() {
    for (runtime, source) in [
        ("python3", "def handler(event, context):\n    return context.function_name\n"),
        ("nodejs", "exports.handler = async (event, context) => context.functionName;\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let tables = tables(&format!("source = '''\n{source}'''"));
        let tables = tables.replace("\"python3\"", &format!("\"{runtime}\""));
        let gateway = Gateway::in_folder(folder, "", &tables);
        let reply = gateway.get("/x");
        assert_eq!((reply.status, reply.text().as_str()), (200, "f"), "{runtime}");
    }
}

#[test]
fn a_damaged_zip_is_found_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("ringgate.toml");
    fs::write(&configuration, tables(OF_ZIP)).unwrap();
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        let output = command.arg("check").arg("--config").arg(&configuration).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    write_zip(folder.path(), &answering("one"));
    assert_eq!(check().0, Some(0));
    fs::write(folder.path().join("f.zip"), &zip("app.py", "x")[..50]).unwrap();
    let (code, said) = check();
    assert_eq!(code, Some(2));
    assert!(said.contains("f.zip` as a function's code: it is no zip, or a damaged one"), "{said}");
}
