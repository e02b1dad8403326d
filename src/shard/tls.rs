//! This shard's TLS configurations: its own copies, so that no handshake meets another core's.

use crate::snapshot::{Certificate, UpstreamTls};
use crate::tls::{self, Certificates, Roots, Session, Tickets, Trust};
use std::sync::Arc;

/// TLS configurations of one shard.
pub(super) struct ShardTls {
    tickets: Option<Tickets>,
    server: Option<Arc<rustls::ServerConfig>>,
    declared: Vec<Certificate>,
    /// What upstreams without roots of their own are called with: reading the system's takes
    /// milliseconds, so it is done once for each of the two.
    shared: [Option<Arc<rustls::ClientConfig>>; 2],
}

impl ShardTls {
    pub(super) fn new(tickets: Option<Tickets>) -> Self {
        Self { tickets, server: None, declared: Vec::new(), shared: [None, None] }
    }

    /// Follows the declared certificates. Open connections keep what they began with.
    ///
    /// # Errors
    /// What is wrong with them, in words; the old ones stay.
    pub(super) fn follow(&mut self, declared: &[Certificate]) -> Result<(), String> {
        let Some(tickets) = &self.tickets else { return Ok(()) };
        let same = |a: &Certificate, b: &Certificate| {
            a.domains == b.domains && a.chain == b.chain && *a.key == *b.key
        };
        let is_unchanged = self.declared.len() == declared.len()
            && self.declared.iter().zip(declared).all(|(a, b)| same(a, b));
        if self.server.is_some() && is_unchanged {
            return Ok(());
        }
        let parsed = declared.iter().map(|certificate| {
            let domains = certificate.domains.iter().map(ToString::to_string).collect();
            (domains, &certificate.chain[..], &*certificate.key)
        });
        let certificates = Certificates::from_parsed(parsed).map_err(|error| error.to_string())?;
        let server =
            tls::server_config(&certificates, tickets).map_err(|error| error.to_string())?;
        self.server = (!certificates.is_empty()).then_some(server);
        self.declared = declared.to_vec();
        Ok(())
    }

    /// The server side of a new connection; `None` while there is no certificate.
    pub(super) fn accept(&self) -> Option<Box<Session>> {
        Session::accept(self.server.as_ref()?).ok().map(Box::new)
    }

    /// How an upstream's targets are called.
    pub(super) fn client_config(
        &mut self,
        declared: &UpstreamTls,
    ) -> Option<Arc<rustls::ClientConfig>> {
        let place = usize::from(declared.insecure_skip_verify);
        if declared.ca.is_none()
            && let Some(known) = &self.shared[place]
        {
            return Some(Arc::clone(known));
        }
        let config = client_tls(declared)
            .inspect_err(|error| tracing::error!(error, "TLS towards an upstream cannot be set up"))
            .ok()?;
        if declared.ca.is_none() {
            self.shared[place] = Some(Arc::clone(&config));
        }
        Some(config)
    }
}

/// How an upstream's targets are called, for whoever calls them.
///
/// # Errors
/// What is wrong with the roots, in words.
pub fn client_tls(declared: &UpstreamTls) -> Result<Arc<rustls::ClientConfig>, String> {
    let trust = if declared.insecure_skip_verify {
        Trust::load(&Roots::Insecure)
    } else if let Some(roots) = &declared.ca {
        Trust::from_roots(roots)
    } else {
        Trust::load(&Roots::System)
    };
    let trust = trust.map_err(|error| error.to_string())?;
    tls::client_config(&trust).map_err(|error| error.to_string())
}
