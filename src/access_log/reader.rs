//! Reading the record: a page of what is wanted, the newest first. Goes back day by day and stops when the
//! page is full.

use super::writer::days;
use crate::telemetry::incidents::{now_ms, rfc3339};
use serde_json::Value;
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

/// Which lines. Times are RFC 3339 to the millisecond, as they stand in the lines.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub from: Option<String>,
    /// Inclusive.
    pub to: Option<String>,
    /// A subject or a token's id.
    pub who: Option<String>,
    /// About any of these tickets.
    pub tickets: Option<Vec<String>>,
    /// By, or about, this customer; with `tickets`: or one of those.
    pub customer: Option<String>,
    /// Lines before this one.
    pub before: Option<u64>,
    pub limit: usize,
}

/// Lines without their hashes, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub items: Vec<Value>,
    /// Where the next page begins.
    pub before: Option<u64>,
}

pub(super) fn list(folder: &Path, wanted: &Wanted) -> io::Result<Page> {
    let mut items: Vec<(u64, Value)> = Vec::new();
    let today = rfc3339(now_ms())[..10].to_owned();
    for day in days(folder)?.into_iter().rev() {
        let name = day.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        // A file of a day to come has lines of today: the clock was set back.
        let late = wanted.to.as_ref().is_some_and(|to| *name > to[..10.min(to.len())]) && *name <= *today;
        let early = wanted.from.as_ref().is_some_and(|from| *name < from[..10.min(from.len())]);
        if early || items.len() > wanted.limit {
            break;
        }
        if !late {
            let room = wanted.limit + 1 - items.len();
            items.extend(newest(&day, wanted, room)?.into_iter().rev());
        }
    }
    let more = items.len() > wanted.limit;
    items.truncate(wanted.limit);
    let before = items.last().filter(|_| more).map(|(n, _)| *n);
    Ok(Page { items: items.into_iter().map(|(_, line)| line).collect(), before })
}

/// The day's last `room` lines that are wanted, the oldest first.
fn newest(day: &Path, wanted: &Wanted, room: usize) -> io::Result<VecDeque<(u64, Value)>> {
    let mut found = VecDeque::new();
    for line in BufReader::new(File::open(day)?).lines() {
        let line = line?;
        // Most lines are not meant; looking for the words is a fraction of reading the line.
        if !wanted.may_be(&line) {
            continue;
        }
        // A line under way has no end yet, a damaged one is for `verify`.
        let Ok(mut value) = serde_json::from_str::<Value>(&line) else { continue };
        let n = value["n"].as_u64().unwrap_or(0);
        if wanted.before.is_none_or(|before| n < before) && wanted.is(&value) {
            if let Value::Object(members) = &mut value {
                members.shift_remove("hash");
                members.shift_remove("prev");
            }
            found.push_back((n, value));
            if found.len() > room {
                found.pop_front();
            }
        }
    }
    Ok(found)
}

impl Wanted {
    fn may_be(&self, line: &str) -> bool {
        let names = |text: &String| line.contains(text.as_str());
        let about = match (&self.tickets, &self.customer) {
            (None, None) => true,
            (tickets, customer) => tickets.iter().flatten().any(names) || customer.iter().any(names),
        };
        about && self.who.iter().all(names)
    }

    fn is(&self, line: &Value) -> bool {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let at = text("at");
        let in_time = self.from.as_ref().is_none_or(|from| at >= from.as_str())
            && self.to.as_ref().is_none_or(|to| at <= to.as_str());
        let by = self.who.as_ref().is_none_or(|who| text("subject") == who || text("token") == who);
        in_time && by && self.is_about(line)
    }

    fn is_about(&self, line: &Value) -> bool {
        if self.tickets.is_none() && self.customer.is_none() {
            return true;
        }
        let named = line["tickets"].as_array().into_iter().flatten().chain([&line["ticket"]]);
        let mut named = named.filter_map(Value::as_str);
        let of_ticket = self.tickets.as_ref().is_some_and(|wanted| named.any(|one| wanted.iter().any(|w| w == one)));
        let theirs = |id: &String| {
            line["customer"] == id.as_str() || (line["role"] == "customer" && line["subject"] == id.as_str())
        };
        of_ticket || self.customer.as_ref().is_some_and(theirs)
    }
}
