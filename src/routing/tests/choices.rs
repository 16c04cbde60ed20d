//! Whole choices: whom to ask, who wins, and the same once more.

use super::*;
use crate::domain::{
    decision::{Decision, Kept, Planned, Rule, TravelSource, Verdict},
    ids::ExpertId,
};
use std::sync::Arc;

pub(super) fn decision(visit: &VisitSpec, evaluation: Evaluation, terms: &Terms<'_>) -> Decision {
    Decision {
        at: terms.now,
        ticket_version: 1,
        visit: visit.visit,
        region: RegionId::parse("boston").unwrap(),
        region_version: 1,
        policy: terms.policy,
        travel: TravelSource::GreatCircle,
        candidates: evaluation.candidates,
        winner: evaluation.winner,
        second_round: terms.second_round,
        plan: None,
    }
}

fn crew() -> Vec<(Expert, Route)> {
    let who = [
        ("dan", "tv", place(9_000, 0)),
        ("ann", "tv", place(-3_000, 0)),
        ("bob", "phone", place(0, 0)),
        ("eve", "tv", place(20_000, 0)),
    ];
    let with_route = |who: Expert| (who.clone(), nothing_planned(&who));
    who.map(|(id, skills, home)| with_route(expert(id, skills, home))).into()
}

fn decide(crew: &[(Expert, Route)], visit: &VisitSpec, terms: &Terms<'_>) -> Decision {
    decision(visit, evaluate(visit, crew.iter().map(|(e, r)| (e, r, Some(place(0, 0)))), terms), terms)
}

fn looked_up(crew: &[(Expert, Route)], id: &ExpertId) -> Option<(Arc<Expert>, Arc<Route>)> {
    let (expert, route) = crew.iter().find(|(expert, _)| expert.id == *id)?;
    Some((Arc::new(expert.clone()), Arc::new(route.clone())))
}

