//! Lambda's operations on resources in memory.

use super::zip::tests::zip;
use super::*;
use crate::aws::Fault;
use crate::management::fixture::Fixture;
use crate::resources::function::{FunctionCode, owner};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

fn zipped(text: &str) -> String {
    STANDARD.encode(zip(&[("app.py", text)]))
}

fn function(name: &str) -> Value {
    json!({
        "FunctionName": name,
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": { "ZipFile": zipped("pass\n") },
    })
}

/// With some members replaced.
#[expect(clippy::needless_pass_by_value, reason = "called with `json!`")]
fn with(mut base: Value, members: Value) -> Value {
    for (member, value) in members.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

/// A fixture with a function `f`.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.lambda("CreateFunction", function("f")).unwrap();
    fixture
}

/// As `TypeOfException: text`.
fn refused(result: Result<Value, Fault>) -> String {
    result.unwrap_err().to_string()
}

fn codes(fixture: &Fixture) -> usize {
    fixture.state.list::<FunctionCode>("us-east-1", &owner("f")).count()
}

#[test]
fn a_function_is_made_with_amazons_defaults() {
    let mut fixture = Fixture::new();
    let made = fixture.lambda("CreateFunction", function("f")).unwrap();
    for (member, expected) in [
        ("FunctionArn", json!(ARN)),
        ("Timeout", json!(3)),
        ("MemorySize", json!(128)),
        ("Version", json!("$LATEST")),
        ("LastModified", json!("2026-03-01T10:00:00.000+0000")),
        ("State", json!("Active")),
        ("LastUpdateStatus", json!("Successful")),
        ("PackageType", json!("Zip")),
        ("Architectures", json!(["x86_64"])),
        ("LoggingConfig", json!({ "LogFormat": "Text", "LogGroup": "/aws/lambda/f" })),
        ("Environment", Value::Null),
    ] {
        assert_eq!(made[member], expected, "{member}");
    }
    let read = fixture.lambda("GetFunctionConfiguration", json!({ "FunctionName": ARN })).unwrap();
    assert_eq!(read, made);
    let text = refused(fixture.lambda("CreateFunction", function("f")));
    assert_eq!(text, "ResourceConflictException: Function already exist: f");
}

#[test]
fn what_is_not_there_is_told_with_its_arn() {
    let mut fixture = fixture();
    for (input, arn) in [
        (json!({ "FunctionName": "g" }), ARN.replace("function:f", "function:g")),
        (json!({ "FunctionName": "f", "Qualifier": "7" }), format!("{ARN}:7")),
        (json!({ "FunctionName": "f:prod" }), format!("{ARN}:prod")),
    ] {
        let text = refused(fixture.lambda("GetFunction", input));
        assert_eq!(text, format!("ResourceNotFoundException: Function not found: {arn}"));
    }
    let elsewhere = ARN.replace("us-east-1", "eu-west-1");
    let text = refused(fixture.lambda("GetFunction", json!({ "FunctionName": elsewhere })));
    assert!(text.contains("Functions from 'eu-west-1' are not reachable"), "{text}");
    let text =
        refused(fixture.lambda("GetFunction", json!({ "FunctionName": "f:1", "Qualifier": "2" })));
    assert!(text.contains("The derived qualifier from the function name does not match"), "{text}");
}

#[test]
fn what_ringgate_cannot_run_is_refused_with_the_way_out() {
    let mut fixture = Fixture::new();
    for (members, expected) in [
        (
            json!({ "Code": { "S3Bucket": "bbb", "S3Key": "k" } }),
            "takes code as ZipFile and not from S3",
        ),
        (json!({ "Code": { "ImageUri": "x" } }), "no container images"),
        (json!({ "Code": {} }), "Please provide a source for function code."),
        (json!({ "Code": { "ZipFile": "bm8gemlw" } }), "Could not unzip uploaded file."),
        (json!({ "Code": { "ZipFile": STANDARD.encode(zip(&[])) } }), "must be a non-empty zip"),
        (json!({ "Code": { "ZipFile": "%" } }), "SerializationException: "),
        (json!({ "Runtime": "java21" }), "The runtime parameter of java21 is not supported"),
        (json!({ "Runtime": null }), "Runtime and Handler are mandatory parameters"),
        (json!({ "PackageType": "Image" }), "only Zip"),
        (json!({ "Layers": ["arn"] }), "Layers: ringgate has no layers"),
        (json!({ "SnapStart": { "ApplyOn": "PublishedVersions" } }), "SnapStart: "),
        (json!({ "Timeout": 901 }), "at 'timeout' failed to satisfy constraint"),
        (json!({ "FunctionName": "x".repeat(65) }), "less than or equal to 64"),
        (
            json!({ "LoggingConfig": { "ApplicationLogLevel": "INFO" } }),
            "set your log format to JSON",
        ),
    ] {
        let mut input = with(function("f"), members.clone());
        input.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let text = refused(fixture.lambda("CreateFunction", input));
        assert!(text.contains(expected), "{members}: {text}");
    }
    assert_eq!(fixture.state.len(), 0, "what is refused leaves nothing behind");
    let edge = with(function(&"x".repeat(64)), json!({ "Timeout": 900, "Layers": [] }));
    assert!(fixture.lambda("CreateFunction", edge).is_ok());
}

