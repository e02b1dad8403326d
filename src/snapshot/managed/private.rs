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
