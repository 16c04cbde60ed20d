//! Random days of a small region: visits come in, experts accept, decline, drive, finish, run late, skip
//! steps; after each event the checker looks at everything.

use super::{
    super::{
        roads::{CLOSED, Legs, Network, Roads, Street},
        timing::{Overdue, Timetable},
    },
    choices::decision,
    *,
};
use crate::domain::{
    decision::{Rule, Verdict},
    hours::Hours,
    network::NetworkId,
    route::StopState,
    ticket::RouteEffect,
};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

#[derive(Clone, Debug)]
enum Step {
    Ask {
        place: Place,
        service_s: u32,
        window: Option<(i64, i64, bool)>,
        urgency: u8,
        level: u8,
        reported: bool,
    },
    /// Which expert, which of their stops, what they do with it, how many seconds ago.
    Act {
        expert: usize,
        stop: usize,
        act: u8,
        ago_s: i64,
    },
    Wait {
        seconds: i64,
    },
}

fn places() -> impl Strategy<Value = Place> {
    (-9_000..9_000_i32, -9_000..9_000_i32).prop_map(|(east, north)| place(east, north))
}

fn steps() -> impl Strategy<Value = Step> {
    let window = proptest::option::weighted(0.5, (-1_800..10_800_i64, 300..7_200_i64, any::<bool>()));
    prop_oneof![
        3 => (places(), 300..5_400_u32, window, 0..4_u8, 1..4_u8, any::<bool>()).prop_map(
            |(place, service_s, window, urgency, level, reported)| Step::Ask {
                place, service_s, window, urgency, level, reported
            }
        ),
        4 => (0..4_usize, 0..4_usize, 0..6_u8, -60..600_i64)
            .prop_map(|(expert, stop, act, ago_s)| Step::Act { expert, stop, act, ago_s }),
        3 => (1..3_000_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn rosters() -> impl Strategy<Value = Vec<Expert>> {
    let skills = prop_oneof![Just("tv"), Just("tv:2"), Just("tv:3;phone"), Just("phone")];
    let shifts = prop_oneof![Just("mon 08:00-16:00"), Just("mon 06:00-11:00;mon 11:00-14:00"), Just("mon 20:00-04:00")];
    let who = (places(), skills, shifts, any::<bool>(), proptest::option::of(1..6_u8));
    proptest::collection::vec(who, 1..5).prop_map(|roster| {
        let numbered = roster.into_iter().enumerate();
        numbered
            .map(|(i, (home, skills, shifts, absent, ahead))| Expert {
                shifts: Shift::parse_all(shifts).unwrap(),
                absences: if absent { vec![sick("11:30", "12:15")] } else { Vec::new() },
                max_visits_ahead: ahead,
                ..expert(&format!("e{i}"), skills, home)
            })
            .collect()
    })
}

/// Streets a mile and a half apart, some of them quick, some one way, one missing: many places lie on none.
fn roads() -> &'static Legs {
    static ROADS: OnceLock<Legs> = OnceLock::new();
    ROADS.get_or_init(|| {
        const SIDE: u32 = 8;
        let spot = |row: u32, column: u32| place(column as i32 * 2_400 - 8_400, row as i32 * 2_400 - 8_400);
        let mut network = Network::default();
        for row in 0..SIDE {
            network.junctions.extend((0..SIDE).map(|column| spot(row, column)));
        }
        let junction = |row: u32, column: u32| row * SIDE + column;
        let street = |from: u32, to: u32, no: u32| {
            let forward_ms = [170_500, 240_250, 310_001][no as usize % 3];
            let backward_ms = if no % 4 == 3 { CLOSED } else { forward_ms + 5_000 };
            Street { from, to, forward_ms, backward_ms, length_dm: 24_000, corners: 0..0 }
        };
        for row in 0..SIDE {
            for column in 0..SIDE - 1 {
                let no = row + 3 * column;
                network.streets.push(street(junction(row, column), junction(row, column + 1), no));
                network.streets.push(street(junction(column, row), junction(column + 1, row), no + 1));
            }
        }
        let roads = Roads::prepare(network, &mut |_, _| {}).unwrap();
        Legs::new(NetworkId::of_hash(&[7; 32]), roads, 500.0)
    })
}

/// Slow in the morning, quick at noon, very slow from three on.
fn rush() -> Hours {
    let speed = |hour| match hour {
        7..=9 => 60,
        12 => 140,
        15.. => 35,
        _ => 100,
    };
    Hours::new(std::array::from_fn(speed)).unwrap()
}

struct Region {
    settings: RegionSettings,
    now: Timestamp,
    crew: Vec<(Expert, Route)>,
    asked: u32,
}

impl Region {
    fn drives(&self) -> Drives<'_> {
        Drives::new(&self.settings.travel, "UTC", Some(roads()))
    }

    fn ground(&self) -> Ground<'_> {
        Ground { travel: &self.settings.travel, zone: "UTC", roads: Some(roads()) }
    }

    fn terms(&self, second_round: bool) -> Terms<'_> {
        Terms {
            now: self.now,
            settings: &self.settings,
            policy: Policy::Insertion,
            second_round,
            drives: self.drives(),
        }
    }

    /// Everything that is claimed about one auction.
    fn ask(&mut self, wanted: &VisitSpec, position: Option<Place>) {
        let terms = self.terms(false);
        let evaluation = evaluate(wanted, self.crew.iter().map(|(e, r)| (e, r, position)), &terms);
        let decision = decision(wanted, evaluation, &terms);
        assert_eq!(checker::check_choice(&decision), []);
        let look = |c: &crate::domain::decision::Candidate| {
            let (expert, route) = self.crew.iter().find(|(expert, _)| expert.id == c.expert)?;
            Some((Arc::new(expert.clone()), Arc::new(route.clone())))
        };
        assert_eq!(recheck(&decision, wanted, look, &self.settings, terms.drives), Recheck::Same);
        self.compare_with_brute_force(wanted, &decision, &terms);
        self.compare_with_index(wanted, &decision);
        self.compare_with_timing_anew(wanted, &terms);

        let Some(winner) = &decision.winner else { return };
        let at = self.crew.iter().position(|(expert, _)| expert.id == *winner).unwrap();
        let (expert, before) = &self.crew[at];
        let candidate = decision.candidates.iter().find(|c| c.expert == *winner).unwrap();
        let Verdict::Bid(bid) = &candidate.verdict else { panic!("a winner bids") };
        let known = anchored(before, expert, candidate.position.as_ref().and_then(|p| p.known().copied()), &terms);
        let after = insert(&known, wanted, bid, 1, false, expert, &terms);
        let award = checker::Award {
            decision: &decision,
            visit: wanted,
            expert,
            before,
            after: &after,
            settings: &self.settings,
            ground: self.ground(),
        };
        assert_eq!(checker::check_award(&award), []);
        self.crew[at].1 = Route { version: after.version + 1, ..after };
    }

    fn compare_with_brute_force(
        &self,
        wanted: &VisitSpec,
        decision: &crate::domain::decision::Decision,
        terms: &Terms<'_>,
    ) {
        for candidate in &decision.candidates {
            let (expert, route) = self.crew.iter().find(|(expert, _)| expert.id == candidate.expert).unwrap();
            let place = candidate.position.as_ref().and_then(|place| place.known().copied());
            let route = anchored(route, expert, place, terms);
            // Experts who left a stop without a word: what they did there is history, not for this oracle.
            if route.stops.iter().filter(|stop| stop.started()).count() > 1 {
                continue;
            }
            let brute = || {
                let duty = stretch(expert, terms.now, terms.settings.before_shift_s).unwrap();
                oracle::cheapest(wanted, expert, &route, duty, terms)
            };
            match &candidate.verdict {
                Verdict::Bid(bid) | Verdict::Kept(bid, _) => {
                    assert_eq!(brute(), Some((bid.cost.total(), usize::from(bid.position))), "{}", expert.id);
                }
                Verdict::Ruled(Rule::ShiftEnd | Rule::Window) => assert_eq!(brute(), None, "{}", expert.id),
                Verdict::Ruled(_) => {}
            }
        }
    }

    /// A detour is what timing the whole route anew gives, at each position.
    fn compare_with_timing_anew(&self, wanted: &VisitSpec, terms: &Terms<'_>) {
        let stop = bid::stop(wanted, 0, false);
        for (expert, route) in &self.crew {
            let Ok(duty) = stretch(expert, terms.now, terms.settings.before_shift_s) else { continue };
            let base = bid::base(expert, route, None, duty, terms);
            let detours: Vec<_> = base.detours(&stop).collect();
            assert_eq!(detours.len(), base.times.len() + 1 - base.sequence.frozen());
            assert_eq!(detours.last(), Some(&base.last_detour(&stop)));
            let driving_s =
                |table: &Timetable<'_>| table.times.iter().map(|times| times.drive_s).sum::<i64>() + table.home_drive_s;
            for detour in detours {
                let at = detour.position;
                let with = base.sequence.clone().with(at, &stop).timed(terms.now, Overdue::STRICT, None);
                assert_eq!((detour.times, detour.home_at), (with.times[at], with.home_at), "{at}");
                assert_eq!(detour.driving_s, driving_s(&with) - driving_s(&base), "{at}");
                assert_eq!(detour.missed, with.missed(at).is_some(), "{at}");
                let later = |i: usize| with.times[i + 1].start.since_s(base.times[i].start);
                assert_eq!(detour.wait_s, (at..base.times.len()).map(later).sum::<i64>(), "{at}");
                assert_eq!(detour.moved_s, (at..base.times.len()).map(|i| later(i).abs()).sum::<i64>(), "{at}");
            }
        }
    }

    /// The index lets everybody through whom a bid might.
    fn compare_with_index(&self, wanted: &VisitSpec, decision: &crate::domain::decision::Decision) {
        let roster: Vec<Arc<Expert>> = self.crew.iter().map(|(expert, _)| Arc::new(expert.clone())).collect();
        let found = Candidates::new(&roster).find(wanted, &self.settings);
        let left_out: u32 = found.ruled.iter().map(|(_, experts)| experts).sum();
        assert_eq!(found.experts.len() + left_out as usize, roster.len());
        for candidate in &decision.candidates {
            let unfit = matches!(candidate.verdict, Verdict::Ruled(Rule::Skill | Rule::Reach | Rule::Retired));
            assert_eq!(found.experts.contains(&candidate.expert), !unfit);
        }
    }

    fn act(&mut self, at: usize, stop: usize, act: u8, ago_s: i64) {
        let at = at % self.crew.len();
        let (expert, route) = &self.crew[at];
        let Some(stop) = route.stops.get(stop) else { return };
        let when = self.now.plus_s(-ago_s);
        let effect = match (act, stop.state) {
            (0, _) => RouteEffect::Accept,
            (1, _) => RouteEffect::Remove,
            (2, StopState::Offered | StopState::Assigned) => RouteEffect::Depart(when),
            (3, StopState::Offered | StopState::Assigned | StopState::EnRoute) => RouteEffect::Arrive(when),
            _ => RouteEffect::Finish { at: when, served: act == 4 },
        };
        let next = replan(route, stop.ticket, stop.visit, &effect, expert, &self.terms(false));
        if let Some(next) = next {
            self.crew[at].1 = Route { version: next.version + 1, ..next };
        }
    }

    fn wait(&mut self, seconds: i64) {
        self.now = self.now.plus_s(seconds);
        for at in 0..self.crew.len() {
            let (expert, route) = &self.crew[at];
            let Some(next) = slide(route, expert, &self.terms(false)) else { continue };
            assert_eq!(slide(&next, expert, &self.terms(false)), None, "a slide settles");
            self.crew[at].1 = next;
        }
    }

    fn check(&self) {
        for (_, route) in &self.crew {
            assert_eq!(checker::check_route(route, &self.ground()), []);
            assert_eq!(first_overlap(route, &self.ground()), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_is_broken_and_no_better_place_overlooked(
        roster in rosters(),
        start_min in 0..600_i64,
        overtime_s in prop_oneof![Just(0_u32), Just(1_800)],
        reach_m in prop_oneof![Just(8_000_u32), Just(60_000)],
        over_roads in any::<bool>(),
        by_the_hour in any::<bool>(),
        script in proptest::collection::vec(steps(), 1..40),
    ) {
        let crew = roster.into_iter().map(|expert| { let route = nothing_planned(&expert); (expert, route) }).collect();
        let mut settings = RegionSettings { max_overtime_s: overtime_s, reach_m, ..settings() };
        settings.travel.network = over_roads.then(|| roads().id());
        settings.travel.speed_by_hour = by_the_hour.then(rush);
        let mut region = Region { settings, now: at("06:00").plus_s(start_min * 60), crew, asked: 0 };
        for step in script {
            match step {
                Step::Ask { place, service_s, window, urgency, level, reported } => {
                    region.asked += 1;
                    let window = window.map(|(ahead_s, long_s, promise)| {
                        let from = region.now.plus_s(ahead_s);
                        let kind = if promise { WindowKind::Promise } else { WindowKind::Wish };
                        Window { from, to: from.plus_s(long_s), kind }
                    });
                    let skills = [SkillLevel::parse(&format!("tv:{level}")).unwrap()].into();
                    let due = region.now.plus_s(i64::from(urgency) * 3_000);
                    let wanted = VisitSpec { service_s, window, due, urgency, skills, ..visit(region.asked, place) };
                    let position = reported.then_some(super::place(-500, 700));
                    region.ask(&wanted, position);
                }
                Step::Act { expert, stop, act, ago_s } => region.act(expert, stop, act, ago_s),
                Step::Wait { seconds } => region.wait(seconds),
            }
            region.check();
        }
    }
}
