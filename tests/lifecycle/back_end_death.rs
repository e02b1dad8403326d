//! A back end that is killed under load, and comes back.

use crate::client::get;
use crate::gateway::{Gateway, HELLO, configuration, wait_until};
use crate::{backend, load};
use load::{Connections, Load};
use std::time::Duration;

#[test]
fn a_killed_back_end_gives_only_bad_gateway_and_recovers() {
    // Another ringgate is a process that can be killed and comes back on the same port.
    let mut back_end = Gateway::start(&configuration(HELLO));
    let address = back_end.address();
    let gateway = Gateway::start(&configuration(&backend::routes(address)));
    let load = Load::start(gateway.address(), "/back/hello", 6, Connections::Kept);
    load.last(Duration::from_millis(500));

    back_end.kill();
    wait_until("a failed request", || {
        (get(gateway.address(), "/back/hello").status != 200).then_some(())
    });
    load.last(Duration::from_millis(500));
    let on_same_port = configuration(HELLO).replacen("127.0.0.1:0", &address.to_string(), 1);
    let _back_end = Gateway::start(&on_same_port);
    wait_until("recovery", || (get(gateway.address(), "/back/hello").status == 200).then_some(()));
    let after = Load::start(gateway.address(), "/back/hello", 2, Connections::Kept);
    load.last(Duration::from_millis(500));

    after.finish().expect_only_success(50);
    let tally = load.finish();
    assert!(tally.failures.is_empty(), "clients keep their connections: {tally:?}");
    assert!(tally.statuses.keys().all(|it| [200, 502, 504].contains(it)), "{tally:?}");
    assert!(tally.count(200) > 100 && tally.count(502) > 0, "{tally:?}");
}