#[test]
fn a_zip_and_its_content_have_limits() {
    let mut fixture = Fixture::new();
    let mut create = |bytes: usize| {
        // Stored behind the file's data, where nobody looks; the directory is at the end.
        let whole = zip(&[("a", "b")]);
        let mut padded = vec![0; bytes - whole.len()];
        padded.extend(&whole);
        let at = padded.len() - 6;
        let directory = u32::from_le_bytes(padded[at..at + 4].try_into().unwrap());
        let directory = directory + (bytes - whole.len()) as u32;
        padded[at..at + 4].copy_from_slice(&directory.to_le_bytes());
        let code = json!({ "ZipFile": STANDARD.encode(padded) });
        let name = format!("f{bytes}");
        fixture.lambda("CreateFunction", with(function(&name), json!({ "Code": code })))
    };
    assert_eq!(create(code::ZIP_BYTES_MAX).unwrap()["CodeSize"], code::ZIP_BYTES_MAX);
    let fault = create(code::ZIP_BYTES_MAX + 1).unwrap_err();
    assert_eq!((fault.status, fault.kind), (413, "RequestEntityTooLargeException"));
}

#[test]
fn environment_variables_have_names_and_limits() {
    let mut fixture = fixture();
    let mut update = |variables: Value| {
        let input = json!({ "FunctionName": "f", "Environment": { "Variables": variables } });
        fixture.lambda("UpdateFunctionConfiguration", input)
    };
    let made = update(json!({ "KEY": "value" })).unwrap();
    assert_eq!(made["Environment"], json!({ "Variables": { "KEY": "value" } }));
    // `{"K1":"…"}` is 9 bytes more than the value.
    assert!(update(json!({ "K1": "v".repeat(4096 - 9) })).is_ok());
    let text = refused(update(json!({ "K1": "v".repeat(4096 - 8) })));
    assert!(text.contains("exceeded the 4KB limit") && !text.contains("vvv"), "{text}");
    let text = refused(update(json!({ "AWS_REGION": "x", "OK": "y" })));
    assert!(text.ends_with("Reserved keys used in this request: AWS_REGION"), "{text}");
    for name in ["1A", "A", "A-B", ""] {
        let text = refused(update(json!({ name: "x" })));
        assert!(text.starts_with("ValidationException: "), "{text}");
    }
    assert_eq!(update(json!({})).unwrap()["Environment"], json!({ "Variables": {} }));
}

#[test]
fn secrets_of_the_environment_are_not_logged() {
    let mut fixture = fixture();
    let input = json!({ "FunctionName": "f", "Environment": { "Variables": { "KEY": "s3cr3t" } } });
    fixture.lambda("UpdateFunctionConfiguration", input).unwrap();
    fixture.lambda("PublishVersion", json!({ "FunctionName": "f" })).unwrap();
    for (key, object) in fixture.state.iter() {
        let shown = object.to_redacted().to_string();
        assert!(!shown.contains("s3cr3t") && !shown.contains("UEs"), "{}: {shown}", key.kind);
    }
}

