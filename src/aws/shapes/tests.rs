//! The tables against the code that reads them: every operation is found, recorded calls of SDKs
//! become the input that was put into the SDK, wrong ones are refused in AWS's words.

use proptest::prelude::*;
use serde_json::json;

use super::table::Text;
use super::*;

fn services() -> [&'static Service; 3] {
    [apigateway(), apigatewayv2(), management_api()]
}

/// A request as it is on the wire, decoded: the operation's name and its input or its refusal.
fn call(
    service: &'static Service,
    method: &str,
    uri: &str,
    body: &str,
) -> (&'static str, Result<Value, Fault>) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let matched = service.find(method, path, query).expect("an operation");
    let header = |name: &str| name.eq_ignore_ascii_case("accept").then_some("application/yaml");
    let input = matched.operation.input(&matched, query, header, body.as_bytes());
    (matched.operation.name, input.map(Value::Object))
}

fn accepted(
    service: &'static Service,
    method: &str,
    uri: &str,
    body: &str,
) -> (&'static str, Value) {
    let (name, input) = call(service, method, uri, body);
    (name, input.expect("it is accepted"))
}

fn refused(service: &'static Service, method: &str, uri: &str, body: &str) -> String {
    let (name, input) = call(service, method, uri, body);
    let fault = input.expect_err(name);
    assert_eq!(fault.status, 400);
    fault.to_string()
}

#[test]
fn the_tables_have_all_operations() {
    assert_eq!(services().map(|it| it.operations().len()), [124, 103, 3]);
    assert_eq!(
        services().map(|it| it.name),
        ["apigateway", "apigatewayv2", "apigatewaymanagementapi"]
    );
    for service in services() {
        for operation in service.operations() {
            let found = service.operation(operation.name).expect("it is found by its name");
            assert_eq!(found.uri, operation.uri);
            assert!((200..300).contains(&operation.success), "{}", operation.name);
        }
        assert!(service.operation("GetNothing").is_none());
    }
    let answer = apigateway().operation("GetRestApis").map(Operation::output);
    let answer = answer.expect("it is there");
    assert!(answer.iter().any(|it| it.name == "item" && it.kind == "list" && it.is_in_body));
}

#[test]
fn every_operation_is_found_by_its_own_uri() {
    for service in services() {
        for operation in service.operations() {
            let (template, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
            let mut uri = String::new();
            let mut expected = Vec::new();
            for segment in template.split('/').skip(1) {
                uri.push('/');
                match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
                    Some(label) => {
                        let name = label.trim_end_matches('+');
                        expected.push((name, format!("GET /{name}+%")));
                        uri.push_str(&format!("GET%20%2f{name}+%25"));
                    }
                    None => uri.push_str(segment),
                }
            }
            for uri in [uri.clone(), uri.clone() + "/"] {
                let found = service.find(operation.method, &uri, query).expect(operation.name);
                assert_eq!(found.operation.name, operation.name, "{uri}");
                for (label, value) in &expected {
                    assert_eq!(found.label(label), Some(value.as_str()), "{uri}");
                }
                // Each label of the template is some member's, or a member would be lost.
                for (label, _) in &found.labels {
                    let is_its = |it: &&Member| it.location == Location::Label && it.wire == *label;
                    assert!(operation.members().iter().any(|it| is_its(&it)), "{uri}: {label}");
                }
            }
            assert!(service.find("OPTIONS", &uri, query).is_none());
        }
    }
}

#[test]
fn what_is_in_no_model_is_not_found() {
    for (method, path) in [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "restapis"),
        ("GET", "/restapi"),
        ("GET", "/restapis/a/b"),
        ("GET", "/restapis//stages"),
        ("GET", "/tags"),
        ("GET", "/tags/"),
        ("GET", "//"),
        ("get", "/restapis"),
        ("GET", "/v2/apis"),
        ("GET", "/restapis/a/stages/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"),
    ] {
        assert!(apigateway().find(method, path, "").is_none(), "{method} {path}");
    }
}

