//! Resources as the service's model and recorded answers describe them.

use super::super::sample::{Sample, patch, refusal};
use serde_json::{Value, json};

const UNKNOWN: &str = "Invalid Resource identifier specified";

fn create(sample: &mut Sample, parent: &str, part: &str) -> Result<Value, crate::aws::Fault> {
    sample.call("CreateResource", json!({"parentId": parent, "pathPart": part}))
}

fn update(
    sample: &mut Sample,
    id: &str,
    operation: (&str, &str, Option<&str>),
) -> Result<Value, crate::aws::Fault> {
    let mut input = patch(&[operation]);
    input["resourceId"] = json!(id);
    sample.call("UpdateResource", input)
}

fn paths(sample: &mut Sample) -> Vec<String> {
    let list = sample.call("GetResources", json!({})).unwrap();
    let items = list["item"].as_array().unwrap().iter();
    items.map(|item| item["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn resources_know_their_path_and_parent() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    let pets = create(&mut sample, &root, "pets").unwrap();
    let id = pets["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 6);
    assert_eq!(pets, json!({"id": id, "parentId": root, "pathPart": "pets", "path": "/pets"}));
    let child = create(&mut sample, &id, "{petId}").unwrap();
    assert_eq!(child["path"], json!("/pets/{petId}"));
    assert_eq!(sample.call("GetResource", json!({"resourceId": id})).unwrap(), pets);
    let shown = sample.call("GetResource", json!({"resourceId": root})).unwrap();
    assert_eq!(shown, json!({"id": root, "path": "/"}));
    assert_eq!(paths(&mut sample), ["/", "/pets", "/pets/{petId}"]);
}

#[test]
fn what_is_not_there_is_an_unknown_resource() {
    let mut sample = Sample::new();
    let expected = (404, UNKNOWN.to_owned());
    assert_eq!(refusal(create(&mut sample, "nope", "a")), expected);
    for name in ["GetResource", "UpdateResource", "DeleteResource"] {
        assert_eq!(refusal(sample.call(name, json!({"resourceId": "nope"}))), expected, "{name}");
        let other = json!({"restApiId": "nope", "resourceId": sample.root});
        assert_eq!(refusal(sample.fixture.v1(name, other)), expected, "{name}");
    }
    let other = json!({"restApiId": "nope", "parentId": sample.root, "pathPart": "a"});
    assert_eq!(refusal(sample.fixture.v1("CreateResource", other)), expected);
    let list = sample.fixture.v1("GetResources", json!({"restApiId": "nope"}));
    assert_eq!(refusal(list).1, "Invalid API identifier specified 000000000000:nope");
}

#[test]
fn siblings_differ_and_have_one_variable_at_most() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    let proxy = sample.resource(&root, "{proxy+}");
    let parent = sample.resource(&root, "parent");
    assert_eq!(
        refusal(create(&mut sample, &root, "parent")),
        (409, "Another resource with the same parent already has this name: parent".to_owned())
    );
    for part in ["{id}", "{other+}"] {
        let expected = "A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed";
        assert_eq!(refusal(create(&mut sample, &root, part)), (400, expected.to_owned()));
    }
    for part in ["child", "{id}"] {
        let expected = "Cannot create a child of a resource with a greedy path variable: {proxy+}";
        assert_eq!(refusal(create(&mut sample, &proxy, part)), (400, expected.to_owned()));
    }
    // Elsewhere both are fine, and a greedy variable may have any name.
    let child = sample.resource(&parent, "child");
    sample.resource(&parent, "{child+}");
    sample.resource(&child, "{proxy+}");
    assert_eq!(
        paths(&mut sample),
        [
            "/",
            "/parent",
            "/parent/child",
            "/parent/child/{proxy+}",
            "/parent/{child+}",
            "/{proxy+}"
        ]
    );
}

#[test]
fn parts_have_known_characters() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    for part in ["", "a/b", "us{er", "a b"] {
        let expected = "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.";
        assert_eq!(refusal(create(&mut sample, &root, part)), (400, expected.to_owned()));
    }
}

#[test]
fn a_deleted_resource_takes_its_subtree_along() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    let pets = sample.resource(&root, "pets");
    let child = sample.resource(&pets, "a");
    let grandchild = sample.resource(&child, "b");
    sample.resource(&root, "other");
    let deleted = sample.call("DeleteResource", json!({"resourceId": pets})).unwrap();
    assert_eq!(deleted, Value::Null);
    for id in [pets, child, grandchild] {
        assert_eq!(refusal(sample.call("GetResource", json!({"resourceId": id}))).0, 404);
    }
    assert_eq!(paths(&mut sample), ["/", "/other"]);
    let refused = sample.call("DeleteResource", json!({"resourceId": root}));
    assert_eq!(refusal(refused), (400, "Cannot delete root resource".to_owned()));
}

