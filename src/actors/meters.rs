//! What the tree counts about itself, as Prometheus text. Names, help and units in one place.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

/// A number that only grows.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(super) struct Meters {
    pub(super) opened: Counter,
    pub(super) replayed: Counter,
    pub(super) shed: Counter,
    pub(super) commands: Counter,
    pub(super) refused: Counter,
    pub(super) auctions: Counter,
    pub(super) awards: Counter,
    pub(super) stale_awards: Counter,
    pub(super) escalations: Counter,
    pub(super) timers_fired: Counter,
    pub(super) deliveries_sent: Counter,
    pub(super) deliveries_failed: Counter,
    pub(super) crashes: Counter,
    pub(super) restarts: Counter,
    pub(super) quarantined: Counter,
    pub(super) parked: Counter,
    pub(super) frozen: Counter,
    pub(super) blocked: Counter,
    longest_stall_ms: AtomicU64,
}

impl Meters {
    /// Notes for how long the busiest actor has been on one message.
    pub(super) fn longest_stall(&self, ms: i64) {
        self.longest_stall_ms.fetch_max(ms.unsigned_abs(), Ordering::Relaxed);
    }

    pub(super) fn stall_ms(&self) -> u64 {
        self.longest_stall_ms.load(Ordering::Relaxed)
    }

    /// Prometheus text exposition format 0.0.4.
    pub(super) fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let counters: [(&str, &str, &Counter); 18] = [
            ("callout_tickets_opened_total", "Tickets accepted and stored.", &self.opened),
            ("callout_tickets_replayed_total", "Repeats answered with an earlier ticket.", &self.replayed),
            ("callout_requests_shed_total", "Calls refused because all permits were taken.", &self.shed),
            ("callout_commands_total", "Commands decided by ticket actors.", &self.commands),
            ("callout_commands_refused_total", "Commands that the rules refused.", &self.refused),
            ("callout_auction_rounds_total", "Auction rounds held.", &self.auctions),
            ("callout_awards_total", "Awards committed.", &self.awards),
            ("callout_awards_stale_total", "Awards whose route moved meanwhile; judged again.", &self.stale_awards),
            ("callout_escalations_total", "Tickets handed to a dispatcher.", &self.escalations),
            ("callout_timers_fired_total", "Deadlines that came.", &self.timers_fired),
            ("callout_deliveries_sent_total", "Messages handed to a channel.", &self.deliveries_sent),
            ("callout_deliveries_failed_total", "Attempts at messages that failed.", &self.deliveries_failed),
            ("callout_actor_crashes_total", "Actors that crashed.", &self.crashes),
            ("callout_actor_restarts_total", "Actors restarted by a supervisor.", &self.restarts),
            ("callout_tickets_quarantined_total", "Tickets put into quarantine.", &self.quarantined),
            ("callout_regions_parked_total", "Times a region was parked.", &self.parked),
            ("callout_actors_frozen_total", "Actors replaced because they did not finish.", &self.frozen),
            ("callout_actors_blocked_total", "Actors replaced while they blocked a thread.", &self.blocked),
        ];
        let mut text = String::new();
        for (name, help, counter) in counters {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {}", counter.value());
        }
        for (name, help, value) in gauges {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        text
    }
}
