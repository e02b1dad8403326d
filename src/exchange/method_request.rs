//! The method request: what templates, validators and mappings see of a client's request.
//!
//! The same whether the request came through a connection or is a test call of the management API.

use super::context::Context;
use super::{Admitted, Exchange, Trace};
use crate::http::{self, Field, Known};
use crate::snapshot::Protocol;
use crate::template::{Inputs, Limits, Overrides, RenderError, Scratch, Template};
use std::borrow::Cow;

/// What the gateway's phases see of a client's request.
#[derive(Debug)]
pub struct MethodRequest<'x> {
    /// Path parameters, still encoded.
    pub path: Vec<(&'x str, Cow<'x, str>)>,
    /// Decoded, as they came.
    pub query: Vec<(Cow<'x, str>, Cow<'x, str>)>,
    /// As they came, less those that never reach a method.
    pub header: Vec<(Cow<'x, str>, Cow<'x, str>)>,
    /// The content.
    pub content: &'x [u8],
    /// `$stageVariables`.
    pub stage_variables: Vec<(&'x str, &'x str)>,
    /// `$context`.
    pub context: Context<'x>,
}

impl<'x> MethodRequest<'x> {
    /// Without parameters and content.
    pub fn new(context: Context<'x>) -> Self {
        Self {
            path: Vec::new(),
            query: Vec::new(),
            header: Vec::new(),
            content: &[],
            stage_variables: Vec::new(),
            context,
        }
    }

    /// Of an exchange with a route. Content that has not been asked for is empty.
    pub fn of(exchange: &Exchange<'x>, context: Context<'x>) -> Self {
        let names = exchange
            .api
            .zip(exchange.route)
            .map(|(Admitted { api, .. }, route)| &*api.route(route).parameters);
        let path = names.unwrap_or_default().iter().zip(exchange.parameters.iter());
        let shared = exchange.api.and_then(|it| it.api.shared.as_deref());
        let variables = shared.map(|it| &*it.stage_variables).unwrap_or_default();
        let mut header: Vec<_> = exchange
            .fields
            .iter()
            .filter(|field| !never_reaches_a_method(field.known))
            .map(|field| {
                (String::from_utf8_lossy(field.name), String::from_utf8_lossy(field.value))
            })
            .collect();
        let has_trace = exchange.fields.iter().any(|field| field.known == Known::XAmznTraceId);
        let own = front_end_fields(exchange).into_iter();
        header.extend(own.filter(|(name, _)| !has_trace || name != "X-Amzn-Trace-Id"));
        Self {
            path: path.map(|(name, value)| (&**name, String::from_utf8_lossy(value))).collect(),
            query: query_pairs(exchange.head.target.query().unwrap_or_default()),
            header,
            content: exchange.content.unwrap_or_default(),
            stage_variables: variables.iter().map(|(name, value)| (&**name, &**value)).collect(),
            context,
        }
    }