#[test]
fn only_what_is_given_is_changed() {
    let mut fixture = fixture();
    let before =
        fixture.lambda("GetFunctionConfiguration", json!({ "FunctionName": "f" })).unwrap();
    let input = json!({
        "FunctionName": "f",
        "MemorySize": 256,
        "LoggingConfig": { "LogFormat": "JSON" },
        "VpcConfig": { "SubnetIds": ["s"], "SecurityGroupIds": [] },
    });
    let after = fixture.lambda("UpdateFunctionConfiguration", input).unwrap();
    assert_eq!((&after["MemorySize"], &after["Timeout"]), (&json!(256), &before["Timeout"]));
    assert_ne!(after["RevisionId"], before["RevisionId"]);
    assert_eq!(after["LoggingConfig"]["ApplicationLogLevel"], "INFO");
    assert_eq!(after["VpcConfig"]["SubnetIds"], json!(["s"]));
    let stale = json!({ "FunctionName": "f", "RevisionId": before["RevisionId"], "Timeout": 9 });
    let fault = fixture.lambda("UpdateFunctionConfiguration", stale).unwrap_err();
    assert_eq!((fault.status, fault.kind), (412, "PreconditionFailedException"));
}

#[test]
fn versions_are_published_once_per_change() {
    let mut fixture = fixture();
    let publish = json!({ "FunctionName": "f", "Description": "first" });
    let one = fixture.lambda("PublishVersion", publish.clone()).unwrap();
    assert_eq!((&one["Version"], &one["FunctionArn"]), (&json!("1"), &json!(format!("{ARN}:1"))));
    assert_eq!(one["Description"], "first");
    let again = fixture.lambda("PublishVersion", publish.clone()).unwrap();
    assert_eq!(again, one, "nothing has changed");
    let update = json!({ "FunctionName": "f", "ZipFile": zipped("other\n"), "Publish": true });
    let two = fixture.lambda("UpdateFunctionCode", update).unwrap();
    assert_eq!(two["Version"], "2");
    assert_ne!(two["CodeSha256"], one["CodeSha256"]);
    let all = fixture.lambda("ListVersionsByFunction", json!({ "FunctionName": "f" })).unwrap();
    let numbers: Vec<&Value> =
        all["Versions"].as_array().unwrap().iter().map(|it| &it["Version"]).collect();
    assert_eq!(numbers, ["$LATEST", "1", "2"]);
    assert_eq!(all["Versions"][0]["FunctionArn"], format!("{ARN}:$LATEST"));
    let read =
        fixture.lambda("GetFunctionConfiguration", json!({ "FunctionName": "f:1" })).unwrap();
    assert_eq!(read, one, "a version does not change");
    let wrong = json!({ "FunctionName": "f", "CodeSha256": "x" });
    let text = refused(fixture.lambda("PublishVersion", wrong));
    assert!(text.contains("CodeSHA256 (x) is different from current CodeSHA256"), "{text}");
}

#[test]
fn code_is_kept_as_long_as_something_runs_it() {
    let mut fixture = fixture();
    let update = |text: &str| json!({ "FunctionName": "f", "ZipFile": zipped(text) });
    fixture.lambda("UpdateFunctionCode", update("a")).unwrap();
    assert_eq!(codes(&fixture), 1, "nothing runs the first any more");
    fixture.lambda("PublishVersion", json!({ "FunctionName": "f" })).unwrap();
    fixture.lambda("UpdateFunctionCode", update("b")).unwrap();
    assert_eq!(codes(&fixture), 2);
    let dry = with(update("c"), json!({ "DryRun": true }));
    fixture.lambda("UpdateFunctionCode", dry).unwrap();
    assert_eq!(codes(&fixture), 2, "a dry run leaves nothing");
    let version =
        fixture.lambda("GetFunctionConfiguration", json!({ "FunctionName": "f:1" })).unwrap();
    let stored = crate::resources::function::Configuration {
        function_name: "f".into(),
        code_sha256: version["CodeSha256"].as_str().unwrap().into(),
        ..Default::default()
    };
    let used = code::used_by(&fixture.state, "us-east-1", &stored).unwrap();
    assert_eq!(used.code.zip, zipped("a"));
    fixture.lambda("DeleteFunction", json!({ "FunctionName": "f", "Qualifier": "1" })).unwrap();
    assert_eq!(codes(&fixture), 1);
    fixture.lambda("DeleteFunction", json!({ "FunctionName": "f" })).unwrap();
    assert_eq!(fixture.state.len(), 0);
}

