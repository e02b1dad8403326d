//! A new process takes over the ports of the old one, and no request fails.

use crate::client::get;
use crate::gateway::{Gateway, configuration, says};
use crate::load::{Connections, Load};
use rustix::process::Signal;
use std::time::Duration;

#[test]
fn no_request_fails_while_one_process_takes_over_from_another() {
    let mut old = Gateway::start(&configuration(&says("generation 0")));
    let (address, management) = (old.address(), old.management);
    // Short connections only: one that is kept is closed by the old process, and a client that
    // sends on it in that moment has to try again (RFC 9112 section 9.6).
    let load = Load::start(address, "/hello", 6, Connections::Short);
    for generation in 1..=3 {
        load.last(Duration::from_millis(300));
        let next = configuration(&says(&format!("generation {generation}")))
            .replacen("127.0.0.1:0", &address.to_string(), 1)
            .replacen("127.0.0.1:0", &management.to_string(), 1);
        let new = Gateway::start(&next);
        assert_eq!(new.address(), address);
        load.last(Duration::from_millis(300));

        old.signal(Signal::TERM);

        assert_eq!(old.wait().code(), Some(0));
        assert_eq!(get(address, "/hello").text(), format!("generation {generation}"));
        let (status, ready) = new.ready();
        assert_eq!((status, &ready["phase"]), (200, &"serving".into()), "the new one answers");
        old = new;
    }
    load.finish().expect_only_success(1000);
}
