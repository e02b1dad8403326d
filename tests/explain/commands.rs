//! The command's options, exit statuses and forms of output.

use super::{explain, printed};

fn json(arguments: &str) -> serde_json::Value {
    serde_json::from_str(&printed(&format!("{arguments} --json"))).unwrap()
}

/// The text of an entry with a title.
fn text(document: &serde_json::Value, title: &str) -> String {
    let phases = document["phases"].as_array().unwrap();
    let mut entries =
        phases.iter().flat_map(|phase| phase["entries"].as_array().into_iter().flatten());
    let found = entries.find(|entry| entry["title"] == title);
    found.unwrap_or_else(|| panic!("{title} in {document}"))["text"].as_str().unwrap().to_owned()
}

fn outcomes(document: &serde_json::Value) -> Vec<String> {
    let phases = document["phases"].as_array().unwrap().iter();
    let told = phases.map(|phase| {
        format!("{} {}", phase["name"].as_str().unwrap(), phase["outcome"].as_str().unwrap())
    });
    told.collect()
}

const SHOP: &str = "--apis shop.toml --api shop";

#[test]
fn a_route_of_the_file_goes_to_one_of_its_targets() {
    let document = json("--config function.toml '/products/a%20b?x=1' -H 'User-Agent: me'");
    let request = text(&document, "the request that leaves");
    assert!(request.starts_with("GET /v1/products/a%20b?x=1 HTTP/1.1\nhost: 127.0.0.1:9001\n"));
    assert!(request.contains("\nUser-Agent: me\n"), "{request}");
    assert_eq!(
        outcomes(&document),
        ["request passed", "admit passed", "route passed", "integrate passed", "respond open"]
    );
}

