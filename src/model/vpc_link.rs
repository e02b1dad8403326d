//! `[[vpc_link]]`: where private integrations lead to.
//!
//! On AWS a VPC link leads to a load balancer in a network that only AWS knows. Here it is an upstream
//! of the file.

use super::problem::ProblemKind;
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[[vpc_link]]",
    about: "Which upstream stands behind a VPC link. APIs made through the management API name the link (`connectionId`) and, HTTP APIs, the ARN of a load balancer's listener or of a Cloud Map service (`integrationUri`). Without an entry such a route answers 500, and a warning says so when it is deployed.",
    keys: &[
        Key {
            name: "link",
            kind: Kind::Text("a VPC link's name or id"),
            absent: Absent::Means("`target` says what is meant"),
            example: "\"orders\"",
            about: "The link's name, or its id. An entry needs this or `target`.",
        },
        Key {
            name: "target",
            kind: Kind::Text("the ARN of a load balancer, a listener or a Cloud Map service"),
            absent: Absent::Means("`link` says what is meant"),
            example: "\"arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/orders/0123456789abcdef/0123456789abcdef\"",
            about: "What the link leads to on AWS: the integration's ARN without its query string, or the target of a REST API's link. Goes before `link`.",
        },
        Key {
            name: "upstream",
            kind: Kind::Text("the name of an `[[upstream]]`"),
            absent: Absent::Required,
            example: "\"catalog\"",
            about: "Which back ends are called. Health checks of theirs are not looked at by these routes; targets that fail are ejected as declared.",
        },
    ],
};

/// Which upstream stands behind a VPC link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcLink {
    /// The link's name or id.
    pub link: Option<String>,
    /// The ARN of what it leads to on AWS.
    pub target: Option<String>,
    /// Position in [`super::Model::upstreams`].
    pub upstream: usize,
}

pub(super) fn read(
    reader: &Reader<'_>,
    upstream_names: &[String],
    used: &mut [bool],
) -> Option<VpcLink> {
    let link = reader.text("link");
    let target = reader.read("target", |value, key| match text(value, key)? {
        it if it.starts_with("arn:") => Ok(it.to_owned()),
        _ => Err(Refused::new("bad-target", key.kind.expected())),
    });
    if link.is_none() && reader.raw("target").is_none() {
        reader.findings.add(
            reader.span(),
            ProblemKind::MissingKey {
                key: "link",
                table: TABLE.header,
                expected: TABLE.keys[0].kind.expected(),
                example: TABLE.keys[0].example,
            },
        );
    }
    let name = reader.text("upstream")?;
    let Some(upstream) = upstream_names.iter().position(|known| *known == name) else {
        let nearest = super::nearest(&name, upstream_names.iter().map(String::as_str));
        let nearest = nearest.map(Into::into);
        let declared = upstream_names.to_vec();
        let kind = ProblemKind::UnknownUpstream { name, nearest, declared };
        reader.findings.add(reader.span_of("upstream"), kind);
        return None;
    };
    if let Some(used) = used.get_mut(upstream) {
        *used = true;
    }
    Some(VpcLink { link, target, upstream })
}
