//! Private integrations: those behind a VPC link, which is an upstream of the file here.

use super::StagePlace;
use super::service::resolved;
use crate::resources::rest::Map;
use crate::snapshot::{Upstream, UpstreamTls};

/// How the certificate of what is behind a link is checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tls<'t> {
    /// The name that it must have. `tlsConfig.serverNameToVerify` of an HTTP API also means that there
    /// is TLS at all.
    pub(super) server_name: Option<&'t str>,
    /// Whether the name turns TLS on where the upstream has none.
    pub(super) turns_on: bool,
    /// Any certificate passes.
    pub(super) insecure: bool,
}

/// The upstream behind an integration's link, or behind the ARN that its URI is.
///
/// # Errors
/// The file says nothing about it.
pub(super) fn upstream(
    place: &StagePlace<'_>,
    connection_id: Option<&str>,
    uri: &str,
    tls: Tls<'_>,
    variables: &Map,
) -> Result<Upstream, String> {
    let id = resolved(connection_id.unwrap_or_default(), variables)?;
    let link = place.links.iter().find(|link| *link.id == id);
    let Some(found) = place.back_ends.upstream(link, uri) else {
        let name = link.map_or(id.as_str(), |link| &link.name);
        let target = match uri.starts_with("arn:") {
            true => format!(" or `target = \"{}\"`", uri.split('?').next().unwrap_or(uri)),
            false => String::new(),
        };
        return Err(format!(
            "VPC link {id} leads to no upstream: declare `[[vpc_link]]` with `link = \"{name}\"`{target} in the file"
        ));
    };
    let mut upstream = found.clone();
    if upstream.tls.is_none() && tls.turns_on {
        upstream.tls = Some(UpstreamTls::default());
    }
    if let Some(declared) = &mut upstream.tls {
        if let Some(name) =
            tls.server_name.filter(|_| tls.turns_on || declared.server_name.is_none())
        {
            declared.server_name = Some(name.to_owned());
            upstream.key = format!("{}#{name}", upstream.key).into();
        }
        if tls.insecure && !declared.insecure_skip_verify {
            declared.insecure_skip_verify = true;
            upstream.key = format!("{}#insecure", upstream.key).into();
        }
    }
    Ok(upstream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::snapshot::managed::{BackEnds, PrivateLink};
    use std::path::Path;

    const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/a/b/c";
    const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/a/b";

    fn find(id: &str, uri: &str, tls: Tls<'_>) -> Result<Upstream, String> {
        let text = format!(
            "[[upstream]]\nname = \"by-name\"\ntargets = [\"10.0.0.1:80\"]\n\
             [[upstream]]\nname = \"by-listener\"\ntargets = [\"10.0.0.2:443\"]\n\
             [[upstream]]\nname = \"by-balancer\"\ntargets = [\"10.0.0.3:443\"]\ntls = {{ server_name = \"own.test\" }}\n\
             [[vpc_link]]\nlink = \"orders\"\nupstream = \"by-name\"\n\
             [[vpc_link]]\ntarget = \"{LISTENER}\"\nupstream = \"by-listener\"\n\
             [[vpc_link]]\ntarget = \"{BALANCER}\"\nupstream = \"by-balancer\""
        );
        let back_ends = BackEnds::of(&model::parse(Path::new("test.toml"), text).unwrap());
        let link = |id: &str, name: &str, targets: &[&str]| PrivateLink {
            id: id.into(),
            name: name.into(),
            targets: targets.iter().map(|it| Box::from(*it)).collect(),
        };
        let links = [
            link("aaaaaa", "orders", &[]),
            link("bbbbbb", "other", &[BALANCER]),
            link("cccccc", "none", &[]),
        ];
        let place = StagePlace {
            back_ends: &back_ends,
            links: &links,
            ..StagePlace::of("us-east-1", "1", "api")
        };
        let variables = [("link".to_owned(), "aaaaaa".to_owned())].into();
        upstream(&place, Some(id), uri, tls, &variables)
    }

    #[test]
    fn a_link_is_found_by_its_name_or_by_what_it_leads_to() {
        let plain = "http://back.test/";
        for (id, uri, expected) in [
            ("aaaaaa", plain, "by-name"),
            ("${stageVariables.link}", plain, "by-name"),
            ("orders", plain, ""),
            ("bbbbbb", plain, "by-balancer"),
            ("cccccc", LISTENER, "by-listener"),
            ("aaaaaa", &format!("{LISTENER}?x=y"), "by-listener"),
            ("cccccc", plain, ""),
        ] {
            let found = find(id, uri, Tls::default());
            let name = found.as_ref().map_or("", |it| &it.name);
            assert_eq!(name, expected, "{id} {uri}");
        }
        let error = find("cccccc", LISTENER.trim_end_matches('c'), Tls::default()).unwrap_err();
        assert!(error.contains("link = \"none\"") && error.contains("target = \""), "{error}");
    }

    #[test]
    fn a_name_to_verify_is_that_of_the_certificate() {
        let named = Tls { server_name: Some("orders.test"), turns_on: true, insecure: false };
        let tls = find("aaaaaa", "http://x/", named).unwrap();
        assert!(tls.key.ends_with("#orders.test"), "its connections are its own: {}", tls.key);
        assert_eq!(tls.tls.unwrap().server_name.as_deref(), Some("orders.test"));
        // A URL's host is the name only where there is TLS without another name.
        let of_url = Tls { turns_on: false, ..named };
        assert_eq!(find("aaaaaa", "http://x/", of_url).unwrap().tls, None);
        let declared = find("bbbbbb", "http://x/", of_url).unwrap().tls.unwrap();
        assert_eq!(declared.server_name.as_deref(), Some("own.test"));
        let insecure = find("bbbbbb", "http://x/", Tls { insecure: true, ..of_url }).unwrap();
        assert!(insecure.tls.unwrap().insecure_skip_verify && insecure.key.ends_with("#insecure"));
    }
}
