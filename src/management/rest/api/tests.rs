//! REST APIs as the service's model and recorded answers describe them.

use super::super::super::fixture::Fixture;
use super::super::sample::{Sample, merged, patch, refusal};
use crate::resources::domain::{ApiMapping, DomainName};
use crate::resources::rest::{
    Authorizer, EndpointConfiguration, GatewayResponse, Model, RequestValidator, Resource, RestApi,
};
use crate::resources::rest_stage::{Deployment, Stage};
use crate::resources::usage::{ApiStage, UsagePlan};
use crate::resources::{Draft, Entity};
use serde_json::{Value, json};

fn store<T: Entity>(fixture: &mut Fixture, owner: &str, id: &str, noun: T) {
    let mut draft = Draft::new(&fixture.state, &fixture.region);
    draft.put(owner, id, noun);
    let (touched, _) = draft.finish();
    fixture.state.apply(touched);
}

fn create(members: Value) -> Result<Value, crate::aws::Fault> {
    Fixture::new().v1("CreateRestApi", merged(json!({"name": "pets"}), members))
}

fn update(sample: &mut Sample, operation: (&str, &str, Option<&str>)) -> Value {
    sample.call("UpdateRestApi", patch(&[operation])).unwrap()
}

fn refused_update(sample: &mut Sample, operation: (&str, &str, Option<&str>)) -> (u16, String) {
    refusal(sample.call("UpdateRestApi", patch(&[operation])))
}

#[test]
fn a_new_api_has_amazons_defaults_and_no_more() {
    let api = create(json!({})).unwrap();
    let (id, root) = (api["id"].as_str().unwrap(), api["rootResourceId"].as_str().unwrap());
    assert_eq!((id.len(), root.len()), (10, 10));
    assert_eq!(
        api,
        json!({
            "id": id,
            "name": "pets",
            "createdDate": 1_772_359_200,
            "apiKeySource": "HEADER",
            "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
            "disableExecuteApiEndpoint": false,
            "rootResourceId": root,
        })
    );
}

#[test]
fn what_is_given_is_shown() {
    let given = json!({
        "description": "d", "version": "v1", "binaryMediaTypes": ["image/png", "a/b"],
        "minimumCompressionSize": 10_485_760, "apiKeySource": "AUTHORIZER",
        "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "dualstack"},
        "tags": {"a": "b"}, "disableExecuteApiEndpoint": true,
        "securityPolicy": "SecurityPolicy_TLS13_1_3_2025_09", "endpointAccessMode": "STRICT",
    });
    let api = create(given.clone()).unwrap();
    for (member, value) in given.as_object().unwrap() {
        assert_eq!(&api[member], value, "{member}");
    }
    assert_eq!(create(json!({"binaryMediaTypes": []})).unwrap().get("binaryMediaTypes"), None);
}

