//! Every metric of the process: its name, its help, its unit. One line here makes a metric; whoever
//! holds [`Metrics`] counts with `metrics.awards.add(1)`.
//!
//! Names follow Prometheus: base units (`_seconds`, `_bytes`), `_total` on counters. Must hold: no
//! label whose values a caller chooses, no personal data (P12), no lock on the way of a ticket.
//! `deploy/alerts.yml`, `deploy/grafana.json` and docs/OPERATIONS.md may name only what is here.

use super::kinds::{Counter, Counters, Gauge, Gauges, Grid, Histogram};
use prometheus_client::{encoding::text, registry::Registry};

/// What a metric is called and means.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    pub name: &'static str,
    /// As Prometheus has it: counter, gauge, histogram.
    pub kind: &'static str,
    pub help: &'static str,
}

/// Classes of an answer's status, in the order of their first digit less one.
pub const CLASSES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx"];
/// How a message goes out.
const LOGINS: &[&str] = &["accepted", "refused", "throttled"];
const CHANNELS: &[&str] = &["push", "sms", "email"];
/// What came of it.
const OUTCOMES: &[&str] = &["sent", "failed", "received"];

macro_rules! metrics {
    ($($field:ident: $kind:ident = $make:expr, $name:literal, $help:literal;)*) => {
        /// All metrics of one tree.
        pub struct Metrics {
            registry: Registry,
            $(#[doc = $help] pub $field: $kind,)*
        }

        /// All metrics there are, in the order they are shown.
        pub const CATALOGUE: &[Described] =
            &[$(Described { name: $name, kind: $kind::KIND, help: $help }),*];

        impl Default for Metrics {
            fn default() -> Self {
                let mut registry = Registry::default();
                $(
                    let $field: $kind = $make;
                    // The encoder writes `_total` itself.
                    registry.register($name.trim_end_matches("_total"), $help, $field.clone());
                )*
                Self { registry, $($field),* }
            }
        }
    };
}

metrics! {
    // Intake.
    opened: Counter = Counter::default(), "callout_tickets_opened_total", "Tickets accepted and stored";
    replayed: Counter = Counter::default(), "callout_tickets_replayed_total", "Repeats answered with an earlier ticket";
    intake_refused: Counter = Counter::default(), "callout_intake_refused_total", "New tickets refused because of what they hold (4xx)";
    intake_failed: Counter = Counter::default(), "callout_intake_failed_total", "New tickets that could not be stored (5xx)";
    intake_answers: Counters = Counters::new("status", CLASSES), "callout_intake_answers_total", "Answers to POST /v1/tickets by class of status";
    intake_seconds: Histogram = Histogram::seconds(), "callout_intake_seconds", "From admission of a new ticket to its being on disk";
    shed: Counter = Counter::default(), "callout_requests_shed_total", "Calls refused because too much was under way behind the door";
    commands: Counter = Counter::default(), "callout_commands_total", "Commands decided by ticket actors";
    command_seconds: Histogram = Histogram::seconds(), "callout_command_seconds", "From admission of a command to its outcome";
    refused: Counter = Counter::default(), "callout_commands_refused_total", "Commands that the rules refused";

    // The doors.
    answers: Counters = Counters::new("status", CLASSES), "callout_http_answers_total", "Answers by class of status";
    answer_seconds: Histogram = Histogram::seconds(), "callout_http_answer_seconds", "From a call's head to its answer, long work (imports, audits, backups) left out";
    http_shed: Counter = Counter::default(), "callout_http_shed_total", "Calls refused at the door because too many were under way";
    limited: Counter = Counter::default(), "callout_http_limited_total", "Calls refused because their caller makes too many (429)";
    turned_away: Counter = Counter::default(), "callout_http_turned_away_total", "Connections refused because too many were open";
    connections: Gauge = Gauge::default(), "callout_http_connections", "Open connections, turned away ones left out";
    tls_expires_seconds: Gauge = Gauge::default(), "callout_tls_expires_seconds", "When the door's certificate ends, seconds since 1970; 0 without TLS";
    http_calls: Gauge = Gauge::default(), "callout_http_calls", "Calls under way at the door";
    permits_free: Gauge = Gauge::default(), "callout_permits_free", "Calls that could be admitted behind the door now";
    devices: Gauge = Gauge::default(), "callout_devices_connected", "Experts' devices that are connected";

    logins: Counters = Counters::new("outcome", LOGINS), "callout_logins_total", "Names with a password that were tried, by what came of it";

    // Queues.
    queued: Gauge = Gauge::default(), "callout_tickets_queued", "Tickets that wait for an expert, all regions";
    oldest_unassigned_seconds: Gauges = Gauges::new("region"), "callout_oldest_unassigned_seconds", "Age of the oldest ticket that could be dispatched, is not, and is in no plan for later today, by region";
    mailboxes: Gauge = Gauge::default(), "callout_mailbox_messages", "Messages in all actors' mailboxes";
    herald_behind: Gauge = Gauge::default(), "callout_herald_behind_states", "Committed states on their way to dispatchers and timers";
    orders: Gauge = Gauge::default(), "callout_journal_waiting_batches", "Batches that wait for the journal's writer";
    snapshot_backlog: Gauge = Gauge::default(), "callout_snapshot_backlog_states", "Committed states that no snapshot has taken over yet";

    // The journal.
    commit_seconds: Histogram = Histogram::seconds(), "callout_commit_seconds", "One append with its fsync";
    commit_batches: Histogram = Histogram::sizes(), "callout_commit_batches", "Batches in one append";
    journal_events: Gauge = Gauge::default(), "callout_journal_events", "The journal's last sequence number";
    disk_full: Counter = Counter::default(), "callout_disk_full_total", "Appends refused because the disk is full";
    disk_free_bytes: Gauge = Gauge::default(), "callout_disk_free_bytes", "Free space where the data lie";

    // Dispatch.
    auctions: Counter = Counter::default(), "callout_auction_rounds_total", "Auction rounds held";
    auction_seconds: Histogram = Histogram::seconds(), "callout_auction_seconds", "One auction round, from the first question to the last award";
    awards: Counter = Counter::default(), "callout_awards_total", "Awards committed";
    stale_awards: Counter = Counter::default(), "callout_awards_stale_total", "Awards whose route moved meanwhile, judged again";
    escalations: Counter = Counter::default(), "callout_escalations_total", "Tickets handed to a dispatcher";
    travel_asked: Counter = Counter::default(), "callout_travel_asked_total", "Times that a server was asked about drives";
    travel_failed: Counter = Counter::default(), "callout_travel_failed_total", "Times that it gave no answer that could be used, or was left alone after failures";
    travel_places: Gauge = Gauge::default(), "callout_travel_places", "Places between which a server has said what drives take, all regions";
    timers_fired: Counter = Counter::default(), "callout_timers_fired_total", "Deadlines that came";

    // Messages.
    deliveries_sent: Counter = Counter::default(), "callout_deliveries_attempted_total", "Messages handed to a channel";
    deliveries: Grid = Grid::new(["channel", "outcome"], CHANNELS, OUTCOMES), "callout_deliveries_total", "Messages by channel and what came of them";

    // Health.
    crashes: Counter = Counter::default(), "callout_actor_crashes_total", "Actors that crashed";
    restarts: Counter = Counter::default(), "callout_actor_restarts_total", "Actors restarted by a supervisor";
    quarantined: Counter = Counter::default(), "callout_tickets_quarantined_total", "Tickets put into quarantine";
    parked: Counter = Counter::default(), "callout_regions_parked_total", "Times a region was parked";
    forecasts: Counter = Counter::default(), "callout_forecasts_total", "Forecasts of their day that regions made by themselves";
    shortages: Counter = Counter::default(), "callout_shortages_total", "Times a region foresaw by itself that promises will be broken";
    shortage_visits: Gauges = Gauges::new("region"), "callout_shortage_visits", "Visits that a region said will begin too late, while that stands, by region";
    regions_unready: Gauge = Gauge::default(), "callout_regions_unready", "Regions that do not dispatch";
    frozen: Counter = Counter::default(), "callout_actors_frozen_total", "Actors replaced because they did not finish";
    blocked: Counter = Counter::default(), "callout_actors_blocked_total", "Actors replaced while they blocked a thread";
    ticket_actors: Gauge = Gauge::default(), "callout_ticket_actors", "Ticket actors that run";
    expert_actors: Gauge = Gauge::default(), "callout_expert_actors", "Expert actors that run";
    heartbeat_delay_seconds: Gauges = Gauges::new("runtime"), "callout_heartbeat_delay_seconds", "How late each runtime's last sign of life is";
    stall_seconds: Gauge = Gauge::default(), "callout_longest_stall_seconds", "Longest time since the start that one actor took over one message";
    acks_unrecorded: Counter = Counter::default(), "callout_acks_unrecorded_total", "Acknowledged tickets that did not fit into the list kept beside the journal";
    acks_checked: Counter = Counter::default(), "callout_acks_checked_total", "Acknowledged tickets looked up in the journal in the background";
    tickets_missing: Counter = Counter::default(), "callout_tickets_missing_total", "Acknowledged tickets that the journal does not hold";
    access_missed: Counter = Counter::default(), "callout_access_lines_missed_total", "Calls that did not get into the access record";
    incidents_dropped: Counter = Counter::default(), "callout_incident_lines_dropped_total", "Lines for the incident record that did not fit into its queue";
    started_seconds: Gauge = Gauge::default(), "callout_start_time_seconds", "When the process started, seconds since 1970";
}

impl Metrics {
    /// `OpenMetrics` text, which Prometheus reads as its own.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(16 * 1_024);
        // A String takes all that is written to it.
        if text::encode(&mut out, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        out
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::{
        collections::{BTreeMap, BTreeSet},
        time::Duration,
    };

    /// Reads the exposition format and names everything that is not as the format has it.
    pub(crate) fn problems_of(text: &str) -> Vec<String> {
        let (mut problems, mut kinds, mut helped) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        let mut seen = BTreeSet::new();
        for (no, line) in text.lines().enumerate() {
            let mut problem = |what: &str| problems.push(format!("line {}: {what}: {line}", no + 1));
            if let Some(rest) = line.strip_prefix("# HELP ") {
                match rest.split_once(' ') {
                    Some((name, help)) if !help.trim().is_empty() => drop(helped.insert(name.to_owned())),
                    _ => problem("no help"),
                }
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
                if kinds.insert(name.to_owned(), kind.to_owned()).is_some() {
                    problem("described twice");
                }
            } else if line != "# EOF" {
                let Some((series, value)) = line.rsplit_once(' ') else {
                    problem("no value");
                    continue;
                };
                if value.parse::<f64>().is_err() {
                    problem("not a number");
                }
                if !seen.insert(series.to_owned()) {
                    problem("a series twice");
                }
                let name = series.split('{').next().unwrap_or_default();
                let family = ["_total", "_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
                let family = family.filter(|family| kinds.contains_key(*family)).unwrap_or(name);
                if !kinds.contains_key(family) || !helped.contains(family) {
                    problem("not described");
                }
                let labels = series.strip_prefix(name).unwrap_or_default();
                let readable = labels.starts_with('{') && labels.ends_with("\"}");
                if !labels.is_empty() && !readable {
                    problem("labels cannot be read");
                }
            }
        }
        if !text.ends_with("# EOF\n") {
            problems.push("no end".into());
        }
        problems
    }

    fn used() -> Metrics {
        let metrics = Metrics::default();
        metrics.opened.add(3);
        metrics.answers.add(1);
        metrics.intake_seconds.took(Duration::from_millis(3));
        metrics.commit_batches.size(5_000);
        metrics.deliveries.add("sms", "sent", 2);
        metrics.oldest_unassigned_seconds.replace(BTreeMap::from([("north".into(), 12.5)]));
        metrics
    }

    #[test]
    fn the_text_can_be_read_and_says_what_was_counted() {
        let text = used().text();
        assert_eq!(problems_of(&text), Vec::<String>::new());
        for line in [
            "callout_tickets_opened_total 3",
            "callout_http_answers_total{status=\"2xx\"} 1",
            "callout_deliveries_total{channel=\"sms\",outcome=\"sent\"} 2",
            "callout_oldest_unassigned_seconds{region=\"north\"} 12.5",
            "callout_intake_seconds_bucket{le=\"0.0025\"} 0",
            "callout_intake_seconds_bucket{le=\"0.005\"} 1",
            "callout_commit_batches_bucket{le=\"+Inf\"} 1",
            "callout_commit_batches_sum 5000.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_checker_finds_what_is_wrong() {
        let good = "# HELP a A thing.\n# TYPE a counter\na_total 1\n# EOF\n";
        assert!(problems_of(good).is_empty(), "{:?}", problems_of(good));
        for bad in [
            "a_total 1\n# EOF\n",
            "# HELP a A.\n# TYPE a counter\na_total x\n# EOF\n",
            "# HELP a A.\n# TYPE a counter\na_total 1\na_total 2\n# EOF\n",
            "# HELP a \n# TYPE a gauge\na 1\n# EOF\n",
            "# HELP a A.\n# TYPE a gauge\na{b=1} 1\n# EOF\n",
            "# HELP a A.\n# TYPE a gauge\na 1\n",
        ] {
            assert!(!problems_of(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn names_have_base_units_and_every_metric_has_help() {
        let mut names = BTreeSet::new();
        for metric in CATALOGUE {
            let Described { name, kind, help } = *metric;
            assert!(names.insert(name), "{name} twice");
            assert!(
                name.starts_with("callout_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            assert!(!["_ms", "_us", "_mb", "_kb", "_minutes"].iter().any(|unit| name.contains(unit)), "{name}");
            assert!(help.len() > 10 && !help.ends_with('.'), "{name}: the encoder writes the full stop");
        }
    }

    #[test]
    fn the_largest_since_the_last_look_is_given_once() {
        let metrics = used();
        assert!((metrics.intake_seconds.take_peak() - 0.003).abs() < 1e-9);
        assert_eq!(metrics.intake_seconds.take_peak(), 0.0);
    }
}
