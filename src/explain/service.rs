//! Service: the request that an AWS service would get. Nobody's key pair is at hand here, so it is signed
//! with one that is none, and what that pair made is masked.

use super::report::Phase;
use crate::exchange::integrate::http_proxy::{HostPlace, Made};
use crate::exchange::integrate::service::{self, Keyring, Signing};
use crate::exchange::transform::Transformed;
use crate::exchange::{Exchange, Refusal};
use crate::snapshot::HttpProxy;
use crate::snapshot::service::{RoleCredentials, Service};

/// Stands where the access key would.
const KEY: &str = "KEY";

/// The content that an action of an HTTP API makes. `None`: the integration is none.
///
/// # Errors
/// A parameter that the action needs is missing, or is of another kind.
pub(super) fn action<'x>(
    exchange: &Exchange<'_>,
    proxy: &HttpProxy,
) -> Result<Option<Transformed<'x>>, Refusal> {
    let action = proxy.service.as_ref().and_then(|service| service.action.as_deref());
    let Some(action) = action else { return Ok(None) };
    let content = service::content(exchange, action)?.into();
    Ok(Some(Transformed { content, is_made: true, ..Transformed::default() }))
}

/// Writes the head of a service's request, and tells who signs it.
pub(super) fn head(
    exchange: &Exchange<'_>,
    call: (&HttpProxy, &Service),
    (made, content): (&Made<'_>, &[u8]),
    phase: &mut Phase,
    out: &mut Vec<u8>,
) -> Result<HostPlace, Refusal> {
    let (_, service) = call;
    phase.value("signed as", format!("{} in {}", service.signing_name, service.region));
    phase.value("in the name of", &*service.role);
    let mut keyring = Keyring::default();
    keyring.replace(vec![RoleCredentials {
        role: service.role.clone(),
        access_key_id: KEY.into(),
        secret_access_key: "none".into(),
        session_token: None,
        expires: None,
    }]);
    let now = exchange.received;
    let key = keyring.key(service, now).map_err(|_| Refusal::Internal)?;
    let place = service::request_head(exchange, call, made, content, Signing { key, now }, out)?;
    mask(out);
    phase.note("key and signature are masked; with a role's temporary key there is an X-Amz-Security-Token, too");
    Ok(place)
}

/// Takes the signature out of a head.
fn mask(head: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(head).into_owned();
    let Some((before, behind)) = text.split_once("Signature=") else { return };
    let rest = behind.find("\r\n").map_or("", |end| &behind[end..]);
    let before = before.replace(&format!("Credential={KEY}/"), "Credential=****/");
    *head = format!("{before}Signature=****{rest}").into_bytes();
}
