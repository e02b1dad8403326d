//! A simulated service behind the ring trait, with a clock that moves only when somebody waits.
//!
//! Minutes of load take milliseconds, and what must come out is known exactly.

use super::{Assignment, Batch, ThreadEnd, Worker};
use crate::network::Network;
use crate::scenario::{Draft, Scenario};
use crate::tally::{Failure, Tally};
use ringgate::ring::{
    BufferGroup, Close, Completion, InFlight, Outgoing, Pool, Received, Ring, SendId, Socket, Token,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How the service behaves.
#[derive(Clone)]
struct Service {
    /// From the end of a request to its answer.
    answers_after: Duration,
    /// From when to when (since the start) it answers nothing; what comes in waits.
    stalls: Option<(Duration, Duration)>,
    /// Closes after so many answers on a connection, saying so.
    answers_per_connection: usize,
    /// Refuses connections in this span.
    refuses: Option<(Duration, Duration)>,
    status: u16,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            answers_after: Duration::from_millis(1),
            stalls: None,
            answers_per_connection: usize::MAX,
            refuses: None,
            status: 200,
        }
    }
}

enum Event {
    Completion(Completion),
    Answer { token: Token, last: bool },
}

struct Simulated {
    service: Service,
    start: Instant,
    now: Instant,
    /// By time, then by the order in which they were made.
    events: BTreeMap<(Instant, u64), Event>,
    made: u64,
    /// Answers per connection; gone when it is closed.
    open: HashMap<u64, usize>,
    pool: Rc<Pool>,
    requests: Rc<RefCell<Vec<String>>>,
}

impl Simulated {
    fn at(&mut self, time: Instant, event: Event) {
        self.made += 1;
        self.events.insert((time, self.made), event);
    }

    fn is_in(&self, span: Option<(Duration, Duration)>) -> Option<Instant> {
        let (from, to) = span?;
        let elapsed = self.now - self.start;
        (from..to).contains(&elapsed).then(|| self.start + to)
    }
}

impl Ring for Simulated {
    fn connect(&mut self, _: SocketAddr, token: Token) -> io::Result<Socket> {
        let result = match self.is_in(self.service.refuses) {
            Some(_) => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
            None => Ok(()),
        };
        self.open.insert(token.0, 0);
        let later = self.now + Duration::from_micros(50);
        self.at(later, Event::Completion(Completion::Connected { token, result }));
        Ok(Socket(token.0 as i32))
    }

    fn send(&mut self, _: Socket, token: Token, outgoing: Box<Outgoing>) -> SendId {
        let bytes: Vec<u8> = outgoing.slices().flatten().copied().collect();
        let text = String::from_utf8(bytes).unwrap();
        let sent = Completion::Sent { token, outgoing, result: Ok(()) };
        self.at(self.now, Event::Completion(sent));
        for request in text.split_terminator("\r\n\r\n") {
            self.requests.borrow_mut().push(request.to_owned());
            let answers = self.open.get_mut(&token.0).unwrap();
            *answers += 1;
            let last = *answers == self.service.answers_per_connection;
            if *answers > self.service.answers_per_connection {
                break;
            }
            let mut time = self.now + self.service.answers_after;
            if let Some((from, to)) = self.service.stalls
                && (self.start + from..self.start + to).contains(&time)
            {
                time = self.start + to;
            }
            self.at(time, Event::Answer { token, last });
        }
        SendId(0)
    }

    fn close(&mut self, _: Socket, token: Token, _: BufferGroup, in_flight: InFlight, _: Close) {
        self.open.remove(&token.0);
        if in_flight.receive {
            let received = Received::Failed(io::Error::other("cancelled"));
            let last = Completion::Received { token, received, more: false };
            self.at(self.now, Event::Completion(last));
        }
        self.at(self.now, Event::Completion(Completion::Closed { token }));
    }

    fn receive(&mut self, _: Socket, _: BufferGroup, _: Token) {}
    fn cancel_receive(&mut self, _: BufferGroup, _: Token) {}
    fn accept(&mut self, _: Socket, _: Token) {}
    fn cancel_accept(&mut self, _: Token) {}
    fn shut_down_sending(&mut self, _: Socket) {}
    fn sent_bytes(&self, _send: SendId) -> usize {
        0
    }

    fn has_buffers(&self, _group: BufferGroup) -> bool {
        true
    }

    fn peer_address(&mut self, _: Socket) -> Option<SocketAddr> {
        None
    }
    fn local_address(&mut self, _: Socket) -> Option<SocketAddr> {
        None
    }
    fn peer_user(&mut self, _: Socket) -> Option<u32> {
        None
    }
    fn outgoing(&mut self) -> Box<Outgoing> {
        Box::default()
    }
    fn recycle(&mut self, _: Box<Outgoing>) {}
    fn turn(&mut self, completions: &mut Vec<Completion>) {
        self.wait(completions, Duration::ZERO);
    }
}

