//! Integrations by protocol and type: defaults, what is refused, updates in Terraform's way.

use crate::aws::Fault;
use crate::management::fixture::Fixture;
use crate::resources::Draft;
use crate::resources::account::{HttpVpcLink, VpcLink};
use serde_json::{Value, json};

const HTTP: &str = "HTTP";
const WEB_SOCKET: &str = "WEBSOCKET";

struct Api {
    fixture: Fixture,
    id: String,
}

impl Api {
    fn new(protocol: &str) -> Self {
        let mut fixture = Fixture::new();
        let mut draft = Draft::new(&fixture.state, "us-east-1");
        draft.put("", "link01", HttpVpcLink { vpc_link_id: "link01".into(), ..Default::default() });
        draft.put("", "link02", VpcLink { id: "link02".into(), ..Default::default() });
        let (touched, _) = draft.finish();
        fixture.state.apply(touched);
        let mut input = json!({"name": "a", "protocolType": protocol});
        if protocol == WEB_SOCKET {
            input["routeSelectionExpression"] = "$request.body.action".into();
        }
        let api = fixture.v2("CreateApi", input).unwrap();
        Self { fixture, id: api["apiId"].as_str().unwrap().to_owned() }
    }

    fn call(&mut self, operation: &str, mut input: Value) -> Result<Value, Fault> {
        input["apiId"] = self.id.clone().into();
        self.fixture.v2(operation, input)
    }

    fn create(&mut self, input: Value) -> Value {
        self.call("CreateIntegration", input).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, input: Value) -> String {
        let fault = self.call("CreateIntegration", input).unwrap_err();
        assert_eq!((fault.status, fault.kind), (400, "BadRequestException"));
        fault.message
    }
}

