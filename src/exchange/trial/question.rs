//! What the authorizer of a tried stage is asked about a request that no client sent.

use super::limits_of;
use crate::exchange::authorize::lambda::{claim, write_question};
use crate::exchange::{Admitted, ClientFacts, Exchange, Failure, Ids, Origin};
use crate::http::{self, Fields};
use crate::snapshot::managed::Release;
use crate::snapshot::{Authorizer, Managed, ManagedStage, RouteIndex, Snapshot};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// A question to an authorizer's function, or why there is none.
#[derive(Debug)]
pub enum Question {
    /// The caller is refused whatever the function would say.
    Refused(Failure),
    /// The function decides.
    Asks {
        /// Whose function it is.
        authorizer: Box<Authorizer>,
        /// The API.
        api_id: Box<str>,
        /// What it gets.
        event: Vec<u8>,
    },
}

impl Question {
    /// Of the stage's first route and authorizer. `raw` is the request's head. `None`: it is none, or the
    /// stage has no authorizer.
    pub fn of(
        snapshot: &Snapshot,
        stage: ManagedStage,
        raw: &[u8],
        ids: Ids,
        received: Duration,
    ) -> Option<Self> {
        let mut fields = Fields::new();
        let head = http::request_head(raw, &mut fields, &limits_of(raw)).ok()??;
        let client = ClientFacts {
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            local: SocketAddr::from((Ipv4Addr::LOCALHOST, 443)),
            is_tls: true,
            peer_is_trusted: false,
        };
        let (managed, stage) = (Managed::new([0; 4]), Rc::new(stage));
        let mut exchange = Exchange::new(snapshot, &managed, &head, &fields, &client, ids);
        let api = stage.api(Release::Stage);
        exchange.api = Some(Admitted { api, origin: Origin::Managed(&stage, Release::Stage) });
        exchange.protocol = Some(api.protocol);
        exchange.received = received;
        exchange.route = Some(RouteIndex(0));
        let authorizer = api.authorizers.first()?;
        if let Err(failure) = claim(&exchange, authorizer, &mut Vec::new()) {
            return Some(Self::Refused(failure));
        }
        let mut event = Vec::new();
        write_question(&exchange, authorizer, b"", &mut event);
        let authorizer = Box::new(authorizer.clone());
        Some(Self::Asks { authorizer, api_id: api.id.clone(), event })
    }
}
