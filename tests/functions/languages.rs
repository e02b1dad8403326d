//! Functions in Python and JavaScript as tutorials write them, by the loops that ringgate brings.

use super::harness::Gateway;
use std::fs;

/// A gateway with a function of this runtime, whose code is this file.
pub(crate) fn gateway(runtime: &str, file: &str, code: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("code")).unwrap();
    fs::write(folder.path().join("code").join(file), code).unwrap();
    let tables = format!(
        "[[function]]\nname = \"f\"\nruntime = \"{runtime}\"\ncode = \"code\"\nhandler = \"app.handler\"\n\
         [[api]]\nname = \"a\"\nprotocol = \"http\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n"
    );
    Gateway::in_folder(folder, "", &tables)
}

const PYTHON: &str = r#"
import json, os

def handler(event, context):
    if event["rawPath"] == "/fail":
        raise ValueError("no")
    return {
        "statusCode": 201,
        "headers": {"x-function": context.function_name},
        "body": json.dumps([event["rawPath"], os.environ["AWS_EXECUTION_ENV"]]),
    }
"#;

const JAVASCRIPT: &str = r"
exports.handler = async (event, context) => {
  if (event.rawPath === '/fail') throw new Error('no');
  return {
    statusCode: 201,
    headers: { 'x-function': context.functionName },
    body: JSON.stringify([event.rawPath, process.env.AWS_EXECUTION_ENV]),
  };
};
";

#[test]
fn functions_in_python_and_javascript_answer() {
    for (runtime, file, code) in
        [("python3.12", "app.py", PYTHON), ("nodejs22.x", "app.js", JAVASCRIPT)]
    {
        let gateway = gateway(runtime, file, code);
        let mut client = gateway.client();
        for path in ["/pets", "/fail", "/again"] {
            let reply = client.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            if path == "/fail" {
                assert_eq!(reply.status, 500, "{runtime}: {}", reply.text());
                continue;
            }
            let expected = format!(r#"["{path}","AWS_Lambda_{runtime}"]"#);
            let text = reply.text().replace(", ", ",");
            assert_eq!((reply.status, text), (201, expected), "{runtime}");
            assert_eq!(reply.header("x-function"), Some("f"));
        }
    }
}

#[test]
fn a_function_whose_code_cannot_be_loaded_is_a_failed_one() {
    let gateway = gateway("python3.12", "app.py", "import nowhere\n");
    let reply = gateway.client().ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.status, 500, "{}", reply.text());
}
