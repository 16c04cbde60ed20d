//! What the door counts about itself, as Prometheus text.

use axum::http::StatusCode;
use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

#[derive(Default)]
pub(super) struct Meters {
    /// By the status's first digit.
    answered: [AtomicU64; 6],
    shed: AtomicU64,
}

impl Meters {
    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.answered[class].fetch_add(1, Ordering::Relaxed);
    }

    /// Refused because no permit was left.
    pub(super) fn shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// Prometheus text exposition format 0.0.4. `free`: permits left.
    pub(super) fn text(&self, free: usize) -> String {
        let mut text = String::from("# HELP callout_http_answers_total Answers by class of status.\n");
        text.push_str("# TYPE callout_http_answers_total counter\n");
        for (class, count) in self.answered.iter().enumerate().skip(1) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(text, "callout_http_answers_total{{status=\"{class}xx\"}} {count}");
        }
        let shed = self.shed.load(Ordering::Relaxed);
        let _ = write!(
            text,
            "# HELP callout_http_shed_total Calls refused at the door because too many were under way.\n\
             # TYPE callout_http_shed_total counter\ncallout_http_shed_total {shed}\n\
             # HELP callout_http_permits_free Calls that the door could admit now.\n\
             # TYPE callout_http_permits_free gauge\ncallout_http_permits_free {free}\n"
        );
        text
    }
}
