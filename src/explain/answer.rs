//! Answer: which response is chosen and why, and what the client gets.

use super::mapped::{described_answer, tell_answer};
use super::report::{Outcome, Phase};
use super::transform::{binary_types, told};
use super::walk::Walk;
use crate::exchange::context::Integrated;
use crate::exchange::integrate::EditedAnswer;
use crate::exchange::respond::{self, Changes, Connection, ResponseFraming};
use crate::exchange::transform::{self, BackEnd, Overrides, Transformed};
use crate::exchange::{Context, Exchange, Failure, MethodRequest, Refusal, Trace, cors};
use crate::http::{self, Field, Fields, HeadLimits, RequestKind, ResponseHead};
use crate::snapshot::managed::{AnswerEdits, Plan, PlannedAnswer};
use crate::snapshot::{HttpProxy, Protocol};
use std::time::Duration;

/// What is taken of an answer's head that somebody wrote into a file.
const LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 8 * 1024, head_bytes: 64 * 1024, fields: 128 };

/// A MOCK integration: its request template says what would have been answered.
pub(super) fn mock(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    plan: &Plan,
    request: &MethodRequest<'_>,
    made: &Transformed<'_>,
) -> Result<(), Failure> {
    let mut phase = Phase::new("integrate", "");
    let status = match transform::status(made) {
        Ok(status) => status.map(|status| status.to_string()),
        Err(failure) => {
            phase.summary = "mock: what the template made has no statusCode".to_owned();
            walk.tell(phase.ended(Outcome::Refused));
            return Err(failure);
        }
    };
    phase.summary = match &status {
        Some(status) => format!("mock: statusCode {status}"),
        None => "mock: no statusCode, so the default response".to_owned(),
    };
    walk.tell(phase);
    let back_end = BackEnd { selected_by: status.as_deref(), fields: &[], content: &[] };
    respond_with(walk, exchange, plan, request, &back_end, &made.overrides, None)
}

/// An HTTP integration whose answer goes through templates.
pub(super) fn templated(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    plan: &Plan,
    request: &MethodRequest<'_>,
    overrides: &Overrides,
) -> Result<(), Failure> {
    let Some(reply) = walk.asked.reply.as_ref() else { return nobody_asked(walk) };
    let mut fields = Fields::new();
    let head = http::response_head(&reply.head, &mut fields, &LIMITS, RequestKind::Other);
    let Ok(Some(head)) = head else { return Err(Refusal::BadGateway.into()) };
    let status = head.status.to_string();
    let back_end = BackEnd { selected_by: Some(&status), fields: &fields, content: &reply.content };
    let trace = Trace::of(exchange);
    let trace = Some(trace.as_bytes());
    respond_with(walk, exchange, plan, request, &back_end, overrides, trace)
}

fn respond_with(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    plan: &Plan,
    request: &MethodRequest<'_>,
    back_end: &BackEnd<'_>,
    overrides: &Overrides,
    trace: Option<&[u8]>,
) -> Result<(), Failure> {
    let mut phase = Phase::new("select", "");
    let chosen = match back_end.selected_by {
        Some(value) => {
            select(plan, value, &mut phase);
            plan.answers.choose(value)
        }
        None => plan.answers.default(),
    };
    phase.summary = match chosen {
        Some(PlannedAnswer { status_code, pattern: Some(pattern), .. }) => {
            format!("integration response {status_code}: `{pattern}` matches")
        }
        Some(PlannedAnswer { status_code, pattern: None, .. }) => {
            format!("integration response {status_code}, the default")
        }
        None => {
            phase.outcome = Outcome::Refused;
            "no pattern matches, and there is no default response".to_owned()
        }
    };
    walk.tell(phase);

    let types = binary_types(exchange);
    let mut scratch = walk.notes.scratch(1);
    let made = transform::response(plan, request, back_end, &types, overrides, &mut scratch);
    let mut phase = Phase::new("transform", "");
    if let Some(chosen) = chosen {
        phase.summary = match chosen.template(request.accept()) {
            Some((media_type, _)) => format!("response template for {media_type}"),
            None => "no response template: content passes".to_owned(),
        };
        for (name, source) in &chosen.headers {
            match source.is_of_head() {
                true => tell_answer(name, source, back_end.fields, &mut phase),
                false => {
                    let value = made.as_ref().ok().and_then(|made| {
                        let mut sent = made.headers.iter();
                        let sent = sent.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
                        Some(String::from_utf8_lossy(&sent.1).into_owned())
                    });
                    phase.mapped(format!("header {name}"), value, described_answer(source));
                }
            }
        }
        told(walk, "response template", &mut phase);
        if let Ok(made) = &made {
            let is_other = chosen.status.is_some_and(|status| status != made.status);
            if is_other {
                let status = made.status.to_string();
                phase.mapped("status", Some(status), "$context.responseOverride of the template");
            }
        } else {
            phase.outcome = Outcome::Refused;
        }
        walk.tell(phase);
    }
    let made = made?;
    let (mut out, date) = (Vec::new(), walk.date());
    let is_head = exchange.head.method == "HEAD";
    respond::made(&made, &exchange.ids, trace, Connection::Stays, &date, is_head, &mut out);
    walk.answer(made.status, &out);
    Ok(())
}