#[test]
fn the_decision_lists_everybody_and_the_cheapest_wins() {
    let settings = settings();
    let (crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let decision = decide(&crew, &wanted, &terms("09:00", &settings));
    let names: Vec<&str> = decision.candidates.iter().map(|c| c.expert.as_str()).collect();
    assert_eq!(names, ["ann", "bob", "dan", "eve"]);
    assert_eq!(decision.winner.as_ref().map(ExpertId::as_str), Some("dan"), "on the way home is cheapest");
    assert_eq!(decision.candidates[1].verdict, Verdict::Ruled(Rule::Skill));
    assert_eq!(decision.candidates[1].position, None, "a place is not stored without need");
    assert_eq!(checker::check_choice(&decision), []);
    assert_eq!(ruled(&decision.candidates), [(Rule::Skill, 1)]);
}

#[test]
fn a_recheck_of_the_same_inputs_is_the_same() {
    let settings = settings();
    let (crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let decision = decide(&crew, &wanted, &terms("09:00", &settings));
    assert_eq!(
        recheck(&decision, &wanted, |c| looked_up(&crew, &c.expert), &settings, drives(&settings)),
        Recheck::Same
    );
}

#[test]
fn a_recheck_sees_a_false_winner_a_false_score_and_other_settings() {
    let mut settings = settings();
    let (crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let honest = decide(&crew, &wanted, &terms("09:00", &settings));
    let look = |c: &crate::domain::decision::Candidate| looked_up(&crew, &c.expert);
    let mut swapped = honest.clone();
    swapped.winner = Some(ExpertId::parse("eve").unwrap());
    let found = recheck(&swapped, &wanted, look, &settings, drives(&settings));
    assert_eq!(found, Recheck::Differs { winner: honest.winner.clone(), verdicts: Vec::new() });
    assert_ne!(checker::check_choice(&swapped), []);

    let mut scored = honest.clone();
    let Verdict::Bid(bid) = &mut scored.candidates[0].verdict else { panic!("ann bids") };
    bid.cost.travel += 1;
    let ann = vec![scored.candidates[0].expert.clone()];
    let found = recheck(&scored, &wanted, look, &settings, drives(&settings));
    assert_eq!(found, Recheck::Differs { winner: honest.winner.clone(), verdicts: ann });

    settings.weights.response = 0.3;
    assert!(matches!(recheck(&honest, &wanted, look, &settings, drives(&settings)), Recheck::Differs { .. }));
}

#[test]
fn a_recheck_tells_erased_and_missing_inputs() {
    let settings = settings();
    let (mut crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let decision = decide(&crew, &wanted, &terms("09:00", &settings));
    assert_eq!(recheck(&decision, &wanted, |_| None, &settings, drives(&settings)), Recheck::InputsUnavailable);
    crew[1].0.personal = erased(&crew[1].0.personal);
    let look = |c: &crate::domain::decision::Candidate| looked_up(&crew, &c.expert);
    assert_eq!(recheck(&decision, &wanted, look, &settings, drives(&settings)), Recheck::InputsErased);
}

#[test]
fn who_did_not_answer_stays_out_in_a_recheck() {
    let settings = settings();
    let (crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let mut decision = decide(&crew, &wanted, &terms("09:00", &settings));
    let silent = decision.candidates.iter_mut().find(|c| Some(&c.expert) == decision.winner.as_ref()).unwrap();
    silent.verdict = Verdict::Ruled(Rule::NoAnswer);
    decision.winner = winner(&decision.candidates);
    assert_eq!(
        recheck(&decision, &wanted, |c| looked_up(&crew, &c.expert), &settings, drives(&settings)),
        Recheck::Same
    );
}

/// As the policy `router` records it: eve is planned for it, the others who could come are kept.
fn planned(crew: &[(Expert, Route)], wanted: &VisitSpec, terms: &Terms<'_>) -> Decision {
    let terms = Terms { policy: Policy::Full, ..*terms };
    let mut decision = decide(crew, wanted, &terms);
    let eve = ExpertId::parse("eve").unwrap();
    for candidate in decision.candidates.iter_mut().filter(|candidate| candidate.expert != eve) {
        if let Verdict::Bid(bid) = &candidate.verdict {
            let kept =
                Kept { ticket: Some(visit(9, place(0, 0)).ticket), begins: None, dearer_s: Some(-60), scarce: None };
            candidate.verdict = Verdict::Kept(bid.clone(), kept);
        }
    }
    decision.plan = Some(Planned { expert: eve.clone(), route_version: 0 });
    Decision { winner: Some(eve), ..decision }
}

#[test]
fn a_recheck_computes_the_bids_of_those_whom_a_plan_kept() {
    let settings = settings();
    let (crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let decision = planned(&crew, &wanted, &terms("09:00", &settings));
    let found =
        |decision: &Decision| recheck(decision, &wanted, |c| looked_up(&crew, &c.expert), &settings, drives(&settings));
    assert_eq!(found(&decision), Recheck::Same);
    assert_eq!(checker::check_choice(&decision), []);
    assert_eq!(ruled(&decision.candidates), [(Rule::Skill, 1), (Rule::Planned, 2)]);

    let ann = decision.candidates[0].expert.clone();
    let mut scored = decision.clone();
    let Verdict::Kept(bid, _) = &mut scored.candidates[0].verdict else { panic!("ann is kept") };
    bid.cost.response -= 1;
    assert_eq!(found(&scored), Recheck::Differs { winner: decision.winner.clone(), verdicts: vec![ann.clone()] });

    let mut for_itself = decision.clone();
    let Verdict::Kept(_, kept) = &mut for_itself.candidates[0].verdict else { panic!("ann is kept") };
    kept.ticket = Some(wanted.ticket);
    assert!(matches!(found(&for_itself), Recheck::Differs { verdicts, .. } if verdicts == [ann]));
}

#[test]
fn a_recheck_sees_an_award_that_the_plan_was_not_for() {
    let settings = settings();
    let (crew, wanted) = (crew(), visit(1, place(2_000, 0)));
    let decision = planned(&crew, &wanted, &terms("09:00", &settings));
    let found =
        |decision: &Decision| recheck(decision, &wanted, |c| looked_up(&crew, &c.expert), &settings, drives(&settings));
    let moved = Planned { route_version: 1, ..decision.plan.clone().unwrap() };
    let other = Planned { expert: decision.candidates[0].expert.clone(), route_version: 0 };
    for plan in [moved, other] {
        let false_one = Decision { plan: Some(plan), ..decision.clone() };
        assert!(matches!(found(&false_one), Recheck::Differs { winner: None, .. }), "{false_one:?}");
        assert_ne!(checker::check_choice(&false_one), []);
    }
    let insertion = Decision { policy: Policy::Insertion, ..decision };
    assert!(matches!(found(&insertion), Recheck::Differs { .. }), "only a plan keeps anybody");
}

#[test]
fn the_index_counts_whom_it_leaves_out() {
    let settings = RegionSettings { reach_m: 10_000, ..settings() };
    let mut roster: Vec<Expert> = crew().into_iter().map(|(expert, _)| expert).collect();
    roster.push(Expert { retired: true, ..expert("fay", "tv", place(0, 0)) });
    roster.push(expert("gus", "tv:3;phone", place(1_000, 0)));
    let mut gone = expert("hal", "tv:3", place(0, 0));
    gone.personal = erased(&gone.personal);
    roster.push(gone);
    let index = Candidates::new(&roster.into_iter().map(Arc::new).collect::<Vec<_>>());
    let mut wanted = visit(1, place(2_000, 0));
    let asked = |found: &Found| found.experts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let found = index.find(&wanted, &settings);
    assert_eq!(asked(&found), ["ann", "dan", "gus"]);
    assert_eq!(found.ruled, [(Rule::Retired, 1), (Rule::Skill, 1), (Rule::Reach, 1), (Rule::NoPlace, 1)]);
    wanted.skills = vec![SkillLevel::parse("phone").unwrap(), SkillLevel::parse("tv:2").unwrap()].into();
    assert_eq!(asked(&index.find(&wanted, &settings)), ["gus"]);
    wanted.skills = vec![SkillLevel::parse("plumbing").unwrap()].into();
    assert_eq!(index.find(&wanted, &settings).ruled, [(Rule::Retired, 1), (Rule::Skill, 6)]);
}

#[test]
fn the_index_works_across_the_date_line() {
    let near = |lon| Place::new(0.0, lon).unwrap();
    let index = Candidates::new(&[Arc::new(expert("ann", "tv", near(179.99)))]);
    assert_eq!(index.find(&visit(1, near(-179.99)), &settings()).experts.len(), 1);
}

#[test]
fn somebody_is_on_shift_again_tomorrow_or_on_monday() {
    let settings = settings();
    let crew = [expert("ann", "tv", place(0, 0)), expert("bob", "phone", place(0, 0))];
    let wanted = visit(1, place(2_000, 0));
    let next = |now: Timestamp, wanted: &VisitSpec| {
        next_on_shift(wanted, crew.iter(), &Terms { now, ..terms("00:00", &settings) })
    };
    let day = |days: i64, clock| at(clock).plus_s(days * 86_400);
    assert_eq!(next(at("03:00"), &wanted), Some(at("08:00")));
    assert_eq!(next(at("08:00"), &wanted), Some(day(1, "08:00")), "after now");
    assert_eq!(next(day(4, "12:00"), &wanted), Some(day(7, "08:00")), "over the weekend");
    let nobody = VisitSpec { skills: vec![SkillLevel::parse("plumbing").unwrap()].into(), ..wanted };
    assert_eq!(next(at("03:00"), &nobody), None);
}

#[test]
fn a_shift_keeps_local_time_over_the_clock_change() {
    let settings = settings();
    let mut who = expert("ann", "tv", place(0, 0));
    who.zone = "America/New_York".into();
    who.shifts = Shift::parse_all("sun 01:00-06:00").unwrap();
    // 2024-03-10: the clocks jump from 02:00 to 03:00, so the shift is four hours long.
    let now = Timestamp::parse("2024-03-10T06:30:00Z").unwrap();
    let duty = stretch(&who, now, settings.before_shift_s).unwrap();
    assert_eq!(duty.to.since_s(duty.from), 4 * 3_600);
}

#[test]
fn a_proposal_builds_on_its_own_moves() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let who = expert("ann", "tv", place(0, 0));
    let route = Route { version: 5, ..nothing_planned(&who) };
    let open: Vec<(VisitSpec, u64)> = [(1, 1), (2, 3), (3, 0), (4, 2)]
        .map(|(serial, urgency)| (VisitSpec { urgency, ..visit(serial, place(1_000, 0)) }, u64::from(serial) * 10))
        .into();
    let snapshot = Snapshot { experts: vec![(Arc::new(who), Arc::new(route))], open };
    let proposal = propose(&snapshot, &terms);
    let moves: Vec<_> = proposal.moves.iter().map(|m| (m.ticket.serial, m.ticket_version, m.route_version)).collect();
    assert_eq!(moves, [(2, 20, 5), (4, 40, 6), (1, 10, 7)], "urgent first, each on the version before");
    assert_eq!(proposal.unplaced.len(), 1);
    assert_eq!(proposal.unplaced[0].ruled, [(Rule::Capacity, 1)]);
}