fn with(base: &Value, members: &Value) -> Value {
    let mut input = base.clone();
    for (name, value) in members.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

fn proxy() -> Value {
    json!({"integrationType": "HTTP_PROXY", "integrationMethod": "ANY", "integrationUri": "http://www.example.com"})
}

fn lambda() -> Value {
    json!({
        "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0",
        "integrationUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations",
    })
}

fn sqs() -> Value {
    json!({
        "integrationType": "AWS_PROXY", "integrationSubtype": "SQS-SendMessage",
        "credentialsArn": "arn:aws:iam::000000000000:role/r", "payloadFormatVersion": "1.0",
        "passthroughBehavior": "WHEN_NO_MATCH", "connectionType": "INTERNET",
        "requestParameters": {
            "QueueUrl": "http://queue/1", "MessageBody": "$request.body",
            "MessageGroupId": "$request.body.authentication_key",
        },
    })
}

/// The values that Terraform's own tests expect of AWS, for each kind; Terraform sends
/// `passthroughBehavior` always.
#[test]
fn each_kind_has_its_defaults() {
    let terraform = json!({"passthroughBehavior": "WHEN_NO_MATCH", "payloadFormatVersion": "1.0"});
    for (protocol, input, expected) in [
        (
            HTTP,
            with(&terraform, &proxy()),
            json!({"connectionType": "INTERNET", "payloadFormatVersion": "1.0", "timeoutInMillis": 30000}),
        ),
        (
            HTTP,
            with(&terraform, &lambda()),
            json!({
                "connectionType": "INTERNET", "payloadFormatVersion": "2.0", "timeoutInMillis": 30000,
                "integrationMethod": "POST",
            }),
        ),
        (HTTP, sqs(), json!({"timeoutInMillis": 30000, "payloadFormatVersion": "1.0"})),
        (
            WEB_SOCKET,
            json!({"integrationType": "MOCK"}),
            json!({
                "connectionType": "INTERNET", "payloadFormatVersion": "1.0", "timeoutInMillis": 29000,
                "passthroughBehavior": "WHEN_NO_MATCH",
                "integrationResponseSelectionExpression": "${integration.response.statuscode}",
            }),
        ),
        (
            WEB_SOCKET,
            json!({"integrationType": "AWS", "integrationUri": "arn:aws:lambda:us-east-1:000000000000:function:f"}),
            json!({
                "connectionType": "INTERNET", "payloadFormatVersion": "1.0", "timeoutInMillis": 29000,
                "passthroughBehavior": "WHEN_NO_MATCH", "integrationMethod": "POST",
                "integrationResponseSelectionExpression": "${integration.response.body.errorMessage}",
            }),
        ),
        (
            WEB_SOCKET,
            with(&proxy(), &json!({"passthroughBehavior": "NEVER"})),
            json!({
                "connectionType": "INTERNET", "payloadFormatVersion": "1.0", "timeoutInMillis": 29000,
                "passthroughBehavior": "NEVER",
            }),
        ),
    ] {
        let mut api = Api::new(protocol);
        let integration = api.create(input.clone());
        let mut expected = with(&input, &expected);
        expected["integrationId"] = integration["integrationId"].clone();
        expected["connectionType"] = "INTERNET".into();
        if protocol == HTTP {
            expected.as_object_mut().unwrap().remove("passthroughBehavior");
        }
        assert_eq!(integration, expected);
        assert_eq!(integration["integrationId"].as_str().unwrap().len(), 7);
        let one = json!({"integrationId": integration["integrationId"]});
        assert_eq!(api.call("GetIntegration", one).unwrap(), expected);
        let all = api.call("GetIntegrations", json!({})).unwrap();
        assert_eq!(all, json!({"items": [expected]}));
    }
}

#[test]
fn what_an_http_api_cannot_have_is_refused() {
    let mut api = Api::new(HTTP);
    let only_proxies = "Currently, an API with a protocol type of HTTP may only be associated with proxy integrations (AWS_PROXY, HTTP_PROXY)";
    for kind in ["AWS", "HTTP", "MOCK"] {
        assert_eq!(api.refused(json!({"integrationType": kind})), only_proxies);
    }
    for (base, member, value, message) in [
        (proxy(), "timeoutInMillis", json!(49), "Timeout should be between 50 ms and 30000 ms"),
        (proxy(), "timeoutInMillis", json!(30001), "Timeout should be between 50 ms and 30000 ms"),
        (
            proxy(),
            "payloadFormatVersion",
            json!("2.0"),
            "PayloadFormatVersion 2.0 is not supported for integration of type HTTP_PROXY",
        ),
        (lambda(), "payloadFormatVersion", json!("3.0"), "Unsupported PayloadFormatVersion: 3.0"),
        (
            lambda(),
            "payloadFormatVersion",
            json!(""),
            "PayloadFormatVersion is a required parameter for integration",
        ),
        (
            proxy(),
            "integrationMethod",
            json!(""),
            "HttpMethod parameter method must be specified for integrationType HTTPPROXY",
        ),
        (proxy(), "integrationMethod", json!("FETCH"), "Invalid HTTP method specified: FETCH"),
        (proxy(), "integrationUri", json!(""), "Invalid HTTP endpoint specified for URI"),
        (
            proxy(),
            "integrationUri",
            json!("www.example.com"),
            "Invalid HTTP endpoint specified for URI",
        ),
        (lambda(), "integrationUri", json!("f"), "Invalid integration URI specified: f"),
        (
            proxy(),
            "connectionType",
            json!("VPC_LINK"),
            "ConnectionId must be set to vpcLinkId for ConnectionType VPC_LINK",
        ),
        (
            proxy(),
            "tlsConfig",
            json!({"serverNameToVerify": "a"}),
            "TlsConfig is supported only for private integrations",
        ),
        (
            proxy(),
            "contentHandlingStrategy",
            json!("CONVERT_TO_TEXT"),
            "ContentHandlingStrategy is not supported on protocolType HTTP",
        ),
        (
            proxy(),
            "requestTemplates",
            json!({"application/json": ""}),
            "RequestTemplates is not supported on protocolType HTTP",
        ),
        (
            proxy(),
            "integrationSubtype",
            json!("SQS-SendMessage"),
            "IntegrationSubtype is supported only for AWS_PROXY integrations of HTTP APIs",
        ),
        (
            proxy(),
            "responseParameters",
            json!({"99": {"overwrite:header.a": "b"}}),
            "Status Code 99 is not valid",
        ),
        (
            proxy(),
            "requestParameters",
            json!({"append:header.via": "b"}),
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Operations on header via are restricted]",
        ),
    ] {
        assert_eq!(api.refused(with(&base, &json!({ member: value }))), message);
    }
    for milliseconds in [50, 30000] {
        api.create(with(&proxy(), &json!({"timeoutInMillis": milliseconds})));
    }
    for uri in ["https://${stageVariables.host}/a", "${stageVariables.url}"] {
        api.create(with(&proxy(), &json!({"integrationUri": uri})));
    }
    let all = api.call("GetIntegrations", json!({})).unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 4, "refused ones leave nothing");
}

