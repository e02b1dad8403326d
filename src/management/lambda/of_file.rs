//! Functions of the configuration file are read here as all others are, and changed in the file alone.

use super::fault::invalid;
use super::place::Place;
use crate::aws::Fault;
use crate::management::Call;
use crate::management::operation::{self, Operation, Run};

/// An operation that changes a function that is there, or what belongs to one. It is refused for those of
/// the file.
pub(super) const fn change(name: &'static str, run: Run) -> Operation {
    operation::write(name, run).guarded(refuse)
}

fn refuse(call: &Call<'_>) -> Result<(), Fault> {
    // `Resource` is what tags call it.
    let text = call.text_of("FunctionName").or_else(|| call.text_of("Resource"));
    let place = Place::named(call, text.unwrap_or_default())?;
    match call.settings.file_functions.get(call.region(), &place.name) {
        Some(_) => Err(read_only(&place.name)),
        None => Ok(()),
    }
}

/// All operations that change something of a function declare this type, and clients do not try it again.
pub(in crate::management) fn read_only(name: &str) -> Fault {
    invalid(format!(
        "Function {name} is declared in ringgate's configuration file and can only be changed there, in its \
         [[function]] table"
    ))
}

#[cfg(test)]
mod tests {
    use crate::management::fixture::Fixture;
    use crate::management::{Settings, from_file};
    use crate::model;
    use crate::resources::Timestamp;
    use serde_json::{Value, json};
    use std::path::Path;

    fn show(fixture: &mut Fixture, text: &str) {
        let model = model::parse(Path::new("f"), text.to_owned()).unwrap();
        fixture.settings = Settings::of(&model);
        fixture.state.show(from_file::nouns(&model, Timestamp(1)));
    }

    const FILE: &str = "[[function]]\nname = \"f\"\nruntime = \"python3\"\nsource = \"x = 1\"\n\
                        reserved_concurrency = 5\n";

