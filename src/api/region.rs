//! Regions as the contract shows them, and the bodies that write them. Whether an outline is sound is
//! for `import/` to say; here it is only carried.

use super::{
    fields::read_object,
    json::Json,
    problem::FieldProblem,
    region_settings::{SettingsEdit, SettingsSchema},
    schema,
    shortage::ShortageView,
    show::{GeometryView, Shown},
    words,
};
use crate::{
    domain::{
        ids::RegionId,
        region::Region,
        settings::{RegionSettings, Weights},
    },
    settings::limits,
};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use utoipa::ToSchema;

/// A region: where it is, and how it works.
#[derive(Serialize, ToSchema)]
#[schema(as = Region)]
pub struct RegionView<'a> {
    #[schema(value_type = schema::RegionId)]
    id: Shown<&'a RegionId>,
    name: &'a str,
    /// Left out of lists: an outline may be megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Outline)]
    geometry: Option<GeometryView<'a>>,
    time_zone: &'a str,
    /// ZIP codes, or beginnings of them, that belong to it.
    zips: &'a [String],
    #[schema(value_type = SettingsSchema)]
    settings: &'a RegionSettings,
    /// Why it is parked: it accepts tickets and dispatches none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    parked: Option<Cow<'a, str>>,
    /// Promises that it said will be broken; absent while there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ShortageView)]
    shortage: Option<ShortageView>,
    /// The `ETag`.
    #[schema(value_type = schema::Version)]
    version: u64,
}

impl<'a> RegionView<'a> {
    #[must_use]
    pub fn new(region: &'a Region, with_geometry: bool) -> Self {
        Self {
            id: Shown(&region.id),
            name: &region.name,
            geometry: with_geometry.then_some(GeometryView(&region.geometry)),
            time_zone: &region.time_zone,
            zips: &region.zips,
            settings: &region.settings,
            parked: region.parked.as_deref().map(Cow::Borrowed),
            shortage: region.shortage.as_deref().map(ShortageView::from),
            version: region.version,
        }
    }

    /// With why it is parked by itself just now, which no journal says.
    #[must_use]
    pub fn parked(mut self, why: Option<String>) -> Self {
        self.parked = why.map(Cow::Owned).or(self.parked);
        self
    }
}

/// A region to be added.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "id": "north", "name": "North", "time_zone": "America/New_York",
    "geometry": { "type": "Polygon", "coordinates": [[[-71.2, 42.0], [-71.1, 42.0], [-71.1, 42.1], [-71.2, 42.1], [-71.2, 42.0]]] },
    "zips": ["021"], "settings": { "offer_ttl_s": 300, "travel": { "speed_kmh": 30 } }
})))]
pub struct NewRegion {
    /// `unlocated` and `cell` are reserved.
    #[schema(value_type = schema::RegionId)]
    pub id: String,
    #[schema(value_type = schema::FullName)]
    pub name: String,
    #[schema(value_type = schema::TimeZone)]
    pub time_zone: String,
    #[schema(value_type = schema::Outline)]
    pub geometry: Value,
    #[schema(value_type = Option<schema::ZipMasks>)]
    pub zips: Option<Vec<String>>,
    #[schema(value_type = Option<SettingsEdit>)]
    pub settings: Option<Value>,
}

/// An edit of a region: what is not sent stays. A new outline moves nobody's open ticket.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "name": "North", "time_zone": "America/New_York", "zips": ["021", "022"], "settings": { "max_visits_ahead": 4 },
    "geometry": { "type": "Polygon", "coordinates": [[[-71.2, 42.0], [-71.1, 42.0], [-71.1, 42.1], [-71.2, 42.1], [-71.2, 42.0]]] }
})))]
pub struct RegionEdit {
    #[schema(value_type = Option<schema::Name>)]
    pub name: Option<String>,
    #[schema(value_type = Option<schema::TimeZone>)]
    pub time_zone: Option<String>,
    #[schema(value_type = Option<schema::Outline>)]
    pub geometry: Option<Value>,
    #[schema(value_type = Option<schema::ZipMasks>)]
    pub zips: Option<Vec<String>>,
    #[schema(value_type = Option<SettingsEdit>)]
    pub settings: Option<Value>,
}

