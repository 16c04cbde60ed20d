//! What an import of experts would change: added, changed field by field, unchanged, and who is on the
//! roster but not in the file. For `--dry-run`; writes nothing.

use crate::{
    api::expert::{ExpertView, PresenceView},
    domain::{drafts::ExpertDraft, expert::Expert, ids::ExpertId, person::Private},
    storage::Store,
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RosterDiff {
    pub added: Vec<Added>,
    pub changed: Vec<Changed>,
    pub unchanged: u64,
    /// Active experts that the file does not name. An import leaves them as they are.
    pub not_in_file: Vec<String>,
    #[serde(skip)]
    seen: BTreeSet<ExpertId>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Added {
    pub line: u64,
    pub id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    pub line: u64,
    pub id: String,
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    pub name: String,
    pub from: Value,
    pub to: Value,
}

/// Not part of what a file says.
const NOT_IN_FILES: [&str; 4] = ["version", "presence", "absences", "time_zone"];

impl RosterDiff {
    /// One row of the file.
    pub(super) fn row(&mut self, line: u64, draft: &ExpertDraft, store: &Store) {
        let id = draft.id.to_string();
        self.seen.insert(draft.id.clone());
        let Some(before) = store.expert(&draft.id) else {
            return self.added.push(Added { line, id });
        };
        let fields = fields(&before, &after(&before, draft));
        if fields.is_empty() {
            self.unchanged += 1;
        } else {
            self.changed.push(Changed { line, id, fields });
        }
    }

    /// All rows are read.
    pub(super) fn finish(&mut self, store: &Store) {
        let active = store.experts(None).into_iter().filter(|expert| !expert.retired);
        let missing = active.filter(|expert| !self.seen.contains(&expert.id));
        self.not_in_file = missing.map(|expert| expert.id.to_string()).collect();
    }
}

fn after(before: &Expert, draft: &ExpertDraft) -> Expert {
    Expert {
        personal: Private::new(before.person(), draft.personal.clone()),
        region: draft.region.clone().unwrap_or_else(|| before.region.clone()),
        skills: draft.skills.clone(),
        shifts: draft.shifts.clone(),
        ..before.clone()
    }
}

fn fields(before: &Expert, after: &Expert) -> Vec<Field> {
    let (old, new) = (view(before), view(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let of = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or_default();
    let changed = names.into_iter().filter(|name| !NOT_IN_FILES.contains(&name.as_str()));
    changed
        .map(|name| Field { name: name.clone(), from: of(&old, name), to: of(&new, name) })
        .filter(|field| field.from != field.to)
        .collect()
}

fn view(expert: &Expert) -> Map<String, Value> {
    match serde_json::to_value(ExpertView::new(expert, PresenceView::default())) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    }
}
