//! How simulated experts act: pure, and drawn from a seed per expert and question.
//!
//! `lifelike` follows a real week of dispatching: how long crews took to react, to drive and to
//! serve (San Francisco Fire Department, dispatch log of 7 to 13 April 2020, 5,272 rows; only the
//! quantiles below are kept, and a test compares them with the file). `exact` accepts at once,
//! drives and serves as planned: what is left is the router's own doing.

use super::Chance;
use crate::domain::{
    ids::{DeliveryNo, ExpertId, OfferNo, TicketNumber, VisitNo},
    ticket::VisitOutcome,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Lifelike,
    Exact,
}

/// One expert's ways.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub behaviour: Behaviour,
    chance: Chance,
}

/// What an expert does about an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accept { after_s: i64 },
    Decline { after_s: i64, reason: &'static str },
    Ignore,
}

/// How a visit goes once it is time to leave. Durations in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    pub leave_after_s: i64,
    /// Times the planned drive.
    pub drive_factor: f64,
    pub on_site_s: i64,
    pub outcome: VisitOutcome,
    /// No coverage from the door on; back this long after the work is done.
    pub offline_s: Option<i64>,
}

/// How long a visit was planned to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Somebody estimated this visit, seconds.
    Estimated(u32),
    /// The region's default length, which says nothing about this visit.
    Default(u32),
}

/// The shares at which a distribution is known.
const SHARES: [f64; 11] = [0.01, 0.05, 0.10, 0.20, 0.30, 0.50, 0.70, 0.80, 0.90, 0.95, 0.99];

/// Seconds at each of [`SHARES`].
pub type Quantiles = [f64; 11];

/// From being dispatched to setting off.
const REACTION_S: Quantiles = [0.0, 0.0, 0.0, 5.0, 8.0, 35.0, 73.0, 92.0, 121.0, 147.0, 216.0];
/// From setting off to arriving (drives longer than 0 s).
const TRAVEL_S: Quantiles = [24.0, 79.0, 104.0, 137.0, 169.0, 260.0, 422.0, 571.0, 816.0, 1_058.0, 1_673.0];
/// From arriving to being free again.
const ON_SCENE_S: Quantiles = [7.0, 92.0, 183.0, 349.0, 528.0, 1_268.0, 3_250.0, 3_922.0, 4_712.0, 5_322.0, 6_824.0];

/// A drive's length is mostly its distance, which the plan knows; what the log's spread leaves to
/// traffic and doorbells is taken as half of it (in logarithms).
const TRAFFIC: f64 = 0.5;
/// Likewise an estimate of the work: real lengths spread a quarter as far as without one.
const ESTIMATE: f64 = 0.25;

const DECLINE: f64 = 0.06;
const IGNORE: f64 = 0.03;
const CANNOT_FIX: f64 = 0.03;
const NO_ACCESS: f64 = 0.02;
const OFFLINE: f64 = 0.05;
const RECEIPT_LOST: f64 = 0.01;
const SENT_TWICE: f64 = 0.2;
const REASONS: [&str; 4] = ["too far for today", "no parts in the van", "running late", "private appointment"];

/// The value at `share`, on a straight line between the known quantiles; beyond the first and the
/// last of them, that one.
#[must_use]
pub fn quantile(table: &Quantiles, share: f64) -> f64 {
    let above = SHARES.partition_point(|known| *known < share);
    if above == 0 || above == SHARES.len() {
        return table[above.min(SHARES.len() - 1)];
    }
    let part = (share - SHARES[above - 1]) / (SHARES[above] - SHARES[above - 1]);
    table[above - 1] + part * (table[above] - table[above - 1])
}

/// The value at `share` over the median, its spread shrunk by `power`.
fn ratio(table: &Quantiles, share: f64, power: f64) -> f64 {
    (quantile(table, share) / quantile(table, 0.5)).powf(power)
}

impl Habits {
    #[must_use]
    pub fn new(behaviour: Behaviour, seed: u64, expert: &ExpertId) -> Self {
        Self { behaviour, chance: Chance::new(seed).about("habits").about(expert.as_str()) }
    }

