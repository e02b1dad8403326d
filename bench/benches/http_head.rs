//! What reading HTTP/1.1 costs: heads, and 16 KiB of chunked body.
//!
//! Bar: below 150 ns for a request of 5 fields, of the about 5 us that nginx spends on a whole
//! request.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringgate::http::{
    BodyReader, Date, Fields, Framing, HeadLimits, RequestKind, request_head, response_head, write,
};

const LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 8 * 1024, head_bytes: 32 * 1024, fields: 100 };

/// What a command line client sends.
const FEW_FIELDS: &[u8] = b"GET /products/17?view=full HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    User-Agent: curl/8.5.0\r\n\
    Accept: */*\r\n\
    Accept-Encoding: gzip\r\n\
    Connection: keep-alive\r\n\r\n";

/// What a back end sends.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx/1.22.1\r\n\
    Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 27\r\n\
    Connection: keep-alive\r\n\r\n";

/// What a browser behind two proxies sends.
fn many_fields() -> Vec<u8> {
    let mut head = b"GET /products/17?view=full HTTP/1.1\r\n".to_vec();
    for (name, value) in [
        ("Host", "api.example.com"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("Accept-Language", "en-GB,en;q=0.8,de;q=0.5,fr;q=0.3"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Referer", "https://shop.example.com/products?page=3"),
        ("Origin", "https://shop.example.com"),
        ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes; _id=1.2.3"),
        ("Authorization", "Bearer 0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"),
        ("Content-Type", "application/json"),
        ("Connection", "keep-alive"),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("DNT", "1"),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "same-site"),
        ("If-None-Match", "\"0123456789abcdef\""),
        ("If-Modified-Since", "Sat, 21 Nov 2026 10:00:00 GMT"),
        ("X-Request-Id", "01234567-89ab-cdef-0123-456789abcdef"),
        ("X-Forwarded-For", "203.0.113.7, 198.51.100.2"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("X-Amzn-Trace-Id", "Root=1-01234567-0123456789abcdef01234567"),
        ("Via", "1.1 proxy.example.com"),
    ] {
        write::field(&mut head, name.as_bytes(), value.as_bytes());
    }
    head.extend_from_slice(write::HEAD_END);
    head
}

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http_head");
    let many_fields = many_fields();
    for (name, bytes) in [("request/5", FEW_FIELDS), ("request/25", &many_fields[..])] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut fields = Fields::new();
                let head = request_head(black_box(bytes), &mut fields, &LIMITS);
                black_box(head.is_ok_and(|head| head.is_some()) && !fields.is_empty())
            });
        });
        // The same bytes through the library alone: what the rules on top of it cost.
        group.bench_function(format!("{name}/httparse_alone"), |bencher| {
            bencher.iter(|| {
                let mut headers = [const { std::mem::MaybeUninit::uninit() }; 128];
                let mut request = httparse::Request::new(&mut []);
                let parsed = request.parse_with_uninit_headers(black_box(bytes), &mut headers);
                black_box(parsed.is_ok() && !request.headers.is_empty())
            });
        });
    }
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response/5", |bencher| {
        bencher.iter(|| {
            let mut fields = Fields::new();
            let bytes = black_box(RESPONSE);
            let head = response_head(bytes, &mut fields, &LIMITS, RequestKind::Other);
            black_box(head.is_ok_and(|head| head.is_some()) && !fields.is_empty())
        });
    });
    group.finish();
}

/// The smaller the chunks, the more framing: the curve shows what a chunk costs.
fn chunked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http_chunked_16KiB");
    group.throughput(Throughput::Bytes(16 * 1024));
    for chunk_bytes in [64, 1_024, 16 * 1_024] {
        let mut bytes = Vec::new();
        for data in vec![b'x'; 16 * 1_024].chunks(chunk_bytes) {
            write::chunk_header(&mut bytes, data.len());
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(write::CHUNK_END);
        }
        bytes.extend_from_slice(write::LAST_CHUNK);
        group.bench_function(format!("chunks_of_{chunk_bytes}"), |bencher| {
            bencher.iter(|| {
                let mut reader = BodyReader::new(Framing::Chunked);
                let mut rest = black_box(&bytes[..]);
                let mut body_bytes = 0;
                while let Ok(piece) = reader.read(rest) {
                    body_bytes += piece.data.len();
                    rest = &rest[piece.consumed..];
                    if piece.done {
                        break;
                    }
                }
                body_bytes
            });
        });
    }
    group.finish();
}

fn response_head_written(criterion: &mut Criterion) {
    criterion.bench_function("http_write/response_head", |bencher| {
        let mut date = Date::new();
        bencher.iter_batched_ref(
            || Vec::with_capacity(1_024),
            |out| {
                write::status_line(out, black_box(200));
                write::field(out, b"content-type", b"application/json");
                write::content_length(out, black_box(16_384));
                write::field(out, b"date", date.at(black_box(784_111_777)));
                out.extend_from_slice(write::HEAD_END);
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, heads, chunked, response_head_written);
criterion_main!(benches);
