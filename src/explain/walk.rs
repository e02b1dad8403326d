//! Walk: one request through the phases, in the order in which a shard runs them.

use super::report::{Answer, Explanation, Outcome, Phase};
use super::{World, authorize, candidates, integration, rendering::Notes};
use crate::exchange::respond::{self, Connection};
use crate::exchange::{
    Admitted, ClientFacts, Exchange, Failure, Ids, Origin, Refusal, admit, cors, route, validate,
};
use crate::http::{self, BodyReader, Date, Fields, HeadLimits};
use crate::snapshot::managed::{ModelFor, ParameterPlace, Release, Validation};
use crate::snapshot::{Phase as Planned, Route};
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::time::Duration;

/// A request, and what is known of those who would be asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Request line and fields, with the empty line behind them.
    pub head: Vec<u8>,
    /// What follows.
    pub content: Vec<u8>,
    /// Who asks.
    pub peer: SocketAddr,
    /// Where.
    pub local: SocketAddr,
    /// Whether over TLS.
    pub is_tls: bool,
    /// When, since 1970.
    pub received: Duration,
    /// For ids and a canary's share.
    pub random: [u64; 4],
    /// What the back end or the function answers.
    pub reply: Option<Reply>,
    /// What the authorizer's function returns.
    pub verdict: Option<Vec<u8>>,
}

/// What a back end or a function answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line and fields, with the empty line behind them; of a function it is not looked at.
    pub head: Vec<u8>,
    /// Content; of a function its result.
    pub content: Vec<u8>,
}

/// Says what happens to a request.
pub fn explain(world: &World, asked: &Asked) -> Explanation {
    let mut walk = Walk { world, asked, notes: Notes::default(), told: Explanation::default() };
    walk.run();
    walk.told
}

pub(super) struct Walk<'w> {
    pub(super) world: &'w World,
    pub(super) asked: &'w Asked,
    pub(super) notes: Notes,
    told: Explanation,
}

