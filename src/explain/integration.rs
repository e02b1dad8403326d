//! Integration: what would be asked, and what becomes of the answer where there is one.

use super::report::{Outcome, Phase};
use super::walk::Walk;
use super::{answer, mapped, service, transform};
use crate::exchange::integrate::http_proxy::{self, Made, has_content};
use crate::exchange::integrate::lambda::{self, HeadFacts};
use crate::exchange::respond::{self, Connection};
use crate::exchange::transform::Transformed;
use crate::exchange::{Exchange, Failure, Refusal, Trace};
use crate::http;
use crate::snapshot::{HttpProxy, Integration, Lambda, Mock, Route};

/// Runs the integration as far as that goes without asking anybody.
pub(super) fn integrate(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    route: &Route,
) -> Result<(), Failure> {
    match &route.integration {
        Integration::Mock(mock) => {
            let phase = Phase::new("integrate", format!("mock: {}", mock.status));
            walk.tell(phase.ended(Outcome::Answered));
            answer_mock(walk, exchange, mock);
        }
        Integration::HttpProxy(proxy) => {
            let made = match service::action(exchange, proxy) {
                Ok(made) => made,
                Err(refusal) => {
                    let summary =
                        "the action needs a parameter that is not there, or is no such value";
                    walk.tell(Phase::new("integrate", summary).ended(Outcome::Refused));
                    return Err(refusal.into());
                }
            };
            leave(walk, exchange, route, proxy, made.as_ref())?;
            answer::proxied(walk, exchange, proxy)?;
        }
        Integration::Mapped(mapped) => transform::run(walk, exchange, route, mapped)?,
        Integration::Lambda(declared) => function(walk, exchange, declared)?,
        Integration::Misconfigured => {
            let mut phase = Phase::new("integrate", "the integration cannot be served");
            walk.tell_warnings(&route.key, &mut phase);
            walk.tell(phase.ended(Outcome::Refused));
            return Err(Refusal::Misconfigured.into());
        }
    }
    Ok(())
}

/// A ready-made answer, as shards send it.
pub(super) fn answer_mock(walk: &mut Walk<'_>, exchange: &Exchange<'_>, mock: &Mock) {
    let mut out = mock.head.to_vec();
    let date = walk.date();
    let (ids, protocol) = (&exchange.ids, exchange.protocol);
    respond::common_fields(ids, protocol, Connection::Stays, Some(&date), &mut out);
    out.extend_from_slice(b"\r\n");
    if exchange.head.method != "HEAD" {
        out.extend_from_slice(&mock.body);
    }
    walk.answer(mock.status, &out);
}

/// The request that would leave for a back end.
pub(super) fn leave(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    route: &Route,
    proxy: &HttpProxy,
    made: Option<&Transformed<'_>>,
) -> Result<(), Failure> {
    let Some(admitted) = exchange.api else { return Err(Refusal::Internal.into()) };
    let mut phase = Phase::new("integrate", "");
    if let Some(mapping) = &proxy.mapping {
        mapped::tell(exchange, route, mapping, made.map(|made| &made.overrides), &mut phase);
    }
    let method = proxy.method.as_deref().unwrap_or(exchange.method);
    let facts = made.map(|made| Made {
        content_bytes: if has_content(method) { made.content.len() } else { 0 },
        is_made: made.is_made,
        overrides: &made.overrides,
    });
    let mut out = Vec::new();
    let written = match (proxy.service.as_deref(), &facts, made) {
        (Some(called), Some(facts), Some(made)) => {
            let call = (proxy, called);
            let content = (facts, &*made.content);
            service::head(exchange, call, content, &mut phase, &mut out)
        }
        _ => http_proxy::request_head(exchange, proxy, facts.as_ref(), &mut out),
    };
    let place = match written {
        Ok(place) => place,
        Err(refusal) => {
            phase.summary =
                format!("no request can be made: {}", refusal.message(exchange.protocol));
            walk.tell(phase.ended(Outcome::Refused));
            return Err(refusal.into());
        }
    };
    let upstream = walk.world.upstream(&admitted, proxy.upstream);
    let target = upstream.and_then(|upstream| upstream.targets.first());
    let authority = target.map_or("", |target| &*target.authority);
    let scheme = match upstream.is_some_and(|upstream| upstream.tls.is_some()) {
        true => "https",
        false => "http",
    };
    // The request line is ours: method, path with query, version.
    let line_end = memchr::memchr(b'\r', &out).unwrap_or(out.len());
    let line = String::from_utf8_lossy(&out[..line_end]).into_owned();
    let asked_for = line.trim_end_matches(" HTTP/1.1").split_once(' ').map_or("", |(_, it)| it);
    phase.summary = format!("{method} {scheme}://{authority}{asked_for}");
    let count = upstream.map_or(0, |upstream| upstream.targets.len());
    if count > 1
        && let Some(upstream) = upstream
    {
        let names: Vec<&str> = upstream.targets.iter().map(|target| &*target.address).collect();
        phase.value("one of", names.join(", "));
    }
    if !place.is_mapped {
        let mut host = Vec::new();
        http::write::field(&mut host, b"host", authority.as_bytes());
        out.splice(place.at..place.at, host);
    }
    match made {
        Some(made) if has_content(method) => out.extend_from_slice(&made.content),
        Some(_) => {}
        None => out.extend_from_slice(exchange.content.unwrap_or_default()),
    }
    phase.value("time-out", format!("{:?}", proxy.timeout));
    phase.text("the request that leaves", &out);
    walk.tell(phase);
    Ok(())
}

