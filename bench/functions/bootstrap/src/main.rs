//! A function that does nothing: it answers with as many bytes as `BYTES` says. What is left to measure is
//! the way to it.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    let bytes = std::env::var("BYTES").ok().and_then(|it| it.parse().ok()).unwrap_or(27);
    let answer = json!({
        "statusCode": 200,
        "headers": { "content-type": "text/plain" },
        "body": "x".repeat(bytes),
    });
    // One thread, as an ordinary function has: the client's own default is one per core.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(service_fn(async |_: LambdaEvent<Value>| Ok::<Value, Error>(answer.clone()))))
}
