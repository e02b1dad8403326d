//! Events that shards leave behind: taken, run, and told of when they are on disk and when they are over.

use super::events::Event;
use super::{Functions, News};
use crate::control::invocation::QueuedEvent;

impl Functions {
    /// A shard leaves an event behind: it hears whether it is on disk, and counts it until it hears that it
    /// is over.
    pub(in crate::control) fn queue_event(&mut self, queued: QueuedEvent) {
        let QueuedEvent {
            shard,
            invocation,
            request_id,
            function,
            event,
            client_context,
            timeout,
            rules,
        } = queued;
        let bytes = event.len();
        let (news, told) = (self.news.0.clone(), self.news.0.clone());
        let over = move || {
            tokio::spawn(async move {
                // Fails only when the loop has ended.
                let _ = news.send(News::EventOver { shard, bytes }).await;
            });
        };
        let is_drawn = false;
        let event = Event {
            function,
            is_drawn,
            version: None,
            request_id: Some(request_id),
            event,
            client_context,
            timeout,
            rules,
        };
        let events = self.events.clone();
        tokio::spawn(async move {
            let is_taken = events.accept(event, over).await.is_ok();
            let taken = News::EventTaken { shard, invocation, bytes, is_taken };
            let _ = told.send(taken).await;
        });
    }

    /// The functions are served: events that were left behind can be run.
    pub(in crate::control) fn take_over_events(&self) {
        self.events.take_over();
    }
}
