//! `callout ticket trace`: one ticket's story in order: commands, who, events, decisions, deliveries,
//! receipts, and the crashes and restarts that touched it. Pure but for printing.

use super::output::{at, fit, plain, width};
use crate::domain::time::Timestamp;
use serde_json::Value;

/// Narrower terminals show the time of day alone, and shorter columns.
const WIDE: usize = 120;
/// Columns left for what an entry says.
const LEAST: usize = 12;

/// The lines of the story, as wide as the terminal.
pub(super) fn lines(timeline: &Value, decisions: &Value, width: usize) -> Vec<String> {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let decisions = list(decisions, "items");
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    let mut last = String::new();
    for entry in list(timeline, "items") {
        let made = decisions.iter().find(|decision| decision["seq"] == entry["seq"]);
        let mut lines = vec![entry_line(&entry, width)];
        let origin = origin(&entry);
        if !origin.is_empty() && origin != last {
            lines.push(fit(&format!("    {origin}"), width));
        }
        last = origin;
        lines.extend(made.into_iter().flat_map(candidates).map(|line| fit(&line, width)));
        told.push((at(&entry, "at"), lines));
    }
    for incident in list(timeline, "incidents") {
        told.push((at(&incident, "at"), vec![incident_line(&incident, width)]));
    }
    // Stable: the entries stay in the journal's order, and what touched them stands where it happened.
    told.sort_by_key(|(when, _)| Timestamp::parse(when).unwrap_or(Timestamp::ZERO));
    told.into_iter().flat_map(|(_, lines)| lines).collect()
}

/// What is the same for all entries is not worth a column each: date and time, what, who, the rest.
fn entry_line(entry: &Value, width: usize) -> String {
    let who = format!("{} {}", at(entry, "who.role"), at(entry, "who.id"));
    row(&at(entry, "at"), &at(entry, "kind"), who.trim(), &details(&entry["data"]), width)
}

/// Which call it was, or what it followed from; told once for all entries of one origin.
fn origin(entry: &Value) -> String {
    let parts = [("after entry", "cause"), ("request", "request_id"), ("trace", "trace_id")];
    let given = parts.map(|(word, name)| (word, at(entry, name))).into_iter().filter(|(_, id)| !id.is_empty());
    given.map(|(word, id)| format!("{word} {id}")).collect::<Vec<_>>().join("  ")
}

fn incident_line(incident: &Value, width: usize) -> String {
    let of = ["region", "ticket", "role", "cause"].map(|name| at(incident, name));
    let lasted = incident["lasted_s"].as_f64().map(|s| format!("{s:.1} s")).unwrap_or_default();
    let rest = of.into_iter().chain([lasted]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    let what = match at(incident, "phase").as_str() {
        "begin" => format!("! {} begins", at(incident, "kind")),
        "end" => format!("! {} ends", at(incident, "kind")),
        _ => format!("! {}", at(incident, "kind")),
    };
    row(&at(incident, "at"), &what, "the machine", &rest, width)
}

fn row(when: &str, what: &str, who: &str, rest: &str, total: usize) -> String {
    let when = to_the_millisecond(when);
    let when = if total < WIDE { when.split('T').nth(1).unwrap_or(&when).chars().take(8).collect() } else { when };
    let (what_width, who_width) = if total < WIDE { (24, 16) } else { (28, 24) };
    let pad = |text: &str, columns: usize| {
        let text = fit(text, columns);
        let blanks = columns.saturating_sub(width(&text)) + 1;
        format!("{text}{}", " ".repeat(blanks))
    };
    let head = format!("{} {}{}", when, pad(what, what_width), pad(who, who_width));
    let room = total.saturating_sub(width(&head)).max(LEAST);
    format!("{head}{}", fit(rest, room)).trim_end().to_owned()
}

/// All of one length, so that what follows stands in columns: `2026-01-31T09:00:02.500`.
fn to_the_millisecond(when: &str) -> String {
    let (second, fraction) = when.trim_end_matches('Z').split_once('.').unwrap_or((when.trim_end_matches('Z'), ""));
    format!("{second}.{fraction:0<3.3}")
}

/// `name: value` for what is there.
fn details(data: &Value) -> String {
    let Some(members) = data.as_object() else { return plain(data) };
    let shown = members.iter().filter(|(_, value)| !empty(value));
    shown.map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(empty),
        Value::Bool(value) => !value,
        Value::Number(_) => false,
    }
}

