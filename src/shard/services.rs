//! Calls of AWS services: where a request gets its signature.
//!
//! They go to back ends as any other request does; what differs is their head, and that it cannot be
//! written without a key pair that is good now. One that is not there is waited for by nobody: the
//! control thread brings pairs ahead of their time, and a request that finds none is refused.

use super::Shard;
use super::asked::Unfinished;
use super::phases::content;
use crate::exchange::integrate::http_proxy::{HostPlace, Made};
use crate::exchange::integrate::service::{self, NoKey, Signing};
use crate::exchange::transform::Transformed;
use crate::exchange::{Exchange, Refusal};
use crate::ring::{Env, SlotId};
use crate::snapshot::HttpProxy;
use crate::snapshot::service::Service;

impl<E: Env> Shard<E> {
    /// Asks a service for an action that the integration's parameters describe.
    pub(super) fn integrate_action(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        proxy: &HttpProxy,
        raw: &[u8],
        persistent: bool,
    ) -> Result<(), Unfinished> {
        let action = proxy.service.as_ref().and_then(|service| service.action.as_deref());
        let Some(action) = action else { return Err(Refusal::Internal.into()) };
        if content(exchange).is_none() {
            return Err(Unfinished::WantsContent);
        }
        let content = service::content(exchange, action)?.into();
        let made = Transformed { content, is_made: true, ..Transformed::default() };
        self.prepare(id, exchange, proxy, Some(made), raw, persistent)?;
        Ok(())
    }

    /// Writes the head of a service's request, signature and all.
    pub(super) fn service_head(
        &mut self,
        exchange: &Exchange<'_>,
        call: (&HttpProxy, &Service),
        content: &[u8],
        made: &Made<'_>,
        out: &mut Vec<u8>,
    ) -> Result<HostPlace, Refusal> {
        let now = self.since_epoch;
        match self.keyring.key(call.1, now) {
            Ok(key) => {
                let signing = Signing { key, now };
                service::request_head(exchange, call, made, content, signing, out)
            }
            Err(error) => {
                self.warn_unsigned(&call.1.role, error);
                Err(Refusal::Misconfigured)
            }
        }
    }

    pub(super) fn warn_unsigned(&mut self, role: &str, error: NoKey) {
        let Some(swallowed) = self.record.warnings.allow(self.now) else { return };
        tracing::warn!(
            shard = self.id, role, %error, swallowed,
            "a call of an AWS service cannot be signed"
        );
    }
}
