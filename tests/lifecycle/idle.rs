//! A gateway with nothing to do does nothing.

use crate::client::{Connection, get};
use crate::gateway::{Gateway, HELLO, configuration};
use std::time::Duration;

#[test]
fn an_idle_gateway_uses_no_cpu() {
    let gateway = Gateway::start(&configuration(HELLO));
    let mut kept = Connection::open(gateway.address()).unwrap();
    kept.get("/hello").unwrap();
    get(gateway.address(), "/hello");
    // Past the start.
    std::thread::sleep(Duration::from_secs(1));
    let before = gateway.cpu();

    std::thread::sleep(Duration::from_secs(3));

    // 1 %: a telemetry batch per shard and a tick of the control thread each second, in a build
    // without optimisation.
    let used = gateway.cpu() - before;
    assert!(used < Duration::from_millis(30), "{used:?}");
    assert_eq!(kept.get("/hello").unwrap().status, 200);
}