/// Whether a function lets the API invoke it; of one that is not there, nobody can say.
pub(super) fn permitted(
    walk: &Walk<'_>,
    exchange: &Exchange<'_>,
    declared: &Lambda,
    phase: &mut Phase,
) -> bool {
    match walk.world.function(&declared.function) {
        None => match walk.world.elsewhere(&declared.function) {
            Some(place) => phase.value("invoked at", place),
            None => phase.warning("there is no such function: it would be refused with 500"),
        },
        Some(function) if !lambda::is_permitted(exchange, declared, function) => {
            phase.warning("the function does not permit this API to invoke it");
            return false;
        }
        Some(_) => {}
    }
    true
}

/// A function's event, and what becomes of its result.
fn function(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    declared: &Lambda,
) -> Result<(), Failure> {
    let name = declared.function.rsplit(':').next().unwrap_or_default().to_owned();
    let mut phase = Phase::new("integrate", format!("function {name}"));
    phase.value("arn", &*declared.function);
    phase.value("time-out", format!("{:?}", declared.timeout));
    if !permitted(walk, exchange, declared, &mut phase) {
        walk.tell(phase.ended(Outcome::Refused));
        return Err(Refusal::FunctionRefused.into());
    }
    let root = Trace::root(exchange);
    let told = exchange.fields.iter().find(|it| it.known == http::Known::XAmznTraceId);
    let trace = told.map_or(root.as_str().as_bytes(), |field| field.value);
    let content = exchange.content.unwrap_or_default();
    let mut event = Vec::new();
    lambda::write_event(exchange, declared, content, trace, walk.asked.received, &mut event)?;
    let pretty = serde_json::from_slice::<serde_json::Value>(&event);
    let pretty = pretty.and_then(|event| serde_json::to_string_pretty(&event));
    match pretty {
        Ok(text) => phase.text("the event that it gets", text.as_bytes()),
        Err(_) => phase.text("the event that it gets", &event),
    }
    let Some(reply) = walk.asked.reply.as_ref() else {
        phase.note("no function is run here: `--response FILE` says what it returns");
        walk.tell(phase.ended(Outcome::Open));
        return Ok(());
    };
    walk.tell(phase);
    let mut phase = Phase::new("respond", "");
    phase.text("the function's result", &reply.content);
    let protocol = exchange.protocol.unwrap_or(crate::snapshot::Protocol::Http);
    let accept = lambda::accept_for(exchange, declared);
    match lambda::answer(protocol, declared, accept, &reply.content) {
        Ok(answer) => {
            phase.summary = format!("the result is an answer: {}", answer.status);
            walk.tell(phase);
            let date = walk.date();
            let facts = HeadFacts {
                protocol,
                ids: &exchange.ids,
                connection: Connection::Stays,
                date: &date,
                trace_id: trace,
                is_head: exchange.head.method == "HEAD",
                framing: None,
            };
            let mut out = Vec::new();
            let changes = lambda::Changes::of(exchange, declared, &answer);
            let content = lambda::write_changed_head(&answer, &facts, &changes, &mut out).to_vec();
            out.extend_from_slice(&content);
            walk.answer(changes.status().unwrap_or(answer.status), &out);
            Ok(())
        }
        Err(fault) => {
            phase.summary = match fault {
                lambda::Fault::Function => "the function failed".to_owned(),
                lambda::Fault::Malformed(reason) => reason.to_owned(),
                lambda::Fault::Base64 => "its body is to be decoded and is no base64".to_owned(),
            };
            walk.tell(phase.ended(Outcome::Refused));
            Err(fault.refusal().into())
        }
    }
}
