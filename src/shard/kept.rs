//! A request's head, kept as bytes beyond the receive buffer that it came in, to be read again when it
//! is needed: once its content is complete, once its answer is, or when it fails.
//!
//! What is found in a head borrows from it, and the buffer must not be held for as long as a client or a
//! back end likes; reading it again costs less than copying what was found.

use super::exchanges::ServedBy;
use crate::exchange::transform::Overrides;
use crate::exchange::{Admitted, ClientFacts, Exchange, Granted, Ids, Origin, route};
use crate::http::{
    self, Field, Fields, Framing, HeadLimits, Known, RequestHead, ResponseHead, Version,
};
use crate::snapshot::{Managed, Protocol, Route, Snapshot};
use std::time::Duration;

/// A request's head with what was known when it came.
#[derive(Debug)]
pub(super) struct Kept {
    head: Vec<u8>,
    routing_rule: Option<Box<str>>,
    base_path_bytes: usize,
    facts: ClientFacts,
    ids: Ids,
    protocol: Protocol,
    received: Duration,
    /// What let it pass.
    granted: Option<Granted>,
    /// The back end's answer so far, where it is made into another one.
    pub(super) answer: Option<Box<KeptAnswer>>,
}

/// A back end's answer that is made into another one when it is complete.
#[derive(Debug, Default)]
pub(super) struct KeptAnswer {
    /// What the request template assigned.
    pub(super) overrides: Overrides,
    pub(super) status: u16,
    reason: Box<[u8]>,
    connection_names: bool,
    fields: Vec<NameAndValue>,
    pub(super) content: Vec<u8>,
}

type NameAndValue = (Box<[u8]>, Box<[u8]>);

impl KeptAnswer {
    /// One of which nothing has come yet.
    pub(super) fn awaited(overrides: Overrides) -> Self {
        Self { overrides, ..Self::default() }
    }

    pub(super) fn begin(&mut self, head: &ResponseHead<'_>, fields: &[Field<'_>]) {
        self.status = head.status;
        self.reason = head.reason.into();
        self.connection_names = head.connection_names;
        self.fields = fields.iter().map(|it| (it.name.into(), it.value.into())).collect();
        self.content.clear();
    }

    /// Its head, which says of its content that it is there.
    pub(super) fn head(&self) -> ResponseHead<'_> {
        ResponseHead {
            status: self.status,
            reason: &self.reason,
            version: Version::Http11,
            framing: Framing::Length(self.content.len() as u64),
            persistent: true,
            connection_names: self.connection_names,
            head_bytes: 0,
        }
    }

    /// As they were parsed.
    pub(super) fn fields(&self) -> Vec<Field<'_>> {
        self.fields
            .iter()
            .map(|(name, value)| Field { name, value, known: Known::of(name) })
            .collect()
    }
}

impl Kept {
    /// `head` is an exchange's head as received.
    pub(super) fn of(exchange: &Exchange<'_>, head: &[u8], answer: Option<KeptAnswer>) -> Self {
        Self {
            head: head.to_vec(),
            routing_rule: exchange.routing_rule.map(Into::into),
            base_path_bytes: exchange.base_path_bytes,
            facts: *exchange.client,
            ids: exchange.ids,
            protocol: exchange.protocol.unwrap_or(Protocol::Http),
            received: exchange.received,
            granted: exchange.granted.cloned(),
            answer: answer.map(Box::new),
        }
    }

    /// The head as received.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads the head again and does something with it. `None` never comes: it could be read once, and
    /// had a route.
    pub(super) fn with_exchange<T>(
        &self,
        snapshot: &Snapshot,
        managed: &Managed,
        served_by: &ServedBy,
        content: Option<&[u8]>,
        act: impl FnOnce(&mut Exchange<'_>, &Route) -> T,
    ) -> Option<T> {
        self.with_head(|head, fields| {
            let mut exchange = self.begin(snapshot, managed, head, fields);
            let (api, origin) = match served_by {
                ServedBy::File(index) => (snapshot.api(*index), Origin::File(*index)),
                ServedBy::Managed(stage, release) => {
                    (stage.api(*release), Origin::Managed(stage, *release))
                }
            };
            exchange.api = Some(Admitted { api, origin });
            exchange.protocol = Some(self.protocol);
            exchange.routing_rule = self.routing_rule.as_deref();
            exchange.base_path_bytes = self.base_path_bytes;
            exchange.granted = self.granted.as_ref();
            exchange.content = content;
            let route = route::route(&mut exchange).ok()?;
            Some(act(&mut exchange, route))
        })?
    }

    /// Reads the head again. `None` never comes, as above.
    pub(super) fn with_head<T>(
        &self,
        act: impl FnOnce(&RequestHead<'_>, &Fields<'_>) -> T,
    ) -> Option<T> {
        let mut fields = Fields::new();
        let limits = HeadLimits {
            request_line_bytes: self.head.len(),
            head_bytes: self.head.len(),
            fields: http::FIELDS_MAX,
        };
        let head = http::request_head(&self.head, &mut fields, &limits).ok()??;
        Some(act(&head, &fields))
    }

    /// The exchange as it was before its first phase.
    pub(super) fn begin<'x>(
        &'x self,
        snapshot: &'x Snapshot,
        managed: &'x Managed,
        head: &'x RequestHead<'x>,
        fields: &'x Fields<'x>,
    ) -> Exchange<'x> {
        let mut exchange = Exchange::new(snapshot, managed, head, fields, &self.facts, self.ids);
        exchange.received = self.received;
        exchange
    }
}
