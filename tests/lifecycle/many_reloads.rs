//! Reloads leave nothing behind.

use crate::backend::BackEnd;
use crate::certificates::{certificate, tls};
use crate::client::{Connection, get};
use crate::gateway::{Gateway, folder_with, listening, says};
use std::fs;
use std::time::Duration;

/// Reloads in an ordinary run; `RINGGATE_RELOADS=1000` is what `just soak` asks for.
const RELOADS: usize = 300;

/// Reloads after which memory has found its size.
const SETTLED: usize = 100;

/// More than this is a leak: a snapshot of the configuration below takes some kilobytes, so 200
/// forgotten ones of two shards would be more.
const GROWTH_MAX: u64 = 2 << 20;

fn open_files(gateway: &Gateway) -> usize {
    fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count()
}

fn threads(gateway: &Gateway) -> usize {
    fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap().count()
}

#[test]
fn hundreds_of_reloads_leave_memory_files_and_cpu_where_they_were() {
    let reloads = std::env::var("RINGGATE_RELOADS");
    let reloads = reloads.map_or(RELOADS, |text| text.parse().expect("a number of reloads"));
    let back_end = BackEnd::start("back end");
    let more_routes: String = (0..50)
        .map(|index| {
            format!(
                "[[api.route]]\nroute = \"GET /{index}/{{id}}\"\n\
                 integration = {{ type = \"http_proxy\", upstream = \"back\" }}\n"
            )
        })
        .collect();
    // Everything that a reload makes anew: routes, an upstream of another definition, a listener
    // that comes and goes, a log that is opened again, certificates.
    let variant = |index: usize| {
        let addresses: &[&str] =
            if index % 10 == 1 { &["127.0.0.1:0", "127.0.0.2:0"] } else { &["127.0.0.1:0"] };
        let balance = ["round_robin", "least_requests"][index % 2];
        let rest = format!(
            "[[server.tls]]\nlisten = [\"127.0.0.1:0\"]\n\
             [[certificate]]\ndomains = [\"gateway\"]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n\
             [access_log]\ndestination = \"file:access.log\"\n{}{more_routes}{}",
            back_end.routes().replace("[[api]]", &format!("balance = \"{balance}\"\n[[api]]")),
            says(&format!("variant {index}")),
        );
        listening(addresses, &rest)
    };
    let folder = folder_with(&variant(0));
    let made = certificate(folder.path());
    let gateway = Gateway::start_in(folder, |_| {});
    let mut kept = Connection::open(gateway.address()).unwrap();
    let mut kept_tls = tls(gateway.listening[1], &[&made]);
    let mut settled = None;
    for index in 1..=reloads {
        gateway.reload(&variant(index));
        assert_eq!(kept.get("/hello").unwrap().text(), format!("variant {index}"));
        assert_eq!(kept.get("/back/x").unwrap().text(), "back end");
        assert_eq!(kept_tls.get("/hello").unwrap().status, 200);
        if index == SETTLED {
            // Listeners that leave take a moment.
            std::thread::sleep(Duration::from_secs(1));
            settled = Some((gateway.resident(), open_files(&gateway), threads(&gateway)));
        }
    }
    std::thread::sleep(Duration::from_secs(1));

    let (resident, files, running) = settled.expect("more than 100 reloads");
    let after = gateway.resident();
    println!(
        "resident {} KiB after {SETTLED}, {} KiB after {reloads}",
        resident >> 10,
        after >> 10
    );
    assert!(after < resident + GROWTH_MAX, "{resident} bytes became {after}");
    assert!(open_files(&gateway) <= files + 1, "{files} files became {}", open_files(&gateway));
    assert!(threads(&gateway) <= running, "{running} threads became {}", threads(&gateway));
    let before = gateway.cpu();
    std::thread::sleep(Duration::from_secs(2));
    let used = gateway.cpu() - before;
    assert!(used < Duration::from_millis(40), "it still works on something: {used:?}");
    assert_eq!(get(gateway.address(), "/hello").status, 200);
}
