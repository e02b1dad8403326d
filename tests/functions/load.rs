//! Many at once, and the end of the gateway.

use super::harness::{Client, eventually};
use super::host::{await_workers, gateway, gateway_of};
use rustix::process::Signal;
use std::collections::HashSet;
use std::fs;
use std::time::Duration;

#[test]
fn a_thousand_invocations_share_sixteen_workers() {
    let gateway = gateway("log = \"none\"\nworkers = { max = 16 }\ntimeout = \"20s\"");
    let address = gateway.address();
    let sockets = gateway.open_sockets();
    let mut clients: Vec<Client> = (0..1000).map(|_| Client::connect(address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let text = number.to_string();
        let length = text.len();
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{text}"
        ));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, number.to_string()));
    }
    await_workers(&gateway, 16);
    drop(clients);
    gateway.await_no_connections();
    // A connection of each worker, and one listener for them.
    eventually("all sockets are closed", || gateway.open_sockets() <= sockets + 17);
}

/// Most cannot be served in time. Those who can be are, the others are told, and then all is as before.
#[test]
fn a_thousand_invocations_time_out_and_leave_sixteen_workers_at_work() {
    let keys = "log = \"none\"\nworkers = { max = 16 }\ntimeout = \"20s\"";
    let gateway = gateway_of("rest", keys, "2s");
    let sockets = gateway.open_sockets();
    let mut clients: Vec<Client> = (0..1000).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /sleep/300 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.reply().status).collect();
    let count = |status: u16| statuses.iter().filter(|it| **it == status).count();
    assert_eq!(count(200) + count(504), 1000, "{statuses:?}");
    // 16 at a time, seven times at most in two seconds.
    assert!(count(200) <= 7 * 16 && count(504) > 0, "{} were served", count(200));
    drop(clients);
    eventually("a worker is free", || gateway.get("/echo").status == 200);
    await_workers(&gateway, 16);
    gateway.await_no_connections();
    eventually("all sockets are closed", || gateway.open_sockets() <= sockets + 17);
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let gateway = gateway_of("http", "workers = { max = 1, queue = 2 }\nlog = \"f.log\"", "5s");
    assert_eq!(gateway.get("/echo").status, 200);
    let mut clients: Vec<Client> = (0..6).map(|_| gateway.client()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.send("GET /sleep/800 HTTP/1.1\r\nHost: a\r\n\r\n");
        if index == 0 {
            // The worker may not have asked for it yet, and what waits for that waits in the queue.
            let log = || fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
            eventually("it works", || log().matches(" START ").count() == 2);
        }
    }
    let mut statuses: Vec<u16> = clients.iter_mut().map(|client| client.reply().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 500, 500, 500]);
    assert_eq!(gateway.get("/echo").status, 200);
}

#[test]
fn waiting_invocations_start_workers_up_to_the_maximum() {
    let gateway = gateway("workers = { max = 3 }\ntimeout = \"20s\"");
    let mut clients: Vec<Client> = (0..6).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /sleep/200 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let ok = clients.iter_mut().filter_map(|client| (client.reply().status == 200).then_some(()));
    assert_eq!(ok.count(), 6);
    let mut clients: Vec<Client> = (0..9).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /worker HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let pids: HashSet<String> = clients.iter_mut().map(|client| client.reply().text()).collect();
    assert!(pids.len() <= 3, "{pids:?}");
    await_workers(&gateway, 3);
}

#[test]
fn the_end_of_the_gateway_is_the_end_of_its_workers() {
    let gateway = gateway("workers = { min = 2 }");
    await_workers(&gateway, 2);
    let mut client = gateway.client();
    client.send("GET /sleep/500 HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    gateway.signal(Signal::TERM);
    let reply = client.reply();
    assert_eq!(reply.status, 200, "a drain waits for the function");
    await_workers(&gateway, 0);
}

#[test]
fn a_gateway_that_is_killed_leaves_no_worker() {
    let gateway = gateway("workers = { min = 2 }");
    await_workers(&gateway, 2);
    gateway.signal(Signal::KILL);
    await_workers(&gateway, 0);
}
