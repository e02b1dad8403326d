//! Integrations and their responses as the service's model and recorded answers describe them.

use super::super::sample::{Sample, merged, patch, refusal};
use serde_json::{Value, json};

const LAMBDA: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations";
const S3: &str = "arn:aws:apigateway:us-east-1:s3:path/b/k";
const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const FRAME: &str =
    "Invalid mapping expression specified: Validation Result: warnings : [], errors : ";

fn put(sample: &mut Sample, members: Value) -> Result<Value, crate::aws::Fault> {
    sample.at_root("PutIntegration", members)
}

fn update(sample: &mut Sample, operations: &[(&str, &str, Option<&str>)]) -> Value {
    sample.at_root("UpdateIntegration", patch(operations)).unwrap()
}

fn refused(sample: &mut Sample, operation: (&str, &str, Option<&str>)) -> (u16, String) {
    refusal(sample.at_root("UpdateIntegration", patch(&[operation])))
}

fn http(members: Value) -> Value {
    let http =
        json!({"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://example.com"});
    merged(http, members)
}

#[test]
fn integrations_have_amazons_defaults_by_type() {
    let mut sample = Sample::with_method(json!({}));
    let always = json!({
        "timeoutInMillis": 29000, "passthroughBehavior": "WHEN_NO_MATCH",
        "cacheNamespace": sample.root, "cacheKeyParameters": [],
    });
    let mock = put(&mut sample, json!({"type": "MOCK"})).unwrap();
    assert_eq!(mock, merged(always.clone(), json!({"type": "MOCK"})));
    for kind in ["HTTP", "HTTP_PROXY"] {
        let shown = put(&mut sample, http(json!({"type": kind}))).unwrap();
        let more = json!({
            "type": kind, "httpMethod": "GET", "uri": "http://example.com",
            "connectionType": "INTERNET",
        });
        assert_eq!(shown, merged(always.clone(), more));
    }
    for kind in ["AWS", "AWS_PROXY"] {
        let input = json!({"type": kind, "integrationHttpMethod": "POST", "uri": LAMBDA});
        let shown = put(&mut sample, input).unwrap();
        let more = json!({"type": kind, "httpMethod": "POST", "uri": LAMBDA});
        assert_eq!(shown, merged(always.clone(), more));
    }
    let input = json!({
        "type": "AWS", "integrationHttpMethod": "POST", "uri": S3, "credentials": ROLE,
    });
    assert_eq!(put(&mut sample, input).unwrap()["credentials"], json!(ROLE));
}

#[test]
fn integrations_show_what_was_sent() {
    let mut sample = Sample::with_method(json!({
        "requestParameters": {"method.request.header.a": true}
    }));
    let given = json!({
        "type": "HTTP", "uri": "https://${stageVariables.host}/{proxy}",
        "connectionType": "VPC_LINK", "connectionId": "${stageVariables.vpcLinkId}",
        "requestParameters": {"integration.request.header.b": "method.request.header.a"},
        "requestTemplates": {"application/json": "{}"}, "passthroughBehavior": "NEVER",
        "cacheNamespace": "n", "cacheKeyParameters": ["method.request.header.a"],
        "contentHandling": "CONVERT_TO_TEXT", "timeoutInMillis": 50,
        "tlsConfig": {"insecureSkipVerification": true}, "responseTransferMode": "BUFFERED",
        "integrationTarget": "arn:aws:elasticloadbalancing:us-east-1:0:listener/x",
    });
    let input = merged(given.clone(), json!({"integrationHttpMethod": "POST"}));
    let shown = put(&mut sample, input).unwrap();
    assert_eq!(shown, merged(given, json!({"httpMethod": "POST"})));
    assert_eq!(sample.at_root("GetIntegration", json!({})).unwrap(), shown);
    let empty = json!({"type": "MOCK", "requestTemplates": {"application/json": ""}});
    let shown = put(&mut sample, empty).unwrap();
    assert_eq!(shown["requestTemplates"], json!({"application/json": null}));
}

#[test]
fn putting_replaces() {
    let mut sample = Sample::with_mock();
    sample.at_root("PutIntegrationResponse", json!({"statusCode": "200"})).unwrap();
    let shown = put(&mut sample, http(json!({}))).unwrap();
    assert_eq!(shown["type"], json!("HTTP_PROXY"));
    assert_eq!(shown.get("integrationResponses"), None);
}

