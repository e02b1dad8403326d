//! The content of `InvokeWithResponseStream`'s answer: what an invocation tells, as events that leave as it
//! tells them.

use super::event_stream::{push_event, split_piece};
use super::invoker::{Outcome, Telling, Told};
use axum::body::HttpBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::Frame;
use serde_json::{Map, Value};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Around an event's payload, its names included.
const EVENT_BYTES: usize = 128;

/// An invocation as a stream of events.
#[derive(Debug)]
pub(super) struct Events {
    telling: Telling,
    /// Content that has been told and not written.
    rest: Bytes,
    end: End,
}

/// How far the end of an invocation is told.
#[derive(Debug)]
enum End {
    /// It has not come.
    Awaited,
    /// It follows what is left of the content: the payload of its event.
    Known(String),
    Written,
}

impl Events {
    pub(super) fn new(telling: Telling) -> Self {
        Self { telling, rest: Bytes::new(), end: End::Awaited }
    }

    fn on(&mut self, told: Told) {
        match told {
            Told::Piece(content) => self.rest = content,
            Told::Over(outcome) => {
                let (result, complete) = complete(outcome);
                self.rest = result;
                self.end = End::Known(complete);
            }
        }
    }

    /// The next event, if there is one to be written now.
    fn next_event(&mut self) -> Option<Bytes> {
        let mut event = Vec::with_capacity(EVENT_BYTES);
        if let Some(piece) = split_piece(&mut self.rest) {
            push_event(&mut event, "PayloadChunk", "application/octet-stream", &piece);
            return Some(event.into());
        }
        let End::Known(complete) = &self.end else { return None };
        push_event(&mut event, "InvokeComplete", "application/json", complete.as_bytes());
        self.end = End::Written;
        Some(event.into())
    }
}

/// What of an end is content, and what its event says.
fn complete(outcome: Outcome) -> (Bytes, String) {
    let mut members = Map::new();
    let mut result = outcome.payload;
    if let Some(error) = outcome.error {
        let details = std::mem::take(&mut result);
        members.insert("ErrorCode".into(), error.into());
        members.insert("ErrorDetails".into(), String::from_utf8_lossy(&details).into());
    }
    if let Some(log) = outcome.log {
        members.insert("LogResult".into(), STANDARD.encode(log).into());
    }
    (result, Value::from(members).to_string())
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(event) = self.next_event() {
                return Poll::Ready(Some(Ok(Frame::data(event))));
            }
            if matches!(self.end, End::Written) {
                return Poll::Ready(None);
            }
            match ready!(self.telling.poll_recv(context)) {
                Some(told) => self.on(told),
                // The gateway ends: nobody may take a part for the whole.
                None => {
                    self.end = End::Written;
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    async fn next(events: &mut Events) -> Option<Result<Bytes, io::Error>> {
        let frame =
            std::future::poll_fn(|context| Pin::new(&mut *events).poll_frame(context)).await;
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    /// The type of an event and its payload.
    fn read(event: &Bytes) -> (&'static str, Bytes) {
        let headers = u32::from_be_bytes(event[4..8].try_into().unwrap()) as usize;
        let is_chunk = event[12..].starts_with(b"\x0b:event-type\x07\x00\x0cPayloadChunk");
        let kind = if is_chunk { "PayloadChunk" } else { "InvokeComplete" };
        (kind, event.slice(12 + headers..event.len() - 4))
    }

    #[tokio::test]
    async fn a_piece_is_an_event_before_the_next_is_there() {
        let (tell, telling) = mpsc::channel(1);
        let mut events = Events::new(telling);
        for content in ["one", "two"] {
            tell.send(Told::Piece(content.into())).await.unwrap();
            let event = next(&mut events).await.unwrap().unwrap();
            assert_eq!(read(&event), ("PayloadChunk", content.into()));
        }
        let outcome = Outcome {
            payload: r#"{"errorType":"E"}"#.into(),
            error: Some("Unhandled"),
            log: Some("END".into()),
        };
        tell.send(Told::Over(outcome)).await.unwrap();
        let event = next(&mut events).await.unwrap().unwrap();
        let complete = r#"{"ErrorCode":"Unhandled","ErrorDetails":"{\"errorType\":\"E\"}","LogResult":"RU5E"}"#;
        assert_eq!(read(&event), ("InvokeComplete", complete.into()));
        assert!(next(&mut events).await.is_none());
    }

    #[tokio::test]
    async fn a_result_that_is_not_streamed_is_told_in_pieces() {
        let (tell, telling) = mpsc::channel(1);
        let mut events = Events::new(telling);
        let payload = Bytes::from(vec![b'x'; 300 * 1024]);
        let outcome = Outcome { payload: payload.clone(), ..Outcome::default() };
        tell.send(Told::Over(outcome)).await.unwrap();
        let mut content = Vec::new();
        let complete = loop {
            let event = next(&mut events).await.unwrap().unwrap();
            match read(&event) {
                ("PayloadChunk", piece) => content.extend(piece),
                (_, complete) => break complete,
            }
        };
        assert!(content == payload && complete == "{}");
        assert!(next(&mut events).await.is_none());
    }

    #[tokio::test]
    async fn one_that_is_cut_off_does_not_look_whole() {
        let (tell, telling) = mpsc::channel(1);
        let mut events = Events::new(telling);
        drop(tell);
        assert!(next(&mut events).await.unwrap().is_err());
        assert!(next(&mut events).await.is_none());
    }
}
