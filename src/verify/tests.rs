//! Templates that people write, good ones and bad ones. A good one with a finding is a false alarm, which
//! teaches people not to read findings.

use super::*;
use serde_json::{Value, json};

fn found(text: &str, subject: &Subject<'_>) -> Vec<String> {
    let findings = template(text, subject);
    findings.iter().map(|it| format!("{}:{} {}", it.at.line, it.at.column, it.message)).collect()
}

fn json_subject() -> Subject<'static> {
    Subject { promise: Promise::Json, ..Subject::default() }
}

/// Amazon's own template for everything that a request has.
const PASSTHROUGH: &str = r##"##  See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {
    "account-id" : "$context.identity.accountId",
    "api-id" : "$context.apiId",
    "api-key" : "$context.identity.apiKey",
    "caller" : "$context.identity.caller",
    "cognito-identity-id" : "$context.identity.cognitoIdentityId",
    "http-method" : "$context.httpMethod",
    "stage" : "$context.stage",
    "source-ip" : "$context.identity.sourceIp",
    "user" : "$context.identity.user",
    "user-agent" : "$context.identity.userAgent",
    "user-arn" : "$context.identity.userArn",
    "request-id" : "$context.requestId",
    "resource-id" : "$context.resourceId",
    "resource-path" : "$context.resourcePath"
    }
}
"##;

