//! What usual days make of a skill, and what that changes in a plan.

use super::*;
use crate::{
    domain::time::DAY_S,
    routing::live::{DAYS, Demand, Memory, Plan, Snapshot, Usual, outlook},
};
use std::sync::Arc;

fn needs(skill: &str) -> Arc<[SkillLevel]> {
    vec![SkillLevel::parse(skill).unwrap()].into()
}

fn note(demand: &mut Demand, visit: &VisitSpec) {
    demand.note(&visit.skills, visit.service_s, visit.opened_at, visit.window);
}

/// Of the last four weeks: on each workday, at these hours, so many visits of half an hour.
fn usual(skill: &str, hours: std::ops::Range<i64>, visits: u32) -> Usual {
    let mut demand = Demand::new("UTC");
    for day in 1..=DAYS {
        let morning = at("00:00").plus_s(-day * DAY_S);
        if is_workday(day) {
            for hour in hours.clone() {
                let opened_at = morning.plus_s(hour * 3_600);
                (0..visits).for_each(|_| {
                    note(&mut demand, &VisitSpec { skills: needs(skill), opened_at, ..visit(1, place(0, 0)) });
                });
            }
        }
    }
    demand.usual(at("09:00"))
}

/// So many days before a Monday.
fn is_workday(before: i64) -> bool {
    !matches!(before % 7, 1 | 2)
}

fn skill(name: &str) -> Skill {
    Skill::parse(name).unwrap()
}

#[test]
fn what_is_usual_is_the_mean_of_days_of_the_kind() {
    let usual = usual("hifi", 9..11, 3);
    // Half past nine to half past one: half an hour of nine o'clock's and all of ten's.
    assert_eq!(usual.expected_s(at("09:30")), [(&skill("hifi"), 3 * 1_800 * 3 / 2)].into());
    assert_eq!(usual.expected_s(at("11:00"))[&skill("hifi")], 0);
    let saturday = at("09:30").plus_s(5 * DAY_S);
    assert_eq!(usual.expected_s(saturday).get(&skill("hifi")), None, "nothing was asked for on those");
}

#[test]
fn a_day_without_demand_counts_and_an_old_one_does_not() {
    let mut demand = Demand::new("UTC");
    let hifi = |days: i64| VisitSpec {
        skills: needs("hifi"),
        opened_at: at("10:00").plus_s(-days * DAY_S),
        ..visit(1, place(0, 0))
    };
    // Friday and the Thursday before; the Wednesday between them and today is a workday, too, and today is none yet.
    for days in [3, 4, 0] {
        note(&mut demand, &hifi(days));
    }
    note(&mut demand, &hifi(DAYS + 3));
    assert_eq!(demand.usual(at("09:00")).expected_s(at("09:00"))[&skill("hifi")], 1_800);
    note(&mut demand, &hifi(7));
    assert_eq!(demand.usual(at("09:00")).expected_s(at("09:00"))[&skill("hifi")], 3 * 1_800 / 5, "of five workdays");
    assert!(
        demand.usual(at("09:00")).holds(at("23:59")) && !demand.usual(at("09:00")).holds(at("00:00").plus_s(DAY_S))
    );
}

#[test]
fn hours_are_the_zones_own_and_a_window_is_wanted_when_it_opens() {
    let mut demand = Demand::new("America/New_York");
    let opened_at = at("13:00").plus_s(-3 * DAY_S);
    note(&mut demand, &VisitSpec { opened_at, ..visit(1, place(0, 0)) });
    let open = Window { from: opened_at.plus_s(2 * 3_600), to: opened_at.plus_s(3 * 3_600), kind: WindowKind::Wish };
    note(&mut demand, &VisitSpec { opened_at, window: Some(open), ..visit(2, place(0, 0)) });
    let usual = demand.usual(at("12:00"));
    let tv = |clock: &str| usual.expected_s(at(clock))[&skill("tv")];
    assert_eq!((tv("12:00"), tv("14:00"), tv("16:00")), (3_600, 1_800, 0));
}

#[test]
fn what_was_noted_apart_comes_to_the_same() {
    let (mut one, mut other, mut both) = (Demand::new("UTC"), Demand::new("UTC"), Demand::new("UTC"));
    for day in 1..20 {
        let spec = VisitSpec { opened_at: at("10:00").plus_s(-day * DAY_S / 2), ..visit(1, place(0, 0)) };
        note(&mut both, &spec);
        if day % 3 == 0 { note(&mut one, &spec) } else { note(&mut other, &spec) }
    }
    one.add(other);
    assert_eq!(one.usual(at("09:00")), both.usual(at("09:00")));
}

/// `ann` can do TVs; `bob`, who lives nearer, has a skill besides.
fn who_goes(usual: Usual, weight: f64, needs_too: Option<&str>) -> String {
    let mut settings = settings();
    settings.weights.scarcity = weight;
    let crew = [expert("ann", "tv", place(9_000, 0)), expert("bob", "tv;hifi", place(2_000, 0))];
    let mut asked = visit(1, place(5_000, 0));
    if let Some(needed) = needs_too {
        asked.skills = needs(needed);
    }
    let pair = |who: &Expert| (Arc::new(who.clone()), Arc::new(nothing_planned(who)));
    let snapshot = Snapshot {
        experts: crew.iter().map(pair).collect(),
        open: vec![asked],
        usual: Arc::new(usual),
        ..Snapshot::default()
    };
    let outlook = outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms("09:00", &settings), 1, 64).unwrap();
    outlook.due.iter().map(|due| due.expert.as_str()).collect()
}

#[test]
fn whoever_can_do_what_is_rare_is_kept_for_it() {
    let rare = || usual("hifi", 9..13, 2);
    assert_eq!(who_goes(Usual::default(), 0.25, None), "bob", "the nearer one, when nothing is known of other days");
    // Bob has 4 x 0.7 hours for what usually takes four.
    assert_eq!(who_goes(rare(), 0.25, None), "ann");
    assert_eq!(who_goes(rare(), 0.0, None), "bob", "it is a matter of weight");
    assert_eq!(who_goes(rare(), 0.25, Some("hifi")), "bob", "that is what they were kept for");
    assert_eq!(who_goes(usual("hifi", 15..17, 2), 0.25, None), "bob", "not the whole day");
    assert_eq!(who_goes(usual("tv", 9..13, 20), 0.25, None), "bob", "what both can do keeps nobody");
}

/// Nobody is kept from a visit that would be left out otherwise, and no legal weight makes a plan impossible.
#[test]
fn whoever_is_kept_for_what_is_rare_goes_where_nobody_else_can() {
    for (weight, hours) in [(0.25, 4), (1.0, 1), (1_000.0, 4)] {
        let mut settings = settings();
        settings.weights.scarcity = weight;
        let bob = expert("bob", "tv;hifi", place(2_000, 0));
        let long = VisitSpec { service_s: hours * 3_600, ..visit(1, place(5_000, 0)) };
        let route = Arc::new(nothing_planned(&bob));
        let snapshot = Snapshot {
            experts: vec![(Arc::new(bob), route)],
            open: vec![long],
            usual: Arc::new(usual("hifi", 9..13, 2)),
            ..Snapshot::default()
        };
        let outlook =
            outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms("09:00", &settings), 1, 64).unwrap();
        assert_eq!(outlook.due.len(), 1, "weight {weight}, {hours} hours");
        assert_eq!(outlook.due[0].scarce.keys().next(), Some(&outlook.due[0].expert), "at a price");
    }
}