/// The decision's candidates: the winner, those who could come and were kept, the cheapest first, then the excluded
/// ones by rule.
fn candidates(decision: &Value) -> Vec<String> {
    let cost = |candidate: &Value| candidate["cost_s"].as_f64();
    let mut all: Vec<&Value> = decision["candidates"].as_array().into_iter().flatten().collect();
    let lost = |candidate: &Value| candidate["expert"] != decision["winner"];
    let order = |candidate: &Value| (lost(candidate), cost(candidate).unwrap_or(f64::MAX));
    all.sort_by(|a, b| order(a).0.cmp(&order(b).0).then(order(a).1.total_cmp(&order(b).1)));
    let again = decision["second_round"] == true;
    let told = again.then(|| "    nobody else was left: who refused before was asked once more".to_owned());
    let judged = all.into_iter().map(|candidate| {
        let verdict = match cost(candidate) {
            Some(_) if candidate["why"].is_string() => at(candidate, "why"),
            Some(cost) => format!("cost {cost:.1} s ({})", terms(&candidate["cost_terms_s"])),
            None => {
                let rule = at(candidate, "ruled_out");
                format!("not possible: {rule}{}", words(&rule))
            }
        };
        let mark = if candidate["expert"] == decision["winner"] { "*" } else { " " };
        format!("    {mark} {:<20}{verdict}", at(candidate, "expert"))
    });
    told.into_iter().chain(judged).collect()
}

/// A rule for people.
fn words(rule: &str) -> &'static str {
    match rule {
        "retired" => " (works here no more)",
        "skill" => " (a skill is missing, or its level)",
        "refused" => " (declined it, let its offer lapse, or had it taken away)",
        "no_place" => " (no home on the map)",
        "reach" => " (lives too far away)",
        "absent" => " (is absent)",
        "off_shift" => " (is not at work)",
        "capacity" => " (holds as many visits as are allowed)",
        "shift_end" => " (would be home too late)",
        "window" => " (too late for a promised window)",
        "no_answer" => " (did not answer in time)",
        _ => "",
    }
}

/// Costs that are not nothing.
fn terms(terms: &Value) -> String {
    let all = terms.as_object().into_iter().flatten().filter(|(_, value)| value.as_f64() != Some(0.0));
    all.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn story(width: usize) -> Vec<String> {
        let timeline = json!({
            "items": [
                { "seq": 1, "at": "2026-01-31T09:00:00.000Z", "kind": "ticket.opened", "who": { "role": "clerk", "id": "c-1" },
                  "request_id": "mine-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                  "data": { "title": "Kein Bild 電視 broken", "place": null } },
                { "seq": 4, "at": "2026-01-31T09:00:02.000Z", "kind": "ticket.decided", "who": { "role": "system" }, "data": {},
                  "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "cause": 1 },
                { "seq": 5, "at": "2026-01-31T09:00:02.000Z", "kind": "ticket.offered", "who": { "role": "system" }, "data": {},
                  "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "cause": 1 },
            ],
            "incidents": [{ "at": "2026-01-31T09:00:01.000Z", "kind": "park", "phase": "begin", "region": "north", "cause": "x" }],
        });
        let decisions = json!({ "items": [{ "seq": 4, "winner": "e-2", "second_round": true, "candidates": [
            { "expert": "e-1", "ruled_out": "skill" },
            { "expert": "e-3", "ruled_out": "planned", "cost_s": 9.0, "why": "could be there at 14:10, but is planned elsewhere" },
            { "expert": "e-2", "cost_s": 12.5, "cost_terms_s": { "travel": 12.5, "response": 0.0 } },
        ] }] });
        lines(&timeline, &decisions, width)
    }

    #[test]
    fn restarts_stand_between_the_events_they_touched_and_reasons_below_their_decision() {
        let story = story(200);
        let has = |no: usize, text: &str| assert!(story[no].contains(text), "{:?} has no {text}", story[no]);
        assert_eq!(story.len(), 10, "{story:#?}");
        has(0, "ticket.opened");
        has(1, "request mine-1  trace 4bf92f3577b34da6a3ce929d0e0e4736");
        has(2, "park begins");
        has(3, "ticket.decided");
        has(4, "after entry 1  trace 4bf9");
        has(5, "was asked once more");
        has(6, "* e-2");
        has(6, "cost 12.5 s (travel 12.5)");
        has(7, "e-3                 could be there at 14:10, but is planned");
        has(8, "not possible: skill (a skill is missing, or its level)");
        has(9, "ticket.offered");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [80, 100, 120] {
            for line in story(columns) {
                assert!(width(&line) <= columns, "{columns}: {line}");
            }
        }
    }
}