impl Network for Simulated {
    fn wait(&mut self, completions: &mut Vec<Completion>, timeout: Duration) {
        let until = self.now + timeout;
        let Some((&(time, _), _)) = self.events.first_key_value() else {
            self.now = until;
            return;
        };
        if time > until {
            self.now = until;
            return;
        }
        self.now = self.now.max(time);
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= self.now
        {
            match entry.remove() {
                Event::Completion(completion) => completions.push(completion),
                Event::Answer { token, last } if self.open.contains_key(&token.0) => {
                    let close = if last { "Connection: close\r\n" } else { "" };
                    let status = self.service.status;
                    let text = format!("HTTP/1.1 {status} X\r\n{close}Content-Length: 2\r\n\r\nok");
                    let lease = self.pool.lend_copy(text.as_bytes()).unwrap();
                    completions.push(Completion::Received {
                        token,
                        received: Received::Bytes(lease),
                        more: true,
                    });
                }
                Event::Answer { .. } => {}
            }
        }
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn epoch_ms(&self) -> u64 {
        0
    }

    fn thread_cpu(&self) -> Duration {
        Duration::ZERO
    }
}

struct Ran {
    tally: Tally,
    batches: Vec<Batch>,
    end: ThreadEnd,
    requests: Vec<String>,
    took: Duration,
}

fn scenario(change: impl FnOnce(&mut Draft)) -> Scenario {
    let mut draft = Draft::for_url("http://service/").unwrap();
    draft.connections = Some(1);
    draft.seed = Some(1);
    change(&mut draft);
    draft.finish().unwrap()
}

fn run(scenario: &Scenario, service: Service) -> Ran {
    let start = Instant::now();
    let requests = Rc::default();
    let network = Simulated {
        service,
        start,
        now: start,
        events: BTreeMap::new(),
        made: 0,
        open: HashMap::new(),
        pool: Pool::new(1024, 256),
        requests: Rc::clone(&requests),
    };
    let (batches, received) = mpsc::channel();
    let assignment = Assignment {
        thread: 0,
        threads: 1,
        address: "127.0.0.1:1".parse().unwrap(),
        tls: None,
        interval: Duration::from_secs(1),
        stop: &AtomicBool::new(false),
        batches,
    };
    let worker = Worker::new(scenario, assignment, network);
    let end = worker.run(|| Some(start)).unwrap();
    let batches: Vec<Batch> = received.iter().collect();
    let mut tally = Tally::new(scenario.requests.len());
    for batch in &batches {
        tally.merge(&batch.tally);
    }
    Ran { tally, batches, end, requests: requests.take(), took: end.wall }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// 100 requests a second for 10 s; the service answers in 1 ms but stalls from second 2 to 4. One of
/// five requests is meant to leave within the stall and waits 1 s on average.
#[test]
fn a_stall_shows_in_the_latencies_of_a_constant_rate() {
    let scenario = scenario(|draft| {
        draft.rate = Some(100.0);
        draft.duration = Some(Duration::from_secs(10));
    });
    let stall = Service {
        stalls: Some((Duration::from_secs(2), Duration::from_secs(4))),
        ..Service::default()
    };
    let ran = run(&scenario, stall);
    assert_eq!(ran.tally.answered, 1000, "every scheduled request was sent");
    assert_eq!(ran.tally.failed(), 0);
    let latency = &ran.tally.latency;
    assert!(latency.value_at_percentile(70.0) < 5_000, "most see nothing of it");
    let p90 = latency.value_at_percentile(90.0);
    assert!((900_000..1_300_000).contains(&p90), "half of the stall at p90: {p90}");
    assert!(latency.max() >= 1_990_000, "the first one waits for nearly all of it");
    // The same run by service time looks harmless: just one request was on the way.
    assert!(ran.tally.service.value_at_percentile(99.0) < 5_000);
    assert!(ran.tally.service.max() >= 1_990_000);
    assert!(
        ran.tally.lateness.max() < 2_000,
        "the load tester itself was never late: the connection was busy"
    );
}

/// The same service asked in a closed loop: the stall is one request of thousands. This is what
/// coordinated omission looks like, and why reports of closed loops say so.
#[test]
fn a_closed_loop_hides_the_stall() {
    let scenario = scenario(|draft| draft.duration = Some(Duration::from_secs(10)));
    let stall = Service {
        stalls: Some((Duration::from_secs(2), Duration::from_secs(4))),
        ..Service::default()
    };
    let ran = run(&scenario, stall);
    assert!(ran.tally.answered > 7_000);
    assert!(ran.tally.latency.value_at_percentile(99.9) < 5_000);
}

#[test]
fn requests_that_find_no_free_connection_in_time_fail_and_count() {
    let scenario = scenario(|draft| {
        draft.rate = Some(100.0);
        draft.duration = Some(Duration::from_secs(5));
        draft.timeout = Some(Duration::from_secs(1));
    });
    let stall = Service {
        stalls: Some((Duration::from_secs(1), Duration::from_secs(100))),
        ..Service::default()
    };
    let ran = run(&scenario, stall);
    assert_eq!(ran.tally.finished(), 500, "nothing is lost");
    assert_eq!(ran.tally.answered, 100);
    assert!(ran.tally.failures(Failure::Timeout) >= 4);
    assert!(ran.tally.failures(Failure::NotSent) > 300);
    assert_eq!(ran.tally.latency.len(), 500, "those that ran out of time stand in it too");
    assert!(ran.tally.latency.value_at_percentile(50.0) >= 990_000);
}

#[test]
fn a_count_ends_the_run_when_the_last_is_answered() {
    let scenario = scenario(|draft| {
        draft.requests_max = Some(7);
        draft.connections = Some(3);
    });
    let ran = run(&scenario, Service::default());
    assert_eq!(ran.tally.answered, 7);
    assert_eq!(ran.requests.len(), 7);
    assert_eq!(ran.end.load_end, ran.end.last_answer);
    assert!(ran.took < ms(100));
}

#[test]
fn pipelined_requests_behind_an_announced_close_go_out_again() {
    let scenario = scenario(|draft| {
        draft.requests_max = Some(20);
        draft.pipelining = Some(4);
    });
    let service = Service { answers_per_connection: 6, ..Service::default() };
    let ran = run(&scenario, service);
    assert_eq!(ran.tally.answered, 20);
    assert_eq!(ran.tally.failed(), 0);
    assert!(ran.requests.len() > 20);
}

#[test]
fn without_keep_alive_each_request_has_its_connection() {
    let scenario = scenario(|draft| {
        draft.requests_max = Some(5);
        draft.keep_alive = Some(false);
    });
    let ran = run(&scenario, Service::default());
    assert_eq!(ran.tally.answered, 5);
    assert_eq!(ran.tally.connect.len(), 5);
    assert!(ran.requests.iter().all(|request| request.contains("\r\nConnection: close")));
    assert!(ran.tally.latency.min() >= 1_050, "the latency counts the connect");
}

#[test]
fn a_service_that_refuses_is_asked_at_the_rate_and_comes_back() {
    let scenario = scenario(|draft| {
        draft.rate = Some(20.0);
        draft.duration = Some(Duration::from_secs(4));
    });
    let service =
        Service { refuses: Some((Duration::ZERO, Duration::from_secs(2))), ..Service::default() };
    let ran = run(&scenario, service);
    assert_eq!(ran.tally.finished(), 80);
    let refused = ran.tally.failures(Failure::ConnectRefused);
    assert!((5..=41).contains(&refused), "{refused}");
    assert_eq!(ran.tally.answered, 80 - refused);
}

#[test]
fn unexpected_statuses_are_answers_and_failures() {
    let scenario = scenario(|draft| draft.requests_max = Some(3));
    let service = Service { status: 503, ..Service::default() };
    let ran = run(&scenario, service);
    assert_eq!(ran.tally.answered, 3);
    assert_eq!(ran.tally.failures(Failure::Status), 3);
    assert_eq!(ran.tally.statuses().collect::<Vec<_>>(), [(503, 3)]);
}

#[test]
fn the_warm_up_counts_for_nothing() {
    let scenario = scenario(|draft| {
        draft.rate = Some(10.0);
        draft.duration = Some(Duration::from_secs(3));
        draft.warmup = Some(Duration::from_secs(1));
    });
    let ran = run(&scenario, Service::default());
    assert_eq!(ran.requests.len(), 30);
    assert_eq!(ran.tally.answered, 20);
}

#[test]
fn batches_follow_the_intervals() {
    let scenario = scenario(|draft| {
        draft.rate = Some(10.0);
        draft.duration = Some(Duration::from_secs(3));
    });
    let ran = run(&scenario, Service::default());
    let counts: Vec<(u64, u64)> =
        ran.batches.iter().map(|batch| (batch.interval, batch.tally.answered)).collect();
    assert_eq!(counts, [(0, 10), (1, 10), (2, 10)]);
}

#[test]
fn connections_ramp_up_and_down() {
    let scenario = scenario(|draft| {
        draft.connection_stages = [(10.0, 1), (10.0, 1), (1.0, 1)]
            .map(|(to, seconds)| crate::schedule::Stage {
                duration: Duration::from_secs(seconds),
                to,
                from: None,
            })
            .to_vec();
    });
    let ran = run(&scenario, Service::default());
    let counts: Vec<u64> = ran.batches.iter().map(|batch| batch.tally.answered).collect();
    // About 1,000 answers per connection and second: areas of 5.5, 10 and 5.5.
    for (count, expected) in counts.iter().zip([5_500, 10_000, 5_500]) {
        assert!(count.abs_diff(expected) < 1_000, "{counts:?}");
    }
}
