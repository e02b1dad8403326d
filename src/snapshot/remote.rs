//! Functions that are invoked elsewhere, by the Lambda API.

use super::UpstreamIndex;
use super::service::Service;
use crate::model::{Aws, RemoteFunction};

/// What the file says about functions that are elsewhere.
#[derive(Debug, Clone, Default)]
pub struct RemoteFunctions {
    account_id: Box<str>,
    all: Box<[Remote]>,
}

/// A function that is elsewhere, or every one that is nowhere else.
#[derive(Debug, Clone)]
pub struct Remote {
    name: Box<str>,
    /// Where it is invoked.
    pub upstream: UpstreamIndex,
    /// What is signed.
    pub service: Service,
}

/// An invocation's place.
#[derive(Debug, Clone, Copy)]
pub struct RemotePlace<'r> {
    /// Where.
    pub remote: &'r Remote,
    /// The function as the path names it: its name where it is of the gateway's own account, else its
    /// ARN.
    pub function: &'r str,
    /// A version or an alias.
    pub qualifier: Option<&'r str>,
}

impl RemoteFunctions {
    /// Compiles them.
    pub(super) fn of(declared: &[RemoteFunction], aws: &Aws) -> Self {
        let all = declared.iter().map(|it| Remote {
            name: it.name.as_str().into(),
            upstream: UpstreamIndex(it.upstream as u32),
            service: Service {
                host: it.host.as_str().into(),
                signing_name: "lambda".into(),
                region: it.region.as_str().into(),
                role: it.role.as_deref().unwrap_or_default().into(),
                fields: Box::default(),
                action: None,
            },
        });
        Self { account_id: aws.account_id.as_str().into(), all: all.collect() }
    }

    /// The roles in whose names they are invoked.
    pub fn roles(&self) -> impl Iterator<Item = &Box<str>> {
        self.all.iter().map(|it| &it.service.role)
    }

    /// Where a function is invoked; `arn` may have a qualifier.
    pub fn find<'r>(&'r self, arn: &'r str) -> Option<RemotePlace<'r>> {
        if self.all.is_empty() {
            return None;
        }
        let mut parts = arn.splitn(8, ':');
        let account = parts.nth(4)?;
        let name = parts.nth(1)?;
        let qualifier = parts.next();
        let named = |wanted: &str| self.all.iter().find(|it| *it.name == *wanted);
        let remote = named(name).or_else(|| named("*"))?;
        let whole = qualifier.map_or(arn.len(), |qualifier| arn.len() - qualifier.len() - 1);
        let function = if account == &*self.account_id { name } else { arn.get(..whole)? };
        Some(RemotePlace { remote, function, qualifier })
    }
}

#[cfg(test)]
mod tests {
    use crate::model;
    use crate::snapshot::compile;
    use std::path::Path;

    #[test]
    fn a_function_is_found_by_its_name_or_everybodys() {
        let text = "[aws]\naccount_id = \"123456789012\"\n\
                    [[remote_function]]\nname = \"a\"\nendpoint = \"http://127.0.0.1:9001\"\n\
                    [[remote_function]]\nname = \"*\"\nregion = \"eu-west-1\"\n";
        let model = model::parse(Path::new("test.toml"), text.to_owned()).unwrap();
        let snapshot = compile(&model, 1, 1);
        let found = |arn: &str| {
            let place = snapshot.remote_functions.find(arn)?;
            let upstream = &snapshot.upstream(place.remote.upstream).name;
            Some(format!("{upstream} {} {:?}", place.function, place.qualifier))
        };
        let arn = |account: &str, rest: &str| {
            format!("arn:aws:lambda:us-east-1:{account}:function:{rest}")
        };
        let own = "123456789012";
        assert_eq!(found(&arn(own, "a")).unwrap(), "http://127.0.0.1:9001 a None");
        assert_eq!(found(&arn(own, "a:prod")).unwrap(), "http://127.0.0.1:9001 a Some(\"prod\")");
        let aws = "https://lambda.eu-west-1.amazonaws.com";
        assert_eq!(found(&arn(own, "b")).unwrap(), format!("{aws} b None"));
        let other = arn("999999999999", "b");
        assert_eq!(found(&format!("{other}:1")).unwrap(), format!("{aws} {other} Some(\"1\")"));
        assert_eq!(found("nonsense"), None);
    }

    #[test]
    fn authorizers_of_the_file_name_declared_ones() {
        let parsed = |name: &str| {
            let text = format!(
                "[[remote_function]]\nname = \"a\"\n[[remote_function]]\nname = \"*\"\n\
                 [[authorizer]]\nname = \"callers\"\ntype = \"request\"\nfunction = \"{name}\"\n"
            );
            model::parse(Path::new("test.toml"), text).map(|model| model.authorizers.len())
        };
        assert_eq!(parsed("a").unwrap(), 1);
        for name in ["*", "b"] {
            assert!(parsed(name).is_err(), "{name} is none");
        }
    }
}