#[test]
fn putting_refuses_targets_that_lead_nowhere() {
    let mut sample = Sample::with_method(json!({}));
    let service = |kind: &str, uri: &str| json!({"type": kind, "integrationHttpMethod": "POST", "uri": uri, "credentials": ROLE});
    let verb = "Enumeration value for HttpMethod must be non-empty";
    let address = "Invalid HTTP endpoint specified for URI";
    let arn = "Invalid ARN specified in the request";
    let action = "AWS ARN for integration must contain path or action";
    let proxy = "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.";
    let cases = [
        (json!({"type": "HTTP", "uri": "http://example.com"}), verb),
        (json!({"type": "HTTP_PROXY", "uri": "http://example.com"}), verb),
        (json!({"type": "AWS", "uri": LAMBDA}), verb),
        (json!({"type": "AWS_PROXY", "uri": LAMBDA}), verb),
        (http(json!({"uri": "non-valid-uri"})), address),
        (http(json!({"uri": "http://"})), address),
        (http(json!({"uri": "ftp://example.com"})), address),
        (http(json!({"uri": "http://a b"})), address),
        (http(json!({"uri": null})), address),
        (service("AWS", "non-valid-arn"), arn),
        (service("AWS_PROXY", "non-valid-arn"), arn),
        (service("AWS", "arn:aws:iam::0000000000:role/service-role/asdf"), action),
        (service("AWS", "arn:aws:apigateway:us-east-1:s3:b/k"), action),
        (service("AWS_PROXY", S3), proxy),
        (
            json!({"type": "AWS", "integrationHttpMethod": "GET", "uri": S3}),
            "Role ARN must be specified for AWS integrations",
        ),
        (
            http(json!({"connectionType": "VPC_LINK", "connectionId": "nope"})),
            "Invalid Vpc Link identifier specified",
        ),
        (http(json!({"credentials": "nope"})), arn),
    ];
    for (members, message) in cases {
        let shown = members.to_string();
        assert_eq!(refusal(put(&mut sample, members)), (400, message.to_owned()), "{shown}");
    }
    let role = json!({"credentials": "arn:aws:iam::111111111111:role/r"});
    let fault = put(&mut sample, http(role)).unwrap_err();
    let expected = (403, "AccessDeniedException", "Cross-account pass role is not allowed.");
    assert_eq!((fault.status, fault.kind, fault.message.as_str()), expected);
    for members in [
        http(json!({"credentials": "arn:aws:iam::*:user/*"})),
        http(json!({"uri": "${stageVariables.url}"})),
        service("AWS_PROXY", "arn:aws:apigateway:us-east-1:firehose:action/PutRecord"),
        service("AWS", "arn:aws:apigateway:us-east-1:sqs:action/SendMessage"),
    ] {
        put(&mut sample, members).unwrap();
    }
}

#[test]
fn timeouts_and_behaviors_have_limits() {
    let mut sample = Sample::with_method(json!({}));
    let timeout = |sample: &mut Sample, millis: i64, mode: Option<&str>| {
        let mut input = json!({"type": "MOCK", "timeoutInMillis": millis});
        if let Some(mode) = mode {
            input["responseTransferMode"] = json!(mode);
        }
        put(sample, input).map_err(|fault| fault.message)
    };
    for millis in [50, 29_000] {
        timeout(&mut sample, millis, None).unwrap();
    }
    for millis in [49, 29_001] {
        let expected = "Timeout should be between 50 ms and 29000 ms";
        assert_eq!(timeout(&mut sample, millis, None).unwrap_err(), expected);
    }
    timeout(&mut sample, 900_000, Some("STREAM")).unwrap();
    timeout(&mut sample, 900_001, Some("STREAM")).unwrap_err();
    let regional = patch(&[("replace", "/endpointConfiguration/types/0", Some("REGIONAL"))]);
    sample.call("UpdateRestApi", regional).unwrap();
    timeout(&mut sample, 300_000, None).unwrap();
    let expected = "Timeout should be between 50 ms and 300000 ms";
    assert_eq!(timeout(&mut sample, 300_001, None).unwrap_err(), expected);
    let wrong = put(&mut sample, json!({"type": "MOCK", "passthroughBehavior": "SOMETIMES"}));
    assert_eq!(refusal(wrong).0, 400);
}

