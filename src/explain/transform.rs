//! Transform: templates on the way to an integration, and what a mock makes of its own.

use super::answer;
use super::integration::{answer_mock, leave, permitted};
use super::report::{Entry, Outcome, Phase};
use super::walk::Walk;
use crate::exchange::integrate::lambda::custom::{self, Invocation, Told, Unordered};
use crate::exchange::transform::{self, Transformed};
use crate::exchange::{Context, Exchange, Failure, MethodRequest, Refusal, Trace};
use crate::http::Known;
use crate::snapshot::Route;
use crate::snapshot::managed::{BinaryTypes, CustomLambda, Mapped, Passthrough, Plan, Templating};

/// Runs an integration with templates of a REST API.
pub(super) fn run(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    route: &Route,
    mapped: &Mapped,
) -> Result<(), Failure> {
    if let Some(fixed) = &mapped.fixed {
        let value =
            |known| exchange.fields.iter().rfind(|field| field.known == known).map(|it| it.value);
        if let Some(mock) = fixed.choose(value(Known::ContentType), value(Known::Accept)) {
            let mut phase = Phase::new("integrate", format!("mock: {}", mock.status));
            phase
                .note("its templates have no references: the answer was made when it was deployed");
            walk.tell(phase.ended(Outcome::Answered));
            answer_mock(walk, exchange, mock);
            return Ok(());
        }
    }
    let mut request = MethodRequest::of(exchange, Context::of(exchange));
    request.content = exchange.content.unwrap_or_default();
    let made = request_template(walk, exchange, route, &mapped.plan, &request)?;
    if let Some(function) = &mapped.function {
        return custom(walk, exchange, &mapped.plan, &request, function, &made);
    }
    match &mapped.proxy {
        None => answer::mock(walk, exchange, &mapped.plan, &request, &made),
        Some(proxy) => {
            leave(walk, exchange, route, proxy, Some(&made))?;
            answer::templated(walk, exchange, &mapped.plan, &request, &made.overrides)
        }
    }
}

/// A function whose event the request template has made, and what becomes of its result.
fn custom(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    plan: &Plan,
    request: &MethodRequest<'_>,
    function: &CustomLambda,
    made: &Transformed<'_>,
) -> Result<(), Failure> {
    let declared = &function.lambda;
    let mut phase = Phase::new("integrate", "function behind templates");
    phase.value("arn", &*declared.function);
    if !permitted(walk, exchange, declared, &mut phase) {
        walk.tell(phase.ended(Outcome::Refused));
        return Err(Refusal::FunctionRefused.into());
    }
    let told = match custom::order(exchange, function, made) {
        Err(Unordered::Refused(refusal)) => {
            walk.tell(phase.ended(Outcome::Refused));
            return Err(refusal.into());
        }
        Err(Unordered::Answered(told)) => {
            phase.text("what is no event", &made.content);
            phase.note("Lambda refuses it; what it says is the back end's answer");
            told
        }
        Ok(order) => {
            phase.value("invocation type", format!("{:?}", order.invocation));
            if let Some(client_context) = &order.client_context {
                phase.value("client context", &**client_context);
            }
            phase.text("the event that it gets", &order.event);
            match (order.invocation, walk.asked.reply.as_ref()) {
                (invocation @ (Invocation::Event | Invocation::DryRun), _) => {
                    phase.note("nobody waits for a result: the answer is without content");
                    Told::nothing(invocation)
                }
                (Invocation::RequestResponse, Some(reply)) => {
                    phase.text("the function's result", &reply.content);
                    Told::written(reply.content.clone().into(), &exchange.ids.request)
                }
                (Invocation::RequestResponse, None) => {
                    phase.note("no function is run here: `--response FILE` says what it returns");
                    walk.tell(phase.ended(Outcome::Open));
                    return Ok(());
                }
            }
        }
    };
    walk.tell(phase);
    let fields = told.fields();
    let trace = Trace::of(exchange);
    let (back_end, trace) = (told.back_end(&fields), Some(trace.as_bytes()));
    answer::respond_with(walk, exchange, plan, request, &back_end, &made.overrides, trace)
}

/// Runs the request template.
fn request_template<'r>(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    route: &Route,
    plan: &Plan,
    request: &'r MethodRequest<'_>,
) -> Result<Transformed<'r>, Failure> {
    let media_type = request.content_type().to_owned();
    let mut phase = Phase::new("transform", "");
    let types: Vec<&str> = plan.templates.iter().map(|(media_type, _)| &**media_type).collect();
    phase.summary = match plan.template(&media_type) {
        Ok(Some(Templating::Template(_))) => format!("request template for {media_type}"),
        Ok(Some(Templating::Passes)) => {
            format!("the template for {media_type} is empty: content passes")
        }
        Ok(Some(Templating::Broken)) => format!("the template for {media_type} cannot be parsed"),
        Ok(None) => format!("no template for {media_type}: content passes"),
        Err(_) => format!("no template for {media_type}, and such content must not pass"),
    };
    if !types.is_empty() {
        phase.value("templates for", types.join(", "));
    }
    if !matches!(plan.template(&media_type), Ok(Some(_))) {
        phase.value(
            "passthrough",
            match plan.passthrough {
                Passthrough::WhenNoMatch => "WHEN_NO_MATCH",
                Passthrough::WhenNoTemplates => "WHEN_NO_TEMPLATES",
                Passthrough::Never => "NEVER",
            },
        );
    }
    let types = binary_types(exchange);
    let mut scratch = walk.notes.scratch(1);
    let done = transform::request(plan, request, &types, &mut scratch);
    told(walk, "request template", &mut phase);
    if matches!(plan.template(&media_type), Ok(Some(Templating::Broken))) {
        walk.tell_warnings(&route.key, &mut phase);
    }
    if done.is_err() {
        phase.outcome = Outcome::Refused;
    }
    walk.tell(phase);
    done
}

/// Puts the renderings that were noted into a phase.
pub(super) fn told(walk: &Walk<'_>, title: &str, phase: &mut Phase) {
    for rendering in walk.notes.take() {
        phase
            .entries
            .push(Entry::Template { title: title.to_owned(), rendering: Box::new(rendering) });
    }
}

/// Which content the exchange's API takes for binary.
pub(super) fn binary_types(exchange: &Exchange<'_>) -> BinaryTypes {
    let shared = exchange.api.and_then(|it| it.api.shared.as_deref());
    shared.map(|shared| shared.binary_types.clone()).unwrap_or_default()
}
