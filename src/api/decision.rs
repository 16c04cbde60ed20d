//! A decision as staff see it: every candidate with its cost by term or the rule that excluded it,
//! the weights it was made under, the travel source (P8).

use super::show::{PlaceView, Shown};
use crate::domain::{
    decision::{Candidate, Decision, Policy, TravelSource, Verdict},
    ids::Seq,
    region::Region,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `region`: as it was at the decision's version, for weights and travel; None: no longer to be had.
#[must_use]
pub fn decision_view(seq: Seq, decision: &Decision, region: Option<&Region>) -> Value {
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
        "candidates": decision.candidates.iter().map(candidate).collect::<Vec<_>>(),
    })
}

/// How many each rule excluded.
#[must_use]
pub fn ruled_out(decision: &Decision) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for candidate in &decision.candidates {
        if let Verdict::Ruled(rule) = &candidate.verdict {
            *counts.entry(rule.name()).or_default() += 1;
        }
    }
    counts
}

fn candidate(candidate: &Candidate) -> Value {
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
        Verdict::Bid(bid) => {
            let terms = bid.cost.terms().map(|(name, value)| (name.to_owned(), seconds(value))).into_iter();
            view.insert("position_in_route".into(), bid.position.into());
            view.insert("depart".into(), json!(Shown(bid.depart)));
            view.insert("start".into(), json!(Shown(bid.start)));
            view.insert("end".into(), json!(Shown(bid.end)));
            view.insert("cost_s".into(), seconds(bid.cost.total()));
            view.insert("cost_terms_s".into(), Value::Object(terms.collect()));
        }
    }
    Value::Object(view)
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
    }
}
