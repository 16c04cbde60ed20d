//! A decision as staff see it: every candidate with its cost by term or the rule that excluded it, whom the plan kept
//! for something else with both and with what it would cost to send them, the weights it was made under, the travel source (P8).

use super::show::{PlaceView, Shown};
use crate::domain::{
    decision::{Bid, Candidate, Decision, Kept, Policy, Rule, TravelSource, Verdict},
    ids::Seq,
    region::Region,
    time::{self, Timestamp},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `region`: as it was at the decision's version, for weights and travel; None: no longer to be had.
#[must_use]
pub fn decision_view(seq: Seq, decision: &Decision, region: Option<&Region>) -> Value {
    let zone = region.map_or("UTC", |region| region.time_zone.as_str());
    let settings = region.filter(|region| region.version == decision.region_version).map(|region| &region.settings);
    json!({
        "seq": seq,
        "at": Shown(decision.at),
        "visit": decision.visit,
        "ticket_version": decision.ticket_version,
        "region": Shown(&decision.region),
        "region_version": decision.region_version,
        "policy": policy_name(decision.policy),
        "travel_source": travel_name(decision.travel),
        "second_round": decision.second_round,
        "winner": decision.winner.as_ref().map(Shown),
        "weights": settings.map(|s| s.weights),
        "travel": settings.map(|s| s.travel),
        "plan": decision.plan.as_ref().map(|plan| json!({ "expert": Shown(&plan.expert), "route_version": plan.route_version })),
        "candidates": decision.candidates.iter().map(|found| candidate(found, zone)).collect::<Vec<_>>(),
    })
}

/// How many each rule excluded.
#[must_use]
pub fn ruled_out(decision: &Decision) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for candidate in &decision.candidates {
        let rule = match &candidate.verdict {
            Verdict::Bid(_) => continue,
            Verdict::Kept(..) => Rule::Planned,
            Verdict::Ruled(rule) => *rule,
        };
        *counts.entry(rule.name()).or_default() += 1;
    }
    counts
}

fn candidate(candidate: &Candidate, zone: &str) -> Value {
    let mut view = Map::new();
    view.insert("expert".into(), json!(Shown(&candidate.expert)));
    view.insert("profile_version".into(), candidate.profile_version.into());
    view.insert("route_version".into(), candidate.route_version.into());
    if let Some(position) = &candidate.position {
        view.insert("position".into(), json!(position.known().map(|place| PlaceView::from(*place))));
    }
    match &candidate.verdict {
        Verdict::Ruled(rule) => {
            view.insert("ruled_out".into(), rule.name().into());
        }
        Verdict::Bid(bid) => figures(bid, &mut view),
        Verdict::Kept(bid, kept) => {
            figures(bid, &mut view);
            view.insert("ruled_out".into(), Rule::Planned.name().into());
            view.insert("planned_for".into(), json!(kept.ticket.as_ref().map(Shown)));
            view.insert("planned_start".into(), json!(kept.begins.map(Shown)));
            view.insert("dearer_s".into(), json!(kept.dearer_s));
            view.insert("kept_for".into(), json!(kept.scarce.as_ref().map(Shown)));
            view.insert("why".into(), why_kept(bid, kept, zone).into());
        }
    }
    Value::Object(view)
}

fn figures(bid: &Bid, view: &mut Map<String, Value>) {
    let terms = bid.cost.terms().map(|(name, value)| (name.to_owned(), seconds(value))).into_iter();
    view.insert("position_in_route".into(), bid.position.into());
    view.insert("depart".into(), json!(Shown(bid.depart)));
    view.insert("start".into(), json!(Shown(bid.start)));
    view.insert("end".into(), json!(Shown(bid.end)));
    view.insert("cost_s".into(), seconds(bid.cost.total()));
    view.insert("cost_terms_s".into(), Value::Object(terms.collect()));
}

/// In words; times in the region's own zone.
fn why_kept(bid: &Bid, kept: &Kept, zone: &str) -> String {
    let clock = |at: Timestamp| match time::zone(zone) {
        Some(zone) => at.civil_in(&zone).strftime("%H:%M").to_string(),
        None => at.to_string(),
    };
    let could = format!("could be there at {}", clock(bid.start));
    let instead = match (&kept.ticket, kept.begins) {
        (Some(ticket), Some(begins)) => format!("is planned for {ticket} at {}", clock(begins)),
        _ => "the plan has somebody else for it, or serves others first".to_owned(),
    };
    let minutes = |seconds: i64| (seconds.abs() + 30) / 60;
    let cost = match kept.dearer_s {
        None => String::new(),
        Some(more) if more >= 0 => {
            format!("; taking this one instead would cost {} min of driving more", minutes(more))
        }
        Some(less) => format!(
            "; taking this one instead would save {} min of driving, at the price of waits or lateness that the plan weighs too",
            minutes(less)
        ),
    };
    let scarce = kept
        .scarce
        .as_ref()
        .map(|skill| format!("; {skill} is scarce in these hours, and this visit does not need it"));
    format!("{could}, but {instead}{cost}{}", scarce.unwrap_or_default())
}

/// Thousandths as seconds.
fn seconds(thousandths: i64) -> Value {
    json!(thousandths as f64 / 1_000.0)
}

#[must_use]
pub fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Nearest => "nearest",
        Policy::Insertion => "insertion",
        Policy::Full => "router",
    }
}

fn travel_name(source: TravelSource) -> &'static str {
    match source {
        TravelSource::GreatCircle => "great_circle",
        TravelSource::RoadNetwork => "road_network",
        TravelSource::Server => "server",
        TravelSource::RoadsInPart => "roads_in_part",
        TravelSource::ServerInPart => "server_in_part",
    }
}