#[test]
fn mappings_are_checked_when_they_are_put() {
    let mut sample = Sample::with_method(json!({
        "requestParameters": {"method.request.path.testPath": true}
    }));
    let cases = [
        (
            json!({"requestParameters": {"integration.request.path.testPath": "true"}}),
            format!("{FRAME}[Invalid mapping expression specified: true]"),
        ),
        (
            json!({"requestParameters": {"integration.request.path.x": "method.request.path.proxy"}}),
            format!(
                "{FRAME}[Invalid mapping expression parameter specified: method.request.path.proxy]"
            ),
        ),
        (
            json!({"requestParameters": {"path.x": "'a'"}}),
            format!("{FRAME}[Invalid mapping expression specified: path.x]"),
        ),
        (
            json!({"cacheKeyParameters": ["method.request.path.proxy"]}),
            format!(
                "{FRAME}[Invalid mapping expression parameter specified: method.request.path.proxy]"
            ),
        ),
        (
            json!({"cacheKeyParameters": ["context.x"]}),
            format!("{FRAME}[Invalid mapping expression specified: context.x]"),
        ),
        (
            json!({"requestTemplates": {"123": "x"}}),
            "Validation Result: warnings : [], errors : [Invalid content type specified: 123]"
                .to_owned(),
        ),
    ];
    for (members, message) in cases {
        let result = put(&mut sample, merged(json!({"type": "MOCK"}), members));
        assert_eq!(refusal(result), (400, message));
    }
    let input = json!({
        "type": "MOCK",
        "requestParameters": {"integration.request.path.x": "method.request.path.testPath"},
        "cacheKeyParameters": ["method.request.path.testPath", "integration.request.path.x"],
    });
    put(&mut sample, input).unwrap();
}

#[test]
fn what_is_not_there_is_told_from_the_outside_in() {
    let mut sample = Sample::with_method(json!({}));
    for name in ["PutIntegration", "GetIntegration", "UpdateIntegration", "DeleteIntegration"] {
        let mut refused =
            |members| refusal(sample.at_root(name, merged(json!({"type": "MOCK"}), members)));
        let expected = (404, "Invalid Resource identifier specified".to_owned());
        assert_eq!(refused(json!({"restApiId": "nope"})), expected, "{name}");
        assert_eq!(refused(json!({"resourceId": "nope", "httpMethod": "PUT"})), expected, "{name}");
        let expected = (404, "Invalid Method identifier specified".to_owned());
        assert_eq!(refused(json!({"httpMethod": "PUT"})), expected, "{name}");
        if name != "PutIntegration" {
            let expected = (404, "Invalid Integration identifier specified".to_owned());
            assert_eq!(refused(json!({})), expected, "{name}");
        }
    }
    put(&mut sample, json!({"type": "MOCK"})).unwrap();
    assert_eq!(sample.at_root("DeleteIntegration", json!({})).unwrap(), Value::Null);
    assert_eq!(refusal(sample.at_root("GetIntegration", json!({}))).0, 404);
}

#[test]
fn members_are_replaced_and_cleared() {
    let mut sample = Sample::with_method(json!({}));
    put(&mut sample, http(json!({}))).unwrap();
    for (path, value, shown) in [
        ("/uri", "https://example.org/x", json!("https://example.org/x")),
        ("/httpMethod", "POST", json!("POST")),
        ("/credentials", ROLE, json!(ROLE)),
        ("/passthroughBehavior", "NEVER", json!("NEVER")),
        ("/contentHandling", "CONVERT_TO_BINARY", json!("CONVERT_TO_BINARY")),
        ("/cacheNamespace", "n", json!("n")),
        ("/connectionId", "${stageVariables.link}", json!("${stageVariables.link}")),
        ("/connectionType", "VPC_LINK", json!("VPC_LINK")),
        ("/timeoutInMillis", "1000", json!(1000)),
        ("/responseTransferMode", "STREAM", json!("STREAM")),
        ("/integrationTarget", "arn:x", json!("arn:x")),
    ] {
        let integration = update(&mut sample, &[("replace", path, Some(value))]);
        assert_eq!(integration[path.trim_start_matches('/')], shown, "{path}");
        let expected = "Invalid patch operation specified. Must be one of: [replace]";
        let add = refused(&mut sample, ("add", path, Some(value)));
        assert_eq!(add, (400, expected.to_owned()), "{path}");
    }
    let tls =
        update(&mut sample, &[("replace", "/tlsConfig/insecureSkipVerification", Some("true"))]);
    assert_eq!(tls["tlsConfig"], json!({"insecureSkipVerification": true}));
    for member in ["credentials", "contentHandling", "responseTransferMode", "integrationTarget"] {
        let path = format!("/{member}");
        let cleared = update(&mut sample, &[("replace", &path, Some(""))]);
        assert_eq!(cleared.get(member), None, "{member}");
    }
    let internet = update(&mut sample, &[("replace", "/connectionType", Some("INTERNET"))]);
    assert_eq!(internet["connectionType"], json!("INTERNET"));
    assert_eq!(internet.get("connectionId"), None);
}