#[test]
fn good_templates_have_no_findings() {
    let order = json!({
        "type": "object",
        "required": ["customer", "items"],
        "properties": {
            "customer": { "type": "string" },
            "note": { "type": "string" },
            "paid": { "type": "boolean" },
            "items": { "type": "array", "items": { "type": "object",
                "required": ["sku", "quantity"],
                "properties": { "sku": { "type": "string", "pattern": "^[A-Z]+$" },
                    "quantity": { "type": "integer" }, "price": { "type": "number" } } } },
        },
    });
    for (text, body) in [
        (PASSTHROUGH, None),
        ("$input.json('$')", None),
        ("$input.body", None),
        (r##"{"id": "$input.params('id')"}"##, None),
        (r##"{"name": $input.json('$.name'), "n": $input.path('$.n')}"##, None),
        (
            r##"{"name": "$util.escapeJavaScript($input.path('$.name')).replaceAll("\\'", "'")"}"##,
            None,
        ),
        (
            r##"{"TableName": "t", "Key": {"id": {"S": "$util.escapeJavaScript($input.params('id'))"}}}"##,
            None,
        ),
        (
            r##"#set($root = $input.path('$'))
{ "items": [
#foreach($item in $root.Items)
  { "id": "$util.escapeJavaScript($item.id.S)", "count": $item.count.N }#if($foreach.hasNext),#end
#end
] }"##,
            None,
        ),
        ("#set($x = $input.path('$.x'))#if($x == $null){}#{else}{\"x\": 1}#end", None),
        (r##"#if($input.path('$.a') == $null){}#else{"a": 1}#end"##, None),
        (
            r##"#set($context.responseOverride.status = 404)
#set($context.requestOverride.header.X-A = "b")
{"message": "none"}"##,
            None,
        ),
        (
            r##"#macro(text $name)"$util.escapeJavaScript($name)"#end{"a": #text($input.path('$.a'))}"##,
            None,
        ),
        (r##"#define($rest)"b": 2#end{"a": 1, $rest}"##, None),
        (
            r##"#set($total = 0)#foreach($i in [1..10])#set($total = $total + $i)#end{"total": $total}"##,
            None,
        ),
        (
            r##"{"a": "#if($input.params('q') != '')yes#{else}no#end", "when": $context.requestTimeEpoch}"##,
            None,
        ),
        (
            r##"{"input": "$util.escapeJavaScript($input.json('$'))", "stateMachineArn": "arn"}"##,
            None,
        ),
        (
            r##"{"sub": "$context.requestId", "map": $input.json('$.map.keys'), "first": $input.json('$.list[0]')}"##,
            None,
        ),
        (
            r##"#set($map = {"a": "b"})#set($d = $map.put("c", 1)){"c": $map.c, "size": $map.size()}"##,
            None,
        ),
        (
            r##"{"list": [#foreach($k in $input.path('$').keySet())"$k"#if($foreach.hasNext),#end#end]}"##,
            None,
        ),
        (
            r##"#set($order = $input.path('$'))
{
  "customer": "$util.escapeJavaScript($order.customer)",
#if($order.note)
  "note": "$util.escapeJavaScript($order.note)",
#end
  "lines": [#foreach($item in $order.items){"sku": "$item.sku", "n": $item.quantity}#if($foreach.hasNext),#end#end]
}"##,
            Some(&order),
        ),
        (r##"{"paid": $input.json('$.paid'), "items": $input.json('$.items')}"##, Some(&order)),
    ] {
        let subject = Subject { body, path: vec!["id".into()], ..json_subject() };
        assert_eq!(found(text, &subject), [""; 0], "{text}");
    }
}

/// A template, its schema, and what must be found: line and column, and words.
#[test]
fn bad_templates_are_found_where_they_are_wrong() {
    let person = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string" }, "age": { "type": "integer" },
            "tags": { "type": "array", "items": { "type": "string" } } },
    });
    let cases: &[(&str, Option<&Value>, &str)] = &[
        (r##"{"a": $root.a}"##, None, "1:7 `$root.a` is never set"),
        ("{}\n#set($rot = $input.path('$'))\n$root.a", None, "3:1 `$root.a` is never set"),
        (r##"{"a": "$context.sourceIp"}"##, None, "1:8 `$context.sourceIp` is always nothing"),
        (r##"{"a": "$context.identity.sourceIP"}"##, None, "did you mean `sourceIp`?"),
        (r##"{"a": "$context.requestid"}"##, None, "did you mean `requestId`?"),
        (r##"{"a": "$context.error.message"}"##, None, "only gateway responses know of errors"),
        (r##"{"a": "$context.authorizer.principalId"}"##, None, "the method has no authorizer"),
        (
            r##"{"a": "$stageVariables.hots"}"##,
            None,
            "the stage has no variable `hots`; it has `host`",
        ),
        (
            r##"{"a": "$input.params().path.ide"}"##,
            None,
            "the path has no parameter `ide`; it has `id`",
        ),
        (
            r##"{"a": "$util.escapeJavaScript($input.params('pgae'))"}"##,
            None,
            "did you mean `page`?",
        ),
        (r##"{"a": "$input.path('$.a')"}"##, None, "1:8 `$input.path('$.a')` may hold quotes"),
        (r##"{"a": "$input.params('page')"}"##, None, "may hold quotes"),
        (
            "#set($r = $input.path('$'))\n{\"a\": \"$r.a\"}",
            None,
            "2:8 the value of `$r.a` may hold",
        ),
        (
            "#set($r = $input.path('$'))[#foreach($i in $r.l)\"$i.x\"#end]",
            None,
            "the value of `$i.x`",
        ),
        (r##"{"a": "$input.json('$.a')"}"##, None, "brings its own quotes"),
        (r##"{"name": "$input.path('$.name')"}"##, Some(&person), "may hold quotes"),
        (r##"{"name": $input.path('$.name')}"##, Some(&person), "the output is no JSON"),
        (
            r##"{"age": $input.path('$.age')}"##,
            Some(&person),
            "with nothing but what is required, the output is no JSON",
        ),
        (
            r##"{"t": [1#foreach($t in $input.path('$.tags')),$input.json('$.age')#end,]}"##,
            Some(&person),
            "with a value for everything, the output is no JSON",
        ),
        (r##"{"first": "$input.path('$.tags').get(0).length()"}"##, Some(&person), "it fails: get"),
        (r##"{"a": 1,}"##, None, "the output is no JSON: trailing comma"),
        (r##"{"a": 1"##, None, "the output is no JSON: EOF"),
        (r##"{"a": $input.path('$.a').foo()}"##, None, "calls a method that no value has"),
        ("#parse('other.vm'){}", None, "1:1 `#parse` fails"),
        (
            "[#foreach($i in [1..5000])$i,#end 0]",
            None,
            "a loop of 5000 rounds ends silently after 1000",
        ),
        ("#macro(again)#again()#end#again(){}", None, "it does not end in time"),
        (
            "#foreach($i in [1..900])#foreach($j in [1..900])#set($x = $j)#end#end{}",
            None,
            "it does not end in time",
        ),
        ("#if($input.path('$.a')\n{}", None, "expected `)`"),
        (
            "#set($context.responseOverride.status = 1)#set($context.responseOverride.status = 2){}",
            None,
            "set a second time",
        ),
        (r##"{"x": $input.path('$[')}"##, None, "is not a JSONPath"),
    ];
    for (text, body, expected) in cases {
        let subject = Subject {
            body: *body,
            path: vec!["id".into()],
            querystring: vec![("page".into(), true)],
            stage_variables: Some(vec!["host"]),
            ..json_subject()
        };
        let found = found(text, &subject);
        assert!(found.iter().any(|it| it.contains(expected)), "{text}: {expected} in {found:?}");
    }
}

#[test]
fn a_mock_must_say_its_status() {
    let subject = Subject { promise: Promise::Status, ..Subject::default() };
    for (text, is_good) in [
        (r##"{"statusCode": 200}"##, true),
        (
            "{\n  \"statusCode\": #if($input.params('scope') == 'internal')200#{else}500#end\n}",
            true,
        ),
        (r##"{"status": 200}"##, false),
        (r##"{"statusCode": "$input.params('x')"}"##, false),
    ] {
        assert_eq!(found(text, &subject).is_empty(), is_good, "{text}");
    }
}

#[test]
fn optional_parameters_may_be_missing() {
    let subject = |is_required| Subject {
        querystring: vec![("limit".into(), is_required)],
        ..json_subject()
    };
    let text = r##"{"limit": $input.params('limit')}"##;
    assert_eq!(found(text, &subject(true)), [""; 0]);
    let findings = found(text, &subject(false));
    assert!(findings[0].starts_with("1:11 with nothing but what is required"), "{findings:?}");
    let text =
        r##"{"limit": #if($input.params('limit') != "")$input.params('limit')#{else}10#end}"##;
    assert_eq!(found(text, &subject(false)), [""; 0]);
}

#[test]
fn models_may_refer_to_each_other_and_to_themselves() {
    let node = json!({
        "type": "object",
        "properties": { "name": { "type": "string" },
            "next": { "$ref": "https://apigateway.amazonaws.com/restapis/a/models/Node" } },
    });
    let models = [("Node".to_owned(), node.clone())].into();
    let subject = Subject { body: Some(&node), models: Some(&models), ..json_subject() };
    assert_eq!(found("{\"n\": $input.json('$.next.next.name')}", &subject), [""; 0]);
    let findings = found("{\"n\": \"$input.path('$.next.next.name')\"}", &subject);
    assert!(findings[0].contains("may hold quotes"), "{findings:?}");
}

#[test]
fn gateway_responses_are_text_with_variables() {
    let subject = Subject { stage_variables: Some(vec!["host"]), ..json_subject() };
    for (text, expected) in [
        ("{\"message\":$context.error.messageString}", None),
        (
            "{\"message\": \"$context.error.message\", \"t\": \"$context.error.responseType\", \"s\": \"$stageVariables.host\"}",
            None,
        ),
        (
            "{\"a\": \"$context.requestId\", \"p\": \"$method.request.path.id\", \"c\": \"$5\"}",
            None,
        ),
        ("{\"id\": \"${context.requestId}\"}", None),
        (
            "{\"m\": \"$context.error.messageString\"}",
            Some("1:8 `$context.error.messageString` brings its own quotes"),
        ),
        ("{\"m\": \"$context.error.validationErrorString\"}", Some("holds quotes")),
        ("#set($x = 1){\"m\": 1}", Some("no directives")),
        ("{\"m\": \"$context.eror.message\"}", Some("did you mean `error`")),
        ("{\"m\": \"$context.error.mesage\"}", Some("$context.error has no `mesage`")),
        ("{\"m\": $input.json('$')}", Some("is text here")),
        ("{\"m\": \"$stageVariables.hots\"}", Some("no variable `hots`")),
        ("{\"m\": 1,}", Some("the content is no JSON")),
    ] {
        let findings = gateway_response::check(text, &subject);
        match expected {
            None => assert_eq!(findings, [], "{text}"),
            Some(expected) => {
                let found: Vec<_> = findings
                    .iter()
                    .map(|it| format!("{}:{} {}", it.at.line, it.at.column, it.message))
                    .collect();
                assert!(found.iter().any(|it| it.contains(expected)), "{text}: {found:?}");
            }
        }
    }
}

/// A definition with so many methods, each with a request template.
fn many(count: usize, text: &str) -> crate::resources::rest_stage::Definition {
    use crate::resources::rest::{Integration, Method, Resource};
    let resource = |index: usize| {
        let integration = Integration {
            r#type: "HTTP".into(),
            request_templates: [("application/json".to_owned(), Some(text.to_owned()))].into(),
            ..Integration::default()
        };
        let method = Method { method_integration: Some(integration), ..Method::default() };
        Resource {
            path: format!("/r{index}"),
            resource_methods: [("POST".to_owned(), method)].into(),
            ..Resource::default()
        }
    };
    crate::resources::rest_stage::Definition {
        resources: (0..count).map(|index| resource(index).into()).collect(),
        ..Default::default()
    }
}

#[test]
fn a_definition_is_looked_through_up_to_a_bound() {
    let bound = super::definition::TEMPLATES_MAX;
    assert_eq!(definition(&many(3, PASSTHROUGH), None), Findings::default());
    let Findings { found, left_out } = definition(&many(bound, "$a.b.c $x"), None);
    assert_eq!((found.len(), left_out), (bound * 2, 0));
    let Findings { found, left_out } = definition(&many(bound + 2, "$x"), None);
    assert_eq!((found.len(), left_out), (bound, 2));
    assert_eq!(found[0].place, "POST /r0, request template for application/json");
}

proptest::proptest! {
    #[test]
    fn any_text_and_schema_are_taken(
        text in "[\\x20-\\x7e\n]{0,80}",
        directive in "(#set\\(\\$a = \\$input.path\\('\\$.[a-c]'\\)\\)|#foreach\\(\\$i in \\$a\\)\\$i#end|\"\\$a\"|\\{|\\}){0,6}",
    ) {
        let schema = json!({"type": ["object", "null"], "properties": {"a": {"type": "array", "minItems": 3}}});
        let subject = Subject { body: Some(&schema), ..json_subject() };
        template(&text, &subject);
        template(&directive, &subject);
        gateway_response::check(&text, &subject);
    }
}
