//! A model and content from anybody: no panic, no check that does not end, no message beyond all bounds.

use ringgate::resources::rest::Model;
use ringgate::snapshot::managed::Schema;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one check may take: far more than it does, and far less than what has no bound.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest message: what is told is cut, whatever the content is.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// `text`: a schema, a NUL byte, content.
pub(crate) fn check(text: &str) {
    let (schema, content) = text.split_once('\0').unwrap_or((text, "{\"a\":[1,{\"b\":\"c\"}]}"));
    let model = |name: &str| {
        Arc::new(Model { name: name.into(), schema: Some(schema.into()), ..Model::default() })
    };
    // A model may name itself and the other one.
    let (own, other) = (model("Own"), model("Other"));
    let begun = Instant::now();
    let Ok(schema) = Schema::compile(&own, &[Arc::clone(&own), other]) else {
        assert!(begun.elapsed() < PATIENCE, "a model that is refused is refused at once");
        return;
    };
    let found = schema.check(content.as_bytes());
    if let Err(mistakes) = &found {
        assert!(mistakes.starts_with('[') && mistakes.ends_with(']'), "{mistakes}");
        assert!(mistakes.len() <= MESSAGE_BYTES_MAX, "{} bytes", mistakes.len());
    }
    assert_eq!(found, schema.check(content.as_bytes()), "nothing is kept from one to the next");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}
