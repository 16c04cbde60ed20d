//! Objectives against their goals, for `/v1/objectives` and `callout objectives`.

use super::{buckets::History, keeper::Sample};
use crate::telemetry::incidents::{Incident, Kind, Phase, rfc3339};
use serde::Serialize;
use std::collections::BTreeMap;

const DAY_S: i64 = 86_400;
pub(super) const DAYS_30_S: i64 = 30 * DAY_S;

/// What was promised.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Goals {
    /// Share of time in which a new ticket is taken.
    pub intake_availability: f64,
    /// Share of acknowledged tickets that may be lost.
    pub lost_share: f64,
    /// A wait beyond this is a stall; there are to be none.
    pub stall_s: f64,
    /// How long the worst incident may take.
    pub worst_incident_s: f64,
}

pub const GOALS: Goals =
    Goals { intake_availability: 0.99, lost_share: 0.0001, stall_s: 2.0, worst_incident_s: 4.0 * 3_600.0 };

#[derive(Debug, Serialize)]
pub struct Report {
    pub at: String,
    pub goals: Goals,
    /// All periods meet all goals.
    pub met: bool,
    pub oldest_unassigned_s: BTreeMap<String, f64>,
    pub periods: Vec<Period>,
}

#[derive(Debug, Serialize)]
pub struct Period {
    /// `today` (from midnight, UTC), `7d`, `30d`.
    pub name: &'static str,
    pub from: String,
    /// Seconds it stands for: less than the name says while Callout has not run for so long.
    pub observed_s: f64,
    pub intake_availability: f64,
    pub up_s: f64,
    pub answered: u64,
    pub failed: u64,
    pub acknowledged: u64,
    pub checked: u64,
    pub lost: u64,
    pub longest_stall_s: f64,
    pub oldest_unassigned_s: f64,
    pub starts: u64,
    pub restarts: u64,
    pub worst_incident_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_incident: Option<Worst>,
    pub met: Met,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worst {
    pub kind: &'static str,
    pub at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Met {
    pub intake_availability: bool,
    pub tickets_lost: bool,
    pub stalls: bool,
    pub incidents: bool,
}

impl Met {
    fn all(&self) -> bool {
        self.intake_availability && self.tickets_lost && self.stalls && self.incidents
    }
}

impl Report {
    pub(super) fn new(history: &History, incidents: &[Incident], sample: &Sample, now_s: i64) -> Self {
        let midnight = now_s - now_s.rem_euclid(DAY_S);
        let spans = [("today", midnight), ("7d", now_s - 7 * DAY_S), ("30d", now_s - DAYS_30_S)];
        let periods: Vec<Period> =
            spans.into_iter().map(|(name, from_s)| period(history, incidents, name, from_s, now_s)).collect();
        Self {
            at: rfc3339(now_s * 1_000),
            goals: GOALS,
            met: periods.iter().all(|period| period.met.all()),
            oldest_unassigned_s: sample.oldest_unassigned_s.clone(),
            periods,
        }
    }
}

fn period(history: &History, incidents: &[Incident], name: &'static str, from_s: i64, now_s: i64) -> Period {
    let (sum, observed_s) = history.since(from_s, now_s);
    let availability = if observed_s > 0.0 { (sum.available_s / observed_s).min(1.0) } else { 1.0 };
    let (worst_s, worst) = worst(incidents, from_s, now_s);
    let lost_share = sum.missing as f64 / sum.checked.max(1) as f64;
    Period {
        name,
        from: rfc3339(from_s * 1_000),
        observed_s,
        intake_availability: availability,
        up_s: sum.up_s,
        answered: sum.answered,
        failed: sum.failed,
        acknowledged: sum.acknowledged,
        checked: sum.checked,
        lost: sum.missing,
        longest_stall_s: sum.stall_s,
        oldest_unassigned_s: sum.oldest_unassigned_s,
        starts: sum.starts,
        restarts: sum.restarts,
        worst_incident_s: worst_s,
        worst_incident: worst,
        met: Met {
            intake_availability: availability > GOALS.intake_availability,
            tickets_lost: lost_share < GOALS.lost_share,
            stalls: sum.stall_s <= GOALS.stall_s,
            incidents: worst_s <= GOALS.worst_incident_s,
        },
    }
}

/// The longest time from an incident's begin to its end. One that goes on counts until now; one whose
/// process went away ended with it (and the time down is an incident of its own).
fn worst(incidents: &[Incident], from_s: i64, now_s: i64) -> (f64, Option<Worst>) {
    let mut open: Vec<&Incident> = Vec::new();
    let mut found: Vec<(f64, &Incident)> = Vec::new();
    // Too few people is told as an incident, but it is not Callout that fails.
    let ours = incidents.iter().filter(|incident| incident.kind != Kind::Shortage);
    for incident in ours.filter(|incident| incident.at_ms <= now_s * 1_000) {
        match incident.phase {
            Phase::Begin => open.push(incident),
            Phase::End => {
                open.retain(|begun| {
                    (begun.kind, &begun.region, &begun.role) != (incident.kind, &incident.region, &incident.role)
                });
                found.push((incident.lasted_s.unwrap_or(0.0), incident));
            }
            // How long a start's process before was away is no incident when it was stopped in order.
            Phase::Once if incident.kind == Kind::Start => open.clear(),
            Phase::Once => found.push((incident.lasted_s.unwrap_or(0.0), incident)),
        }
    }
    found.extend(open.into_iter().map(|begun| ((now_s as f64 - begun.at_ms as f64 / 1e3).max(0.0), begun)));
    let recent =
        found.into_iter().filter(|(_, incident)| incident.phase == Phase::Begin || incident.at_ms >= from_s * 1_000);
    let longest = recent.filter(|(lasted, _)| *lasted > 0.0).max_by(|a, b| a.0.total_cmp(&b.0));
    longest.map_or((0.0, None), |(lasted, incident)| {
        let worst = Worst { kind: incident.kind.name(), at: rfc3339(incident.at_ms), region: incident.region.clone() };
        (lasted, Some(worst))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objectives::Bucket;

    const NOW: i64 = 86_400 * 20_000 + 7_200;

    fn at(seconds_ago: i64, kind: Kind, phase: Phase, lasted_s: Option<f64>) -> Incident {
        Incident { at_ms: (NOW - seconds_ago) * 1_000, phase, lasted_s, ..Incident::new(kind) }
    }

    #[test]
    fn the_worst_incident_is_the_longest_and_an_open_one_goes_on() {
        let ended = at(3_000, Kind::Overload, Phase::End, Some(40.0));
        let down = at(2_000, Kind::Down, Phase::Once, Some(90.0));
        let open = at(100, Kind::Park, Phase::Begin, None).region("north");
        let lost_with_its_process = at(5_000, Kind::Stall, Phase::Begin, None);
        let start = at(1_999, Kind::Start, Phase::Once, Some(90.0));
        let (s, found) = worst(&[lost_with_its_process, ended, down, start, open], NOW - 7_000, NOW);
        assert_eq!((s, found.unwrap().region.as_deref()), (100.0, Some("north")));
    }

    #[test]
    fn an_incident_of_yesterday_is_not_todays() {
        let old = at(86_400, Kind::Overload, Phase::End, Some(40.0));
        assert_eq!(worst(std::slice::from_ref(&old), NOW - 7_000, NOW), (0.0, None));
        assert_eq!(worst(&[old], NOW - 100_000, NOW).0, 40.0);
    }

    #[test]
    fn each_goal_is_judged_by_its_own_figure() {
        let mut history = History::default();
        let bad =
            Bucket { up_s: 60.0, answered: 1, failed: 9, checked: 10, missing: 1, stall_s: 2.5, ..Bucket::default() };
        history.minute(NOW - 60, &bad.settled());
        let day = period(&history, &[at(10, Kind::Down, Phase::Once, Some(15_000.0))], "today", NOW - 7_200, NOW);
        let Met { intake_availability, tickets_lost, stalls, incidents } = day.met;
        assert_eq!((intake_availability, tickets_lost, stalls, incidents), (false, false, false, false));
        assert!((day.intake_availability - 0.1).abs() < 1e-9);
        let fresh = period(&History::default(), &[], "today", NOW - 7_200, NOW);
        assert!(fresh.met.all(), "{fresh:?}");
    }
}
