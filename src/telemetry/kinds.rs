//! The kinds of metric: plain atomics, so that counting costs an event no lock. Each is a handle:
//! cheap to clone, all clones count the same.
//!
//! Labels are fixed in the code, or the ids of regions: nothing a caller sends ever becomes one.

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A number that only grows.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub const KIND: &str = "counter";

    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down; seconds are kept to the microsecond.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    pub const KIND: &str = "gauge";

    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    pub fn count(&self, value: usize) {
        self.set(value as f64);
    }

    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Seconds in which calls, commits and rounds are counted: 0.5 ms to 30 s.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Things in one go.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// How often, and how much, by size.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    bounds: &'static [f64],
    /// One more than bounds: what is above the last.
    counts: Vec<AtomicU64>,
    sum_micros: AtomicU64,
    /// The largest since it was last asked for, in millionths.
    peak_micros: AtomicU64,
}

impl Histogram {
    pub const KIND: &str = "histogram";

    #[must_use]
    pub fn seconds() -> Self {
        Self::with(SECONDS)
    }

    #[must_use]
    pub fn sizes() -> Self {
        Self::with(SIZES)
    }

    fn with(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds, counts, sum_micros: AtomicU64::new(0), peak_micros: AtomicU64::new(0) }))
    }

    pub fn took(&self, duration: Duration) {
        self.note(duration.as_secs_f64(), u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn size(&self, n: usize) {
        self.note(n as f64, (n as u64).saturating_mul(1_000_000));
    }

    fn note(&self, value: f64, micros: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum_micros.fetch_add(micros, Ordering::Relaxed);
        if micros > self.0.peak_micros.load(Ordering::Relaxed) {
            self.0.peak_micros.fetch_max(micros, Ordering::Relaxed);
        }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The largest value since the last call.
    #[must_use]
    pub fn take_peak(&self) -> f64 {
        self.0.peak_micros.swap(0, Ordering::Relaxed) as f64 / 1e6
    }
}

/// Counters in a table: one label a row, one a column, both fixed.
#[derive(Clone)]
pub struct Grid(Arc<Cells>);

struct Cells {
    labels: [&'static str; 2],
    rows: &'static [&'static str],
    columns: &'static [&'static str],
    counts: Vec<AtomicU64>,
}

impl fmt::Debug for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counters by {:?}", self.0.labels)
    }
}

impl Grid {
    pub const KIND: &str = "counter";

    #[must_use]
    pub fn new(labels: [&'static str; 2], rows: &'static [&'static str], columns: &'static [&'static str]) -> Self {
        let counts = (0..rows.len() * columns.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Cells { labels, rows, columns, counts }))
    }

    /// Names that are not in the table count nowhere: a label is never made up.
    pub fn add(&self, row: &str, column: &str, n: u64) {
        let row = self.0.rows.iter().position(|name| *name == row);
        let column = self.0.columns.iter().position(|name| *name == column);
        if let (Some(row), Some(column)) = (row, column) {
            self.0.counts[row * self.0.columns.len() + column].fetch_add(n, Ordering::Relaxed);
        }
    }
}

/// Counters by one fixed label, reached by position.
#[derive(Clone)]
pub struct Counters {
    label: &'static str,
    names: &'static [&'static str],
    counts: Arc<[AtomicU64]>,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counters by {}", self.label)
    }
}

impl Counters {
    pub const KIND: &str = "counter";

    #[must_use]
    pub fn new(label: &'static str, names: &'static [&'static str]) -> Self {
        Self { label, names, counts: names.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one more of the name at `position`; a position past the end counts nowhere.
    pub fn add(&self, position: usize) {
        if let Some(count) = self.counts.get(position) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[must_use]
    pub fn value(&self, position: usize) -> u64 {
        self.counts.get(position).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// One figure for each of a few things, replaced as a whole: regions, runtimes.
#[derive(Clone, Debug)]
pub struct Gauges {
    label: &'static str,
    values: Arc<Mutex<BTreeMap<String, f64>>>,
}

impl Gauges {
    pub const KIND: &str = "gauge";

    #[must_use]
    pub fn new(label: &'static str) -> Self {
        Self { label, values: Arc::default() }
    }

    pub fn replace(&self, values: BTreeMap<String, f64>) {
        *self.values.lock().unwrap_or_else(PoisonError::into_inner) = values;
    }

    #[must_use]
    pub fn highest(&self) -> f64 {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).values().copied().fold(0.0, f64::max)
    }
}

/// Whole numbers as such: whoever reads a count need not know of fractions.
fn encode(encoder: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        encoder.encode_gauge(&(value as i64))
    } else {
        encoder.encode_gauge(&value)
    }
}

impl EncodeMetric for Counter {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.value(), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl EncodeMetric for Gauge {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encode(&mut encoder, self.value())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let counts: Vec<u64> = self.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
        let sum = self.0.sum_micros.load(Ordering::Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl EncodeMetric for Grid {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Cells { labels, rows, columns, counts } = &*self.0;
        for (position, count) in counts.iter().enumerate() {
            let (row, column) = (rows[position / columns.len()], columns[position % columns.len()]);
            let set = [(labels[0], row), (labels[1], column)];
            encoder.encode_family(&set)?.encode_counter::<NoLabelSet, _, u64>(&count.load(Ordering::Relaxed), None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl EncodeMetric for Counters {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (name, count) in self.names.iter().zip(self.counts.iter()) {
            let set = [(self.label, *name)];
            encoder.encode_family(&set)?.encode_counter::<NoLabelSet, _, u64>(&count.load(Ordering::Relaxed), None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl EncodeMetric for Gauges {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (name, value) in &*self.values.lock().unwrap_or_else(PoisonError::into_inner) {
            encoder
                .encode_family(&[(self.label, name.as_str())])
                .and_then(|mut encoder| encode(&mut encoder, *value))?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
