//! Exit codes and output of the commands.

use std::fs;
use std::process::{Command, Output};

fn ringgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringgate")).args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_accepts_the_shipped_default() {
    let output = ringgate(&["check", "--config", "config/ringgate.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "config/ringgate.toml is valid: 1 API, 2 routes, 0 upstreams, 1 function\n"
    );
}

#[test]
fn without_a_file_the_built_in_default_is_taken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate"))
        .arg("check")
        .current_dir(folder.path())
        .output()
        .expect("the binary runs");
    assert_eq!(
        text(&output.stdout),
        "(built-in default) is valid: 1 API, 2 routes, 0 upstreams, 1 function\n"
    );
}

#[test]
fn a_wrong_configuration_exits_with_two_and_names_the_place() {
    for command in ["check", "routes", "serve"] {
        let output = ringgate(&[command, "--config", "tests/config/bad/unknown-key.toml"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let printed = text(&output.stderr);
        assert!(printed.contains("--> tests/config/bad/unknown-key.toml:2:1"), "{printed}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_missing_file_exits_with_two() {
    let output = ringgate(&["check", "--config", "tests/config/there-is-none.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error[unreadable]: cannot read the configuration: no such file or directory\n--> tests/config/there-is-none.toml\n\ntests/config/there-is-none.toml: 1 error\n"
    );
}

#[test]
fn a_credential_of_the_environment_opens_the_listener_to_other_hosts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("open.toml");
    fs::write(&file, "[management]\nlisten = \"0.0.0.0:8081\"\n").expect("a writable folder");
    let check = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.arg("check").arg("--config").arg(&file).envs(variables.iter().copied());
        let output = command.output().expect("the binary runs");
        (output.status.code(), text(&output.stderr))
    };
    let id = ("RINGGATE_ACCESS_KEY_ID", "AKIDEXAMPLE00000000A");
    let secret = ("RINGGATE_SECRET_ACCESS_KEY", "hush-hush-hush-hush");
    assert_eq!(check(&[]).0, Some(2));
    assert_eq!(check(&[id, secret, ("RINGGATE_ROLE", "reader")]), (Some(0), String::new()));
    let (code, printed) = check(&[id, ("RINGGATE_SECRET_ACCESS_KEY", "hush-hush")]);
    assert_eq!(code, Some(2));
    assert!(
        printed.contains("error[environment]: the environment's variable RINGGATE_SECRET_ACCESS_KEY should be a text of at least 16 characters"),
        "{printed}"
    );
    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn a_file_that_is_not_utf8_is_refused_at_its_first_wrong_byte() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("latin1.toml");
    fs::write(&file, b"[server]\nlisten = [] # caf\xe9\n").expect("a writable folder");
    let problems = ringgate::model::load(Some(&file)).expect_err("not UTF-8");
    assert!(problems.to_string().contains("latin1.toml:2:18: the file is not UTF-8"), "{problems}");
}

#[test]
fn wrong_arguments_exit_with_two() {
    assert_eq!(ringgate(&["chekc"]).status.code(), Some(2));
    assert_eq!(ringgate(&["--help"]).status.code(), Some(0));
}

#[test]
fn routes_prints_an_aligned_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("shop.toml");
    let configuration = r#"
        [[upstream]]
        name = "catalog"
        targets = ["127.0.0.1:9001"]
        [[api]]
        name = "shop"
        protocol = "http"
        domain = "*.example.com"
        base_path = "/shop"
        [[api.route]]
        route = "GET /products/{id}"
        integration = { type = "http_proxy", upstream = "catalog", path = "/v1/{id}", method = "POST" }
        [[api.route]]
        route = "$default"
        integration = { type = "http_proxy", upstream = "catalog" }
        [[api]]
        name = "hello"
        protocol = "rest"
        [[api.route]]
        route = "ANY /{proxy+}"
        integration = { type = "mock" }
    "#;
    fs::write(&file, configuration).expect("a writable folder");
    let output = ringgate(&["routes", "--config", file.to_str().expect("a UTF-8 path")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected = "\
API    METHOD  PATH                              INTEGRATION                            PHASES
shop   GET     *.example.com/shop/products/{id}  http_proxy catalog POST /v1/{id}       integrate
shop   ANY     *.example.com/shop/… ($default)   http_proxy catalog (path as received)  integrate
hello  ANY     /{proxy+}                         mock 200                               integrate
";
    assert_eq!(text(&output.stdout), expected);
}
