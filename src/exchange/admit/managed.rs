//! The addresses of managed APIs.
//!
//! | form | API and stage |
//! |---|---|
//! | `{api}.execute-api.{region}.{suffix}/{stage}/…` | named; an HTTP API's `$default` needs no segment |
//! | a custom domain name | what its routing rules and mappings say |
//! | `/_aws/execute-api/{api}/{stage}/…` on any host | as the first |
//! | `/restapis/{api}/{stage}/_user_request_/…` on any host | named |
//! | `{id}.lambda-url.{region}.{suffix}/…`, `/_aws/lambda-url/{id}/…` on any host | a function URL |
//!
//! An API without the stage that is asked for answers 403 (REST) or 404 (HTTP), an unknown one 403.
//!
//! Paths that begin with `/_aws/` or `/restapis/` are reserved: no API of the file gets such a path. Of domain names the file's own go
//! first, and APIs of the file without a domain answer what nothing else does.

use crate::exchange::{Exchange, Refusal};
use crate::http::Field;
use crate::snapshot::managed::{
    ApiStages, DefaultEndpoint, HeaderGlob, ManagedDomain, RoutingMode,
};
use crate::snapshot::{Managed, ManagedStage, Protocol};
use arrayvec::ArrayVec;
use std::rc::Rc;

/// Longest host name (RFC 1035 section 2.3.4), so that one can be lower-cased on the stack.
const HOST_BYTES_MAX: usize = 253;

const PATH_FORM: &[u8] = b"/_aws/execute-api/";
const URL_PATH_FORM: &[u8] = b"/_aws/lambda-url/";
const OLD_PATH_FORM: &[u8] = b"/restapis/";
const USER_REQUEST: &[u8] = b"/_user_request_";
const DEFAULT_STAGE: &[u8] = b"$default";

/// What an address leads to.
#[derive(Debug)]
pub(super) enum Place<'x> {
    /// It is none of a managed API.
    OfTheFile,
    /// A stage; so many bytes of the path are not its own. `rule` is the domain's rule that leads to it.
    Stage { stage: &'x Rc<ManagedStage>, base_path_bytes: usize, rule: Option<&'x str> },
    /// A managed API that is not there, or must not be reached like this.
    Nowhere { refusal: Refusal, protocol: Protocol },
}

/// What Amazon answers under a name that leads to nothing, in the words of a REST API.
const FORBIDDEN: Place<'static> =
    Place::Nowhere { refusal: Refusal::Forbidden, protocol: Protocol::Rest };

/// Looks an address up.
pub(super) fn find<'x>(exchange: &Exchange<'x>, host: &[u8], path: &[u8]) -> Place<'x> {
    let managed = exchange.managed;
    if let Some(rest) = path.strip_prefix(PATH_FORM) {
        let (id, _) = split_segment(rest);
        return by_id(managed, id, None, path, PATH_FORM.len() + id.len(), Form::Path);
    }
    if let Some(rest) = path.strip_prefix(URL_PATH_FORM) {
        let (id, _) = split_segment(rest);
        return function_url(managed, id, None, URL_PATH_FORM.len() + id.len());
    }
    if let Some(place) = by_old_path(managed, path) {
        return place;
    }
    let host = without_port(host);
    if let Some((service, id, region)) = default_host(host, &exchange.snapshot.domain_suffixes) {
        return match service {
            Service::Api => by_id(managed, id, Some(region), path, 0, Form::Host),
            Service::FunctionUrl => function_url(managed, id, Some(region), 0),
        };
    }
    if !managed.has_domains() || exchange.snapshot.addresses.declares(host) {
        return Place::OfTheFile;
    }
    match in_lower_case(host).as_deref().and_then(|host| managed.domain(text(host))) {
        Some(domain) => by_domain(managed, domain, exchange.fields, path),
        None => Place::OfTheFile,
    }
}

/// Whose name a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// An API's own.
    Api,
    /// A function URL's.
    FunctionUrl,
}

/// A function URL by its id; so many bytes of the path are not its own.
fn function_url<'x>(
    managed: &'x Managed,
    id: &[u8],
    region: Option<&[u8]>,
    base_path_bytes: usize,
) -> Place<'x> {
    const NOBODYS: Place<'static> =
        Place::Nowhere { refusal: Refusal::NoUrl, protocol: Protocol::Http };
    let id = in_lower_case(id);
    let stages = id.and_then(|id| managed.api(text(&id)));
    let Some(stage) = stages.and_then(ApiStages::any) else { return NOBODYS };
    let is_here = region.is_none_or(|region| stage.region.as_bytes().eq_ignore_ascii_case(region));
    match stage.default_endpoint {
        DefaultEndpoint::FunctionUrl if is_here => {
            Place::Stage { stage, base_path_bytes, rule: None }
        }
        _ => NOBODYS,
    }
}

/// How an API's own address was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In the host: the path is the API's.
    Host,
    /// In the path: `$default` may be named, as nothing else could be meant.
    Path,
}

fn by_id<'x>(
    managed: &'x Managed,
    id: &[u8],
    region: Option<&[u8]>,
    path: &[u8],
    at: usize,
    form: Form,
) -> Place<'x> {
    let Some(id) = in_lower_case(id) else { return FORBIDDEN };
    let Some(api) = managed.api(text(&id)) else { return FORBIDDEN };
    let is_elsewhere =
        region.is_some_and(|region| !api.region.as_bytes().eq_ignore_ascii_case(region));
    if is_elsewhere {
        return FORBIDDEN;
    }
    unless_disabled(in_api(api, path, at, form))
}