#[test]
fn updates_refuse_what_puts_refuse() {
    let mut sample = Sample::with_method(json!({}));
    put(&mut sample, http(json!({}))).unwrap();
    let cases = [
        (("replace", "/uri", Some("nope")), "Invalid HTTP endpoint specified for URI"),
        (("replace", "/uri", Some("")), "Invalid HTTP endpoint specified for URI"),
        (
            ("replace", "/httpMethod", Some("")),
            "Enumeration value for HttpMethod must be non-empty",
        ),
        (
            ("replace", "/timeoutInMillis", Some("49")),
            "Timeout should be between 50 ms and 29000 ms",
        ),
        (
            ("replace", "/timeoutInMillis", Some("x")),
            "Timeout should be between 50 ms and 29000 ms",
        ),
        (
            ("replace", "/passthroughBehavior", Some("X")),
            "Invalid passthroughBehavior specified. Valid options are WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER",
        ),
        (
            ("replace", "/contentHandling", Some("X")),
            "Invalid contentHandling specified. Valid options are CONVERT_TO_BINARY,CONVERT_TO_TEXT",
        ),
        (("replace", "/connectionType", Some("VPC_LINK")), "Invalid Vpc Link identifier specified"),
        (("replace", "/type", Some("MOCK")), "Invalid patch path /type"),
        (("replace", "/tlsConfig", Some("{}")), "Invalid patch path /tlsConfig"),
        (
            ("add", "/requestTemplates/application/json", Some("x")),
            "Invalid patch path /requestTemplates/application/json",
        ),
        (("add", "/requestParameters", Some("{}")), "Invalid patch path /requestParameters"),
    ];
    for (operation, message) in cases {
        assert_eq!(refused(&mut sample, operation), (400, message.to_owned()));
    }
    let fault = refused(&mut sample, ("replace", "/credentials", Some("arn:aws:iam::1:role/r")));
    assert_eq!(fault.0, 403);
}

#[test]
fn parameters_and_templates_are_entries_of_the_path() {
    let mut sample = Sample::with_method(json!({
        "requestParameters": {"method.request.header.a": true}
    }));
    put(&mut sample, json!({"type": "MOCK"})).unwrap();
    const PARAMETER: &str = "/requestParameters/integration.request.header.b";
    const TEMPLATE: &str = "/requestTemplates/application~1json";
    let added = update(
        &mut sample,
        &[("add", PARAMETER, Some("method.request.header.a")), ("add", TEMPLATE, Some("{}"))],
    );
    let expected = json!({"integration.request.header.b": "method.request.header.a"});
    assert_eq!(added["requestParameters"], expected);
    assert_eq!(added["requestTemplates"], json!({"application/json": "{}"}));
    let replaced =
        update(&mut sample, &[("replace", PARAMETER, Some("'x'")), ("replace", TEMPLATE, None)]);
    assert_eq!(replaced["requestParameters"], json!({"integration.request.header.b": "'x'"}));
    assert_eq!(replaced["requestTemplates"], json!({"application/json": null}));
    let removed =
        update(&mut sample, &[("remove", PARAMETER, Some("'x'")), ("remove", TEMPLATE, None)]);
    assert_eq!((removed.get("requestParameters"), removed.get("requestTemplates")), (None, None));
    for (operation, status, message) in [
        (("remove", PARAMETER, None), 404, "Invalid parameter name specified".to_owned()),
        (("replace", PARAMETER, Some("'x'")), 404, "Invalid parameter name specified".to_owned()),
        (("remove", TEMPLATE, None), 404, "Content-Type specified was not found".to_owned()),
        (
            ("add", PARAMETER, Some("x")),
            400,
            format!("{FRAME}[Invalid mapping expression specified: x]"),
        ),
        (
            ("add", PARAMETER, Some("method.request.header.z")),
            400,
            format!(
                "{FRAME}[Invalid mapping expression parameter specified: method.request.header.z]"
            ),
        ),
    ] {
        assert_eq!(refused(&mut sample, operation), (status, message));
    }
}