#[test]
fn aliases_point_at_versions() {
    let mut fixture = fixture();
    let alias = |name: &str, version: &str, weights: Value| {
        json!({
            "FunctionName": "f", "Name": name, "FunctionVersion": version,
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        })
    };
    let text = refused(fixture.lambda("CreateAlias", alias("prod", "1", json!({}))));
    assert!(text.ends_with(&format!("Function not found: {ARN}:1")), "{text}");
    for text in ["a", "b"] {
        let update = json!({ "FunctionName": "f", "ZipFile": zipped(text), "Publish": true });
        fixture.lambda("UpdateFunctionCode", update).unwrap();
    }
    let made = fixture.lambda("CreateAlias", alias("prod", "1", json!({ "2": 0.25 }))).unwrap();
    assert_eq!(made["AliasArn"], format!("{ARN}:prod"));
    assert_eq!(made["RoutingConfig"], json!({ "AdditionalVersionWeights": { "2": 0.25 } }));
    let text = refused(fixture.lambda("CreateAlias", alias("prod", "1", json!({}))));
    assert_eq!(text, format!("ResourceConflictException: Alias already exists: {ARN}:prod"));
    for (version, weights, expected) in [
        ("$LATEST", json!({ "2": 0.5 }), "$LATEST is not supported"),
        ("1", json!({ "1": 0.5 }), "Function version 1 is already included"),
        ("1", json!({ "3": 0.5 }), "Function not found"),
        ("1", json!({ "2": 1.5 }), "less than or equal to 1.0"),
        ("1", json!({ "2": 0.1, "3": 0.1 }), "cannot be greater than 1"),
    ] {
        let text = refused(fixture.lambda("CreateAlias", alias("other", version, weights)));
        assert!(text.contains(expected), "{text}");
    }
    let read =
        fixture.lambda("GetFunctionConfiguration", json!({ "FunctionName": "f:prod" })).unwrap();
    assert_eq!((&read["Version"], &read["FunctionArn"]), (&json!("1"), &made["AliasArn"]));
    let text = refused(fixture.lambda("DeleteFunction", json!({ "FunctionName": "f:2" })));
    assert!(text.contains("these aliases refer to it: prod"), "{text}");
    let moved = json!({
        "FunctionName": "f", "Name": "prod", "FunctionVersion": "2", "RoutingConfig": {},
    });
    let moved = fixture.lambda("UpdateAlias", moved).unwrap();
    assert_eq!((&moved["FunctionVersion"], moved.get("RoutingConfig")), (&json!("2"), None));
    let of = |version: &str| json!({ "FunctionName": "f", "FunctionVersion": version });
    let list = fixture.lambda("ListAliases", of("1")).unwrap();
    assert_eq!(list, json!({ "Aliases": [] }));
    assert_eq!(fixture.lambda("ListAliases", of("2")).unwrap()["Aliases"][0], moved);
    let named = json!({ "FunctionName": "f", "Name": "prod" });
    fixture.lambda("DeleteAlias", named.clone()).unwrap();
    fixture.lambda("DeleteAlias", named.clone()).unwrap();
    let text = refused(fixture.lambda("GetAlias", named));
    assert_eq!(text, format!("ResourceNotFoundException: Cannot find alias arn: {ARN}:prod"));
}

#[test]
fn permissions_are_statements_in_amazons_form() {
    let mut fixture = fixture();
    let mut add = |sid: &str, members: Value| {
        let base =
            json!({ "FunctionName": "f", "StatementId": sid, "Action": "lambda:InvokeFunction" });
        fixture.lambda("AddPermission", with(base, members))
    };
    let source = "arn:aws:execute-api:us-east-1:000000000000:abc/*/GET/pets";
    for (sid, members, principal, condition) in [
        (
            "api",
            json!({ "Principal": "apigateway.amazonaws.com", "SourceArn": source }),
            json!({ "Service": "apigateway.amazonaws.com" }),
            json!({ "ArnLike": { "AWS:SourceArn": source } }),
        ),
        (
            "account",
            json!({ "Principal": "111122223333" }),
            json!({ "AWS": "arn:aws:iam::111122223333:root" }),
            Value::Null,
        ),
        (
            "url",
            json!({ "Principal": "*", "FunctionUrlAuthType": "NONE", "SourceAccount": "111122223333" }),
            json!("*"),
            json!({ "StringEquals": {
                "AWS:SourceAccount": "111122223333", "lambda:FunctionUrlAuthType": "NONE",
            } }),
        ),
    ] {
        let made = add(sid, members).unwrap();
        let statement: Value = serde_json::from_str(made["Statement"].as_str().unwrap()).unwrap();
        assert_eq!(statement["Sid"], sid);
        assert_eq!((&statement["Effect"], &statement["Resource"]), (&json!("Allow"), &json!(ARN)));
        assert_eq!((&statement["Principal"], &statement["Condition"]), (&principal, &condition));
    }
    let text = refused(add("api", json!({ "Principal": "*" })));
    assert!(
        text.starts_with("ResourceConflictException: The statement id (api) provided"),
        "{text}"
    );
    let text = refused(add("x", json!({ "Principal": "somebody" })));
    assert!(text.contains("The provided principal was invalid."), "{text}");
    let text = refused(add("x", json!({ "Principal": "*", "Qualifier": "$LATEST" })));
    assert!(text.contains("do not support adding policies for $LATEST"), "{text}");
    let policy = fixture.lambda("GetPolicy", json!({ "FunctionName": "f" })).unwrap();
    let document: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&document["Id"], document["Statement"].as_array().unwrap().len()),
        (&json!("default"), 3)
    );
}