#[test]
fn an_arn_may_come_with_its_slashes_and_colons() {
    let arn = "arn:aws:apigateway:us-east-1::/restapis/abc/stages/prod";
    for path in [
        format!("/tags/{arn}"),
        "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc%2Fstages%2Fprod"
            .to_owned(),
    ] {
        let (name, input) = accepted(apigateway(), "GET", &path, "");
        assert_eq!((name, &input["resourceArn"]), ("GetTags", &json!(arn)));
    }
    let (name, input) = accepted(apigatewayv2(), "GET", &format!("/v2/tags/{arn}"), "");
    assert_eq!((name, &input["resourceArn"]), ("GetTags", &json!(arn)));
}

/// What botocore 1.43.11 sends for these arguments.
#[test]
fn recorded_calls_become_the_arguments_they_were_made_from() {
    let v1 = [
        (
            "PutIntegration",
            "PUT",
            "/restapis/abc/resources/r1/methods/GET/integration",
            r#"{"type": "HTTP", "httpMethod": "POST", "uri": "https://x/",
                "requestParameters": {"integration.request.header.a": "'b'"},
                "timeoutInMillis": 1000, "cacheKeyParameters": ["a"],
                "tlsConfig": {"insecureSkipVerification": true}}"#,
            json!({"restApiId": "abc", "resourceId": "r1", "httpMethod": "GET", "type": "HTTP",
                "integrationHttpMethod": "POST", "uri": "https://x/",
                "requestParameters": {"integration.request.header.a": "'b'"},
                "timeoutInMillis": 1000, "cacheKeyParameters": ["a"],
                "tlsConfig": {"insecureSkipVerification": true}}),
        ),
        (
            "UntagResource",
            "DELETE",
            "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc?tagKeys=a%20b&tagKeys=c%2Cd",
            "",
            json!({"resourceArn": "arn:aws:apigateway:us-east-1::/restapis/abc",
                "tagKeys": ["a b", "c,d"]}),
        ),
        (
            "ImportRestApi",
            "POST",
            "/restapis?mode=import&failonwarnings=true&endpointConfigurationTypes=REGIONAL&basepath=prepend",
            r#"{"swagger": "2.0"}"#,
            json!({"failOnWarnings": true, "body": r#"{"swagger": "2.0"}"#,
                "parameters": {"endpointConfigurationTypes": "REGIONAL", "basepath": "prepend"}}),
        ),
        (
            "PutRestApi",
            "PUT",
            "/restapis/abc?mode=overwrite&ignore=documentation",
            "openapi: 3.0.1\n",
            json!({"restApiId": "abc", "mode": "overwrite", "body": "openapi: 3.0.1\n",
                "parameters": {"ignore": "documentation"}}),
        ),
        (
            "ImportApiKeys",
            "POST",
            "/apikeys?mode=import&format=csv&failonwarnings=false",
            "name,key\n",
            json!({"format": "csv", "failOnWarnings": false, "body": "name,key\n"}),
        ),
        (
            "GetExport",
            "GET",
            "/restapis/abc/stages/prod/exports/oas30?extensions=apigateway",
            "",
            json!({"restApiId": "abc", "stageName": "prod", "exportType": "oas30",
                "parameters": {"extensions": "apigateway"}, "accepts": "application/yaml"}),
        ),
        (
            "GetResources",
            "GET",
            "/restapis/abc/resources?limit=500&embed=methods",
            "",
            json!({"restApiId": "abc", "limit": 500, "embed": ["methods"]}),
        ),
        (
            "GetBasePathMapping",
            "GET",
            "/domainnames/a.example/basepathmappings/%28none%29",
            "",
            json!({"domainName": "a.example", "basePath": "(none)"}),
        ),
        (
            "CreateUsagePlan",
            "POST",
            "/usageplans",
            r#"{"name": "p", "apiStages": [{"apiId": "a", "stage": "s",
                "throttle": {"/pets/GET": {"rateLimit": 1, "burstLimit": 2}}}],
                "throttle": {"rateLimit": 10.5, "burstLimit": 3},
                "quota": {"limit": 5, "period": "DAY"}}"#,
            json!({"name": "p", "apiStages": [{"apiId": "a", "stage": "s",
                "throttle": {"/pets/GET": {"rateLimit": 1.0, "burstLimit": 2}}}],
                "throttle": {"rateLimit": 10.5, "burstLimit": 3},
                "quota": {"limit": 5, "period": "DAY"}}),
        ),
        (
            "TestInvokeMethod",
            "POST",
            "/restapis/a/resources/b/methods/GET",
            r#"{"multiValueHeaders": {"h": ["1", "2"]}}"#,
            json!({"restApiId": "a", "resourceId": "b", "httpMethod": "GET",
                "multiValueHeaders": {"h": ["1", "2"]}}),
        ),
        (
            "GetDocumentationParts",
            "GET",
            "/restapis/a/documentation/parts?type=API&name=n&locationStatus=DOCUMENTED",
            "",
            json!({"restApiId": "a", "type": "API", "nameQuery": "n",
                "locationStatus": "DOCUMENTED"}),
        ),
    ];
    let v2 = [
        (
            "CreateApi",
            "POST",
            "/v2/apis",
            r#"{"name": "n", "protocolType": "HTTP",
                "corsConfiguration": {"allowOrigins": ["*"], "maxAge": 5}, "tags": {"a": "b"}}"#,
            json!({"name": "n", "protocolType": "HTTP",
                "corsConfiguration": {"allowOrigins": ["*"], "maxAge": 5}, "tags": {"a": "b"}}),
        ),
        (
            "DeleteRouteSettings",
            "DELETE",
            "/v2/apis/a/stages/%24default/routesettings/GET%20%2Fpets",
            "",
            json!({"apiId": "a", "stageName": "$default", "routeKey": "GET /pets"}),
        ),
        (
            "ImportApi",
            "PUT",
            "/v2/apis?failOnWarnings=true",
            r#"{"body": "{}"}"#,
            json!({"failOnWarnings": true, "body": "{}"}),
        ),
        (
            "CreateDomainName",
            "POST",
            "/v2/domainnames",
            r#"{"domainName": "d.example", "domainNameConfigurations": [{"certificateArn": "arn",
                "certificateUploadDate": "2026-03-01T10:00:00Z", "endpointType": "REGIONAL"}]}"#,
            json!({"domainName": "d.example", "domainNameConfigurations": [{"certificateArn": "arn",
                "certificateUploadDate": "2026-03-01T10:00:00Z", "endpointType": "REGIONAL"}]}),
        ),
    ];
    let callbacks = [(
        "PostToConnection",
        "POST",
        "/@connections/L0SM9cOFvHcCIhw%3D",
        "hi",
        json!({"connectionId": "L0SM9cOFvHcCIhw="}),
    )];
    let all = v1.into_iter().map(|it| (apigateway(), it));
    let all = all.chain(v2.into_iter().map(|it| (apigatewayv2(), it)));
    let all = all.chain(callbacks.into_iter().map(|it| (management_api(), it)));
    for (service, (name, method, uri, body, expected)) in all {
        assert_eq!(accepted(service, method, uri, body), (name, expected));
    }
}