#[test]
fn cache_keys_come_and_go_by_both_kinds_of_paths() {
    let mut sample = Sample::with_method(json!({"requestParameters": {
        "method.request.header.a": true, "method.request.header.b": true,
    }}));
    put(&mut sample, json!({"type": "MOCK"})).unwrap();
    let keys =
        |sample: &mut Sample, operation| update(sample, &[operation])["cacheKeyParameters"].clone();
    const A: &str = "/cacheKeyParameters/method.request.header.a";
    assert_eq!(keys(&mut sample, ("add", A, Some(""))), json!(["method.request.header.a"]));
    assert_eq!(keys(&mut sample, ("add", A, Some(""))), json!(["method.request.header.a"]));
    let bare = "/cacheKeyParameters";
    let both = json!(["method.request.header.a", "method.request.header.b"]);
    assert_eq!(keys(&mut sample, ("add", bare, Some("method.request.header.b"))), both);
    let one = json!(["method.request.header.b"]);
    assert_eq!(keys(&mut sample, ("remove", A, Some(""))), one);
    assert_eq!(keys(&mut sample, ("replace", bare, Some("method.request.header.b"))), one);
    assert_eq!(keys(&mut sample, ("remove", bare, Some("method.request.header.b"))), json!([]));
    let missing = refused(&mut sample, ("remove", A, Some("")));
    assert_eq!(missing, (404, "Invalid parameter name specified".to_owned()));
    let undeclared = "/cacheKeyParameters/method.request.querystring.X-Some-Header-2";
    let expected = format!(
        "{FRAME}[Invalid mapping expression parameter specified: method.request.querystring.X-Some-Header-2]"
    );
    assert_eq!(refused(&mut sample, ("add", undeclared, Some(""))), (400, expected));
}

/// A mock with a declared header `X` of its response 200.
fn declared() -> Sample {
    let mut sample = Sample::with_mock();
    let response =
        json!({"statusCode": "200", "responseParameters": {"method.response.header.X": true}});
    sample.at_root("PutMethodResponse", response).unwrap();
    sample
}

#[test]
fn responses_show_what_was_sent_and_are_overwritten() {
    let mut sample = declared();
    for response in [
        json!({"statusCode": "200"}),
        json!({"statusCode": "200", "selectionPattern": "", "responseTemplates": {}}),
        json!({
            "statusCode": "200", "selectionPattern": "2\\d{2}", "contentHandling": "CONVERT_TO_TEXT",
            "responseTemplates": {"application/json": "\"created\""},
            "responseParameters": {"method.response.header.X": "integration.response.header.y"},
        }),
    ] {
        let shown = sample.at_root("PutIntegrationResponse", response.clone()).unwrap();
        assert_eq!(shown, response);
        let input = json!({"statusCode": "200"});
        assert_eq!(sample.at_root("GetIntegrationResponse", input).unwrap(), response);
    }
    let empty = json!({"statusCode": "200", "responseTemplates": {"application/json": ""}});
    let shown = sample.at_root("PutIntegrationResponse", empty).unwrap();
    assert_eq!(shown["responseTemplates"], json!({"application/json": null}));
}