    fn create(name: &str) -> Value {
        let zip = "UEsDBAoAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAYVBLAQIKAAoAAAAAAAAAAAAAAAAAAAAAAAAA\
                   AAABAAAAAAAAAAAAAAAAAAAAAAAAAABhUEsFBgAAAAABAAEALwAAAB8AAAAAAA==";
        json!({
            "FunctionName": name, "Runtime": "python3.12", "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": zip }, "Publish": true,
        })
    }

    #[test]
    fn one_of_the_file_is_read_as_any_other() {
        let mut fixture = Fixture::new();
        show(&mut fixture, FILE);
        let mut read = |name: &str, input: Value| fixture.lambda(name, input);
        let named = || json!({ "FunctionName": "f" });
        let listed = read("ListFunctions", json!({})).unwrap();
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(listed["Functions"][0]["FunctionArn"], arn);
        let got = read("GetFunction", named()).unwrap();
        assert_eq!(got["Tags"], json!({ "ringgate:source": "file" }));
        assert_eq!(got["Concurrency"], json!({ "ReservedConcurrentExecutions": 5 }));
        let it = read("GetFunctionConfiguration", named()).unwrap();
        assert_eq!((&it["Runtime"], &it["Handler"]), (&json!("python3"), &json!("index.handler")));
        assert_eq!((&it["State"], &it["Role"]), (&json!("Active"), &json!("")));
        assert_eq!(got["Configuration"], it);
        let versions = read("ListVersionsByFunction", named()).unwrap();
        assert_eq!(versions["Versions"][0]["Version"], "$LATEST");
        assert_eq!(read("ListAliases", named()).unwrap()["Aliases"], json!([]));
        let concurrency = read("GetFunctionConcurrency", named()).unwrap();
        assert_eq!(concurrency["ReservedConcurrentExecutions"], 5);
        assert_eq!(read("ListTags", json!({ "Resource": arn })).unwrap()["Tags"], got["Tags"]);
        for (name, text) in [
            ("GetPolicy", "The resource you requested does not exist."),
            ("GetFunctionUrlConfig", "The resource you requested does not exist."),
        ] {
            let fault = read(name, named()).unwrap_err();
            assert_eq!((fault.status, fault.message.as_str()), (404, text), "{name}");
        }
        let fault = read("GetFunction", json!({ "FunctionName": "f:1" })).unwrap_err();
        assert_eq!(fault.message, format!("Function not found: {arn}:1"));
        fixture.region = "eu-west-1".into();
        assert_eq!(fixture.lambda("GetFunction", named()).unwrap_err().status, 404);
    }

    #[test]
    fn every_change_of_one_of_the_file_is_refused() {
        let mut fixture = Fixture::new();
        show(&mut fixture, FILE);
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        for (name, more) in [
            ("UpdateFunctionCode", json!({ "ZipFile": "eA==" })),
            ("UpdateFunctionConfiguration", json!({ "Timeout": 4 })),
            ("DeleteFunction", json!({})),
            ("DeleteFunction", json!({ "Qualifier": "1" })),
            ("PublishVersion", json!({})),
            ("CreateAlias", json!({ "Name": "a", "FunctionVersion": "$LATEST" })),
            ("UpdateAlias", json!({ "Name": "a" })),
            ("DeleteAlias", json!({ "Name": "a" })),
            (
                "AddPermission",
                json!({ "StatementId": "s", "Action": "lambda:*", "Principal": "*" }),
            ),
            ("RemovePermission", json!({ "StatementId": "s" })),
            ("PutFunctionConcurrency", json!({ "ReservedConcurrentExecutions": 1 })),
            ("DeleteFunctionConcurrency", json!({})),
            ("PutFunctionEventInvokeConfig", json!({ "MaximumRetryAttempts": 1 })),
            ("UpdateFunctionEventInvokeConfig", json!({ "MaximumRetryAttempts": 1 })),
            ("DeleteFunctionEventInvokeConfig", json!({})),
            ("CreateFunctionUrlConfig", json!({ "AuthType": "NONE" })),
            ("TagResource", json!({ "Resource": arn, "Tags": { "a": "b" } })),
            ("UntagResource", json!({ "Resource": arn, "TagKeys": ["ringgate:source"] })),
        ] {
            let mut input = more;
            if input.get("Resource").is_none() {
                input["FunctionName"] = arn.into();
            }
            let fault = fixture.lambda(name, input).unwrap_err();
            assert_eq!(
                (fault.status, fault.kind),
                (400, "InvalidParameterValueException"),
                "{name}"
            );
            let text = "Function f is declared in ringgate's configuration file and can only be changed \
                        there, in its [[function]] table";
            assert_eq!(fault.message, text, "{name}");
        }
        // It has no URL that could be changed.
        let named = json!({ "FunctionName": "f" });
        assert_eq!(fixture.lambda("DeleteFunctionUrlConfig", named).unwrap_err().status, 404);
        let fault = fixture.lambda("CreateFunction", create("f")).unwrap_err();
        assert_eq!((fault.status, fault.kind), (409, "ResourceConflictException"));
        assert_eq!(fault.message, "Function already exist: f");
        // Elsewhere the name is free.
        fixture.region = "eu-west-1".into();
        fixture.lambda("CreateFunction", create("f")).unwrap();
        fixture.lambda("DeleteFunction", json!({ "FunctionName": "f" })).unwrap();
    }

    #[test]
    fn one_that_was_made_before_is_there_again_when_the_file_lets_go() {
        let mut fixture = Fixture::new();
        for name in ["f", "g"] {
            fixture.lambda("CreateFunction", create(name)).unwrap();
        }
        let runtimes = |fixture: &mut Fixture| {
            let listed = fixture.lambda("ListFunctions", json!({ "FunctionVersion": "ALL" }));
            let listed = listed.unwrap()["Functions"].clone();
            let told = |it: &Value| format!("{} {}", it["FunctionArn"], it["Runtime"]);
            let told: Vec<String> = listed.as_array().unwrap().iter().map(told).collect();
            told.join("\n").replace("arn:aws:lambda:us-east-1:000000000000:function:", "")
        };
        let made = runtimes(&mut fixture);
        show(&mut fixture, FILE);
        let both =
            "\"f:$LATEST\" \"python3\"\n\"g:$LATEST\" \"python3.12\"\n\"g:1\" \"python3.12\"";
        assert_eq!(runtimes(&mut fixture), both);
        show(&mut fixture, "");
        assert_eq!(runtimes(&mut fixture), made);
    }
}