#[test]
fn what_a_web_socket_api_cannot_have_is_refused() {
    let mut api = Api::new(WEB_SOCKET);
    for (base, members, message) in [
        (
            proxy(),
            json!({"timeoutInMillis": 29001}),
            "Timeout should be between 50 ms and 29000 ms",
        ),
        (lambda(), json!({}), "Unsupported PayloadFormatVersion: 2.0"),
        (
            sqs(),
            json!({}),
            "IntegrationSubtype is supported only for AWS_PROXY integrations of HTTP APIs",
        ),
        (
            json!({"integrationType": "MOCK"}),
            json!({"connectionType": "VPC_LINK", "connectionId": "link02"}),
            "ConnectionType VPC_LINK is supported only for HTTP integrations",
        ),
        (
            proxy(),
            json!({"requestParameters": {"append:header.a": "b"}}),
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: append:header.a]",
        ),
    ] {
        assert_eq!(api.refused(with(&base, &members)), message);
    }
    assert_eq!(
        api.create(with(&proxy(), &json!({"timeoutInMillis": 29000})))["timeoutInMillis"],
        29000
    );
}

#[test]
fn private_integrations_name_a_link_of_their_protocol() {
    for (protocol, link, other) in [(HTTP, "link01", "link02"), (WEB_SOCKET, "link02", "link01")] {
        let mut api = Api::new(protocol);
        let private = with(&proxy(), &json!({"connectionType": "VPC_LINK", "connectionId": link}));
        assert_eq!(api.create(private.clone())["connectionId"], link);
        let wrong = with(&private, &json!({"connectionId": other}));
        assert_eq!(api.refused(wrong), format!("Invalid VpcLink identifier specified {other}"));
        let open = with(&private, &json!({"connectionId": "${stageVariables.link}"}));
        api.create(open);
    }
    let mut api = Api::new(HTTP);
    let listener = json!({
        "connectionType": "VPC_LINK", "connectionId": "link01", "timeoutInMillis": 29001,
        "integrationUri": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/net/a/b/c",
        "tlsConfig": {"serverNameToVerify": "www.example.com"},
    });
    let integration = api.create(with(&proxy(), &listener));
    assert_eq!(integration["tlsConfig"], json!({"serverNameToVerify": "www.example.com"}));
    // Terraform without the block.
    let update = json!({"integrationId": integration["integrationId"], "integrationType": "HTTP_PROXY", "tlsConfig": {}});
    assert_eq!(api.call("UpdateIntegration", update).unwrap().get("tlsConfig"), None);
}

