//! The answers of `inquiry` as they are told: figures for programs, sentences for people, in the region's time of day.

use crate::{
    actors::{Asked, Verdict, WhyNot},
    api::{
        decision::policy_name,
        inquiry::{
            CandidateAnswer, MissedVisit, MoreExperts, MovedStop, PlannedFor, RegionForecast, RemedyAnswer, RemedyView,
            Tried,
        },
    },
    domain::{
        decision::{Bid, Rule},
        ids::ExpertId,
        region::Region,
        skill::SkillLevel,
        time::{self, Timestamp},
    },
    routing::{
        Obstacle, Trial,
        live::forecast::{Forecast, Limit, Miss, More},
        remedy::{Answer, Change, Remedy},
    },
};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

pub(super) fn zone_of(region: &Region) -> TimeZone {
    time::zone(&region.time_zone).unwrap_or(TimeZone::UTC)
}

/// Times of day as people in a region say them; another day is named.
struct Clock {
    zone: TimeZone,
    now: Timestamp,
}

impl Clock {
    fn of(region: &Region, now: Timestamp) -> Self {
        Self { zone: zone_of(region), now }
    }

    fn say(&self, at: Timestamp) -> String {
        let (today, then) = (self.now.civil_in(&self.zone), at.civil_in(&self.zone));
        let day = if today.date() == then.date() { String::new() } else { format!("{} ", then.date()) };
        format!("{day}{:02}:{:02}", then.hour(), then.minute())
    }
}

fn seconds(thousandths: i64) -> f64 {
    thousandths as f64 / 1_000.0
}

fn terms(bid: &Bid) -> BTreeMap<&'static str, f64> {
    bid.cost.terms().into_iter().map(|(name, value)| (name, seconds(value))).collect()
}

/// "12 min", "1 h 05 min".
fn span(seconds: i64) -> String {
    let minutes = (seconds + 59).div_euclid(60);
    if minutes < 60 { format!("{minutes} min") } else { format!("{} h {:02} min", minutes / 60, minutes % 60) }
}

