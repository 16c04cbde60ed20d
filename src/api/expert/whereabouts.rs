//! The bodies that say that an expert is away, or where they are.

use crate::{
    api::{FieldProblem, Fields, Json, read_object, schema},
    domain::{expert::AbsenceKind, fix::Fix, place::Place, time::Timestamp},
};
use utoipa::ToSchema;

/// When an expert is away, and why. It ends after it begins; visits in it are planned anew at once.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "kind": "sick", "from": "2026-11-24T08:00:00Z", "to": "2026-11-26T08:00:00Z" })))]
pub struct NewAbsence {
    #[schema(value_type = schema::AbsenceKind)]
    pub kind: String,
    #[schema(value_type = schema::Time)]
    pub from: String,
    #[schema(value_type = schema::Time)]
    pub to: String,
}

/// `{ "kind": "sick|leave", "from", "to" }`.
pub fn absence_body<'j>(body: &'j Json<'j>) -> Result<(AbsenceKind, Timestamp, Timestamp), Vec<FieldProblem>> {
    read_object(body, |f| {
        let kind = f.one_of("kind", &[("sick", AbsenceKind::Sick), ("leave", AbsenceKind::Leave)]);
        let kind = f.required("kind", kind);
        let from = f.time("from");
        let from = f.required("from", from);
        let to = f.time("to");
        let to = f.required("to", to);
        let (from, to) = (from?, to?);
        if from >= to {
            f.wrong("to", "window_backwards", "an absence has to end after it begins");
        }
        Some((kind?, from, to))
    })
}

/// Where an expert is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "lat": 42.05, "lon": -71.15, "accuracy_m": 12, "at": "2026-11-24T09:30:00Z" })))]
pub struct PositionBody {
    #[schema(value_type = schema::Latitude)]
    pub lat: f64,
    #[schema(value_type = schema::Longitude)]
    pub lon: f64,
    #[schema(value_type = Option<schema::Accuracy>)]
    pub accuracy_m: Option<f64>,
    /// Not in the future.
    #[schema(value_type = schema::Time)]
    pub at: String,
}

/// `{ "lat", "lon", "accuracy_m"?, "at" }`.
pub fn position_body<'j>(body: &'j Json<'j>) -> Result<Fix, Vec<FieldProblem>> {
    read_object(body, fix)
}

/// The fields of a position.
pub(in crate::api) fn fix(f: &mut Fields<'_, '_>) -> Option<Fix> {
    let lat = f.number("lat", -90.0..=90.0);
    let lat = f.required("lat", lat);
    let lon = f.number("lon", -180.0..=180.0);
    let lon = f.required("lon", lon);
    let accuracy_m = f.number("accuracy_m", 0.0..=1e7);
    let at = f.time("at");
    let at = f.required("at", at);
    Some(Fix { place: Place::new(lat?, lon?).ok()?, at: at?, accuracy_m })
}