impl Walk<'_> {
    fn run(&mut self) {
        let granted = OnceCell::new();
        let mut fields = Fields::new();
        let limits = &self.world.snapshot.server.limits;
        let limits = HeadLimits {
            request_line_bytes: limits.request_line_bytes_max,
            head_bytes: limits.head_bytes_max,
            fields: limits.field_count_max,
        };
        let head = match http::request_head(&self.asked.head, &mut fields, &limits) {
            Ok(Some(head)) => head,
            Ok(None) => {
                let phase = Phase::new("request", "the head has no end: an empty line is missing");
                return self.tell(phase.ended(Outcome::Refused));
            }
            Err(refused) => return self.refuse_head(refused),
        };
        let client = ClientFacts {
            peer: self.asked.peer,
            local: self.asked.local,
            is_tls: self.asked.is_tls,
            peer_is_trusted: self.is_trusted(),
        };
        let (snapshot, managed) = (&self.world.snapshot, &self.world.managed);
        let ids = Ids::new(self.asked.random);
        let mut exchange = Exchange::new(snapshot, managed, &head, &fields, &client, ids);
        exchange.received = self.asked.received;
        let has_content = !BodyReader::new(head.framing).is_done();
        exchange.content = has_content.then_some(&*self.asked.content);
        self.tell_request(&exchange);

        let draw = self.asked.random[0];
        if let Err(refusal) = admit::admit(&mut exchange, || draw) {
            let mut phase = Phase::new("admit", "no API answers there").ended(Outcome::Refused);
            if let Refusal::BodyTooLarge { body_bytes_max } = refusal {
                phase.summary = format!("the content is over {body_bytes_max} bytes");
            }
            self.tell_addresses(&mut phase);
            self.tell(phase);
            return self.fail(&exchange, &refusal.into());
        }
        self.tell_admitted(&exchange);

        let found = route::route(&mut exchange);
        let api = exchange.api.map(|admitted| admitted.api);
        let mut phase = match found {
            Ok(route) => self.tell_route(&exchange, route),
            Err(_) => Phase::new("route", "no route fits").ended(Outcome::Refused),
        };
        if let Some(api) = api {
            candidates::tell(&exchange, api, exchange.route, &mut phase);
        }
        self.tell(phase);
        let route = match found {
            Ok(route) => route,
            Err(refusal) => {
                if let Some(rules) = cors::rules(&exchange)
                    && cors::is_preflight(&exchange)
                {
                    let phase = Phase::new("cors", "a preflight that no route takes is answered");
                    self.tell(phase.ended(Outcome::Answered));
                    let mut out = Vec::new();
                    let date = self.date();
                    respond::preflight(&exchange, rules, Connection::Stays, &date, &mut out);
                    return self.answer(respond::PREFLIGHT_STATUS, &out);
                }
                return self.fail(&exchange, &route::failure(&exchange, refusal));
            }
        };
        for planned in &route.program.phases {
            let done = match planned {
                Planned::Authorize(authorizer) => {
                    authorize::authorize(self, &exchange, *authorizer).map(|found| {
                        // A route has one authorizer at most.
                        exchange.granted = found.map(|found| granted.get_or_init(|| found));
                    })
                }
                Planned::Validate => self.validate(&exchange, route),
                Planned::Integrate => integration::integrate(self, &exchange, route),
                Planned::Refuse(refusing) => {
                    let summary = format!("the route lets nobody through: {refusing:?}");
                    let mut phase = Phase::new("refuse", summary).ended(Outcome::Refused);
                    self.tell_warnings(&route.key, &mut phase);
                    self.tell(phase);
                    Err(Refusal::from(*refusing).into())
                }
            };
            if let Err(failure) = done {
                return self.fail(&exchange, &failure);
            }
        }
    }

    pub(super) fn tell(&mut self, phase: Phase) {
        self.told.phases.push(phase);
    }

    /// `Date`, of the moment that is explained.
    pub(super) fn date(&self) -> [u8; 29] {
        *Date::new().at(self.asked.received.as_secs())
    }

    /// The client gets this.
    pub(super) fn answer(&mut self, status: u16, bytes: &[u8]) {
        self.told.answer = Some(Answer::new(status, bytes));
    }

    /// A gateway response.
    pub(super) fn fail(&mut self, exchange: &Exchange<'_>, failure: &Failure) {
        let mut out = Vec::new();
        let date = self.date();
        let (status, _) = respond::fail(exchange, failure, Connection::Stays, &date, &mut out);
        let refusal = failure.refusal;
        let kind = refusal.response_type();
        let is_rest = exchange.protocol == Some(crate::snapshot::Protocol::Rest);
        let shared = exchange.api.and_then(|it| it.api.shared.as_deref());
        let custom = shared
            .and_then(|it| it.gateway_responses.find(kind, refusal.status(exchange.protocol)));
        let summary = match (is_rest, custom.is_some()) {
            (true, true) => format!("gateway response {kind}, customised: {status}"),
            (true, false) => format!("gateway response {kind}: {status}"),
            (false, _) => format!("the gateway's own answer: {status}"),
        };
        let mut phase = Phase::new("respond", summary).ended(Outcome::Refused);
        if !failure.cause.is_empty() {
            phase.value("because", failure.cause.as_ref());
        }
        if let Some(validation) = &failure.validation {
            phase.value("$context.error.validationErrorString", validation.as_str());
        }
        self.tell(phase);
        self.answer(status, &out);
    }

    fn refuse_head(&mut self, refused: http::Refused) {
        let mut phase = Phase::new("request", "the head cannot be a request");
        phase.value("because", refused.cause());
        self.tell(phase.ended(Outcome::Refused));
        let (mut out, ids, date) = (Vec::new(), Ids::new(self.asked.random), self.date());
        let refusal = Refusal::BadRequest(refused.status());
        respond::refuse(refusal, None, &ids, Connection::Closes, &date, false, &[], &mut out);
        self.answer(refused.status(), &out);
    }

    fn is_trusted(&self) -> bool {
        let mut trusted = self.world.snapshot.server.trusted_proxies.iter();
        trusted.any(|net| net.contains(&self.asked.peer.ip()))
    }

    fn tell_request(&mut self, exchange: &Exchange<'_>) {
        let text = String::from_utf8_lossy;
        let target = exchange.head.target;
        let query = target.query().map(|query| format!("?{}", text(query))).unwrap_or_default();
        let line = format!("{} {}{query}", exchange.head.method, text(target.path()));
        let mut phase = Phase::new("request", line);
        phase.value("host", text(exchange.head.host.unwrap_or_default()));
        let source = exchange.source_address();
        phase.value("from", source.to_string());
        if source != self.asked.peer.ip() {
            phase.note(format!("a forwarding field of {} is believed", self.asked.peer.ip()));
        }
        if !self.asked.content.is_empty() {
            phase.value("content", format!("{} bytes", self.asked.content.len()));
        }
        self.tell(phase);
    }

    fn tell_admitted(&mut self, exchange: &Exchange<'_>) {
        let Some(Admitted { api, origin }) = exchange.api else { return };
        let path = exchange.head.target.path();
        let protocol = match api.protocol {
            crate::snapshot::Protocol::Rest => "REST API",
            crate::snapshot::Protocol::Http => "HTTP API",
        };
        let name = match &*api.name {
            "" => format!("{protocol} {}", api.id),
            name => format!("{protocol} \"{name}\" ({})", api.id),
        };
        let mut phase = Phase::new("admit", format!("{name}, stage {}", api.stage));
        let how = match origin {
            Origin::File(_) => match &api.domain {
                Some(domain) => format!("the host is `{domain}`"),
                None => "no API's domain is this host, and this one has none".to_owned(),
            },
            Origin::Managed(..)
                if path.starts_with(b"/_aws/") || path.starts_with(b"/restapis/") =>
            {
                "the path names API and stage".to_owned()
            }
            Origin::Managed(stage, _) => {
                let host = String::from_utf8_lossy(exchange.head.host.unwrap_or_default());
                match host.to_ascii_lowercase().starts_with(&format!("{}.", stage.api_id)) {
                    true => "the host names the API".to_owned(),
                    false => format!("the custom domain name `{host}` leads to it"),
                }
            }
        };
        phase.value("chosen because", how);
        if exchange.base_path_bytes > 0 {
            let base = path.get(..exchange.base_path_bytes).unwrap_or_default();
            phase.value("base path", String::from_utf8_lossy(base));
        }
        if let Origin::Managed(stage, release) = origin
            && let Some(canary) = &stage.canary
        {
            let percent = canary.share as f64 / 2_f64.powi(64) * 100.0;
            phase.value("canary", format!("{percent:.1} per cent of the requests"));
            let which = if release == Release::Canary { "the canary's" } else { "the stage's own" };
            phase.value("release", which);
        }
        let variables = api.shared.as_deref().map(|it| &*it.stage_variables).unwrap_or_default();
        for (name, value) in variables {
            phase.value(format!("$stageVariables.{name}"), &**value);
        }
        self.tell(phase);
    }

    fn tell_addresses(&self, phase: &mut Phase) {
        if self.world.is_empty() {
            return phase.note("there is no API at all: name a file, or a gateway that runs");
        }
        phase.note(format!("there are: {}", self.world.names().join(", ")));
        phase.note("`--api NAME` asks an API without its address");
    }

    fn tell_route(&self, exchange: &Exchange<'_>, route: &Route) -> Phase {
        let mut phase = Phase::new("route", &*route.key);
        for (name, value) in route.parameters.iter().zip(exchange.parameters.iter()) {
            phase.value(&**name, String::from_utf8_lossy(value));
        }
        phase
    }

    /// What the compiler had to say of a route.
    pub(super) fn tell_warnings(&self, key: &str, phase: &mut Phase) {
        for warning in &self.world.warnings {
            let (_, rest) = warning.split_once(", stage ").unwrap_or_default();
            let (_, rest) = rest.split_once(", ").unwrap_or_default();
            if let Some((of, reason)) = rest.split_once(": ")
                && (of == key || of == "every route")
            {
                phase.warning(reason);
            }
        }
    }

    fn validate(&mut self, exchange: &Exchange<'_>, route: &Route) -> Result<(), Failure> {
        let Some(validation) = route.validation.as_deref() else { return Ok(()) };
        let mut phase = Phase::new("validate", "");
        for required in &validation.parameters {
            // Each alone, so that it can be said which is missing.
            let mut one = Validation::default();
            one.parameters = [required.clone()].into();
            let is_there = validate::parameters(exchange, &one).is_ok();
            let place = match required.place {
                ParameterPlace::Header => "header",
                ParameterPlace::Path => "path parameter",
                ParameterPlace::Query => "query parameter",
            };
            let state = if is_there { "there" } else { "missing or blank" };
            phase.value(format!("required {place} {}", required.name), state);
        }
        let mut done = validate::parameters(exchange, validation);
        if done.is_ok() && validation.wants_content() {
            let content = exchange.content.unwrap_or_default();
            let media_type = media_type(exchange);
            let model = match validation.model(&media_type) {
                ModelFor::None => "none: any content passes",
                ModelFor::Schema(_) => "held against its schema",
                ModelFor::Broken => "cannot be used: nothing passes",
            };
            phase.value(format!("model for {media_type}"), model);
            done = validate::content(exchange, validation, content);
        }
        match &done {
            Ok(()) => phase.summary = "parameters and content are as the method asks".to_owned(),
            Err(failure) => {
                phase.outcome = Outcome::Refused;
                phase.summary = match failure.message.as_deref() {
                    Some(message) => message.to_owned(),
                    None => failure.refusal.message(exchange.protocol).to_owned(),
                };
            }
        }
        self.tell(phase);
        done
    }
}

/// The media type of the content.
pub(super) fn media_type(exchange: &Exchange<'_>) -> String {
    let mut fields = exchange.fields.iter();
    let value = fields.rfind(|field| field.known == http::Known::ContentType);
    let value = value.and_then(|field| std::str::from_utf8(field.value).ok());
    crate::exchange::method_request::media_type(value).to_owned()
}