fn skills(skills: &[SkillLevel]) -> String {
    if skills.is_empty() {
        return "no skill in particular".into();
    }
    skills.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

pub(super) fn why_not(why: &WhyNot) -> CandidateAnswer {
    let Asked { ticket, region, at, policy, .. } = &why.asked;
    let clock = Clock::of(region, *at);
    CandidateAnswer {
        ticket: ticket.number.to_string(),
        visit: ticket.visit.no,
        region: region.id.to_string(),
        at: at.to_string(),
        policy: policy_name(*policy).into(),
        holds: ticket.visit.expert.as_ref() == Some(&why.expert.id),
        candidate: tried(&why.expert.id, &why.verdict, &clock),
        chosen: why.chosen.as_ref().map(|chosen| tried(&chosen.expert, &chosen.verdict, &clock)),
        planned: why.planned.as_ref().map(planned_for),
    }
}

fn planned_for((expert, start): &(ExpertId, Timestamp)) -> PlannedFor {
    PlannedFor { expert: expert.to_string(), start: start.to_string() }
}

fn tried(expert: &ExpertId, verdict: &Verdict, clock: &Clock) -> Tried {
    let (rule, trial, why) = match verdict {
        Ok(trial) => (None, Some(trial), could(trial, clock)),
        Err(obstacle) => (Some(obstacle.rule()), trial_of(obstacle), in_the_way(obstacle, clock)),
    };
    let moves = trial.into_iter().flat_map(|trial| &trial.moved).map(|moved| MovedStop {
        ticket: moved.ticket.to_string(),
        visit: moved.visit,
        from: moved.from.to_string(),
        to: moved.to.to_string(),
    });
    let bid = trial.map(|trial| &trial.bid);
    Tried {
        expert: expert.to_string(),
        ruled_out: rule.map(|rule| rule.name().to_owned()),
        why,
        position_in_route: bid.map(|bid| bid.position),
        depart: bid.map(|bid| bid.depart.to_string()),
        start: bid.map(|bid| bid.start.to_string()),
        end: bid.map(|bid| bid.end.to_string()),
        home_at: trial.map(|trial| trial.home_at.to_string()),
        cost_s: bid.map(|bid| seconds(bid.cost.total())),
        cost_terms_s: bid.map(terms),
        moves: moves.collect(),
    }
}

fn trial_of(obstacle: &Obstacle) -> Option<&Trial> {
    match obstacle {
        Obstacle::ShiftEnd { trial, .. } | Obstacle::Window { trial, .. } => Some(trial),
        Obstacle::Retired
        | Obstacle::Skill { .. }
        | Obstacle::Refused
        | Obstacle::NoPlace
        | Obstacle::Reach { .. }
        | Obstacle::Absent { .. }
        | Obstacle::OffShift { .. }
        | Obstacle::Capacity { .. } => None,
    }
}

fn could(trial: &Trial, clock: &Clock) -> String {
    let moved = match trial.moved.len() {
        0 => "nothing else moves".to_owned(),
        1 => "one other visit moves".to_owned(),
        n => format!("{n} other visits move"),
    };
    let bid = &trial.bid;
    let at = usize::from(bid.position) + 1;
    format!(
        "could come: stop {at} of the route, leaving {}, there {}, home {}; {moved}; costs {:.0} s",
        clock.say(bid.depart),
        clock.say(bid.start),
        clock.say(trial.home_at),
        seconds(bid.cost.total())
    )
}

fn in_the_way(obstacle: &Obstacle, clock: &Clock) -> String {
    match obstacle {
        Obstacle::Retired => "has left".into(),
        Obstacle::Skill { need, has: None } => format!("has not learnt {}", need.skill),
        Obstacle::Skill { need, has: Some(level) } => {
            format!("knows {} at level {}; level {} is needed", need.skill, level.number(), need.level.number())
        }
        Obstacle::Refused => "declined this visit, let its offer lapse, or had it taken away".into(),
        Obstacle::NoPlace => "it is not known where they live".into(),
        Obstacle::Reach { distance_m, reach_m } => {
            let km = |metres: u32| f64::from(metres) / 1_000.0;
            format!("lives {:.1} km away; the region sends people up to {:.1} km", km(*distance_m), km(*reach_m))
        }
        Obstacle::Absent { until: Some(until) } => format!("is absent until {}", clock.say(*until)),
        Obstacle::Absent { until: None } => "is absent".into(),
        Obstacle::OffShift { next: Some(next) } => format!("is off shift; the next one begins {}", clock.say(*next)),
        Obstacle::OffShift { next: None } => "is off shift, with no shift ahead that counts".into(),
        Obstacle::Capacity { holds, allowed } => {
            format!("holds {holds} visit{} of {allowed} allowed", if *holds == 1 { "" } else { "s" })
        }
        Obstacle::ShiftEnd { shift_until, overtime_s, trial } => {
            let overtime = i64::from(*overtime_s);
            let allowed = if overtime == 0 { String::new() } else { format!(" ({} overtime allowed)", span(overtime)) };
            let over = span(trial.home_at.since_s(*shift_until));
            format!(
                "the shift ends {}{allowed}; they would be home at {}, {over} later",
                clock.say(*shift_until),
                clock.say(trial.home_at)
            )
        }
        Obstacle::Window { late, trial } => {
            let whose = if late.start == trial.bid.start { "this visit".into() } else { late.ticket.to_string() };
            format!("{whose} is promised by {}; it would begin {}", clock.say(late.until), clock.say(late.start))
        }
    }
}

pub(super) fn what_by(asked: &Asked, by: Timestamp, answer: &Answer) -> RemedyAnswer {
    let Asked { ticket, region, at, .. } = asked;
    let clock = Clock::of(region, *at);
    RemedyAnswer {
        ticket: ticket.number.to_string(),
        visit: ticket.visit.no,
        region: region.id.to_string(),
        at: at.to_string(),
        by: by.to_string(),
        summary: summary(by, answer, &clock),
        already: answer.already.as_ref().map(planned_for),
        remedies: answer.remedies.iter().map(|found| remedy(found, &clock)).collect(),
        more: answer.more,
        ruled_out: answer.ruled.iter().map(|(rule, count)| (rule.name(), *count)).collect(),
        later: answer.later,
        earliest: answer.earliest.as_ref().map(planned_for),
    }
}

fn summary(by: Timestamp, answer: &Answer, clock: &Clock) -> String {
    let by = clock.say(by);
    if let Some((expert, start)) = &answer.already {
        return format!("{expert} is to begin at {}, in time for {by}", clock.say(*start));
    }
    if let Some(first) = answer.remedies.first() {
        return format!("by {by}: {}", what(first, clock));
    }
    let rule = |(rule, count): &(Rule, u32)| format!("{count} by {}", rule.name());
    let ruled = answer.ruled.iter().map(rule).collect::<Vec<_>>().join(", ");
    let ruled = if ruled.is_empty() { "nobody".to_owned() } else { ruled };
    let earliest = answer.earliest.as_ref();
    let earliest = earliest.map(|(expert, start)| format!("; the earliest is {expert} at {}", clock.say(*start)));
    format!("no single change has it begin by {by}; excluded: {ruled}{}", earliest.unwrap_or_default())
}

fn remedy(found: &Remedy, clock: &Clock) -> RemedyView {
    let mut view = RemedyView {
        kind: kind(&found.change),
        what: what(found, clock),
        expert: Some(found.expert.to_string()),
        start: found.bid.start.to_string(),
        cost_s: seconds(found.bid.cost.total()),
        cost_terms_s: terms(&found.bid),
        overtime_s: None,
        window: None,
        moves: None,
        region: None,
        skills: None,
        from: None,
    };
    match &found.change {
        Change::Assign | Change::AskAgain => {}
        Change::Overtime { more_s } => view.overtime_s = Some(*more_s),
        Change::Window(window) => view.window = Some(window.into()),
        Change::Relieve(ticket) => view.moves = Some(ticket.to_string()),
        Change::Neighbour(region) => view.region = Some(region.to_string()),
        Change::Hire { skills, from } => {
            view.expert = None;
            view.skills = Some(skills.iter().map(ToString::to_string).collect());
            view.from = Some((*from).into());
        }
    }
    view
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::Assign => "assign",
        Change::AskAgain => "ask_again",
        Change::Overtime { .. } => "overtime",
        Change::Window(_) => "window",
        Change::Relieve(_) => "relieve",
        Change::Neighbour(_) => "neighbour",
        Change::Hire { .. } => "more_experts",
    }
}