#[test]
fn an_import_is_one_by_its_query_alone() {
    for query in ["", "?mode=other", "?basepath=prepend", "?amode=import"] {
        let text = refused(apigateway(), "POST", &format!("/restapis{query}"), "{}");
        assert_eq!(
            text,
            "ValidationException: 1 validation error detected: Value null at 'createRestApiInput.name' \
             failed to satisfy constraint: Member must not be null"
        );
    }
    assert_eq!(accepted(apigateway(), "POST", "/apikeys?format=csv", "{}").0, "CreateApiKey");
}

#[test]
fn constraints_of_version_1_are_told_together_in_its_words() {
    for (method, uri, body, expected) in [
        (
            "PUT",
            "/restapis/a/resources/b/methods/GET/integration",
            r#"{"type": "wrong"}"#,
            "1 validation error detected: Value 'wrong' at 'putIntegrationInput.type' failed to satisfy \
             constraint: Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
        ),
        (
            "PATCH",
            "/restapis/a/resources/b/methods/GET/responses/wrong",
            r#"{"patchOperations": [{"op": "wrong"}]}"#,
            "2 validation errors detected: Value 'wrong' at \
             'updateMethodResponseInput.patchOperations.1.member.op' failed to satisfy constraint: \
             Member must satisfy enum value set: [add, remove, move, test, replace, copy]; \
             Value 'wrong' at 'statusCode' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [1-5]\\d\\d",
        ),
        (
            "POST",
            "/restapis",
            r#"{"name": "a", "endpointConfiguration": {"types": ["wrong"], "ipAddressType": "ipv5"},
                "description": ""}"#,
            "2 validation errors detected: Value '[wrong]' at \
             'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: \
             Member must satisfy constraint: [Member must satisfy enum value set: \
             [PRIVATE, EDGE, REGIONAL]]; Value 'ipv5' at \
             'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy constraint: \
             Member must satisfy enum value set: [ipv4, dualstack]",
        ),
        (
            "POST",
            "/restapis/a/authorizers",
            r#"{"name": null, "type": "TOKEN"}"#,
            "1 validation error detected: Value null at 'createAuthorizerInput.name' failed to satisfy \
             constraint: Member must not be null",
        ),
        (
            "POST",
            "/restapis/a/documentation/parts",
            r#"{"location": {}, "properties": "{}"}"#,
            "1 validation error detected: Value null at 'createDocumentationPartInput.location.type' \
             failed to satisfy constraint: Member must not be null",
        ),
        (
            "GET",
            "/usageplans/a/usage?startDate=2026-01-01",
            "",
            "1 validation error detected: Value null at 'endDate' failed to satisfy constraint: \
             Member must not be null",
        ),
    ] {
        let expected = format!("ValidationException: {expected}");
        assert_eq!(refused(apigateway(), method, uri, body), expected);
    }
    let text = refused(apigateway(), "GET", "/restapis/a/gatewayresponses/wrong", "");
    assert!(text.contains("Value 'wrong' at 'responseType' failed"), "{text}");
    assert!(text.contains("Member must satisfy enum value set: [DEFAULT_4XX, "), "{text}");
}