#[test]
fn mappings_are_updated_in_terraforms_way() {
    let mut api = Api::new(HTTP);
    let mappings = json!({
        "requestParameters": {
            "append:header.header1": "$context.requestId", "remove:querystring.qs1": "''"
        },
        "responseParameters": {
            "500": {"append:header.header1": "$context.requestId", "overwrite:statuscode": "403"},
            "404": {"append:header.error": "$stageVariables.environmentId"},
        },
    });
    let integration = api.create(with(&proxy(), &mappings));
    assert_eq!(integration["requestParameters"], mappings["requestParameters"]);
    assert_eq!(integration["responseParameters"], mappings["responseParameters"]);

    let update = json!({
        "integrationId": integration["integrationId"], "integrationType": "HTTP_PROXY",
        "requestParameters": {
            "append:header.header1": "$context.accountId",
            "overwrite:header.header2": "$stageVariables.environmentId",
            "remove:querystring.qs1": "",
        },
        "responseParameters": {"404": {}, "500": {"overwrite:statuscode": "403", "append:header.a": ""}},
    });
    let updated = api.call("UpdateIntegration", update).unwrap();
    let expected = json!({
        "append:header.header1": "$context.accountId",
        "overwrite:header.header2": "$stageVariables.environmentId",
    });
    assert_eq!(updated["requestParameters"], expected);
    let expected = json!({"500": {"overwrite:statuscode": "403"}});
    assert_eq!(updated["responseParameters"], expected);
    assert_eq!(updated["integrationMethod"], "ANY", "what is not named stays");
    let cleared = json!({
        "integrationId": integration["integrationId"],
        "requestParameters": {"append:header.header1": "", "overwrite:header.header2": ""},
        "responseParameters": {"500": {}},
    });
    let cleared = api.call("UpdateIntegration", cleared).unwrap();
    let gone = (cleared.get("requestParameters"), cleared.get("responseParameters"));
    assert_eq!(gone, (None, None));
}

#[test]
fn templates_are_replaced_whole() {
    let mut api = Api::new(WEB_SOCKET);
    let base = json!({
        "integrationType": "HTTP", "integrationMethod": "GET", "integrationUri": "http://www.example.com",
        "contentHandlingStrategy": "CONVERT_TO_TEXT", "description": "Test HTTP",
        "templateSelectionExpression": "$request.body.name", "timeoutInMillis": 28999,
        "requestParameters": {"integration.request.querystring.stage": "'value1'"},
        "requestTemplates": {"application/json": ""},
    });
    let integration = api.create(base);
    assert_eq!(integration["requestTemplates"], json!({"application/json": ""}));
    let update = json!({
        "integrationId": integration["integrationId"], "integrationType": "HTTP", "description": "",
        "integrationMethod": "POST", "timeoutInMillis": 51, "passthroughBehavior": "WHEN_NO_TEMPLATES",
        "requestParameters": {
            "integration.request.querystring.stage": "",
            "integration.request.header.x-userid": "'value2'",
        },
        "requestTemplates": {"application/xml": "#set($a=1)"},
    });
    let updated = api.call("UpdateIntegration", update).unwrap();
    assert_eq!(updated["requestTemplates"], json!({"application/xml": "#set($a=1)"}));
    let expected = json!({"integration.request.header.x-userid": "'value2'"});
    assert_eq!(updated["requestParameters"], expected);
    assert_eq!(updated["passthroughBehavior"], "WHEN_NO_TEMPLATES");
    assert_eq!((updated.get("description"), &updated["timeoutInMillis"]), (None, &json!(51)));
}

#[test]
fn the_expression_follows_the_type() {
    let mut api = Api::new(WEB_SOCKET);
    let integration = api.create(json!({"integrationType": "MOCK"}));
    let update = json!({
        "integrationId": integration["integrationId"], "integrationType": "AWS",
        "integrationUri": "arn:aws:apigateway:us-east-1:sqs:path/1/q",
    });
    let updated = api.call("UpdateIntegration", update).unwrap();
    assert_eq!(
        updated["integrationResponseSelectionExpression"],
        "${integration.response.body.errorMessage}"
    );
}

