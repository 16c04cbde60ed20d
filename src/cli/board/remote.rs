//! The board of a server elsewhere, from what `GET /v1/regions/{id}/board` answers for each region.
//! That names open tickets only: one that is no longer there counts as ended while we watched.

use super::{BoardView, EventLine, ExpertCounts, MapView, RegionLine};
use crate::domain::{
    shift::{Shift, intervals},
    time::{Timestamp, zone},
};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

const EVENTS: usize = 60;
const SPAN_S: i64 = 60;
const SPANS: usize = 120;

pub struct RemoteBoard {
    title: String,
    hints: Vec<String>,
    /// Number -> region and phase, at the last look. None: this is the first one.
    before: Option<BTreeMap<String, (String, String)>>,
    events: VecDeque<EventLine>,
    ended: BTreeMap<String, u32>,
    pace: BTreeMap<i64, u64>,
}

impl RemoteBoard {
    #[must_use]
    pub fn new(title: String, hints: Vec<String>) -> Self {
        let (events, ended, pace) = (VecDeque::new(), BTreeMap::new(), BTreeMap::new());
        Self { title, hints, before: None, events, ended, pace }
    }

    /// What the boards of all regions show together.
    pub fn view(&mut self, boards: &[Value]) -> BoardView {
        let now = boards.iter().filter_map(|board| instant(&board["at"])).max().unwrap_or_default();
        self.compare(boards, now);
        let mut view = BoardView { title: self.title.clone(), hints: self.hints.clone(), now, ..BoardView::default() };
        for board in boards {
            view.regions.push(self.region(board, now));
            for entry in items(&board["experts"]) {
                count_expert(entry, now, &mut view.experts, &mut view.map);
            }
            let waiting = items(&board["tickets"]).filter(|ticket| unassigned(ticket));
            view.map.waiting.extend(waiting.filter_map(|ticket| place(&ticket["place"])));
            view.map.outlines.extend(outlines(&board["region"]["geometry"]));
        }
        let latest = now.0.div_euclid(SPAN_S * 1_000);
        let spans = latest - SPANS as i64 + 1..=latest;
        view.served = spans.map(|span| self.pace.get(&span).copied().unwrap_or(0)).collect();
        view.served_span_s = SPAN_S;
        view.events = self.events.iter().cloned().collect();
        view
    }

    /// What happened since the last look.
    fn compare(&mut self, boards: &[Value], now: Timestamp) {
        let mut present = BTreeMap::new();
        for ticket in boards.iter().flat_map(|board| items(&board["tickets"])) {
            present.insert(text(&ticket["number"]), (text(&ticket["region"]), text(&ticket["phase"])));
        }
        let cut = boards.iter().any(|board| board["tickets_left_out"].as_u64().unwrap_or(0) > 0);
        let Some(before) = self.before.replace(present.clone()) else { return };
        for (number, (region, phase)) in &present {
            if before.get(number).is_none_or(|(_, was)| was != phase) {
                self.note(now, &format!("ticket.{phase}"), number, region);
            }
        }
        // A board that leaves tickets out says nothing about those it does not name.
        for (number, (region, _)) in before.iter().filter(|(number, _)| !cut && !present.contains_key(*number)) {
            self.note(now, "ticket.ended", number, region);
            *self.ended.entry(region.clone()).or_default() += 1;
            *self.pace.entry(now.0.div_euclid(SPAN_S * 1_000)).or_default() += 1;
        }
        while self.pace.len() > SPANS {
            self.pace.pop_first();
        }
    }

    fn note(&mut self, at: Timestamp, what: &str, number: &str, region: &str) {
        self.events.push_front(EventLine { at, what: what.into(), about: format!("{number}  {region}") });
        self.events.truncate(EVENTS);
    }

    fn region(&self, board: &Value, now: Timestamp) -> RegionLine {
        let count = |phase: &str| board["open_by_phase"][phase].as_u64().unwrap_or(0) as u32;
        let open = || items(&board["tickets"]).filter(|ticket| unassigned(ticket));
        let escalated = open().filter(|ticket| items(&ticket["flags"]).any(|flag| flag == "escalated"));
        let ages = open().filter_map(|ticket| instant(&ticket["opened_at"])).map(|at| now.since_s(at));
        RegionLine {
            name: text(&board["region"]["name"]),
            new: count("new") + count("reopened") + count("on_hold"),
            assigning: count("assigning"),
            assigned: count("assigned"),
            in_progress: count("in_progress"),
            served: self.ended.get(&text(&board["region"]["id"])).copied().unwrap_or(0),
            escalated: escalated.count() as u32,
            oldest_s: ages.max(),
            unready: board["unready"].as_str().map(str::to_owned),
        }
    }
}

fn count_expert(entry: &Value, now: Timestamp, counts: &mut ExpertCounts, map: &mut MapView) {
    let expert = &entry["expert"];
    let started = |stop: &Value| matches!(stop["state"].as_str(), Some("en_route" | "on_site"));
    let here = place(&expert["presence"]["position"]).or_else(|| place(&expert["home"]));
    if items(&entry["route"]["stops"]).any(started) {
        counts.busy += 1;
        map.busy.extend(here);
    } else if !on_shift(expert, now) {
        counts.off_shift += 1;
    } else if expert["presence"]["online"] == true {
        counts.idle += 1;
        map.idle.extend(here);
    } else {
        counts.offline += 1;
    }
}

fn on_shift(expert: &Value, now: Timestamp) -> bool {
    let zone = expert["time_zone"].as_str().and_then(zone).unwrap_or(TimeZone::UTC);
    let shifts: Vec<Shift> = items(&expert["shifts"])
        .filter_map(|shift| {
            let days: Vec<String> = items(&shift["days"]).map(text).collect();
            Shift::parse_all(&format!("{} {}-{}", days.join(","), text(&shift["from"]), text(&shift["to"]))).ok()
        })
        .flatten()
        .collect();
    !intervals(&shifts, &zone, now, now.plus_ms(1)).is_empty()
}

fn unassigned(ticket: &Value) -> bool {
    matches!(ticket["phase"].as_str(), Some("new" | "assigning" | "reopened"))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn instant(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?).ok()
}

fn place(value: &Value) -> Option<(f64, f64)> {
    Some((value["lon"].as_f64()?, value["lat"].as_f64()?))
}

/// The outer rings of a `GeoJSON` polygon or multi-polygon.
fn outlines(geometry: &Value) -> Vec<Vec<(f64, f64)>> {
    let coordinates = &geometry["coordinates"];
    let polygons: Vec<&Value> = match geometry["type"].as_str() {
        Some("Polygon") => vec![coordinates],
        Some("MultiPolygon") => items(coordinates).collect(),
        Some(_) | None => Vec::new(),
    };
    let point = |position: &Value| Some((position[0].as_f64()?, position[1].as_f64()?));
    polygons.into_iter().map(|polygon| items(&polygon[0]).filter_map(point).collect()).collect()
}