/// Which patterns are looked at, and what comes of it.
fn select(plan: &Plan, value: &str, phase: &mut Phase) {
    phase.value("selected by", value);
    for (answer, matches) in plan.answers.tried(value) {
        let pattern = answer.pattern.as_deref().unwrap_or_default();
        let key = format!("{} `{pattern}`", answer.status_code);
        phase.candidate(key, if matches { "matches" } else { "does not match" });
        if matches {
            break;
        }
    }
}

/// An answer that is passed on, with what mappings change of it.
pub(super) fn proxied(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    proxy: &HttpProxy,
) -> Result<(), Failure> {
    let Some(reply) = walk.asked.reply.as_ref() else { return nobody_asked(walk) };
    let mut fields = Fields::new();
    let head = http::response_head(&reply.head, &mut fields, &LIMITS, RequestKind::Other);
    let Ok(Some(head)) = head else { return Err(Refusal::BadGateway.into()) };
    let framing = ResponseFraming::Length(reply.content.len() as u64);
    let (mut out, date) = (Vec::new(), walk.date());
    let protocol = exchange.protocol.unwrap_or(Protocol::Http);
    let mut phase = Phase::new("respond", "");
    let status = match &proxy.response {
        Some(mapping) => {
            let Some(mapped) = mapping.choose(head.status) else {
                phase.summary = format!("no integration response is declared for {}", head.status);
                walk.tell(phase.ended(Outcome::Refused));
                return Err(Refusal::Misconfigured.into());
            };
            phase.summary = format!("status {} becomes {}", head.status, mapped.status);
            for (name, source) in &mapped.headers {
                tell_answer(&String::from_utf8_lossy(name), source, &fields, &mut phase);
            }
            let connection = Connection::Stays;
            respond::mapped_head(
                mapped,
                &fields,
                framing,
                &exchange.ids,
                Trace::of(exchange).as_bytes(),
                connection,
                &date,
                &mut out,
            );
            mapped.status
        }
        None => {
            let edits = proxy.edits.as_ref().and_then(|edits| edits.of_status(head.status));
            let edited = edits.map(|edits| edited(walk, exchange, &head, &fields, edits));
            for edit in edits.map(|edits| &*edits.headers).unwrap_or_default() {
                let name = String::from_utf8_lossy(&edit.name).into_owned();
                match &edit.value {
                    Some(source) => {
                        let value = edited.as_ref().and_then(|edited| edited.value(edit));
                        let value = value.map(|it| String::from_utf8_lossy(it).into_owned());
                        phase.mapped(format!("header {name}"), value, described_answer(source));
                    }
                    None => phase.mapped(format!("header {name}"), None, "removed"),
                }
            }
            let cors = cors::rules(exchange).map(|rules| cors::answer(exchange, rules));
            let status = respond::proxied_head(
                &head,
                &fields,
                framing,
                protocol,
                &exchange.ids,
                Connection::Stays,
                &date,
                Changes { edited: edited.as_ref(), cors: cors.as_deref() },
                &mut out,
            );
            phase.summary = match status == head.status {
                true => format!("the back end's answer is passed on: {status}"),
                false => format!("status {} becomes {status}", head.status),
            };
            status
        }
    };
    walk.tell(phase);
    out.extend_from_slice(&reply.content);
    walk.answer(status, &out);
    Ok(())
}

/// What an HTTP API changes of the answer, with its values.
fn edited(
    walk: &Walk<'_>,
    exchange: &Exchange<'_>,
    head: &ResponseHead<'_>,
    fields: &[Field<'_>],
    edits: &AnswerEdits,
) -> EditedAnswer {
    let content = walk.asked.reply.as_ref().map(|reply| &*reply.content).unwrap_or_default();
    let mut context = Context::of(exchange);
    context.integrated = Some(Integrated { status: head.status, latency: Duration::ZERO });
    let back_end = BackEnd { selected_by: None, fields, content };
    EditedAnswer::of(edits, &context, head.status, &back_end, &mut walk.notes.scratch(1))
}

fn nobody_asked(walk: &mut Walk<'_>) -> Result<(), Failure> {
    let mut phase = Phase::new("respond", "depends on the back end, which is not asked");
    phase.note(
        "`--response 200`, `--response '404 {\"error\": 1}'` or `--response FILE` says its answer",
    );
    walk.tell(phase.ended(Outcome::Open));
    Ok(())
}