    /// The same once a back end has answered with these fields.
    pub fn answered(self, fields: &[Field<'_>]) -> Self {
        Self { context: self.context.answered(fields), ..self }
    }

    /// The last value of a header. Capitals do not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.header.iter().rfind(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }

    /// The media type of the content, without parameters.
    pub fn content_type(&self) -> &str {
        media_type(self.header("content-type"))
    }

    /// The first media type that the client accepts.
    pub fn accept(&self) -> &str {
        media_type(self.header("accept"))
    }

    /// Renders a template with `body` as `$input.body`.
    ///
    /// # Errors
    /// It has no result.
    pub fn render(
        &self,
        template: &Template,
        body: &str,
        overrides: Option<&Overrides>,
        scratch: &mut Scratch,
        out: &mut String,
    ) -> Result<Overrides, RenderError> {
        let path: Vec<_> = self.path.iter().map(|(name, value)| (*name, &**value)).collect();
        let query: Vec<_> = self.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let header: Vec<_> = self.header.iter().map(|(name, value)| (&**name, &**value)).collect();
        let inputs = Inputs {
            body,
            path: &path,
            querystring: &query,
            header: &header,
            stage_variables: &self.stage_variables,
            context: &self.context,
            overrides,
        };
        template.render(&inputs, scratch, Limits::default(), out)
    }
}

/// A field's first media type without parameters; `application/json` where there is none.
pub fn media_type(value: Option<&str>) -> &str {
    let value = value.unwrap_or_default();
    let end = value.find([';', ',']).unwrap_or(value.len());
    match value[..end].trim() {
        "" => "application/json",
        media_type => media_type,
    }
}

/// As recorded of Amazon; and the forwarding fields, which are the gateway's to say.
fn never_reaches_a_method(known: Known) -> bool {
    matches!(
        known,
        Known::Connection
            | Known::ContentLength
            | Known::ContentMd5
            | Known::Expect
            | Known::KeepAlive
            | Known::MaxForwards
            | Known::ProxyAuthenticate
            | Known::ProxyConnection
            | Known::Server
            | Known::Te
            | Known::Trailer
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::WwwAuthenticate
            | Known::XForwardedFor
            | Known::XForwardedPort
            | Known::XForwardedProto
    )
}

/// What a REST API's mappings and validators see of a header.
pub(super) enum Visible {
    /// What the client said.
    Told,
    /// What the front end says, whatever the client did.
    Own(Vec<u8>),
    /// Nothing: it never reaches a method.
    Nothing,
}

/// Who may say what a header's value is.
pub(super) fn visible(exchange: &Exchange<'_>, name: &[u8]) -> Visible {
    let known = Known::of(name);
    if exchange.protocol != Some(Protocol::Rest) || known == Known::Other {
        return Visible::Told;
    }
    let is_told = || exchange.fields.iter().any(|field| field.known == known);
    if !never_reaches_a_method(known) && (known != Known::XAmznTraceId || is_told()) {
        return Visible::Told;
    }
    let own = front_end_fields(exchange).into_iter();
    let mut own = own.filter(|(its, _)| its.as_bytes().eq_ignore_ascii_case(name));
    own.next().map_or(Visible::Nothing, |(_, value)| Visible::Own(value.into_owned().into_bytes()))
}

/// Who asks over what, and in which trace, as Amazon's front end says it.
fn front_end_fields<'x>(exchange: &Exchange<'_>) -> [(Cow<'x, str>, Cow<'x, str>); 4] {
    let client = exchange.client;
    let mut hops = Vec::new();
    let fields = if client.peer_is_trusted { exchange.fields } else { &[] };
    http::forwarded::write_x_forwarded_for(&mut hops, fields, client.peer.ip());
    let line = String::from_utf8_lossy(&hops);
    let hops = line.split_once(':').map_or("", |(_, value)| value).trim().to_owned();
    let told = |known: Known| {
        let field = fields.iter().rfind(|field| field.known == known);
        field.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    let scheme = if client.is_tls { "https" } else { "http" };
    let scheme = told(Known::XForwardedProto).unwrap_or_else(|| scheme.to_owned());
    let port = told(Known::XForwardedPort).unwrap_or_else(|| client.local.port().to_string());
    [
        ("X-Forwarded-For".into(), hops.into()),
        ("X-Forwarded-Port".into(), port.into()),
        ("X-Forwarded-Proto".into(), scheme.into()),
        ("X-Amzn-Trace-Id".into(), Trace::root(exchange).as_str().to_owned().into()),
    ]
}

/// The parameters of a query string, decoded, as they came.
pub fn query_pairs(query: &[u8]) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    query
        .split(|byte| matches!(byte, b'&' | b';'))
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            (text(form_decoded(&pair[..equals])), text(form_decoded(value)))
        })
        .collect()
}

fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

/// A name or value of a query string as a form writes it: `+` is a blank.
pub(super) fn form_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'+', text).is_none() {
        return decoded(text);
    }
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let plain = decoded(&spaced).into_owned();
    Cow::Owned(plain)
}

/// What is badly encoded stands for itself.
pub(super) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    http::path::decode(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_the_first_without_its_parameters() {
        for (value, expected) in [
            (None, "application/json"),
            (Some(""), "application/json"),
            (Some("text/html; q=0.9, */*"), "text/html"),
            (Some("a/b,c/d"), "a/b"),
            (Some(" A/B ;x"), "A/B"),
        ] {
            assert_eq!(media_type(value), expected, "{value:?}");
        }
    }

    #[test]
    fn queries_are_decoded_and_semicolons_split_them() {
        let pairs = query_pairs(b"a=test%2Balias&a=foo+bar;c&=x&%zz=%zz");
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["a=test+alias", "a=foo bar", "c=", "=x", "%zz=%zz"]);
    }
}