    fn stream(&self, question: &str, ticket: TicketNumber, number: u16) -> Chance {
        self.chance.about(question).at(ticket.to_bits()).at(u64::from(number))
    }

    /// How long until the app's receipt goes out, milliseconds; None: it gets lost.
    #[must_use]
    pub fn receipt_ms(&self, ticket: TicketNumber, delivery: DeliveryNo) -> Option<i64> {
        if self.behaviour == Behaviour::Exact {
            return Some(0);
        }
        let mut chance = self.stream("receipt", ticket, delivery);
        (!chance.happens(RECEIPT_LOST)).then(|| chance.between(200.0, 2_000.0) as i64)
    }

    #[must_use]
    pub fn answer(&self, ticket: TicketNumber, offer: OfferNo) -> Answer {
        if self.behaviour == Behaviour::Exact {
            return Answer::Accept { after_s: 0 };
        }
        let mut chance = self.stream("answer", ticket, offer);
        let after_s = 2 + quantile(&REACTION_S, chance.unit()) as i64;
        match chance.unit() {
            share if share < DECLINE => Answer::Decline { after_s, reason: REASONS[chance.below(REASONS.len())] },
            share if share < DECLINE + IGNORE => Answer::Ignore,
            _ => Answer::Accept { after_s },
        }
    }

    #[must_use]
    pub fn course(&self, ticket: TicketNumber, visit: VisitNo, planned: Planned) -> Course {
        let (Planned::Estimated(planned_s) | Planned::Default(planned_s)) = planned;
        if self.behaviour == Behaviour::Exact {
            return Course {
                leave_after_s: 0,
                drive_factor: 1.0,
                on_site_s: i64::from(planned_s),
                outcome: VisitOutcome::Completed,
                offline_s: None,
            };
        }
        let mut chance = self.stream("course", ticket, visit);
        let leave_after_s = quantile(&REACTION_S, chance.unit()) as i64;
        let drive_factor = ratio(&TRAVEL_S, chance.unit(), TRAFFIC);
        let served_s = match planned {
            Planned::Estimated(planned_s) => f64::from(planned_s) * ratio(&ON_SCENE_S, chance.unit(), ESTIMATE),
            Planned::Default(_) => quantile(&ON_SCENE_S, chance.unit()),
        };
        let (outcome, on_site_s) = match chance.unit() {
            share if share < CANNOT_FIX => (VisitOutcome::CannotFix, served_s),
            share if share < CANNOT_FIX + NO_ACCESS => (VisitOutcome::NoAccess, chance.between(180.0, 600.0)),
            _ => (VisitOutcome::Completed, served_s),
        };
        let offline_s = chance.happens(OFFLINE).then(|| chance.between(300.0, 3_600.0) as i64);
        Course { leave_after_s, drive_factor, on_site_s: (on_site_s as i64).max(60), outcome, offline_s }
    }

