//! What runs functions: which interpreters and clients there are, and what is said when one is missing.

use super::harness::{Gateway, eventually};
use super::host::{await_workers, workers_of};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const NOWHERE: &str = "/there/is/nothing";

fn tables(keys: &str) -> String {
    format!(
        "[[function]]\nname = \"f\"\nruntime = \"python3\"\nhandler = \"app.handler\"\ncode = \"code\"\n{keys}\n\
         [[api]]\nname = \"a\"\nprotocol = \"http\"\n\
         [[api.route]]\nroute = \"GET /mock\"\nintegration = {{ type = \"mock\" }}\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n"
    )
}

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

const ECHO: (&str, &str) =
    ("code/app.py", "def handler(event, context):\n    return event['rawPath']\n");

/// Runs a command with this configuration and `PATH`; gives its status, output and errors.
fn ringgate(arguments: &[&str], configuration: &Path, path: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    command.args(arguments).arg("--config").arg(configuration).env("PATH", path);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_missing_interpreter_is_told_by_every_command_in_the_same_words() {
    let folder = folder_with(&[ECHO, ("ringgate.toml", &tables(""))]);
    let file = folder.path().join("ringgate.toml");
    let words =
        "python3 needs Python 3.9 or later: expected python3 in PATH, found none; install it (";

    let (code, said, _) = ringgate(&["runtimes"], &file, NOWHERE);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("No interpreter is found in PATH.\n"), "{said}");
    assert!(said.contains(&format!("function f: {words}")), "{said}");

    let (code, said, warned) = ringgate(&["check"], &file, NOWHERE);
    assert_eq!(code, Some(0), "another host may serve it: {warned}");
    assert!(said.contains("is valid: 1 API, 2 routes, 0 upstreams, 1 function"), "{said}");
    assert!(warned.contains(&format!("warning: function f: {words}")), "{warned}");
}

#[test]
fn without_an_interpreter_all_else_is_served() {
    let tables = tables("log = \"f.log\"");
    let gateway = Gateway::in_environment(folder_with(&[ECHO]), "", &tables, &[("PATH", NOWHERE)]);
    assert_eq!(gateway.get("/mock").status, 200);
    assert_eq!(gateway.get("/x").status, 500);
    assert_eq!(workers_of(&gateway).len(), 0);
}

#[test]
fn interpreters_clients_and_functions_are_listed() {
    let folder = folder_with(&[
        ECHO,
        ("bin/python3", "#!/bin/sh\ncase $1 in --version) echo Python 3.12.4;; *) exit 1;; esac\n"),
        ("bin/node", "#!/bin/sh\necho v22.1.0\n"),
        ("bin/node18", "#!/bin/sh\necho v17.0.0\n"),
        ("code/bootstrap", "#!/bin/sh\n"),
        ("lib/node_modules/aws-lambda-ric/bin/index.mjs", ""),
        ("lib/node_modules/aws-lambda-ric/package.json", "{\"version\": \"3.3.0\"}"),
        (
            "ringgate.toml",
            "[[function]]\nname = \"p\"\nruntime = \"python3.13\"\ncode = \"code\"\n\
             [[function]]\nname = \"n\"\nruntime = \"nodejs22.x\"\nsource = \"1\"\nclient = \"official\"\n\
             [[function]]\nname = \"o\"\nruntime = \"python3\"\nsource = \"1\"\nclient = \"official\"\n\
             [[function]]\nname = \"b\"\nruntime = \"provided\"\ncode = \"code\"\n",
        ),
    ]);
    for name in ["bin/python3", "bin/node", "bin/node18", "code/bootstrap"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    let file = folder.path().join("ringgate.toml");
    let bin = folder.path().join("bin").display().to_string();
    let path = format!("{bin}:/bin:/usr/bin/nothing");

    let (code, said, _) = ringgate(&["runtimes", "--json"], &file, &path);
    assert_eq!(code, Some(1), "one of them lacks its client: {said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let node = said["interpreters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["path"] == format!("{bin}/node"));
    let node = node.unwrap_or_else(|| panic!("{said:#}"));
    assert_eq!((&node["runtime"], &node["version"]), (&"nodejs22.x".into(), &"22.1".into()));
    assert_eq!(node["officialClient"]["version"], "3.3.0");
    let function = |index: usize| &said["functions"][index];
    assert_eq!(function(0)["function"], "p");
    assert_eq!(
        (&function(0)["version"], &function(0)["isVersionAskedFor"]),
        (&"3.12".into(), &false.into())
    );
    assert_eq!(
        (&function(1)["client"], &function(1)["problem"]),
        (&"official".into(), &serde_json::Value::Null)
    );
    assert!(
        function(1)["officialClient"]["path"]
            .as_str()
            .unwrap()
            .ends_with("lib/node_modules/aws-lambda-ric")
    );
    let problem = function(2)["problem"].as_str().unwrap();
    assert!(problem.contains("-m pip install --target"), "{problem}");
    assert!(function(3)["path"].as_str().unwrap().ends_with("code/bootstrap"));

    let (_, said, _) = ringgate(&["runtimes"], &file, &path);
    assert!(
        said.contains("nodejs22.x  22.1     ") && said.contains("aws-lambda-ric 3.3.0\n"),
        "{said}"
    );
    assert!(said.contains("(3.12, another version than asked for)"), "{said}");
}

/// What is special of the official client: it takes `AWS_LAMBDA_RUNTIME_API` apart at the colon.
const CLIENT: &str = r#"
import http.client, importlib, json, os, signal, sys

sys.path.insert(0, os.getcwd())
base = "/2018-06-01/runtime/"
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def ask(method, path, body=None):
    connection.request(method, base + path, body)
    answer = connection.getresponse()
    return answer, answer.read()

module, _, name = sys.argv[1].rpartition(".")
try:
    handler = getattr(importlib.import_module(module), name)
except Exception as error:
    told = {"errorType": "Runtime.ImportModuleError", "errorMessage": str(error)}
    # It is about to be ended, and says first what it was answered.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answer, _ = ask("POST", "init/error", json.dumps(told))
    print("init/error", answer.status, flush=True)
    sys.exit(1)
while True:
    event, content = ask("GET", "invocation/next")
    request = event.getheader("Lambda-Runtime-Aws-Request-Id")
    ask("POST", f"invocation/{request}/response", json.dumps(handler(json.loads(content), None)))
"#;

#[test]
fn an_official_client_is_known_by_host_and_port() {
    let client = ("code/awslambdaric/__main__.py", CLIENT);
    let package = ("code/awslambdaric/__init__.py", "");
    let tables = tables("client = \"official\"\nworkers = { max = 1 }\nlog = \"f.log\"");
    let gateway = Gateway::in_folder(folder_with(&[ECHO, client, package]), "", &tables);
    for path in ["/one", "/two"] {
        assert_eq!(gateway.get(path).text(), path);
    }
    await_workers(&gateway, 1);
}

#[test]
fn an_official_client_can_say_that_it_cannot_begin() {
    let client = ("code/awslambdaric/__main__.py", CLIENT);
    let package = ("code/awslambdaric/__init__.py", "");
    let broken = ("code/app.py", "import nowhere\n");
    let tables = tables("log = \"f.log\"");
    let tables = format!("[functions]\nclient = \"official\"\n{tables}");
    let gateway = Gateway::in_folder(folder_with(&[broken, client, package]), "", &tables);
    assert_eq!(gateway.get("/x").status, 500);
    let log = || fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
    eventually("it is told", || log().contains("init/error 202"));
}
