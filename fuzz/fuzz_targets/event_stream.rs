//! An event stream from anybody, in pieces of any length: no panic, no more kept than one message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::exchange::integrate::service::event_stream::{EventStream, failure};

fuzz_target!(|data: &[u8]| {
    let Some((&length, data)) = data.split_first() else { return };
    let mut stream = EventStream::default();
    for piece in data.chunks(usize::from(length).max(1)) {
        stream.push(piece);
        loop {
            match stream.message() {
                Ok(Some(message)) => {
                    assert!(message.payload.len() < data.len());
                    let _ = failure(message.payload);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