#[test]
fn a_function_gets_an_event_and_its_result_is_the_answer() {
    let document = json("--config function.toml '/hello?name=Z' -X PATCH -d 'some text'");
    let event: serde_json::Value =
        serde_json::from_str(&text(&document, "the event that it gets")).unwrap();
    assert_eq!(event["queryStringParameters"]["name"], "Z");
    assert_eq!(event["requestContext"]["http"]["method"], "PATCH");
    assert_eq!(outcomes(&document).last().unwrap(), "integrate open");
    let result = std::env::temp_dir().join(format!("explain-result-{}.json", std::process::id()));
    std::fs::write(&result, r#"{"statusCode": 418, "body": "tea", "headers": {"x-a": "b"}}"#)
        .unwrap();
    let document = json(&format!("--config function.toml /hello --response {}", result.display()));
    std::fs::remove_file(&result).unwrap();
    assert_eq!(document["answer"]["status"], 418);
    let answer = document["answer"]["text"].as_str().unwrap();
    assert!(answer.contains("\nx-a: b\n") && answer.ends_with("\n\ntea"), "{answer}");
}

const SERVICES: &str = "--apis services.toml --api pets";

#[test]
fn a_function_behind_templates_is_answered_by_its_error_message() {
    let ask = |response: &str| json(&format!("{SERVICES} -X POST /pets/7 {response}"));
    let document = ask("");
    assert_eq!(text(&document, "the event that it gets"), "{\"id\": \"7\"}");
    assert_eq!(outcomes(&document).last().unwrap(), "integrate open");
    for (result, status, content) in [
        (r#"{"name": "Rex"}"#, 200, r#"{"pet": "Rex"}"#),
        (r#"{"errorMessage": "No such pet: 7"}"#, 404, r#"{"problem": "No such pet: 7"}"#),
        // What no pattern matches is the default's.
        (r#"{"errorMessage": "boom"}"#, 200, r#"{"pet": ""}"#),
    ] {
        let document = ask(&format!("--response '200 {result}'"));
        assert_eq!(document["answer"]["status"], status, "{document}");
        let answer = document["answer"]["text"].as_str().unwrap();
        assert!(answer.ends_with(&format!("\n\n{content}")), "{answer}");
    }
}

#[test]
fn a_services_request_is_shown_without_what_only_the_gateway_knows() {
    let document = json(&format!("{SERVICES} /pets/7"));
    let request = text(&document, "the request that leaves");
    assert!(request.starts_with("POST / HTTP/1.1\nhost: dynamodb.eu-west-1.amazonaws.com\n"));
    assert!(request.contains("\nX-Amz-Target: DynamoDB_20120810.GetItem\n"), "{request}");
    let signed = "Credential=****/20260301/eu-west-1/dynamodb/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=****\n";
    assert!(request.contains(signed), "{request}");
    let answered = "--response '200 {\"Item\": {\"name\": {\"S\": \"Rex\"}}}'";
    let document = json(&format!("{SERVICES} /pets/7 {answered}"));
    let answer = document["answer"]["text"].as_str().unwrap();
    assert!(answer.ends_with("\n\n{\"name\": \"Rex\"}"), "{answer}");
    // An action of an HTTP API is made of its parameters, which it needs.
    let news = "--apis services.toml --api news /news -d";
    let request =
        text(&json(&format!("{news} '{{\"text\": \"hello\"}}'")), "the request that leaves");
    assert!(request.contains("{\"MessageBody\":\"hello\",\"QueueUrl\":"), "{request}");
    let document = json(&format!("{news} '{{}}'"));
    assert_eq!(outcomes(&document)[3], "integrate refused");
    assert_eq!(document["answer"]["status"], 400);
}

#[test]
fn an_authorizer_is_told_who_calls() {
    let document = json("--config function.toml /orders -H 'Authorization: me'");
    let event: serde_json::Value =
        serde_json::from_str(&text(&document, "the event that it gets")).unwrap();
    assert_eq!(event["identitySource"], serde_json::json!(["me"]));
    assert_eq!(outcomes(&document)[3], "authorize open");
    assert_eq!(document["answer"]["status"], 200);
    let document = json("--config function.toml /orders");
    assert_eq!(outcomes(&document)[3], "authorize refused");
    assert_eq!(document["answer"]["status"], 401);
}

#[test]
fn functions_elsewhere_are_told_with_their_place() {
    let arguments = "--config function.toml /far -H 'Authorization: me'";
    let document = json(arguments);
    assert_eq!(outcomes(&document)[3..5], ["authorize open", "integrate open"]);
    let told = printed(arguments);
    assert_eq!(told.matches("http://127.0.0.1:9003").count(), 2, "{told}");
    assert!(!told.contains("no such function"), "{told}");
}

#[test]
fn an_authorizers_result_decides_where_it_is_brought() {
    for (result, outcome, status) in [
        (r#"{"isAuthorized": true}"#, "passed", 200),
        (r#"{"isAuthorized": false}"#, "refused", 403),
        ("nonsense", "refused", 500),
    ] {
        let arguments = "--config function.toml /orders -H 'Authorization: me' --json";
        let output = explain(&format!("{arguments} --authorizer-result - <<'END'\n{result}\nEND"));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(outcomes(&document)[3], format!("authorize {outcome}"), "{result}");
        assert_eq!(document["answer"]["status"], status, "{result}: {document}");
    }
}

#[test]
fn a_request_may_be_a_file_a_curl_command_or_flags() {
    let flags = printed(&format!(
        "{SHOP} /orders -d @order.json -H 'X-Tenant: a' -H 'Content-Type: application/json'"
    ));
    let curl = printed(&format!(
        "{SHOP} --curl \"curl /orders -d @order.json -H 'X-Tenant: a' -H 'Content-Type: application/json'\""
    ));
    assert_eq!(flags, curl);
    let output = explain(&format!(
        "{SHOP} --request - <<'END'\nPOST /orders HTTP/1.1\nHost: localhost\nX-Tenant: a\n\n{{\"customer\": \"c\", \"items\": []}}\nEND"
    ));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("✓ validate"), "{text}");
}

#[test]
fn a_host_chooses_the_api_and_an_unknown_one_gets_the_list() {
    let told =
        printed("--apis shop.toml http://shop123456.execute-api.us-east-1.localhost/prod/health");
    assert!(told.contains("chosen because") && told.contains("the host names the API"), "{told}");
    assert!(told.contains("= the client gets 200"), "{told}");
    let told = printed("--apis shop.toml http://other.execute-api.us-east-1.localhost/prod/health");
    assert!(told.contains("✗ admit"), "{told}");
    assert!(told.contains("`shop` (shop123456, stage prod)"), "{told}");
    assert!(told.contains("= the client gets 403"), "{told}");
}

#[test]
fn a_pattern_that_matches_is_named() {
    let told = printed(&format!(
        "{SHOP} /orders -d @order.json -H 'X-Tenant: a' --response '422 {{\"error\": \"no \\\"x\\\"\"}}'"
    ));
    assert!(told.contains("integration response 400: `4\\d{2}` matches"), "{told}");
    assert!(told.contains("= the client gets 400"), "{told}");
    assert!(told.ends_with("{\"problem\": \"no \\\"x\\\"\"}\n"), "{told}");
}

#[test]
fn what_cannot_be_a_request_is_refused_as_on_the_gateway() {
    let document = json(&format!("{SHOP} '/a b'"));
    assert_eq!(outcomes(&document), ["request refused"]);
    assert_eq!(document["answer"]["status"], 400);
}

#[test]
fn mistakes_in_arguments_and_files_are_told_with_exit_status_two() {
    for (arguments, expected) in [
        ("--api nobody /", "there is no API `nobody`; there are: `default`"),
        ("--apis shop.toml --api shop --stage test /", "has no such stage; it has: prod"),
        ("--apis nowhere.toml /", "cannot read nowhere.toml"),
        ("--apis order.json /", "order.json:1:"),
        ("/ -H nonsense", "`nonsense` is no header field"),
        ("/ -d @nowhere", "cannot read nowhere"),
        ("--render nowhere.vtl", "cannot read nowhere.vtl"),
        ("--event event.json", "--render"),
        ("--curl 'curl -F a=b http://x/'", "--request FILE"),
    ] {
        let output = explain(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {errors}");
        assert!(errors.contains(expected), "{arguments}: {errors}");
    }
}

#[test]
fn a_template_that_is_none_is_shown_with_a_caret() {
    let output = explain("--render - <<'END'\n{}\n#if($x\nEND");
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("--> -:2:8"), "{errors}");
    assert!(errors.contains("2 | #if($x"), "{errors}");
}

#[test]
fn a_long_loop_is_cut_and_counted() {
    let output = explain("--render - <<'END'\n#foreach($i in [1..900])$i#end\nEND");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("… and 1301 more steps"), "{text}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_proxy_event_is_taken_as_it_is() {
    let output = explain(
        "--json --render - --event /dev/fd/3 3<<'EVENT' <<'END'\n\
         {\"body\": \"{\\\"a\\\": 1}\", \"pathParameters\": {\"id\": \"7\"}, \"queryStringParameters\": {\"q\": \"x\"}, \
         \"headers\": {\"H\": \"y\"}, \"requestContext\": {\"stage\": \"s\"}}\nEVENT\n\
         $input.params('id')$input.params('q')$input.params('H')$context.stage$input.path('$.a')\nEND\n",
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["rendering"]["output"], "7xys1\n");
}

#[test]
fn check_finds_mistakes_in_templates_and_takes_them_for_errors_where_it_is_told_to() {
    let check = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ringgate"))
            .arg("check")
            .args(arguments)
            .current_dir(super::folder())
            .output()
            .unwrap();
        let text = [output.stderr, output.stdout].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = check(&["mistakes.toml"]);
    assert_eq!(code, Some(0), "{text}");
    for expected in [
        "--> mistakes.toml:16:12",
        "the value of `$person.name` may hold quotes",
        "--> mistakes.toml:17:12",
        "did you mean `sourceIp`?",
        "--> mistakes.toml:18:12",
        "`$persn.name` is never set: it is always nothing",
        // Written with escapes in the file, so it is shown by itself.
        "--> (the template):1:10",
        "the output is no JSON: trailing comma",
        "mistakes, stage prod: POST /greet, request template for application/json",
        "1 API would be applied, 4 warnings",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let config = std::env::temp_dir().join(format!("explain-strict-{}.toml", std::process::id()));
    std::fs::write(&config, "[management]\ntemplate_findings = \"error\"\n").unwrap();
    let (code, text) = check(&["mistakes.toml", "--config", config.to_str().unwrap()]);
    std::fs::remove_file(&config).unwrap();
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("error[template]: ") && text.ends_with("4 errors\n"), "{text}");
    let (code, text) = check(&["shop.toml"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("holds quotes, which end the text it stands in"), "{text}");
    assert!(text.ends_with("1 API would be applied, 1 warning\n"), "{text}");
    let (code, text) = check(&["order.json"]);
    assert_eq!(code, Some(2), "{text}");
}
