//! Regions from a GeoJSON `FeatureCollection`: each feature has `id` and `name` in its properties,
//! optionally `time_zone` and `zips`. The report counts features, since such files seldom have lines.

use super::{
    ImportError, MAX_LINE_CHARS, MAX_OVERLAP_CHECKS, MAX_POSITIONS, OVERLAP_SHARE, Source,
    features::{self, Feature},
    fields::shown,
    report::{Findings, Report},
    rings,
};
use crate::domain::{
    drafts,
    ids::RegionId,
    place::{Geometry, Place, Polygon},
    region::Region,
    text::clean_text,
    time::zone,
};
use rstar::{AABB, RTree, RTreeObject};
use serde_json::Value;
use std::collections::BTreeMap;

/// An accepted feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionDraft {
    /// Its number in the file, from 1.
    pub feature: u64,
    pub id: RegionId,
    /// None: the properties have none.
    pub name: Option<String>,
    /// IANA name, known to exist.
    pub time_zone: String,
    pub geometry: Geometry,
    /// ZIP prefixes. None: the properties have none.
    pub zips: Option<Vec<String>>,
}

impl RegionDraft {
    /// What is to be written: what the feature does not say stays as somebody set it. The name of a new region is
    /// its id.
    #[must_use]
    pub fn over(self, present: Option<&Region>) -> drafts::RegionDraft {
        let Self { feature: _, id, name, time_zone, geometry, zips } = self;
        let name = name.or_else(|| present.map(|present| present.name.clone())).unwrap_or_else(|| id.to_string());
        let zips = zips.or_else(|| present.map(|present| present.zips.clone())).unwrap_or_default();
        drafts::RegionDraft { id, name, time_zone, geometry, zips, settings: None }
    }
}

/// A whole file: regions make sense only beside each other.
#[derive(Clone, Debug)]
pub struct Regions {
    pub drafts: Vec<RegionDraft>,
    pub report: Report,
}

impl Regions {
    /// Reads a file; `time_zone` is for features that name none. `watch` is called after each feature
    /// with the bytes read so far.
    pub fn read(source: Source, time_zone: Option<&str>, watch: &mut dyn FnMut(u64)) -> Result<Self, ImportError> {
        let (name, progress) = (source.name().to_owned(), source.progress());
        let mut regions = Self { drafts: Vec::new(), report: Report::new("regions", "feature") };
        let mut seen = BTreeMap::new();
        let mut positions = 0;
        features::each(source, &mut |feature| {
            if positions <= MAX_POSITIONS {
                positions += regions.take(&feature, time_zone, &mut seen);
                watch(progress.read_bytes());
            }
        })?;
        if positions > MAX_POSITIONS {
            return Err(ImportError::TooBig { name, most: MAX_POSITIONS });
        }
        regions.note_overlaps();
        Ok(regions)
    }

    /// Gives the number of positions kept.
    fn take(&mut self, feature: &Feature, time_zone: Option<&str>, seen: &mut BTreeMap<RegionId, u64>) -> usize {
        let number = self.report.rows + 1;
        let mut findings = Findings::new(number);
        let draft = draft(number, feature, time_zone, &mut findings);
        if let Some(first) = draft.as_ref().and_then(|draft| seen.get(&draft.id)) {
            findings.refuse("id", "duplicate", format!("the same as feature {first}"));
        }
        let (true, Some(draft)) = (self.report.settle(findings), draft) else { return 0 };
        seen.insert(draft.id.clone(), number);
        let rings = draft.geometry.polygons.iter().flat_map(|p| std::iter::once(&p.outer).chain(&p.holes));
        let positions = rings.map(Vec::len).sum();
        self.drafts.push(draft);
        positions
    }

    /// Regions that share area are fine (the smaller one wins a point), but rarely meant.
    fn note_overlaps(&mut self) {
        let boxes =
            self.drafts.iter().enumerate().filter_map(|(at, draft)| Some(Extent { at, span: span(&draft.geometry)? }));
        let tree = RTree::bulk_load(boxes.collect());
        let candidates = tree.intersection_candidates_with_other_tree(&tree).filter(|(a, b)| a.at < b.at);
        let mut pairs: Vec<(usize, usize)> =
            candidates.take(MAX_OVERLAP_CHECKS + 1).map(|(a, b)| (a.at, b.at)).collect();
        if pairs.len() > MAX_OVERLAP_CHECKS {
            pairs.pop();
            let why = format!("more than {MAX_OVERLAP_CHECKS} pairs of regions lie close: the rest was not compared");
            self.report.note(0, "geometry", "overlaps_unchecked", why);
        }
        pairs.sort_unstable();
        for (a, b) in pairs {
            let (a, b) = (&self.drafts[a], &self.drafts[b]);
            let share = a.geometry.overlap_share(&b.geometry);
            if share >= OVERLAP_SHARE {
                let why = format!("{} and {} share {:.1} % of the smaller one's area", a.id, b.id, share * 100.0);
                self.report.note(b.feature, "geometry", "overlap", why);
            }
        }
    }
}

/// The box around a draft.
struct Extent {
    at: usize,
    span: AABB<[i64; 2]>,
}

impl RTreeObject for Extent {
    type Envelope = AABB<[i64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.span
    }
}

fn span(geometry: &Geometry) -> Option<AABB<[i64; 2]>> {
    let corner = |place: &Place| [i64::from(place.lon_e6), i64::from(place.lat_e6)];
    let corners: Vec<[i64; 2]> = geometry.polygons.iter().flat_map(|polygon| &polygon.outer).map(corner).collect();
    (!corners.is_empty()).then(|| AABB::from_points(&corners))
}