#[test]
fn patterns_match_the_whole_text() {
    let put = |code: &str| {
        let uri = format!("/restapis/a/resources/b/methods/GET/responses/{code}");
        call(apigateway(), "PUT", &uri, "{}").1.is_ok()
    };
    for (code, expected) in
        [("100", true), ("599", true), ("600", false), ("2000", false), ("20", false)]
    {
        assert_eq!(put(code), expected, "{code}");
    }
    assert!(!put("2%D9%A1%D9%A1"), "digits are ASCII digits");
    let part = |code: &str| {
        let body =
            json!({"location": {"type": "RESPONSE", "statusCode": code}, "properties": "{}"});
        let uri = "/restapis/a/documentation/parts";
        call(apigateway(), "POST", uri, &body.to_string()).1.is_ok()
    };
    assert!(part("*") && part("200") && part("") && part("  ") && !part("2*") && !part("200\n"));
}

#[test]
fn version_2_refuses_the_first_thing_that_is_wrong() {
    for (method, uri, body, expected) in [
        (
            "POST",
            "/v2/apis",
            r#"{"name": "a", "protocolType": "TCP"}"#,
            "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
        ),
        (
            "POST",
            "/v2/apis",
            r#"{"protocolType": "TCP"}"#,
            "Invalid request input: name must not be null",
        ),
        (
            "POST",
            "/v2/apis/a/integrations",
            r#"{"integrationType": "MOCK", "timeoutInMillis": 49}"#,
            "Invalid request input: value '49' at 'timeoutInMillis': Member must have value greater \
             than or equal to 50",
        ),
        (
            "POST",
            "/v2/apis/a/integrations",
            r#"{"integrationType": "MOCK", "timeoutInMillis": 30001}"#,
            "Invalid request input: value '30001' at 'timeoutInMillis': Member must have value less \
             than or equal to 30000",
        ),
    ] {
        let expected = format!("BadRequestException: {expected}");
        assert_eq!(refused(apigatewayv2(), method, uri, body), expected);
    }
    for millis in [50, 30_000] {
        let body = json!({"integrationType": "MOCK", "timeoutInMillis": millis}).to_string();
        accepted(apigatewayv2(), "POST", "/v2/apis/a/integrations", &body);
    }
}