/// A region as a body gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionBody {
    pub id: RegionId,
    pub name: String,
    pub time_zone: String,
    /// GeoJSON geometry as sent; None: not sent (an edit keeps the outline).
    pub geometry: Option<Value>,
    pub zips: Vec<String>,
    pub settings: Option<RegionSettings>,
}

/// A whole region (`POST`), or an edit of `present` (`PATCH`): what is not sent stays.
pub fn region_body<'j>(body: &'j Json<'j>, present: Option<&Region>) -> Result<RegionBody, Vec<FieldProblem>> {
    read_object(body, |f| {
        let id = if let Some(region) = present {
            Some(region.id.clone())
        } else {
            let id = f.parsed("id", words::id(RegionId::parse));
            f.required("id", id)
        };
        if present.is_none() && id.as_ref().is_some_and(RegionId::is_reserved) {
            f.wrong("id", "reserved", "this id is reserved");
        }
        let name = f.text("name", limits::NAME_CHARS).or_else(|| present.map(|r| r.name.clone()));
        let name = f.required("name", name);
        let zone = f.parsed("time_zone", words::time_zone).or_else(|| present.map(|r| r.time_zone.clone()));
        let zone = f.required("time_zone", zone);
        let geometry = f.value("geometry").map(Json::to_value);
        let geometry = if present.is_some() { geometry } else { f.required("geometry", geometry) };
        let zips = f.texts("zips", limits::ZIPS, zip).or_else(|| present.map(|r| r.zips.clone()));
        let settings = f.value("settings").map(|sent| region_settings(sent, present.map(|r| &r.settings)));
        let settings = match settings {
            Some(Ok(settings)) => Some(settings),
            Some(Err(Unfit { field, detail })) => {
                f.wrong(&format!("settings{field}"), "invalid", detail);
                None
            }
            None => None,
        };
        Some(RegionBody { id: id?, name: name?, time_zone: zone?, geometry, zips: zips.unwrap_or_default(), settings })
    })
}

/// A ZIP or the beginning of one.
fn zip(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let sound = !text.is_empty() && text.len() <= limits::ZIP_CHARS;
    let sound = sound && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b' ');
    if sound { Ok(text.to_owned()) } else { Err("a ZIP mask is the beginning of a ZIP code") }
}

/// A setting that does not hold. `field`: a pointer below `/settings`, empty when nobody can tell.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Unfit {
    field: String,
    detail: String,
}

/// The settings sent, laid over the present ones (or the defaults).
pub fn region_settings(sent: &Json<'_>, present: Option<&RegionSettings>) -> Result<RegionSettings, Unfit> {
    let unreadable = |error: serde_json::Error| Unfit { field: String::new(), detail: error.to_string() };
    let base = present.cloned().unwrap_or_default();
    let mut whole = serde_json::to_value(&base).map_err(unreadable)?;
    lay_over(&mut whole, sent.to_value());
    let settings: RegionSettings = serde_json::from_value(whole).map_err(|error| blamed(&base, sent, &error))?;
    check(&settings)?;
    Ok(settings)
}

/// The same error with the member it is about: the one that fails alone, too.
fn blamed(base: &RegionSettings, sent: &Json<'_>, error: &serde_json::Error) -> Unfit {
    let alone = |(key, value): (String, Value)| {
        let mut whole = serde_json::to_value(base).ok()?;
        lay_over(&mut whole, Value::Object([(key.clone(), value)].into_iter().collect()));
        let error = serde_json::from_value::<RegionSettings>(whole).err()?;
        Some(Unfit { field: format!("/{key}"), detail: error.to_string() })
    };
    let members = if let Value::Object(members) = sent.to_value() { members } else { serde_json::Map::new() };
    let detail = || Unfit { field: String::new(), detail: error.to_string() };
    members.into_iter().find_map(alone).unwrap_or_else(detail)
}