/// None only when something was refused; all members are looked at all the same.
fn draft(number: u64, feature: &Feature, time_zone: Option<&str>, findings: &mut Findings) -> Option<RegionDraft> {
    let id = id(feature, findings);
    let name = name(feature, findings);
    let time_zone = checked_zone(property(feature, "time_zone").as_deref().or(time_zone), findings);
    let zips = zips(feature, findings);
    let geometry = geometry(feature, findings);
    Some(RegionDraft { feature: number, id: id?, name, time_zone: time_zone?, geometry: geometry?, zips })
}

/// A property as text; numbers count as text.
fn property(feature: &Feature, name: &str) -> Option<String> {
    feature.properties.as_ref().and_then(|all| all.get(name)).and_then(words)
}

fn words(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => clean_text(text, MAX_LINE_CHARS + 1).0,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn id(feature: &Feature, findings: &mut Findings) -> Option<RegionId> {
    let Some(text) = property(feature, "id").or_else(|| feature.id.as_ref().and_then(words)) else {
        findings.refuse("id", "bad_id", "no id among the properties");
        return None;
    };
    match RegionId::parse(&text) {
        Ok(id) if id.is_reserved() => {
            findings.refuse("id", "reserved_id", format!("'{id}' is a name that Callout uses itself"));
            None
        }
        Ok(id) => Some(id),
        Err(why) => {
            findings.refuse("id", "bad_id", format!("'{}': {why}", shown(&text)));
            None
        }
    }
}

fn name(feature: &Feature, findings: &mut Findings) -> Option<String> {
    let Some(name) = property(feature, "name") else {
        findings.mend(
            "name",
            "no_name",
            "no name among the properties: it keeps the one it has, or is called by its id",
        );
        return None;
    };
    if name.chars().count() > MAX_LINE_CHARS {
        findings.refuse("name", "too_long", format!("more than {MAX_LINE_CHARS} characters"));
    }
    Some(name.replace('\n', " "))
}

fn checked_zone(name: Option<&str>, findings: &mut Findings) -> Option<String> {
    let Some(name) = name else {
        findings.refuse("time_zone", "no_time_zone", "no time_zone among the properties: give --time-zone");
        return None;
    };
    let known = zone(name).map(|known| known.iana_name().unwrap_or(name).to_owned());
    if known.is_none() {
        let why = format!("there is no time zone '{}'; did you mean {}?", shown(name), nearest_zone(name));
        findings.refuse("time_zone", "unknown_time_zone", why);
    }
    known
}

/// The zone whose name takes the fewest changes of letters; of the whole name or of its city.
fn nearest_zone(name: &str) -> String {
    let wanted: Vec<char> = name.to_lowercase().replace(' ', "_").chars().take(40).collect();
    let distance = |zone: &str| {
        let zone = zone.to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or_default();
        changes(&wanted, &zone).min(changes(&wanted, city))
    };
    let zones = jiff::tz::db().available().map(|zone| zone.to_string());
    zones.min_by_key(|zone| (distance(zone), zone.clone())).unwrap_or_default()
}

/// Levenshtein distance, row by row.
fn changes(wanted: &[char], text: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, c) in text.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, w) in wanted.iter().enumerate() {
            let changed = diagonal + usize::from(c != *w);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[wanted.len()]
}

/// A list, or one text separated by spaces, commas or semicolons. What is no ZIP prefix is refused.
fn zips(feature: &Feature, findings: &mut Findings) -> Option<Vec<String>> {
    let value = feature.properties.as_ref()?.get("zips")?;
    let texts: Vec<Option<String>> = match value {
        Value::Array(all) => all.iter().map(words).collect(),
        other => {
            let text = words(other).unwrap_or_default();
            let parts = text.split([' ', ',', ';', '\n']).filter(|part| !part.is_empty());
            parts.map(|part| Some(part.to_owned())).collect()
        }
    };
    let good = |zip: &String| zip.len() <= 10 && zip.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let whole = texts.len();
    let mut zips: Vec<String> = texts.into_iter().flatten().filter(good).collect();
    if zips.len() < whole {
        findings.refuse("zips", "bad_zip", format!("{} of {whole} are no ZIP prefixes", whole - zips.len()));
    }
    zips.sort_unstable();
    zips.dedup();
    Some(zips)
}

fn geometry(feature: &Feature, findings: &mut Findings) -> Option<Geometry> {
    let Some(shape) = &feature.geometry else {
        findings.refuse("geometry", "empty_geometry", "no geometry");
        return None;
    };
    let mut mends = rings::Mends::new();
    let area = rings::area(&shape.kind, &shape.coordinates, &mut mends);
    for (kind, why) in mends {
        findings.mend("geometry", kind, why);
    }
    let area = area.map_err(|(kind, why)| findings.refuse("geometry", kind, why)).ok()?;
    if area.polygons.iter().any(wider_than_half_the_globe) {
        findings.note(
            "geometry",
            "wide_ring",
            "wider than half the globe: if it crosses the 180th meridian, cut it there",
        );
    }
    Some(area)
}

/// Most likely drawn across the 180th meridian, and so round the globe the other way.
fn wider_than_half_the_globe(polygon: &Polygon) -> bool {
    let longitudes = polygon.outer.iter().map(|place| i64::from(place.lon_e6));
    let (low, high) = longitudes.fold((i64::MAX, i64::MIN), |(low, high), lon| (low.min(lon), high.max(lon)));
    high.saturating_sub(low) > 180_000_000
}
