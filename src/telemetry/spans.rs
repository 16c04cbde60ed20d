//! Trace spans for an OpenTelemetry collector (OTLP over HTTP, protobuf): request, command, commit,
//! auction. Off unless the settings name a collector.
//!
//! Spans are built here rather than by a layer over `tracing`, since their trace id is the one in the
//! journal and must not be another. Must hold: off costs one load; on costs a place in a bounded queue;
//! a collector that is slow or down costs dropped spans and nothing else. No personal data in
//! attributes: numbers, ids, codes.

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor},
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// Spans that may wait for the collector.
const QUEUE: usize = 4_096;
/// How long one export may take.
const EXPORT: Duration = Duration::from_secs(5);

/// Names one span of one trace; 0 is none.
pub type SpanNo = u64;

/// Where spans go; cheap to clone.
#[derive(Clone, Default)]
pub struct Spans(Arc<OnceLock<Exporter>>);

struct Exporter {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    next: AtomicU64,
}

/// Something under way; told when it is finished, forgotten when it is dropped.
pub struct Span {
    spans: Spans,
    name: &'static str,
    trace: u128,
    id: SpanNo,
    parent: SpanNo,
    remote: bool,
    begun: SystemTime,
    attributes: Vec<KeyValue>,
}

impl Spans {
    /// Sends spans to `endpoint` (`http://host:4318`) from now on.
    pub fn open(&self, endpoint: &str) -> Result<(), String> {
        // The exporter's client wants one, also for a collector without TLS; a second one changes nothing.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| error.to_string())?;
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(512)
            .with_scheduled_delay(Duration::from_secs(1))
            .build();
        let mut processor = BatchSpanProcessor::new(exporter, config);
        let version = env!("CARGO_PKG_VERSION");
        processor.set_resource(
            &Resource::builder_empty()
                .with_attributes([KeyValue::new("service.name", "callout"), KeyValue::new("service.version", version)])
                .build(),
        );
        let scope = InstrumentationScope::builder("callout").with_version(version).build();
        let _ = self.0.set(Exporter { processor, scope, next: AtomicU64::new(seed()) });
        Ok(())
    }

    /// None when spans are off, or the trace id is none.
    #[must_use]
    pub fn begin(&self, name: &'static str, trace: Option<&str>, parent: SpanNo) -> Option<Span> {
        let exporter = self.0.get()?;
        let trace = u128::from_str_radix(trace?, 16).ok().filter(|id| *id != 0)?;
        let id = mixed(exporter.next.fetch_add(1, Ordering::Relaxed));
        let (spans, attributes) = (self.clone(), Vec::new());
        Some(Span { spans, name, trace, id, parent, remote: false, begun: now(), attributes })
    }

    /// Sends what waits, at most for a few seconds, and ends.
    pub fn close(&self) {
        if let Some(exporter) = self.0.get() {
            let _ = exporter.processor.shutdown_with_timeout(EXPORT);
        }
    }
}

impl Span {
    #[must_use]
    pub fn id(&self) -> SpanNo {
        self.id
    }

    /// Its parent belongs to the caller's process.
    #[must_use]
    pub fn of_remote(self) -> Self {
        Self { remote: self.parent != 0, ..self }
    }

    /// It began then, milliseconds since 1970.
    #[must_use]
    pub fn begun_ms(self, ms: i64) -> Self {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_millis(ms.max(0).unsigned_abs());
        Self { begun: begun.min(now()), ..self }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<opentelemetry::Value>) -> Self {
        self.attributes.push(KeyValue::new(name, value));
        self
    }

    /// Hands it to the exporter; `failed`: with what, when it did.
    pub fn finish(self, failed: Option<&str>) {
        let Some(exporter) = self.spans.0.get() else { return };
        let context = SpanContext::new(
            TraceId::from(self.trace),
            SpanId::from(self.id),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        exporter.processor.on_end(SpanData {
            span_context: context,
            parent_span_id: SpanId::from(self.parent),
            parent_span_is_remote: self.remote,
            span_kind: if self.name == "request" { SpanKind::Server } else { SpanKind::Internal },
            name: self.name.into(),
            start_time: self.begun,
            end_time: now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: failed.map_or(Status::Unset, |why| Status::error(why.to_owned())),
            instrumentation_scope: exporter.scope.clone(),
        });
    }
}

#[allow(clippy::disallowed_methods, reason = "a collector lays spans of many machines side by side, in real time")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Differs between processes: ids of two of them must not meet.
fn seed() -> u64 {
    let since = now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    mixed(since ^ (u64::from(std::process::id()) << 40))
}

/// splitmix64 (Steele, Lea, Flood 2014): a counter in, bits without a pattern out; never 0.
#[must_use]
pub fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        sync::mpsc::{Receiver, channel},
    };

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// A collector that takes what it is sent: request lines and bodies.
    fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if sender.send(take(stream.unwrap())).is_err() {
                    return;
                }
            }
        });
        (endpoint, received)
    }

    fn take(mut stream: TcpStream) -> (String, Vec<u8>) {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
        loop {
            let n = stream.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..n]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                return (head, bytes[end + 4..].to_vec());
            }
        }
    }

    fn holds(body: &[u8], wanted: &[u8]) -> bool {
        body.windows(wanted.len()).any(|part| part == wanted)
    }

    #[test]
    fn a_collector_gets_spans_under_the_journals_trace_id_each_with_its_parent() {
        let (endpoint, received) = collector();
        let spans = Spans::default();
        spans.open(&endpoint).unwrap();
        let request = spans.begin("request", Some(TRACE), 0x00f0_67aa_0ba9_02b7).unwrap().of_remote();
        let command = spans.begin("command", Some(TRACE), request.id()).unwrap().with("callout.command", "accept");
        let (above, id) = (request.id(), command.id());
        command.finish(None);
        request.finish(Some("failed"));
        spans.close();
        let (head, body) = received.recv_timeout(EXPORT).unwrap();
        assert!(head.starts_with("post /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
        let trace = TraceId::from_hex(TRACE).unwrap().to_bytes();
        for wanted in [&trace[..], &id.to_be_bytes(), &above.to_be_bytes(), b"request", b"command", b"accept"] {
            assert!(holds(&body, wanted), "{wanted:?}");
        }
        assert!(holds(&body, &0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()), "the caller's own span is the parent");
    }

    #[test]
    fn off_means_nothing_and_a_collector_that_is_down_stops_nobody() {
        let spans = Spans::default();
        assert!(spans.begin("request", Some(TRACE), 0).is_none());
        // Bound and never accepted from: whoever sends there waits.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        spans.open(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
        assert!(spans.begin("request", None, 0).is_none());
        let began = now();
        for _ in 0..10 * QUEUE {
            spans.begin("request", Some(TRACE), 0).unwrap().finish(None);
        }
        // Ten times what fits into the queue, within less than one export may take.
        assert!(began.elapsed().unwrap() < EXPORT / 2);
    }

    #[test]
    fn ids_differ_and_are_never_none() {
        let ids: std::collections::BTreeSet<u64> = (0..10_000).map(mixed).collect();
        assert!(ids.len() == 10_000 && !ids.contains(&0));
    }
}
