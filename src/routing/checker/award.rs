//! P4 over one award: every hard rule, judged on what the decision was made from; P8: that the winner
//! is the cheapest of the bids on record.

use super::{Finding, Ground, arc_m, check_route};
use crate::{
    domain::{
        decision::{Bid, Candidate, Decision, Planned, Policy, Verdict},
        expert::Expert,
        route::{Route, Stop},
        settings::RegionSettings,
        shift::{Interval, intervals},
        ticket::WindowKind,
        time::{self, DAY_S, Timestamp},
    },
    routing::VisitSpec,
};

/// An award with everything it was judged on.
#[derive(Clone, Copy)]
pub struct Award<'a> {
    pub decision: &'a Decision,
    pub visit: &'a VisitSpec,
    /// The winner, as of the decision.
    pub expert: &'a Expert,
    pub before: &'a Route,
    /// With the visit in it.
    pub after: &'a Route,
    pub settings: &'a RegionSettings,
    /// By the same settings.
    pub ground: Ground<'a>,
}

/// What a decision's own list says against its winner.
#[must_use]
pub fn check_choice(decision: &Decision) -> Vec<Finding> {
    let mut wrong = Vec::new();
    if !decision.candidates.windows(2).all(|pair| pair[0].expert < pair[1].expert) {
        wrong.push("candidates are not sorted, or one stands twice".to_owned());
    }
    let bids = decision.candidates.iter().filter_map(|candidate| match &candidate.verdict {
        Verdict::Bid(bid) => Some((bid.cost.terms().iter().map(|(_, cost)| cost).sum::<i64>(), &candidate.expert)),
        Verdict::Ruled(_) | Verdict::Kept(..) => None,
    });
    let cheapest = bids.min().map(|(_, expert)| expert);
    if decision.winner.as_ref() != cheapest {
        wrong.push(format!("the winner is {:?}, the cheapest bid {cheapest:?}", decision.winner));
    }
    if let Some(plan) = &decision.plan {
        let others = decision.candidates.iter().any(|other| bids_beside(plan, other));
        let won = decision.winner.as_ref().is_some_and(|winner| *winner != plan.expert);
        if won || others {
            wrong.push(format!("the plan has {} for it, with route version {}", plan.expert, plan.route_version));
        }
    }
    wrong.into_iter().map(|detail| finding("P8", &format!("visit {}", decision.visit), detail)).collect()
}

/// A bid that counts although the plan was for somebody else, or for another route.
fn bids_beside(plan: &Planned, other: &Candidate) -> bool {
    matches!(other.verdict, Verdict::Bid(_))
        && (other.expert != plan.expert || other.route_version != plan.route_version)
}

/// Every hard rule that an award broke.
#[must_use]
pub fn check_award(award: &Award<'_>) -> Vec<Finding> {
    let Award { decision, visit, after, ground, .. } = *award;
    let Some((stop, bid)) = won(award) else {
        return vec![finding("P4", &visit.ticket, "the winner has no bid, or the route has no such stop".to_owned())];
    };
    let personal = [may(award), holds(award), as_bid(award, stop, bid)];
    let timed = [windows(award, bid), shift(award, stop), origin(award, stop)];
    let mut findings: Vec<Finding> = personal
        .into_iter()
        .chain(timed)
        .flatten()
        .map(|detail| finding("P4", &format!("{} for {}", visit.ticket, after.expert), detail))
        .collect();
    findings.extend(check_route(after, &ground));
    findings.extend(check_choice(decision));
    findings
}

fn finding(promise: &'static str, thing: &impl ToString, detail: String) -> Finding {
    Finding { promise, thing: thing.to_string(), detail }
}

fn won<'a>(award: &Award<'a>) -> Option<(&'a Stop, &'a Bid)> {
    let stop = award.after.stop(award.visit.ticket, award.visit.visit)?;
    let candidate = award.decision.candidates.iter().find(|candidate| candidate.expert == award.expert.id)?;
    match &candidate.verdict {
        Verdict::Bid(bid) => Some((stop, bid)),
        Verdict::Ruled(_) | Verdict::Kept(..) => None,
    }
}

/// Active, skilled, not asked before, near enough.
fn may(award: &Award<'_>) -> Option<String> {
    let Award { decision, visit, expert, settings, .. } = *award;
    if expert.retired {
        return Some("retired".to_owned());
    }
    for need in visit.skills.iter() {
        if !expert.skills.iter().any(|(skill, level)| *skill == need.skill && *level >= need.level) {
            return Some(format!("lacks {need}"));
        }
    }
    if visit.refused_by.contains(&expert.id) && !decision.second_round {
        return Some("had refused this visit".to_owned());
    }
    match expert.home() {
        None => Some("has no known home".to_owned()),
        Some(home) if arc_m(home, visit.place) > f64::from(settings.reach_m) => Some("lives out of reach".to_owned()),
        Some(_) => None,
    }
}