#[test]
fn wrong_types_are_refused_in_the_words_of_the_framework() {
    const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
    let list = "Start of list found where not expected";
    let map = "Start of structure or map found where not expected.";
    for (body, expected) in [
        (r#"{"name": true}"#, "class java.lang.Boolean can not be converted to an String"),
        (r#"{"name": 1}"#, &format!("{NUMBER} can not be converted to an String")),
        (r#"{"name": []}"#, list),
        (r#"{"name": {}}"#, map),
        (r#"{"tags": {"a": 1}}"#, &format!("{NUMBER} can not be converted to an String")),
        (r#"{"tags": []}"#, list),
        (r#"{"tags": ""}"#, "Expected map or null"),
        (r#"{"binaryMediaTypes": ""}"#, "Expected list or null"),
        (r#"{"binaryMediaTypes": {}}"#, map),
        (
            r#"{"binaryMediaTypes": [false]}"#,
            "class java.lang.Boolean can not be converted to an String",
        ),
        (r#"{"endpointConfiguration": "EDGE"}"#, "Expected null"),
        (r#"{"endpointConfiguration": []}"#, list),
        (
            r#"{"minimumCompressionSize": "1"}"#,
            "class java.lang.String can not be converted to an Integer",
        ),
        (
            r#"{"minimumCompressionSize": true}"#,
            "class java.lang.Boolean can not be converted to an Integer",
        ),
        (
            r#"{"disableExecuteApiEndpoint": 1}"#,
            &format!("{NUMBER} can not be converted to an Boolean"),
        ),
        (r#"{"disableExecuteApiEndpoint": "maybe"}"#, "'MAYBE' can not be converted to an Boolean"),
        // In the model's order, whatever the body's, and before any constraint.
        (
            r#"{"tags": 1, "name": false, "apiKeySource": "wrong"}"#,
            "class java.lang.Boolean can not be converted to an String",
        ),
        ("[]", list),
        ("1", "Expected null"),
    ] {
        let text = refused(apigateway(), "POST", "/restapis", body);
        assert_eq!(text, format!("SerializationException: {expected}"), "{body}");
    }
    let body = r#"{"throttle": {"rateLimit": "1"}}"#;
    let text = refused(apigateway(), "POST", "/usageplans", body);
    let expected =
        "SerializationException: class java.lang.String can not be converted to an Double";
    assert_eq!(text, expected);
    for body in ["{", "{]", "name=a", "{\"name\": \"\u{7}\"}", "{} {}"] {
        let text = refused(apigateway(), "POST", "/restapis", body);
        assert!(text.starts_with("SerializationException: Invalid request input: "), "{text}");
        let text = refused(apigatewayv2(), "POST", "/v2/apis", body);
        assert!(text.starts_with("BadRequestException: Invalid request input: "), "{text}");
    }
}

#[test]
fn what_is_lenient_at_aws_is_lenient_here() {
    let post = |body: &str| accepted(apigateway(), "POST", "/restapis", body).1;
    // Unknown members and `null` are as if they were not there.
    let expected = json!({"name": "a"});
    assert_eq!(post(r#"{"x": 1, "name": "a", "tags": null, "restApiId": 5}"#), expected);
    assert_eq!(post(r#"{"name": "a", "tags": {"b": null}}"#), json!({"name": "a", "tags": {}}));
    // Numbers are cut to what the member can hold.
    let size = |text: &str| {
        post(&format!(r#"{{"name": "a", "minimumCompressionSize": {text}}}"#))
            ["minimumCompressionSize"]
            .clone()
    };
    assert_eq!(size("1.9"), json!(1));
    assert_eq!(size("-1"), json!(-1));
    assert_eq!(size("2147483648"), json!(2_147_483_647));
    assert_eq!(size("1e300"), json!(2_147_483_647));
    assert_eq!(size("-99999999999999999999"), json!(-2_147_483_648));
    let body = r#"{"name": "a", "disableExecuteApiEndpoint": "true"}"#;
    assert_eq!(post(body)["disableExecuteApiEndpoint"], json!(true));
    // Nothing at all is an empty object; and where no member is in the body, it may be anything.
    assert_eq!(accepted(apigateway(), "POST", "/apikeys", " \n").1, json!({}));
    assert_eq!(accepted(apigateway(), "GET", "/account", "no JSON").1, json!({}));
    let keys = |query: &str| accepted(apigateway(), "GET", &format!("/apikeys?{query}"), "").1;
    assert_eq!(keys("limit=x&includeValues=TRUE"), json!({"includeValues": true}));
    assert_eq!(keys("limit=-5&includeValues"), json!({"limit": -5, "includeValues": false}));
    assert_eq!(keys("unknown=1"), json!({}));
    let embed = accepted(apigateway(), "GET", "/restapis/a/resources?embed=a,%20b&embed=c", "").1;
    assert_eq!(embed["embed"], json!(["a", "b", "c"]));
}

#[test]
fn times_are_handed_on_as_iso_8601() {
    let created = |date: &str| {
        let body = format!(
            r#"{{"domainName": "d", "domainNameConfigurations": [{{"certificateUploadDate": {date}}}]}}"#
        );
        let input = call(apigatewayv2(), "POST", "/v2/domainnames", &body).1;
        input.map(|it| it["domainNameConfigurations"][0]["certificateUploadDate"].clone())
    };
    assert_eq!(created("1772359200"), Ok(json!("2026-03-01T10:00:00Z")));
    assert_eq!(created("1772359200.5"), Ok(json!("2026-03-01T10:00:00.5Z")));
    assert_eq!(created(r#""2026-03-01T11:00:00+01:00""#), Ok(json!("2026-03-01T10:00:00Z")));
    for wrong in [r#""soon""#, "1e300", "true", "[]", "{}"] {
        assert_eq!(created(wrong).map_err(|fault| fault.kind), Err("SerializationException"));
    }
}

#[test]
fn a_document_that_is_no_text_is_refused() {
    let matched = apigateway().find("POST", "/restapis", "mode=import").expect("an operation");
    let fault = matched.operation.input(&matched, "mode=import", |_| None, b"\xff{}");
    assert_eq!(fault, Err(Fault::bad_request("Invalid request input")));
}

#[test]
fn a_refusal_quotes_no_megabytes_and_no_more_than_ten_things() {
    let operations = vec![json!({"op": "x".repeat(100_000)}); 1_000];
    let body = json!({"patchOperations": operations}).to_string();
    let text = refused(apigateway(), "PATCH", "/account", &body);
    assert!(text.starts_with("ValidationException: 10 validation errors detected: "));
    assert!(text.len() < 20_000, "{}", text.len());
}

#[test]
fn every_pattern_compiles() {
    fn walk(shape: &Shape, patterns: &mut usize) {
        match shape {
            Shape::Text(text) => {
                if let Some(pattern) = &text.pattern {
                    assert!(pattern.compiled().is_some(), "{}", pattern.source);
                    *patterns += 1;
                }
            }
            Shape::List(shape) | Shape::Map(shape) => walk(shape, patterns),
            Shape::Structure(members) => {
                members.iter().for_each(|member| walk(&member.shape, patterns));
            }
            Shape::Integer { .. }
            | Shape::Double
            | Shape::Boolean
            | Shape::Timestamp
            | Shape::Blob => {}
        }
    }
    let mut patterns = 0;
    for member in services().iter().flat_map(|it| it.operations()).flat_map(Operation::members) {
        walk(&member.shape, &mut patterns);
    }
    assert!(patterns >= 2);
}

/// Values that fit the model, by seed; and, where `noise` is not 0, one in so many that does not.
struct Values {
    state: u64,
    noise: u64,
}

impl Values {
    fn draw(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33) % below
    }

    fn of(&mut self, shape: &Shape) -> Value {
        if self.noise > 0 && self.draw(self.noise) == 0 {
            let wrong = [
                json!(null),
                json!(true),
                json!(-1e300),
                json!(u64::MAX),
                json!("ä\u{0}"),
                json!([null, {}]),
                json!({"a": [1]}),
            ];
            let index = usize::try_from(self.draw(7)).unwrap_or_default();
            return wrong[index].clone();
        }
        match shape {
            Shape::Text(text) if !text.values.is_empty() => {
                let index = usize::try_from(self.draw(text.values.len() as u64));
                json!(text.values[index.unwrap_or_default()])
            }
            Shape::Text(Text { pattern: Some(_), .. }) => json!("200"),
            Shape::Text(text) => json!("é".repeat(text.min.or(text.max).unwrap_or(5))),
            Shape::Integer { min, max, .. } => json!(min.or(*max).unwrap_or(-7)),
            Shape::Double => json!(2.5),
            Shape::Boolean => json!(self.draw(2) == 0),
            Shape::Timestamp => json!("2026-03-01T10:00:00Z"),
            Shape::Blob => json!(""),
            Shape::List(shape) => (0..self.draw(3)).map(|_| self.of(shape)).collect(),
            Shape::Map(shape) => {
                let count = self.draw(3);
                Value::Object((0..count).map(|key| (format!("k{key}"), self.of(shape))).collect())
            }
            Shape::Structure(members) => self.members(members, |member| member.name),
        }
    }

    fn members(&mut self, members: &[Member], name: fn(&Member) -> &'static str) -> Value {
        let mut object = Map::new();
        for member in members.iter().filter(|it| it.location == Location::Body) {
            let is_sent = self.draw(2) == 0 || (member.required && self.noise == 0);
            if is_sent {
                object.insert(name(member).to_owned(), self.of(&member.shape));
            }
        }
        Value::Object(object)
    }
}

fn any_operation() -> impl Strategy<Value = &'static Operation> {
    let all: Vec<_> = services().into_iter().flat_map(|it| it.operations()).collect();
    prop::sample::select(all)
}

/// As if found by its URI, with labels that fit.
fn matched(operation: &'static Operation, seed: u64) -> (Match, Map<String, Value>) {
    let mut values = Values { state: seed, noise: 0 };
    let mut labels = Vec::new();
    let mut expected = Map::new();
    for member in operation.members().iter().filter(|it| it.location == Location::Label) {
        let value = values.of(&member.shape);
        labels.push((member.wire, value.as_str().unwrap_or_default().to_owned()));
        expected.insert(member.name.to_owned(), value);
    }
    (Match { operation, labels }, expected)
}

proptest! {
    /// Nested members go by the same name on the wire and in the input in all models, so what is sent
    /// is what comes out.
    #[test]
    fn what_fits_the_model_is_taken_as_it_is(operation in any_operation(), seed: u64) {
        let body_only = operation.members().iter().all(|it| {
            !it.required || matches!(it.location, Location::Body | Location::Label | Location::Bytes)
        });
        let is_document = operation.members().iter().any(|it| it.location == Location::Document);
        prop_assume!(body_only && !is_document);
        let (matched, mut expected) = matched(operation, seed);
        let sent = Values { state: seed, noise: 0 }.members(operation.members(), |it| it.wire);
        let named = Values { state: seed, noise: 0 }.members(operation.members(), |it| it.name);
        expected.extend(named.as_object().cloned().unwrap_or_default());
        let input = operation.input(&matched, "", |_| None, sent.to_string().as_bytes());
        prop_assert_eq!(input, Ok(expected));
    }

    #[test]
    fn decoding_never_panics(
        operation in any_operation(),
        seed: u64,
        noise in 1_u64..40,
        query in "[a-zA-Z0-9=&%+,]{0,40}",
        text in ".{0,40}",
    ) {
        let (matched, _) = matched(operation, seed);
        let body = Values { state: seed, noise }.members(operation.members(), |it| it.wire);
        match operation.input(&matched, &query, |_| Some("x"), body.to_string().as_bytes()) {
            Ok(input) => prop_assert!(!input.values().any(Value::is_null)),
            Err(fault) => prop_assert_eq!(fault.status, 400),
        }
        let _ = operation.input(&matched, &query, |_| None, text.as_bytes());
    }

    #[test]
    fn finding_never_panics(method in "(GET|POST|PUT|[A-Z]{0,5})", path in ".{0,40}", query in ".{0,20}") {
        for service in services() {
            let _ = service.find(&method, &path, &query);
            let _ = service.find(&method, &format!("/restapis/{path}"), &query);
        }
    }
}