fn lay_over(base: &mut Value, sent: Value) {
    match (base, sent) {
        (Value::Object(base), Value::Object(sent)) => {
            for (key, value) in sent {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, sent) => *base = sent,
    }
}

/// Settings under which routing can still compute.
fn check(settings: &RegionSettings) -> Result<(), Unfit> {
    let within = |name: &str, value: f64, least: f64, most: f64| {
        let unfit = || Unfit { field: format!("/{name}"), detail: format!("a number from {least} to {most}") };
        if (least..=most).contains(&value) { Ok(()) } else { Err(unfit()) }
    };
    within("travel/detour", settings.travel.detour, 1.0, 10.0)?;
    within("travel/speed_kmh", settings.travel.speed_kmh, 1.0, 300.0)?;
    within("offer_ttl_s", f64::from(settings.offer_ttl_s), 1.0, 86_400.0)?;
    within("receipt_s", f64::from(settings.receipt_s), 1.0, 86_400.0)?;
    within("max_rounds", f64::from(settings.max_rounds), 1.0, 100.0)?;
    within("max_visits_ahead", f64::from(settings.max_visits_ahead), 1.0, 50.0)?;
    within("service_s", f64::from(settings.service_s), 60.0, 86_400.0)?;
    let Weights {
        travel,
        response,
        sla_lateness,
        window_lateness,
        overtime,
        over_qualification,
        load,
        instability,
        scarcity,
    } = settings.weights;
    let small = [travel, response, sla_lateness, window_lateness, overtime, instability, scarcity];
    small.into_iter().try_for_each(|weight| within("weights", weight, 0.0, 1_000.0))?;
    [over_qualification, load].into_iter().try_for_each(|weight| within("weights", weight, 0.0, 100_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_laid_over_and_bad_ones_named() {
        let sent = Json::parse(br#"{"offer_ttl_s":60,"travel":{"speed_kmh":20}}"#).unwrap();
        let laid = region_settings(&sent, None).unwrap();
        assert_eq!((laid.offer_ttl_s, laid.travel.speed_kmh, laid.travel.detour), (60, 20.0, 1.35));
        for (wrong, named) in [(&br#"{"offer":1}"#[..], "offer"), (br#"{"travel":{"speed_kmh":0}}"#, "speed_kmh")] {
            let sent = Json::parse(wrong).unwrap();
            let Unfit { field, detail } = region_settings(&sent, None).unwrap_err();
            assert!(format!("{field} {detail}").contains(named), "{field} {detail}");
        }
    }

    #[test]
    fn where_drives_come_from_and_how_fast_they_are_by_the_hour_is_read_and_judged() {
        let laid = |sent: String| region_settings(&Json::parse(sent.as_bytes()).unwrap(), None);
        let speeds = |count: usize, speed: u16| serde_json::to_string(&vec![speed; count]).unwrap();
        let roads = laid(format!(r#"{{"travel":{{"source":"roads","speed_by_hour":{}}}}}"#, speeds(24, 80))).unwrap();
        assert_eq!(roads.travel.source, crate::domain::settings::Source::Roads);
        assert_eq!(roads.travel.speed_by_hour.map(|hours| hours.per_cent(8)), Some(80));
        let server = laid(r#"{"travel":{"source":"server"}}"#.to_owned()).unwrap();
        assert_eq!(server.travel.source, crate::domain::settings::Source::Server);
        let wrong = [
            // Which server is not for a region to say.
            r#"{"travel":{"source":"http://osrm:5000"}}"#.to_owned(),
            format!(r#"{{"travel":{{"speed_by_hour":{}}}}}"#, speeds(23, 100)),
            format!(r#"{{"travel":{{"speed_by_hour":{}}}}}"#, speeds(24, 0)),
        ];
        for (sent, named) in wrong.into_iter().zip(["great_circle", "24", "between 5 and 300"]) {
            let Unfit { field, detail } = laid(sent).unwrap_err();
            assert!(field == "/travel" && detail.contains(named), "{field} {detail}");
        }
    }

    #[test]
    fn the_unlocated_region_cannot_be_made_by_hand() {
        let body = br#"{"id":"unlocated","name":"x","time_zone":"UTC","geometry":{}}"#;
        let json = Json::parse(body).unwrap();
        assert_eq!(region_body(&json, None).unwrap_err()[0].code, "reserved");
    }
}