fn by_old_path<'x>(managed: &'x Managed, path: &[u8]) -> Option<Place<'x>> {
    let rest = path.strip_prefix(OLD_PATH_FORM)?;
    let (id, rest) = split_segment(rest);
    let (stage, rest) = split_segment(rest.strip_prefix(b"/")?);
    let rest = rest.strip_prefix(USER_REQUEST)?;
    if !matches!(rest.first(), None | Some(b'/')) {
        return None;
    }
    let Some(api) = in_lower_case(id).and_then(|id| managed.api(text(&id))) else {
        return Some(FORBIDDEN);
    };
    Some(unless_disabled(named(api, stage, path.len() - rest.len())))
}

/// The stage that the path behind `at` names, else an HTTP API's default one.
fn in_api<'x>(api: &'x ApiStages, path: &[u8], at: usize, form: Form) -> Place<'x> {
    let rest = path.get(at..).unwrap_or_default();
    let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
    // REST APIs take several slashes in front of the stage for one.
    let slashes = if api.protocol == Protocol::Rest { slashes } else { slashes.min(1) };
    let (segment, _) = split_segment(&rest[slashes..]);
    let base_path_bytes = at + slashes + segment.len();
    if (form == Form::Path || segment != DEFAULT_STAGE)
        && let Some(stage) = api.stage(segment)
    {
        return Place::Stage { stage, base_path_bytes, rule: None };
    }
    named(api, DEFAULT_STAGE, at)
}

/// A stage by its name.
fn named<'x>(api: &'x ApiStages, name: &[u8], base_path_bytes: usize) -> Place<'x> {
    match (api.stage(name), api.protocol) {
        (Some(stage), _) => Place::Stage { stage, base_path_bytes, rule: None },
        (None, Protocol::Rest) => FORBIDDEN,
        (None, protocol) => Place::Nowhere { refusal: Refusal::NoApi, protocol },
    }
}

fn unless_disabled(place: Place<'_>) -> Place<'_> {
    match place {
        Place::Stage { stage, .. } if stage.default_endpoint != DefaultEndpoint::Enabled => {
            match stage.protocol {
                Protocol::Rest => FORBIDDEN,
                protocol => Place::Nowhere { refusal: Refusal::NoApi, protocol },
            }
        }
        place => place,
    }
}

fn by_domain<'x>(
    managed: &'x Managed,
    domain: &'x ManagedDomain,
    fields: &[Field<'_>],
    path: &[u8],
) -> Place<'x> {
    if domain.refuses {
        return FORBIDDEN;
    }
    if domain.mode != RoutingMode::Mappings {
        let has_header = |glob: &HeaderGlob| {
            fields.iter().any(|it| it.name.eq_ignore_ascii_case(&glob.name) && glob.fits(it.value))
        };
        for rule in &domain.rules {
            if let Some(base_path_bytes) = rule.matches(path, has_header) {
                return match managed.api(&rule.api_id) {
                    Some(api) => match named(api, rule.stage.as_bytes(), base_path_bytes) {
                        Place::Stage { stage, base_path_bytes, .. } => {
                            Place::Stage { stage, base_path_bytes, rule: Some(&rule.id) }
                        }
                        place => place,
                    },
                    None => FORBIDDEN,
                };
            }
        }
    }
    if domain.mode == RoutingMode::Rules {
        // Reported of Amazon; without a mapping it is 403.
        return Place::Nowhere { refusal: Refusal::NoApi, protocol: Protocol::Http };
    }
    let Some((mapping, base_path_bytes)) = domain.mapping(path) else { return FORBIDDEN };
    match (managed.api(&mapping.api_id), &mapping.stage) {
        (None, _) => FORBIDDEN,
        (Some(api), Some(stage)) => named(api, stage.as_bytes(), base_path_bytes),
        (Some(api), None) => in_api(api, path, base_path_bytes, Form::Host),
    }
}

/// API and region of `{api}.execute-api.{region}.{suffix}`.
fn default_host<'h>(
    host: &'h [u8],
    suffixes: &[Box<str>],
) -> Option<(Service, &'h [u8], &'h [u8])> {
    let (id, rest) = host.split_at_checked(memchr::memchr(b'.', host)?)?;
    let rest = rest.get(1..)?;
    let (label, rest) = rest.split_at_checked(memchr::memchr(b'.', rest)?)?;
    let service = match label {
        _ if label.eq_ignore_ascii_case(b"execute-api") => Service::Api,
        _ if label.eq_ignore_ascii_case(b"lambda-url") => Service::FunctionUrl,
        _ => return None,
    };
    let rest = rest.get(1..)?;
    let (region, suffix) = rest.split_at_checked(memchr::memchr(b'.', rest)?)?;
    let suffix = suffix.get(1..)?;
    suffixes
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(suffix))
        .then_some((service, id, region))
}

/// Up to the next slash, and the rest from it on.
fn split_segment(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(memchr::memchr(b'/', path).unwrap_or(path.len()))
}

/// A host without its port and the dot at its end.
fn without_port(host: &[u8]) -> &[u8] {
    let host = match memchr::memrchr(b':', host) {
        Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
        _ => host,
    };
    host.strip_suffix(b".").unwrap_or(host)
}

fn in_lower_case(name: &[u8]) -> Option<ArrayVec<u8, HOST_BYTES_MAX>> {
    let mut lower = ArrayVec::new();
    lower.try_extend_from_slice(name).ok()?;
    lower.make_ascii_lowercase();
    Some(lower)
}

/// What is no text is nobody's name.
fn text(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or_default()
}