/// Within capacity, and the other stops untouched but for their times.
fn holds(award: &Award<'_>) -> Option<String> {
    let Award { decision, visit, expert, before, after, settings, .. } = *award;
    let most = match decision.policy {
        Policy::Nearest => 1,
        Policy::Insertion | Policy::Full => expert.max_visits_ahead.unwrap_or(settings.max_visits_ahead),
    };
    if after.stops.len() > usize::from(most) {
        return Some(format!("holds {} visits of {most}", after.stops.len()));
    }
    let name = |stop: &Stop| (stop.ticket, stop.visit, stop.offer, stop.state, stop.pinned, stop.forced);
    let kept = after.stops.iter().map(name).filter(|stop| (stop.0, stop.1) != (visit.ticket, visit.visit));
    if !kept.eq(before.stops.iter().map(name)) {
        return Some("other stops came, went, or changed places".to_owned());
    }
    let started_after = after.stops.iter().skip_while(|stop| stop.started()).any(Stop::started);
    started_after.then(|| "something was put before what is under way".to_owned())
}

/// The route says what the bid said.
fn as_bid(award: &Award<'_>, stop: &Stop, bid: &Bid) -> Option<String> {
    let at = award.after.stops.get(usize::from(bid.position));
    let same = at == Some(stop)
        && (stop.planned_depart, stop.planned_start, stop.planned_end) == (bid.depart, bid.start, bid.end);
    (!same).then(|| "the route's stop is not as the bid promised".to_owned())
}

/// Its own promised window, and those of the stops after it that were safe before.
fn windows(award: &Award<'_>, bid: &Bid) -> Option<String> {
    let missed = |stop: &Stop| {
        let window = stop.window.filter(|window| window.kind == WindowKind::Promise && !stop.forced);
        window.is_some_and(|window| stop.planned_start < window.from || stop.planned_start > window.to)
    };
    let safe = |stop: &&Stop| award.before.stop(stop.ticket, stop.visit).is_none_or(|before| !missed(before));
    let later = award.after.stops.iter().skip(usize::from(bid.position));
    later.filter(safe).find(|stop| missed(stop)).map(|stop| format!("{} misses its promised window", stop.ticket))
}

/// In one worked stretch from setting out to being home, overtime allowed, no absence in it.
fn shift(award: &Award<'_>, stop: &Stop) -> Option<String> {
    let Award { decision, expert, settings, after, ground, .. } = *award;
    let last = after.stops.last()?;
    let home_s = ground.drive_s(last.place.known().copied(), expert.home(), last.planned_end, last.planned_end);
    let due_home = last.planned_end.plus_s(home_s as i64).plus_s(-i64::from(settings.max_overtime_s));
    let away = Interval { from: stop.planned_depart, to: due_home };
    if expert.absences.iter().any(|absence| absence.from < away.to && absence.to > away.from) {
        return Some("is absent meanwhile".to_owned());
    }
    let offered_at = decision.at.plus_s(i64::from(settings.before_shift_s));
    let covers = |shift: &Interval| shift.from <= away.from && away.to <= shift.to && shift.from <= offered_at;
    let covered = worked(expert, decision.at).iter().any(covers);
    (!covered).then(|| format!("no shift covers {} to {}", away.from, away.to))
}

fn worked(expert: &Expert, around: Timestamp) -> Vec<Interval> {
    let Some(zone) = time::zone(&expert.zone) else { return Vec::new() };
    intervals(&expert.shifts, &zone, around.plus_s(-DAY_S), around.plus_s(2 * DAY_S))
}

/// A first stop is driven to from where the expert was, not before now and not before they were free.
fn origin(award: &Award<'_>, stop: &Stop) -> Option<String> {
    let Award { decision, expert, before, after, ground, .. } = *award;
    if stop.planned_depart < decision.at {
        return Some("sets out before the decision".to_owned());
    }
    if after.stops.first() != Some(stop) {
        return None;
    }
    let candidate = decision.candidates.iter().find(|candidate| candidate.expert == expert.id)?;
    let reported = candidate.position.as_ref().and_then(|place| place.known().copied());
    let shifts = worked(expert, decision.at);
    let today = shifts.iter().find(|shift| shift.from <= stop.planned_depart && stop.planned_depart < shift.to)?;
    let absent_until = expert.absences.iter().map(|absence| absence.to).filter(|to| *to <= stop.planned_depart).max();
    let since = absent_until.map_or(today.from, |until| until.max(today.from));
    let anchor = before.anchor.as_ref().filter(|anchor| anchor.at >= since);
    if anchor.is_some_and(|anchor| stop.planned_depart < anchor.at) {
        return Some("sets out before being free".to_owned());
    }
    let freed = anchor.and_then(|anchor| anchor.place.known().copied());
    let free = anchor.map_or(since, |anchor| anchor.at).max(decision.at);
    let from = reported.or(freed).or(expert.home());
    let needed_s = ground.drive_s(from, stop.place.known().copied(), free, stop.planned_depart);
    let given_s = stop.planned_start.since_ms(stop.planned_depart) as f64 / 1_000.0;
    (given_s < needed_s).then(|| format!("{given_s:.0} s to the first stop, which takes {needed_s:.0} s"))
}