    /// The phone does not know whether its queued command arrived, and sends it again.
    #[must_use]
    pub fn sends_twice(&self, ticket: TicketNumber, visit: VisitNo) -> bool {
        self.behaviour == Behaviour::Lifelike && self.stream("twice", ticket, visit).happens(SENT_TWICE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::number::RegionCode;
    use std::io::Read;

    fn habits(behaviour: Behaviour) -> Habits {
        Habits::new(behaviour, 1, &ExpertId::parse("e-1").expect("id"))
    }

    fn tickets() -> impl Iterator<Item = TicketNumber> {
        (0..20_000).map(|serial| TicketNumber::new(RegionCode(3), serial))
    }

    fn at_share(mut values: Vec<f64>, share: f64) -> f64 {
        values.sort_by(f64::total_cmp);
        values[(share * (values.len() - 1) as f64) as usize]
    }

    #[test]
    fn lifelike_service_has_the_quantiles_of_the_log() {
        let habits = habits(Behaviour::Lifelike);
        let served: Vec<f64> = tickets()
            .map(|ticket| habits.course(ticket, 1, Planned::Default(1_800)))
            .filter(|course| course.outcome != VisitOutcome::NoAccess)
            .map(|course| course.on_site_s as f64)
            .collect();
        for (share, seconds) in [(0.1, 183.0), (0.5, 1_268.0), (0.9, 4_712.0)] {
            let found = at_share(served.clone(), share);
            assert!((found / seconds - 1.0).abs() < 0.07, "p{share}: {found} s, the log has {seconds} s");
        }
    }

    #[test]
    fn lifelike_experts_decline_ignore_and_fail_as_often_as_said() {
        let habits = habits(Behaviour::Lifelike);
        let share = |hit: &dyn Fn(TicketNumber) -> bool| tickets().filter(|t| hit(*t)).count() as f64 / 20_000.0;
        let declined = share(&|t| matches!(habits.answer(t, 1), Answer::Decline { .. }));
        let ignored = share(&|t| habits.answer(t, 1) == Answer::Ignore);
        let in_vain = share(&|t| habits.course(t, 1, Planned::Estimated(600)).outcome != VisitOutcome::Completed);
        assert!((declined - 0.06).abs() < 0.007, "{declined}");
        assert!((ignored - 0.03).abs() < 0.005, "{ignored}");
        assert!((in_vain - 0.05).abs() < 0.007, "{in_vain}");
    }

    #[test]
    fn estimates_and_drives_are_right_in_the_middle() {
        let habits = habits(Behaviour::Lifelike);
        let courses: Vec<Course> = tickets().map(|t| habits.course(t, 1, Planned::Estimated(3_600))).collect();
        let drives = courses.iter().map(|course| course.drive_factor).collect();
        let served = courses.iter().filter(|c| c.outcome == VisitOutcome::Completed).map(|c| c.on_site_s as f64);
        assert!((at_share(drives, 0.5) - 1.0).abs() < 0.03);
        assert!((at_share(served.collect(), 0.5) / 3_600.0 - 1.0).abs() < 0.03);
    }

    #[test]
    fn exact_experts_do_as_planned() {
        let habits = habits(Behaviour::Exact);
        for ticket in tickets().take(500) {
            assert_eq!(habits.answer(ticket, 1), Answer::Accept { after_s: 0 });
            let course = habits.course(ticket, 1, Planned::Estimated(900));
            assert_eq!((course.leave_after_s, course.on_site_s, course.drive_factor), (0, 900, 1.0));
            assert_eq!((course.outcome, course.offline_s), (VisitOutcome::Completed, None));
        }
    }

    #[test]
    fn the_tables_are_those_of_the_dispatch_log() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/dispatch_sf_week1.csv.gz");
        let Ok(file) = std::fs::read(path) else {
            println!("skipped: {path} is not here");
            return;
        };
        let mut text = String::new();
        flate2::read::GzDecoder::new(&file[..]).read_to_string(&mut text).expect("gzip");
        let mut spans: [Vec<f64>; 3] = Default::default();
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let heads = rows.headers().expect("header").clone();
        let column = |name: &str| heads.iter().position(|head| head == name).expect("column");
        let times = ["dispatched_at", "enroute_at", "on_scene_at", "available_at"].map(column);
        for row in rows.records() {
            let row = row.expect("row");
            let at = times.map(|column| crate::domain::time::Timestamp::parse(&row[column]).ok());
            for (index, span) in spans.iter_mut().enumerate() {
                if let (Some(from), Some(to)) = (at[index], at[index + 1]) {
                    // A crew that was there already did not drive.
                    span.extend(Some(to.since_s(from) as f64).filter(|s| *s >= f64::from(u8::from(index == 1))));
                }
            }
        }
        for (span, table) in spans.iter().zip([REACTION_S, TRAVEL_S, ON_SCENE_S]) {
            for (share, known) in SHARES.iter().zip(table) {
                let found = at_share(span.clone(), *share);
                assert!((found - known).abs() <= 0.01 * known + 1.0, "p{share}: {found} in the log, {known} here");
            }
        }
    }
}