#[test]
fn responses_map_declared_headers_only() {
    let mut sample = declared();
    let map = |header: &str, value: &str| json!({"responseParameters": {header: value}});
    for (code, members, error) in [
        ("404", map("method.response.header.X", "'x'"), "[No method response exists for method.]"),
        (
            "200",
            map("method.response.header.Y", "'x'"),
            "[Invalid mapping expression parameter specified: method.response.header.Y]",
        ),
        ("200", map("method.response.header.X", "x"), "[Invalid mapping expression specified: x]"),
        ("200", map("header.X", "'x'"), "[Invalid mapping expression specified: header.X]"),
    ] {
        let input = merged(json!({"statusCode": code}), members);
        let refused = refusal(sample.at_root("PutIntegrationResponse", input));
        assert_eq!(refused, (400, format!("{FRAME}{error}")));
    }
    let input = json!({"statusCode": "200", "responseTemplates": {"123": "x"}});
    let expected =
        "Validation Result: warnings : [], errors : [Invalid content type specified: 123]";
    let refused = refusal(sample.at_root("PutIntegrationResponse", input));
    assert_eq!(refused, (400, expected.to_owned()));
    // Without parameters the method's response may come later.
    sample.at_root("PutIntegrationResponse", json!({"statusCode": "404"})).unwrap();
}

#[test]
fn every_response_has_a_pattern_of_its_own() {
    let mut sample = declared();
    let mut put = |code: &str, pattern: Option<&str>| {
        let mut input = json!({"statusCode": code});
        if let Some(pattern) = pattern {
            input["selectionPattern"] = json!(pattern);
        }
        sample.at_root("PutIntegrationResponse", input)
    };
    put("200", None).unwrap();
    put("200", Some("")).unwrap();
    put("400", Some("4..")).unwrap();
    let taken = |pattern: &str| {
        (409, format!("Integration response with selection pattern {pattern} already exists"))
    };
    assert_eq!(refusal(put("201", None)), taken("default"));
    assert_eq!(refusal(put("404", Some("4.."))), taken("4.."));
    put("404", Some("404")).unwrap();
    let change = patch(&[("replace", "/selectionPattern", Some("4.."))]);
    let input = merged(json!({"statusCode": "404"}), change);
    assert_eq!(refusal(sample.at_root("UpdateIntegrationResponse", input)), taken("4.."));
}

#[test]
fn unknown_responses_are_told_from_the_outside_in() {
    let mut sample = Sample::with_mock();
    sample.at_root("PutMethod", json!({"httpMethod": "PUT", "authorizationType": "NONE"})).unwrap();
    let integration = "Invalid Integration identifier specified";
    for name in [
        "PutIntegrationResponse",
        "GetIntegrationResponse",
        "UpdateIntegrationResponse",
        "DeleteIntegrationResponse",
    ] {
        let mut refused = |members| {
            let input = merged(json!({"statusCode": "200"}), members);
            let (status, message) = refusal(sample.at_root(name, input));
            assert_eq!(status, 404, "{name}");
            message
        };
        let resource = "Invalid Resource identifier specified";
        assert_eq!(refused(json!({"restApiId": "nope"})), resource, "{name}");
        assert_eq!(refused(json!({"resourceId": "nope"})), resource, "{name}");
        // Deletion does not tell an unknown method.
        let is_delete = name == "DeleteIntegrationResponse";
        let method = if is_delete { integration } else { "Invalid Method identifier specified" };
        assert_eq!(refused(json!({"httpMethod": "POST"})), method, "{name}");
        assert_eq!(refused(json!({"httpMethod": "PUT"})), integration, "{name}");
        if name != "PutIntegrationResponse" {
            assert_eq!(refused(json!({})), "Invalid Response status code specified", "{name}");
        }
    }
}