#[test]
fn a_policy_goes_with_its_last_statement() {
    let mut fixture = fixture();
    let remove = json!({ "FunctionName": "f", "StatementId": "s" });
    let text = refused(fixture.lambda("RemovePermission", remove.clone()));
    assert!(text.ends_with("No policy is associated with the given resource."), "{text}");
    let add = |sid: &str| {
        json!({
            "FunctionName": "f", "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "*",
        })
    };
    fixture.lambda("AddPermission", add("s")).unwrap();
    let other = json!({ "FunctionName": "f", "StatementId": "t" });
    let text = refused(fixture.lambda("RemovePermission", other));
    assert!(text.ends_with("Statement t is not found in resource policy."), "{text}");
    fixture.lambda("RemovePermission", remove).unwrap();
    let text = refused(fixture.lambda("GetPolicy", json!({ "FunctionName": "f" })));
    assert_eq!(text, "ResourceNotFoundException: The resource you requested does not exist.");
}

#[test]
fn a_policy_has_a_limit() {
    let mut fixture = fixture();
    let mut add = |number: usize| {
        fixture.lambda(
            "AddPermission",
            json!({
                "FunctionName": "f", "StatementId": format!("s{number}"), "Principal": "*",
                "Action": "lambda:InvokeFunction", "EventSourceToken": "x".repeat(200),
            }),
        )
    };
    let refused = (0..1000).map(&mut add).find_map(Result::err).expect("it has");
    assert_eq!((refused.status, refused.kind), (400, "PolicyLengthExceededException"));
    assert!(refused.message.starts_with("The final policy size (2"), "{refused}");
}

#[test]
fn concurrency_is_reserved_and_given_back() {
    let mut fixture = fixture();
    let named = json!({ "FunctionName": "f" });
    assert_eq!(fixture.lambda("GetFunctionConcurrency", named.clone()).unwrap(), json!({}));
    let put = with(named.clone(), json!({ "ReservedConcurrentExecutions": 5 }));
    let made = fixture.lambda("PutFunctionConcurrency", put).unwrap();
    assert_eq!(made, json!({ "ReservedConcurrentExecutions": 5 }));
    assert_eq!(fixture.lambda("GetFunction", named.clone()).unwrap()["Concurrency"], made);
    let account = fixture.lambda("GetAccountSettings", json!({})).unwrap();
    assert_eq!(account["AccountLimit"]["UnreservedConcurrentExecutions"], 995);
    assert_eq!(account["AccountUsage"]["FunctionCount"], 1);
    fixture.lambda("DeleteFunctionConcurrency", named.clone()).unwrap();
    assert_eq!(fixture.lambda("GetFunctionConcurrency", named).unwrap(), json!({}));
}

#[test]
fn tags_merge_and_go() {
    let mut fixture = Fixture::new();
    let made = with(function("f"), json!({ "Tags": { "a": "1" } }));
    fixture.lambda("CreateFunction", made).unwrap();
    let tags = json!({ "a": "2", "b": "3" });
    fixture.lambda("TagResource", json!({ "Resource": ARN, "Tags": tags })).unwrap();
    let read = fixture.lambda("ListTags", json!({ "Resource": ARN })).unwrap();
    assert_eq!(read, json!({ "Tags": { "a": "2", "b": "3" } }));
    fixture.lambda("UntagResource", json!({ "Resource": ARN, "TagKeys": ["a", "x"] })).unwrap();
    let read = fixture.lambda("GetFunction", json!({ "FunctionName": "f" })).unwrap();
    assert_eq!(read["Tags"], json!({ "b": "3" }));
    let qualified = json!({ "Resource": format!("{ARN}:1") });
    let text = refused(fixture.lambda("ListTags", qualified));
    assert!(text.contains("aliases and versions are not supported"), "{text}");
}