#[test]
fn a_private_api_is_reached_by_both_kinds_of_addresses() {
    let endpoint = json!({"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]});
    let api = create(json!({"endpointConfiguration": endpoint})).unwrap();
    let expected =
        json!({"types": ["PRIVATE"], "ipAddressType": "dualstack", "vpcEndpointIds": ["vpce-1"]});
    assert_eq!(api["endpointConfiguration"], expected);
    let empty = create(json!({"endpointConfiguration": {}})).unwrap();
    let expected = json!({"types": ["EDGE"], "ipAddressType": "ipv4"});
    assert_eq!(empty["endpointConfiguration"], expected);
}

#[test]
fn creation_refuses_what_amazon_refuses() {
    let size = "Invalid minimum compression size, must be between 0 and 10485760";
    let tags: serde_json::Map<String, Value> =
        (0..51).map(|number| (format!("k{number}"), json!("v"))).collect();
    let cases = [
        (json!({"name": ""}), "Name cannot be empty"),
        (json!({"description": ""}), "Description cannot be an empty string"),
        (
            json!({"endpointConfiguration": {"types": []}}),
            "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
        ),
        (
            json!({"endpointConfiguration": {"types": ["EDGE", "REGIONAL"]}}),
            "Cannot create an api with multiple Endpoint Types.",
        ),
        (
            json!({"endpointConfiguration": {"types": ["PRIVATE"], "ipAddressType": "ipv4"}}),
            "Only dualstack ipAddressType is supported for Private APIs.",
        ),
        (
            json!({"endpointConfiguration": {"types": ["EDGE"], "vpcEndpointIds": ["vpce-1"]}}),
            "VPCEndpoints can only be specified with PRIVATE apis.",
        ),
        // The description is looked at first.
        (
            json!({"description": "", "endpointConfiguration": {"types": []}}),
            "Description cannot be an empty string",
        ),
        (json!({"minimumCompressionSize": -1}), size),
        (json!({"minimumCompressionSize": 10_485_761}), size),
        (json!({"minimumCompressionSize": "ten"}), size),
        (
            json!({"policy": "{"}),
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.",
        ),
        (json!({"tags": tags}), "Too many tags. The maximum number of tags is 50."),
    ];
    for (members, message) in cases {
        assert_eq!(refusal(create(members)), (400, message.to_owned()));
    }
    let fault = create(json!({"tags": {"AWS:x": "y"}})).unwrap_err();
    assert_eq!(fault.kind, "BadRequestException");
    create(json!({"minimumCompressionSize": 0})).unwrap();
}

#[test]
fn an_unknown_api_is_named_with_the_account() {
    let mut sample = Sample::new();
    let upper = sample.api.to_uppercase();
    for name in ["GetRestApi", "UpdateRestApi", "DeleteRestApi"] {
        let result = sample.fixture.v1(name, json!({"restApiId": upper}));
        let expected = format!("Invalid API identifier specified 000000000000:{upper}");
        assert_eq!(refusal(result), (404, expected), "{name}");
    }
    let result = sample.fixture.v1("CreateRestApi", json!({"name": "b", "cloneFrom": "nope"}));
    assert_eq!(refusal(result).0, 404);
}

#[test]
fn single_reads_show_tags_and_lists_only_when_there_are_any() {
    let mut sample = Sample::new();
    assert_eq!(sample.call("GetRestApi", json!({})).unwrap()["tags"], json!({}));
    assert_eq!(sample.call("UpdateRestApi", json!({})).unwrap()["tags"], json!({}));
    let tagged = json!({"name": "pets", "tags": {"a": "b"}});
    // Names need not be unique.
    assert_eq!(sample.fixture.v1("CreateRestApi", tagged).unwrap()["tags"], json!({"a": "b"}));
    let list = sample.fixture.v1("GetRestApis", json!({})).unwrap();
    let tags: Vec<Option<&Value>> =
        list["item"].as_array().unwrap().iter().map(|api| api.get("tags")).collect();
    assert_eq!(tags.len(), 2);
    assert!(tags.contains(&None) && tags.contains(&Some(&json!({"a": "b"}))));
    assert_eq!(list.get("position"), None);
}

#[test]
fn a_policy_is_shown_as_the_inside_of_a_string() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Resource":"execute-api:/*"}]}"#;
    let escaped = policy.replace('"', "\\\"");
    let mut fixture = Fixture::new();
    let api = fixture.v1("CreateRestApi", json!({"name": "a", "policy": policy})).unwrap();
    assert_eq!(api["policy"], json!(escaped));
    let id = json!({"restApiId": api["id"]});
    assert_eq!(fixture.v1("GetRestApi", id.clone()).unwrap()["policy"], json!(escaped));
    assert_eq!(fixture.v1("GetRestApis", json!({})).unwrap()["item"][0]["policy"], json!(escaped));

    // What was read can be sent back, and an empty one removes it.
    let set = |value: &str| merged(id.clone(), patch(&[("replace", "/policy", Some(value))]));
    assert_eq!(fixture.v1("UpdateRestApi", set(&escaped)).unwrap()["policy"], json!(escaped));
    let stored = fixture.state.get::<RestApi>("us-east-1", "", api["id"].as_str().unwrap());
    assert_eq!(stored.unwrap().policy.as_deref(), Some(policy));
    assert_eq!(fixture.v1("UpdateRestApi", set("")).unwrap().get("policy"), None);
}

#[test]
fn a_new_api_has_a_root_and_two_models() {
    let sample = Sample::new();
    let root =
        sample.fixture.state.get::<Resource>("us-east-1", &sample.api, &sample.root).unwrap();
    assert_eq!(
        *root,
        Resource { id: sample.root.clone(), path: "/".into(), ..Resource::default() }
    );
    let models: Vec<_> = sample.fixture.state.list::<Model>("us-east-1", &sample.api).collect();
    let names: Vec<&str> = models.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Empty", "Error"]);
    let empty = &models[0].1;
    assert_eq!(empty.description.as_deref(), Some("This is a default empty schema model"));
    assert_eq!(empty.content_type, "application/json");
    assert_eq!(
        empty.schema.as_deref(),
        Some(
            "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}"
        )
    );
    let schema: Value = serde_json::from_str(models[1].1.schema.as_deref().unwrap()).unwrap();
    assert_eq!(schema["properties"], json!({"message": {"type": "string"}}));
    assert_eq!(schema["title"], json!("Error Schema"));
}

#[test]
fn texts_and_flags_are_replaced() {
    let mut sample = Sample::new();
    for (path, value, shown) in [
        ("/name", "dogs", json!("dogs")),
        ("/description", "d", json!("d")),
        ("/version", "v2", json!("v2")),
        ("/apiKeySource", "AUTHORIZER", json!("AUTHORIZER")),
        ("/disableExecuteApiEndpoint", "True", json!(true)),
        ("/disableExecuteApiEndpoint", "garbage", json!(false)),
        ("/securityPolicy", "TLS_1_2", json!("TLS_1_2")),
        ("/endpointAccessMode", "BASIC", json!("BASIC")),
    ] {
        let api = update(&mut sample, ("replace", path, Some(value)));
        assert_eq!(api[path.trim_start_matches('/')], shown, "{path}");
        if path != "/description" {
            let expected = "Invalid patch operation specified. Must be one of: [replace]";
            let refused = refused_update(&mut sample, ("add", path, Some(value)));
            assert_eq!(refused, (400, expected.to_owned()), "{path}");
        }
    }
    assert_eq!(update(&mut sample, ("add", "/description", Some("e")))["description"], json!("e"));
    assert_eq!(update(&mut sample, ("remove", "/description", None)).get("description"), None);
    update(&mut sample, ("add", "/description", Some("e")));
    // Terraform clears it this way.
    assert_eq!(update(&mut sample, ("replace", "/description", Some(""))).get("description"), None);
    assert_eq!(refused_update(&mut sample, ("replace", "/apiKeySource", Some("X"))).0, 400);
}

#[test]
fn binary_media_types_are_entries_of_the_path() {
    let mut sample = Sample::new();
    let types = |sample: &mut Sample, op, path, value| {
        update(sample, (op, path, value)).get("binaryMediaTypes").cloned()
    };
    types(&mut sample, "add", "/binaryMediaTypes/image~1png", None);
    let two = types(&mut sample, "add", "/binaryMediaTypes/image~1jpeg", None);
    assert_eq!(two, Some(json!(["image/png", "image/jpeg"])));
    // As recorded: the new one is last.
    let replaced = types(&mut sample, "replace", "/binaryMediaTypes/image~1png", Some("image/gif"));
    assert_eq!(replaced, Some(json!(["image/jpeg", "image/gif"])));
    let appended = types(&mut sample, "replace", "/binaryMediaTypes/a~1b", Some("c/d"));
    assert_eq!(appended, Some(json!(["image/jpeg", "image/gif", "c/d"])));
    for path in ["/binaryMediaTypes/image~1jpeg", "/binaryMediaTypes/image~1gif"] {
        types(&mut sample, "remove", path, None);
    }
    assert_eq!(types(&mut sample, "remove", "/binaryMediaTypes/c~1d", None), None);
    assert_eq!(types(&mut sample, "add", "/binaryMediaTypes/-", None), Some(json!(["-"])));
    for op in ["add", "replace", "remove"] {
        let refused = refused_update(&mut sample, (op, "/binaryMediaTypes", Some("a/b")));
        assert_eq!(refused, (400, "Invalid patch path /binaryMediaTypes".to_owned()));
    }
}

#[test]
fn compression_is_set_and_turned_off() {
    let mut sample = Sample::new();
    const PATH: &str = "/minimumCompressionSize";
    assert_eq!(
        update(&mut sample, ("replace", PATH, Some("10")))["minimumCompressionSize"],
        json!(10)
    );
    assert_eq!(update(&mut sample, ("replace", PATH, None)).get("minimumCompressionSize"), None);
    assert_eq!(
        update(&mut sample, ("replace", PATH, Some("0")))["minimumCompressionSize"],
        json!(0)
    );
    for value in ["-1", "10485761", "test"] {
        let expected = "Invalid minimum compression size, must be between 0 and 10485760";
        let refused = refused_update(&mut sample, ("replace", PATH, Some(value)));
        assert_eq!(refused, (400, expected.to_owned()));
    }
    let expected = "Invalid patch operation specified. Must be one of: [replace]";
    assert_eq!(refused_update(&mut sample, ("add", PATH, Some("5"))), (400, expected.to_owned()));
}

#[test]
fn endpoints_change_their_type_and_addresses() {
    let mut sample = Sample::new();
    const TYPE: &str = "/endpointConfiguration/types/0";
    const ADDRESSES: &str = "/endpointConfiguration/ipAddressType";
    let regional = update(&mut sample, ("replace", TYPE, Some("REGIONAL")));
    let expected = json!({"types": ["REGIONAL"], "ipAddressType": "ipv4"});
    assert_eq!(regional["endpointConfiguration"], expected);
    let operation = ("replace", "/endpointConfiguration/types/REGIONAL", Some("PRIVATE"));
    let private = update(&mut sample, operation);
    let expected = json!({"types": ["PRIVATE"], "ipAddressType": "dualstack"});
    assert_eq!(private["endpointConfiguration"], expected);

    const WORDS: &str = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
    const OPS: &str = "Invalid patch operation specified. Must be 'add'|'remove'|'replace'";
    for (operation, message) in [
        (
            ("replace", ADDRESSES, Some("ipv4")),
            "Only dualstack ipAddressType is supported for Private APIs.",
        ),
        (("replace", ADDRESSES, Some("wrong")), "ipAddressType must be either ipv4 or dualstack."),
        (
            ("remove", ADDRESSES, Some("ipv4")),
            "Invalid patch operation specified. Must be one of: [replace]",
        ),
        (("replace", TYPE, Some("wrong")), WORDS),
        (("copy", TYPE, Some("EDGE")), OPS),
        (("move", TYPE, Some("EDGE")), OPS),
        (
            ("replace", "/endpointConfiguration/types/1", Some("EDGE")),
            "Invalid patch path /endpointConfiguration/types/1",
        ),
    ] {
        assert_eq!(refused_update(&mut sample, operation), (400, message.to_owned()));
    }
    update(&mut sample, ("remove", TYPE, None));

    const IDS: &str = "/endpointConfiguration/vpcEndpointIds";
    let ids = |api: &Value| api["endpointConfiguration"].get("vpcEndpointIds").cloned();
    update(&mut sample, ("add", IDS, Some("vpce-1")));
    update(&mut sample, ("add", IDS, Some("vpce-1")));
    let two = update(&mut sample, ("add", IDS, Some("vpce-2")));
    assert_eq!(ids(&two), Some(json!(["vpce-1", "vpce-2"])));
    assert_eq!(ids(&update(&mut sample, ("remove", IDS, Some("vpce-1")))), Some(json!(["vpce-2"])));
    assert_eq!(refused_update(&mut sample, ("replace", IDS, Some("x"))).0, 400);
    let edge = update(&mut sample, ("replace", TYPE, Some("EDGE")));
    assert_eq!(ids(&edge), None);
    let message = "VPCEndpoints can only be specified with PRIVATE apis.";
    assert_eq!(refused_update(&mut sample, ("add", IDS, Some("x"))), (400, message.to_owned()));
}

#[test]
fn other_paths_are_unknown_and_nothing_of_a_refused_update_stays() {
    let mut sample = Sample::new();
    for path in ["/tags/a", "/id", "/rootResourceId", "/nope", "/", "name/x"] {
        let refused = refused_update(&mut sample, ("replace", path, Some("x")));
        assert_eq!(refused, (400, format!("Invalid patch path {path}")));
    }
    let result = sample.call("UpdateRestApi", json!({"patchOperations": [{"op": "replace"}]}));
    assert_eq!(refusal(result), (400, "Invalid patch path null".to_owned()));
    let both = patch(&[("replace", "/name", Some("x")), ("replace", "/nope", Some("x"))]);
    sample.call("UpdateRestApi", both).unwrap_err();
    assert_eq!(sample.call("GetRestApi", json!({})).unwrap()["name"], json!("pets"));
}

#[test]
fn deletion_takes_along_all_that_the_api_owns() {
    let mut sample = Sample::with_mock();
    let root = sample.root.clone();
    sample.resource(&root, "dogs");
    let api = sample.api.clone();
    store(&mut sample.fixture, &api, "d1", Deployment::default());
    store(&mut sample.fixture, &api, "prod", Stage::default());
    let stage =
        |api: &str| ApiStage { api_id: api.into(), stage: "prod".into(), ..Default::default() };
    let plan = UsagePlan {
        id: "p1".into(),
        api_stages: vec![stage(&api), stage("other")],
        ..UsagePlan::default()
    };
    store(&mut sample.fixture, "", "p1", plan);

    assert_eq!(sample.call("DeleteRestApi", json!({})).unwrap(), Value::Null);
    let plan = sample.fixture.state.get::<UsagePlan>("us-east-1", "", "p1").unwrap();
    assert_eq!(plan.api_stages, [stage("other")]);
    assert_eq!(sample.fixture.state.len(), 1, "nothing but the usage plan is left");
    assert_eq!(refusal(sample.call("GetRestApi", json!({}))).0, 404);
}

#[test]
fn a_mapped_api_is_not_deleted() {
    let mut sample = Sample::new();
    let api = sample.api.clone();
    for (name, id) in [("b.example", None), ("a.example", Some("x1")), ("c.example", None)] {
        let domain = DomainName {
            domain_name: name.into(),
            domain_name_id: id.map(str::to_owned),
            ..DomainName::default()
        };
        let key = id.map_or_else(|| name.to_owned(), |id| format!("{name}+{id}"));
        store(&mut sample.fixture, "", &key, domain);
        let api_id = if name == "c.example" { "other".to_owned() } else { api.clone() };
        let mapping = ApiMapping { api_id, ..ApiMapping::default() };
        store(&mut sample.fixture, &key, "(none)", mapping);
    }
    let expected = format!(
        "Deleting RestApi {api} failed. Please remove all base path mappings related to the RestApi in your domains: a.example, b.example"
    );
    assert_eq!(refusal(sample.call("DeleteRestApi", json!({}))), (400, expected));
}

#[test]
fn a_clone_has_parts_of_its_own() {
    let mut sample = Sample::new();
    let api = sample.api.clone();
    let authorizer = Authorizer { id: "auth01".into(), name: "a".into(), ..Authorizer::default() };
    store(&mut sample.fixture, &api, "auth01", authorizer);
    let validator = RequestValidator { id: "val001".into(), ..RequestValidator::default() };
    store(&mut sample.fixture, &api, "val001", validator);
    let response = GatewayResponse { response_type: "THROTTLED".into(), ..Default::default() };
    store(&mut sample.fixture, &api, "THROTTLED", response);
    let reference = |api: &str| {
        format!("{{\"$ref\":\"https://apigateway.amazonaws.com/restapis/{api}/models/Empty\"}}")
    };
    let model = Model { name: "Pet".into(), schema: Some(reference(&api)), ..Model::default() };
    store(&mut sample.fixture, &api, "Pet", model);
    store(&mut sample.fixture, &api, "prod", Stage::default());
    let root = sample.root.clone();
    let parent = sample.resource(&root, "pets");
    let child = sample.resource(&parent, "{id}");
    let method = json!({
        "resourceId": child, "authorizationType": "CUSTOM", "authorizerId": "auth01",
        "requestValidatorId": "val001",
    });
    sample.at_root("PutMethod", method).unwrap();
    sample.at_root("PutIntegration", json!({"resourceId": child, "type": "MOCK"})).unwrap();
    let change = patch(&[("replace", "/minimumCompressionSize", Some("7"))]);
    sample.call("UpdateRestApi", change).unwrap();

    let input = json!({"name": "copy", "cloneFrom": api});
    let copy = sample.fixture.v1("CreateRestApi", input).unwrap();
    assert_eq!((&copy["name"], &copy["minimumCompressionSize"]), (&json!("copy"), &json!(7)));
    let id = copy["id"].as_str().unwrap();
    assert_ne!(id, api);
    let state = &sample.fixture.state;
    let resources: Vec<_> = state.list::<Resource>("us-east-1", id).map(|(_, it)| it).collect();
    let at = |path: &str| resources.iter().find(|it| it.path == path).unwrap();
    assert_eq!(resources.len(), 3);
    assert_eq!(json!(at("/").id), copy["rootResourceId"]);
    assert_eq!(at("/pets").parent_id, Some(at("/").id.clone()));
    assert_eq!(at("/pets/{id}").parent_id, Some(at("/pets").id.clone()));
    assert!(at("/pets").id != parent && at("/pets/{id}").id != child);

    let method = &at("/pets/{id}").resource_methods["GET"];
    let authorizer =
        state.get::<Authorizer>("us-east-1", id, method.authorizer_id.as_ref().unwrap());
    assert_eq!(authorizer.unwrap().name, "a");
    let validator = method.request_validator_id.as_ref().unwrap();
    assert!(state.get::<RequestValidator>("us-east-1", id, validator).is_some());
    assert!(method.authorizer_id.as_deref() != Some("auth01") && validator != "val001");
    let namespace = &method.method_integration.as_ref().unwrap().cache_namespace;
    assert_eq!(namespace.as_ref(), Some(&at("/pets/{id}").id));
    assert!(state.get::<GatewayResponse>("us-east-1", id, "THROTTLED").is_some());
    let model = state.get::<Model>("us-east-1", id, "Pet").unwrap();
    assert_eq!(model.schema, Some(reference(id)));
    assert_eq!(state.list::<Stage>("us-east-1", id).count(), 0, "stages stay where they are");
}

/// What Terraform sends for a REST API without and with changes, in its order.
#[test]
fn terraforms_calls_for_a_rest_api() {
    let mut sample = Sample::new();
    sample.call("GetRestApi", json!({})).unwrap();
    let resources = sample.call("GetResources", json!({})).unwrap();
    assert_eq!(resources["item"][0]["path"], json!("/"));
    let changes = patch(&[
        ("replace", "/apiKeySource", Some("AUTHORIZER")),
        ("add", "/binaryMediaTypes/application~1octet-stream", None),
        ("replace", "/description", Some("")),
        ("replace", "/disableExecuteApiEndpoint", Some("true")),
        ("replace", "/endpointConfiguration/types/0", Some("PRIVATE")),
        ("remove", "/endpointConfiguration/vpcEndpointIds", Some("vpce-0")),
        ("add", "/endpointConfiguration/vpcEndpointIds", Some("vpce-1")),
        ("replace", "/endpointConfiguration/ipAddressType", Some("dualstack")),
        ("replace", "/minimumCompressionSize", None),
        ("replace", "/name", Some("renamed")),
        ("replace", "/policy", Some(r#"{"Version":"2012-10-17"}"#)),
    ]);
    let api = sample.call("UpdateRestApi", changes).unwrap();
    let endpoint: EndpointConfiguration =
        serde_json::from_value(api["endpointConfiguration"].clone()).unwrap();
    assert_eq!(endpoint.vpc_endpoint_ids, ["vpce-1"]);
    // aws_api_gateway_rest_api_policy on its way out.
    let change = patch(&[("replace", "/policy", Some(""))]);
    assert_eq!(sample.call("UpdateRestApi", change).unwrap().get("policy"), None);
    sample.call("DeleteRestApi", json!({})).unwrap();
    assert_eq!(sample.call("DeleteRestApi", json!({})).unwrap_err().kind, "NotFoundException");
}