fn what(found: &Remedy, clock: &Clock) -> String {
    let (expert, at) = (&found.expert, clock.say(found.bid.start));
    match &found.change {
        Change::Assign => format!("assign {expert} now: begins {at}"),
        Change::AskAgain => format!("ask {expert}, who refused it, again: begins {at}"),
        Change::Overtime { more_s } => {
            format!("allow {} more overtime: {expert} begins {at}", span(i64::from(*more_s)))
        }
        Change::Window(window) => {
            let (from, to) = (clock.say(window.from), clock.say(window.to));
            format!("agree with the customer on {from} to {to}: {expert} begins {at}")
        }
        Change::Relieve(ticket) => format!("give {ticket} to somebody else: {expert} begins {at}"),
        Change::Neighbour(region) => format!("{expert} of {region} comes: begins {at}"),
        Change::Hire { skills: needed, .. } => {
            format!("one more expert with {} on shift now: begins {at}", skills(needed))
        }
    }
}

pub(super) fn forecast_view(region: &Region, now: Timestamp, forecast: &Forecast) -> RegionForecast {
    let clock = Clock::of(region, now);
    let help = forecast.help.as_ref();
    RegionForecast {
        region: region.id.to_string(),
        at: now.to_string(),
        summary: statement(region, forecast, &clock),
        open: forecast.open,
        planned: forecast.planned,
        beyond: forecast.beyond,
        misses: forecast.misses.iter().map(missed).collect(),
        saved: help.map_or(0, |help| help.saved),
        help: help.into_iter().flat_map(|help| &help.more).map(more).collect(),
    }
}

fn missed(miss: &Miss) -> MissedVisit {
    MissedVisit {
        ticket: miss.ticket.to_string(),
        visit: miss.visit,
        kind: match miss.kind {
            Limit::Promise => "promise",
            Limit::Due => "due",
        },
        until: miss.until.to_string(),
        start: miss.begins.map(|at| at.to_string()),
        expert: miss.expert.as_ref().map(ToString::to_string),
        skills: miss.skills.iter().map(ToString::to_string).collect(),
    }
}

fn more(more: &More) -> MoreExperts {
    MoreExperts {
        experts: more.experts,
        skills: more.skills.iter().map(ToString::to_string).collect(),
        from: more.from.to_string(),
        until: more.until.to_string(),
        near: more.near.into(),
    }
}

fn statement(region: &Region, forecast: &Forecast, clock: &Clock) -> Vec<String> {
    let Some(first) = forecast.misses.first() else {
        let all = format!("{}: nothing that was promised or is due will be missed", region.id);
        return vec![format!("{all}; {} of {} open visits are in the plan for today", forecast.planned, forecast.open)];
    };
    let of = |kind| forecast.misses.iter().filter(|miss| miss.kind == kind).count();
    let told = forecast.misses.iter().filter(|miss| miss.expert.is_some()).count();
    let mut said = vec![format!(
        "{}: {} visits will be missed, the first at {}: {} promised windows, {} due times; {told} of them are somebody's already",
        region.id,
        forecast.misses.len(),
        clock.say(first.until),
        of(Limit::Promise),
        of(Limit::Due),
    )];
    if forecast.beyond > 0 {
        said.push(format!("{} more open visits were not looked at", forecast.beyond));
    }
    match &forecast.help {
        Some(help) => {
            let each = |more: &More| {
                let experts = if more.experts == 1 { "expert" } else { "experts" };
                let (from, until) = (clock.say(more.from), clock.say(more.until));
                format!("{} more {experts} with {} between {from} and {until}", more.experts, skills(&more.skills))
            };
            let who = help.more.iter().map(each).collect::<Vec<_>>().join(", ");
            said.push(format!("{who} would serve {} of {} in time", help.saved, help.of));
        }
        None if told < forecast.misses.len() => said.push("more experts would not serve any of them in time".into()),
        None => {}
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_told_as_people_say_them() {
        assert_eq!((span(1), span(60), span(61)), ("1 min".into(), "1 min".into(), "2 min".into()));
        assert_eq!(span(3_900), "1 h 05 min");
    }
}