#[test]
fn responses_are_patched_entry_by_entry() {
    let mut sample = declared();
    sample.at_root("PutIntegrationResponse", json!({"statusCode": "200"})).unwrap();
    let mut update = |operations: &[(&str, &str, Option<&str>)]| {
        let input = merged(json!({"statusCode": "200"}), patch(operations));
        sample.at_root("UpdateIntegrationResponse", input)
    };
    const HEADER: &str = "/responseParameters/method.response.header.X";
    const TEMPLATE: &str = "/responseTemplates/application~1json";
    let changed = update(&[
        ("replace", "/selectionPattern", Some("updated-pattern")),
        ("replace", "/contentHandling", Some("CONVERT_TO_BINARY")),
        ("add", HEADER, Some("'x'")),
        ("add", TEMPLATE, Some("x")),
    ]);
    assert_eq!(
        changed.unwrap(),
        json!({
            "statusCode": "200", "selectionPattern": "updated-pattern",
            "contentHandling": "CONVERT_TO_BINARY",
            "responseParameters": {"method.response.header.X": "'x'"},
            "responseTemplates": {"application/json": "x"},
        })
    );
    let changed = update(&[
        ("replace", "/selectionPattern", None),
        ("replace", "/contentHandling", Some("")),
        ("replace", HEADER, Some("integration.response.body")),
        ("replace", TEMPLATE, Some("")),
    ]);
    assert_eq!(
        changed.unwrap(),
        json!({
            "statusCode": "200",
            "responseParameters": {"method.response.header.X": "integration.response.body"},
            "responseTemplates": {"application/json": null},
        })
    );
    let removed = update(&[("remove", HEADER, None), ("remove", TEMPLATE, None)]).unwrap();
    assert_eq!(removed, json!({"statusCode": "200"}));
    for (operation, status, message) in [
        (("remove", HEADER, None), 404, "Invalid parameter name specified".to_owned()),
        (
            ("add", HEADER, Some("x")),
            400,
            format!("{FRAME}[Invalid mapping expression specified: x]"),
        ),
        (("replace", "/statusCode", Some("201")), 400, "Invalid patch path /statusCode".to_owned()),
        (
            ("add", "/selectionPattern", Some("x")),
            400,
            "Invalid patch operation specified. Must be one of: [replace]".to_owned(),
        ),
    ] {
        assert_eq!(refusal(update(&[operation])), (status, message));
    }
}

/// What Terraform sends for an integration and its response, in its order.
#[test]
fn terraforms_calls_for_an_integration_and_its_response() {
    let mut sample = Sample::with_method(json!({
        "requestParameters": {"method.request.path.param": true}
    }));
    let response =
        json!({"statusCode": "400", "responseParameters": {"method.response.header.T": true}});
    sample.at_root("PutMethodResponse", response).unwrap();
    let input = http(json!({
        "contentHandling": "CONVERT_TO_TEXT", "passthroughBehavior": "WHEN_NO_MATCH",
        "requestParameters": {
            "integration.request.header.X-Authorization": "'static'",
            "integration.request.path.param": "method.request.path.param",
        },
        "requestTemplates": {"application/json": "", "application/xml": "#set($x = 1)"},
        "cacheKeyParameters": ["method.request.path.param"], "cacheNamespace": "foobar",
        "timeoutInMillis": 29000, "tlsConfig": {"insecureSkipVerification": false},
    }));
    put(&mut sample, input).unwrap();
    update(
        &mut sample,
        &[
            ("replace", "/passthroughBehavior", Some("NEVER")),
            ("replace", "/credentials", Some("")),
            ("remove", "/requestTemplates/application~1xml", None),
            ("replace", "/requestTemplates/application~1json", Some("{}")),
            ("add", "/requestTemplates/text~1plain", Some("x")),
            (
                "remove",
                "/requestParameters/integration.request.header.X-Authorization",
                Some("'static'"),
            ),
            ("add", "/requestParameters/integration.request.header.X-Foo", Some("'Baz'")),
            ("replace", "/cacheNamespace", Some("other")),
            ("replace", "/uri", Some("https://www.example.org")),
            ("replace", "/contentHandling", Some("")),
            ("replace", "/timeoutInMillis", Some("2000")),
            ("replace", "/tlsConfig/insecureSkipVerification", Some("true")),
        ],
    );
    let key = "/cacheKeyParameters/method.request.path.param";
    update(&mut sample, &[("remove", key, Some(""))]);
    update(&mut sample, &[("add", key, Some(""))]);
    let response = json!({
        "statusCode": "400", "selectionPattern": "4\\d{2}",
        "responseTemplates": {"application/json": "", "application/xml": "x"},
        "responseParameters": {"method.response.header.T": "integration.response.body.type"},
    });
    sample.at_root("PutIntegrationResponse", response.clone()).unwrap();
    sample.at_root("GetIntegrationResponse", json!({"statusCode": "400"})).unwrap();
    sample.at_root("PutIntegrationResponse", response).unwrap();
    sample.at_root("DeleteIntegrationResponse", json!({"statusCode": "400"})).unwrap();
    sample.at_root("DeleteIntegration", json!({})).unwrap();
    let gone = sample.at_root("DeleteIntegration", json!({})).unwrap_err();
    assert_eq!(gone.kind, "NotFoundException");
}