#[test]
fn every_action_names_what_it_misses() {
    let mut api = Api::new(HTTP);
    let base = json!({"integrationType": "AWS_PROXY", "credentialsArn": "arn:aws:iam::1:role/r"});
    for (subtype, required) in [
        ("EventBridge-PutEvents", "Detail, DetailType, Source"),
        ("SQS-SendMessage", "QueueUrl, MessageBody"),
        ("SQS-ReceiveMessage", "QueueUrl"),
        ("SQS-DeleteMessage", "QueueUrl, ReceiptHandle"),
        ("SQS-PurgeQueue", "QueueUrl"),
        ("AppConfig-GetConfiguration", "Application, Environment, Configuration, ClientId"),
        ("Kinesis-PutRecord", "StreamName, Data, PartitionKey"),
        ("StepFunctions-StartExecution", "StateMachineArn"),
        ("StepFunctions-StartSyncExecution", "StateMachineArn"),
        ("StepFunctions-StopExecution", "ExecutionArn"),
    ] {
        let mut input = with(&base, &json!({ "integrationSubtype": subtype }));
        let message = format!(
            "Operation: {subtype} requires enabling passthrough, or defining all of the following parameters: [{required}]"
        );
        assert_eq!(api.refused(input.clone()), message);
        input["requestParameters"] =
            required.split(", ").map(|name| (name.to_owned(), json!("$request.body.a"))).collect();
        input["requestParameters"]["Region"] = "eu-west-1".into();
        api.create(input);
    }
}

#[test]
fn every_action_takes_its_other_parameters_and_no_others() {
    let mut api = Api::new(HTTP);
    for (subtype, required, optional) in [
        (
            "EventBridge-PutEvents",
            "Detail DetailType Source",
            "Time EventBusName Resources TraceHeader",
        ),
        (
            "SQS-SendMessage",
            "QueueUrl MessageBody",
            "DelaySeconds MessageAttributes MessageDeduplicationId MessageGroupId MessageSystemAttributes",
        ),
        (
            "SQS-ReceiveMessage",
            "QueueUrl",
            "AttributeNames MaxNumberOfMessages MessageAttributeNames ReceiveRequestAttemptId VisibilityTimeout WaitTimeSeconds",
        ),
        ("SQS-DeleteMessage", "QueueUrl ReceiptHandle", ""),
        ("SQS-PurgeQueue", "QueueUrl", ""),
        (
            "AppConfig-GetConfiguration",
            "Application Environment Configuration ClientId",
            "ClientConfigurationVersion",
        ),
        (
            "Kinesis-PutRecord",
            "StreamName Data PartitionKey",
            "SequenceNumberForOrdering ExplicitHashKey",
        ),
        ("StepFunctions-StartExecution", "StateMachineArn", "Name Input"),
        ("StepFunctions-StartSyncExecution", "StateMachineArn", "Name Input TraceHeader"),
        ("StepFunctions-StopExecution", "ExecutionArn", "Cause Error"),
    ] {
        let names = required.split_whitespace().chain(optional.split_whitespace());
        let all: Value =
            names.chain(["Region"]).map(|name| (name.to_owned(), json!("a"))).collect();
        let base = json!({
            "integrationType": "AWS_PROXY", "integrationSubtype": subtype,
            "credentialsArn": "arn:aws:iam::1:role/r",
        });
        api.create(with(&base, &json!({ "requestParameters": all })));
        let more = with(&all, &json!({ "Other": "a" }));
        let message = format!("Parameter: Other does not fit schema for Operation: {subtype}.");
        assert_eq!(api.refused(with(&base, &json!({ "requestParameters": more }))), message);
        for name in required.split_whitespace() {
            let mut less = all.clone();
            less.as_object_mut().unwrap().remove(name);
            let message = api.refused(with(&base, &json!({ "requestParameters": less })));
            assert!(message.contains("defining all of the following"), "{subtype} {name}");
        }
    }
}

