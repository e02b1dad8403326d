//! What the file says about where stages of the management API may call: where AWS services live, and
//! which upstreams stand behind VPC links.

use crate::model::Model;
use crate::snapshot::{Upstream, compile_upstream};
use std::collections::BTreeMap;

/// What the file says, ready for compiling stages.
#[derive(Debug, Clone, Default)]
pub struct BackEnds {
    /// Service name, or `*`, to the URL where it lives.
    endpoints: BTreeMap<String, String>,
    links: Vec<DeclaredLink>,
}

#[derive(Debug, Clone)]
struct DeclaredLink {
    link: Option<String>,
    target: Option<String>,
    upstream: Upstream,
}

/// A VPC link that was made through the management API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateLink {
    /// Its id: what integrations name.
    pub id: Box<str>,
    /// Its name: what the file may name.
    pub name: Box<str>,
    /// Where it leads to on AWS, if it says so itself.
    pub targets: Box<[Box<str>]>,
}

impl BackEnds {
    /// The file says nothing.
    pub const fn nothing() -> Self {
        Self { endpoints: BTreeMap::new(), links: Vec::new() }
    }

    /// As the file says.
    pub fn of(model: &Model) -> Self {
        let links = model.vpc_links.iter().filter_map(|declared| {
            let upstream = compile_upstream(model.upstreams.get(declared.upstream)?);
            Some(DeclaredLink {
                link: declared.link.clone(),
                target: declared.target.clone(),
                // Pools of the file's own routes come and go with snapshots, so these are others.
                upstream: Upstream {
                    key: format!("vpc-link/{}", upstream.key).into(),
                    health: None,
                    ..upstream
                },
            })
        });
        Self { endpoints: model.aws.endpoints.clone(), links: links.collect() }
    }

    /// Whether services are where the other says.
    pub fn has_endpoints_of(&self, other: &Self) -> bool {
        self.endpoints == other.endpoints
    }

    /// Whether links lead to where the other says.
    pub fn has_links_of(&self, other: &Self) -> bool {
        // A key stands for an upstream's whole definition.
        let told =
            |it: &DeclaredLink| (it.link.clone(), it.target.clone(), it.upstream.key.clone());
        self.links.iter().map(told).eq(other.links.iter().map(told))
    }

    /// The URL where a service lives, if not at AWS. `names`: what it may be called, likeliest first.
    pub(super) fn endpoint(&self, names: &[&str]) -> Option<&str> {
        let mut named = names.iter().chain(&["*"]);
        named.find_map(|name| self.endpoints.get(*name)).map(String::as_str)
    }

    /// The upstream behind a link or behind what it leads to. `link`: the link that an integration
    /// names; `uri`: its URI, which may be an ARN.
    pub(super) fn upstream(&self, link: Option<&PrivateLink>, uri: &str) -> Option<&Upstream> {
        let arn = uri.split('?').next().unwrap_or(uri);
        let by = |is: &dyn Fn(&DeclaredLink) -> bool| {
            self.links.iter().find(|declared| is(declared)).map(|declared| &declared.upstream)
        };
        let is_target = |target: &str| by(&|it| it.target.as_deref() == Some(target));
        is_target(arn)
            .or_else(|| link?.targets.iter().find_map(|target| is_target(target)))
            .or_else(|| by(&|it| link.is_some_and(|link| it.link.as_deref() == Some(&*link.id))))
            .or_else(|| by(&|it| link.is_some_and(|link| it.link.as_deref() == Some(&*link.name))))
    }
}