#[test]
fn a_function_has_one_url_and_each_alias_one() {
    let mut fixture = fixture();
    fixture.lambda("PublishVersion", json!({ "FunctionName": "f" })).unwrap();
    let alias = json!({ "FunctionName": "f", "Name": "prod", "FunctionVersion": "1" });
    fixture.lambda("CreateAlias", alias).unwrap();
    let create = json!({ "FunctionName": "f", "AuthType": "NONE", "Cors": { "MaxAge": 5 } });
    let made = fixture.lambda("CreateFunctionUrlConfig", create.clone()).unwrap();
    let url = made["FunctionUrl"].as_str().unwrap();
    assert!(
        url.starts_with("https://") && url.ends_with(".lambda-url.us-east-1.localhost/"),
        "{url}"
    );
    assert_eq!((&made["InvokeMode"], &made["Cors"]), (&json!("BUFFERED"), &json!({ "MaxAge": 5 })));
    let text = refused(fixture.lambda("CreateFunctionUrlConfig", create));
    assert!(
        text.contains(&format!("[functionArn = {ARN}]. Error message:  FunctionUrlConfig exists"))
    );
    let of_alias = json!({ "FunctionName": "f", "Qualifier": "prod", "AuthType": "AWS_IAM" });
    fixture.lambda("CreateFunctionUrlConfig", of_alias).unwrap();
    let all = fixture.lambda("ListFunctionUrlConfigs", json!({ "FunctionName": "f" })).unwrap();
    assert_eq!(all["FunctionUrlConfigs"].as_array().unwrap().len(), 2);
    let update = json!({ "FunctionName": "f", "InvokeMode": "RESPONSE_STREAM" });
    let updated = fixture.lambda("UpdateFunctionUrlConfig", update).unwrap();
    assert_eq!(
        (&updated["FunctionUrl"], &updated["AuthType"]),
        (&made["FunctionUrl"], &json!("NONE"))
    );
    fixture.lambda("DeleteFunctionUrlConfig", json!({ "FunctionName": "f" })).unwrap();
    let text = refused(fixture.lambda("GetFunctionUrlConfig", json!({ "FunctionName": "f" })));
    assert_eq!(text, "ResourceNotFoundException: The resource you requested does not exist.");
}

#[test]
fn lists_are_cut_into_pages() {
    let mut fixture = Fixture::new();
    for number in 0..55 {
        fixture.lambda("CreateFunction", function(&format!("f{number:02}"))).unwrap();
    }
    fixture.lambda("PublishVersion", json!({ "FunctionName": "f00" })).unwrap();
    for (input, pages, count) in [
        (json!({}), 2, 55),
        (json!({ "MaxItems": 20 }), 3, 55),
        (json!({ "FunctionVersion": "ALL" }), 2, 56),
    ] {
        let (mut seen, mut input, mut page_count) = (Vec::new(), input, 0);
        loop {
            let page = fixture.lambda("ListFunctions", input.clone()).unwrap();
            page_count += 1;
            let arns = page["Functions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["FunctionArn"].to_string());
            seen.extend(arns);
            let Some(next) = page.get("NextMarker") else { break };
            input["Marker"] = next.clone();
        }
        assert_eq!((page_count, seen.len()), (pages, count));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}

#[test]
fn paths_of_lambda_begin_with_a_date() {
    for path in ["/2015-03-31/functions", "/2021-10-31/functions/f/url", "/2017-03-31"] {
        assert!(is_path(path), "{path}");
    }
    for path in ["", "/", "/restapis", "/v2/apis", "/2015-03-3x/f", "/20150331/f", "/2015-03-311/f"]
    {
        assert!(!is_path(path), "{path}");
    }
    assert!(is_invocation("/2015-03-31/functions/f/invocations"));
    assert!(!is_invocation("/2015-03-31/functions/f/configuration"));
    assert!(code::may_bring_code("POST", "/2015-03-31/functions/"));
    assert!(code::may_bring_code("PUT", "/2015-03-31/functions/f/code"));
    assert!(!code::may_bring_code("POST", "/2015-03-31/functions/f/policy"));
    assert!(!code::may_bring_code("POST", "/restapis"));
}