#[test]
fn what_an_action_cannot_have_is_refused() {
    let mut api = Api::new(HTTP);
    for (members, message) in [
        (
            json!({"integrationSubtype": "S3-PutObject"}),
            "Operation: S3-PutObject is not supported.",
        ),
        (json!({"payloadFormatVersion": "2.0"}), "Operation: SQS-SendMessage is not supported."),
        (
            json!({"credentialsArn": ""}),
            "Role ARN must be specified for AWS integration configuration with Subtype: SQS-SendMessage",
        ),
        (
            json!({"integrationMethod": "POST"}),
            "IntegrationMethod must not be specified for AWS integration configuration with Subtype: SQS-SendMessage",
        ),
        (
            json!({"requestParameters": {"QueueUrl": "a", "MessageBody": "b", "Body": "c"}}),
            "Parameter: Body does not fit schema for Operation: SQS-SendMessage.",
        ),
        (
            json!({"requestParameters": {"QueueUrl": "a", "MessageBody": "$body"}}),
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: $body]",
        ),
    ] {
        assert_eq!(api.refused(with(&sqs(), &members)), message);
    }
    let integration = api.create(sqs());
    // Terraform resends the subtype and all parameters.
    let update = json!({
        "integrationId": integration["integrationId"], "integrationType": "AWS_PROXY",
        "integrationSubtype": "SQS-SendMessage",
        "requestParameters": with(&sqs()["requestParameters"], &json!({"QueueUrl": "http://queue/2"})),
    });
    let updated = api.call("UpdateIntegration", update).unwrap();
    assert_eq!(updated["requestParameters"]["QueueUrl"], "http://queue/2");
    let broken = json!({
        "integrationId": integration["integrationId"], "requestParameters": {"MessageBody": ""}
    });
    assert_eq!(api.call("UpdateIntegration", broken).unwrap_err().status, 400);
}

#[test]
fn an_unknown_integration_is_told() {
    let mut api = Api::new(WEB_SOCKET);
    let unknown = json!({"integrationId": "unknown", "integrationResponseId": "a"});
    for operation in [
        "GetIntegration",
        "UpdateIntegration",
        "DeleteIntegration",
        "GetIntegrationResponses",
        "CreateIntegrationResponse",
    ] {
        let fault = api.call(operation, unknown.clone()).unwrap_err();
        let message = "Invalid Integration identifier specified unknown";
        assert_eq!((fault.status, &*fault.message), (404, message));
    }
}

#[test]
fn responses_of_an_integration_have_distinct_keys() {
    let mut api = Api::new(WEB_SOCKET);
    let integration = api.create(json!({"integrationType": "MOCK"}))["integrationId"].clone();
    let before = api.fixture.state.len();
    for key in ["", "200", "/", "//", "/2"] {
        let input = json!({"integrationId": integration, "integrationResponseKey": key});
        let fault = api.call("CreateIntegrationResponse", input).unwrap_err();
        assert!(fault.message.starts_with("Invalid integration response key specified"), "{key}");
    }
    let input = json!({
        "integrationId": integration, "integrationResponseKey": "/200/",
        "responseTemplates": {"application/json": "a"}, "templateSelectionExpression": "$request.body.name",
    });
    let response = api.call("CreateIntegrationResponse", input.clone()).unwrap();
    let id = response["integrationResponseId"].clone();
    let mut expected = input.clone();
    expected.as_object_mut().unwrap().remove("integrationId");
    expected["integrationResponseId"] = id.clone();
    assert_eq!(response, expected);
    let fault = api.call("CreateIntegrationResponse", input).unwrap_err();
    assert_eq!((fault.status, fault.kind), (409, "ConflictException"));
    let default = json!({"integrationId": integration, "integrationResponseKey": "$default"});
    api.call("CreateIntegrationResponse", default).unwrap();

    let one = json!({"integrationId": integration, "integrationResponseId": id});
    assert_eq!(api.call("GetIntegrationResponse", one.clone()).unwrap(), expected);
    let update = with(&one, &json!({"responseTemplates": {}, "templateSelectionExpression": ""}));
    let updated = api.call("UpdateIntegrationResponse", update).unwrap();
    let expected = json!({"integrationResponseId": id, "integrationResponseKey": "/200/"});
    assert_eq!(updated, expected);
    let taken = with(&one, &json!({"integrationResponseKey": "$default"}));
    assert_eq!(api.call("UpdateIntegrationResponse", taken).unwrap_err().status, 409);
    assert_eq!(api.call("DeleteIntegrationResponse", one.clone()).unwrap(), Value::Null);
    let gone = format!("Invalid IntegrationResponse identifier specified {}", id.as_str().unwrap());
    assert_eq!(api.call("GetIntegrationResponse", one).unwrap_err().message, gone);

    api.call("DeleteIntegration", json!({"integrationId": integration})).unwrap();
    assert_eq!(api.fixture.state.len(), before - 1, "its responses go with it");
}