#[test]
fn a_renamed_or_moved_resource_takes_its_subtree_along() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    let pets = sample.resource(&root, "pets");
    let child = sample.resource(&pets, "subpets");
    let grandchild = sample.resource(&child, "pets");
    let dogs = update(&mut sample, &pets, ("replace", "/pathPart", Some("dogs"))).unwrap();
    assert_eq!(dogs, json!({"id": pets, "parentId": root, "pathPart": "dogs", "path": "/dogs"}));
    assert_eq!(paths(&mut sample), ["/", "/dogs", "/dogs/subpets", "/dogs/subpets/pets"]);

    let moved = update(&mut sample, &child, ("replace", "/parentId", Some(&root))).unwrap();
    assert_eq!((&moved["path"], &moved["parentId"]), (&json!("/subpets"), &json!(root)));
    assert_eq!(paths(&mut sample), ["/", "/dogs", "/subpets", "/subpets/pets"]);

    for parent in [child.clone(), grandchild.clone()] {
        let refused = update(&mut sample, &child, ("replace", "/parentId", Some(&parent)));
        assert_eq!(refusal(refused), (400, "Resources cannot be cyclical.".to_owned()));
    }
    update(&mut sample, &pets, ("replace", "/pathPart", Some("pets"))).unwrap();
    let conflict = "Another resource with the same parent already has this name: pets";
    for operation in [
        (&grandchild, ("replace", "/parentId", Some(root.as_str()))),
        (&child, ("replace", "/pathPart", Some("pets"))),
    ] {
        let refused = update(&mut sample, operation.0, operation.1);
        assert_eq!(refusal(refused), (409, conflict.to_owned()));
    }
    // To be named as it is already is no clash with itself.
    update(&mut sample, &pets, ("replace", "/pathPart", Some("pets"))).unwrap();
    let greedy = update(&mut sample, &child, ("replace", "/pathPart", Some("{all+}")));
    assert_eq!(refusal(greedy).0, 400, "it has children");
}

#[test]
fn updates_refuse_what_amazon_refuses() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    let pets = sample.resource(&root, "pets");
    let refused = |sample: &mut Sample, id: &str, op: &str, path: &str| {
        refusal(update(sample, id, (op, path, Some("x"))))
    };
    assert_eq!(
        refused(&mut sample, &pets, "replace", "/invalid"),
        (
            400,
            "Invalid patch path  '/invalid' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
                .to_owned()
        )
    );
    for (op, path) in [("add", "/pathPart"), ("remove", "/pathPart"), ("add", "/nope")] {
        let expected = format!(
            "Invalid patch path  '{path}' specified for op '{op}'. Please choose supported operations"
        );
        assert_eq!(refused(&mut sample, &pets, op, path), (400, expected));
    }
    assert_eq!(refused(&mut sample, &pets, "replace", "/parentId"), (404, UNKNOWN.to_owned()));
    for member in ["pathPart", "parentId"] {
        let expected = format!("Root resource cannot update its {member}.");
        assert_eq!(refused(&mut sample, &root, "replace", &format!("/{member}")), (400, expected));
    }
}

#[test]
fn methods_are_embedded_when_asked_for() {
    let mut sample = Sample::with_mock();
    let root = sample.root.clone();
    let get = |sample: &mut Sample, embed: Value| {
        sample.call("GetResource", json!({"resourceId": root, "embed": embed})).unwrap()
    };
    assert_eq!(get(&mut sample, json!([]))["resourceMethods"], json!({"GET": {}}));
    let method = get(&mut sample, json!(["methods"]))["resourceMethods"]["GET"].clone();
    assert_eq!(method["httpMethod"], json!("GET"));
    assert_eq!(method["methodIntegration"]["type"], json!("MOCK"));
    let list = sample.call("GetResources", json!({"embed": ["methods"]})).unwrap();
    assert_eq!(list["item"][0]["resourceMethods"]["GET"], method);
    let list = sample.call("GetResources", json!({})).unwrap();
    assert_eq!(list["item"][0]["resourceMethods"], json!({"GET": {}}));
}

#[test]
fn lists_come_in_pages_by_path() {
    let mut sample = Sample::new();
    let root = sample.root.clone();
    for number in 0..30 {
        sample.resource(&root, &format!("r{number:02}"));
    }
    let first = sample.call("GetResources", json!({})).unwrap();
    assert_eq!(first["item"].as_array().unwrap().len(), 25);
    let input = json!({"position": first["position"], "limit": 500});
    let second = sample.call("GetResources", input).unwrap();
    assert_eq!(second["item"].as_array().unwrap().len(), 6);
    assert_eq!(second["item"][5]["path"], json!("/r29"));
    assert_eq!(second.get("position"), None);
}
