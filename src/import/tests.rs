//! The readers over whole files: hand-made dirty ones, and real ones where they are at hand.

use super::*;
use crate::domain::{
    ids::RegionId,
    place::{Place, RegionIndex},
    ticket::{Priority, Source as Channel},
    time::{Timestamp, zone},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

/// A file of the real data, or a printed reason why its test is skipped.
fn real(name: &str) -> Option<Source> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        println!("skipped: there is no ../shared/data/{name}");
        return None;
    }
    Some(Source::file(&path).unwrap())
}

fn tickets(text: impl Into<Vec<u8>>, options: TicketOptions<'_>) -> (Vec<TicketRow>, Report) {
    let mut tickets = Tickets::open(Source::bytes("t.csv", text.into()).unwrap(), options).unwrap();
    let rows = tickets.by_ref().map(Result::unwrap).collect();
    (rows, tickets.into_report())
}

fn new_york() -> TicketOptions<'static> {
    TicketOptions { zone: zone("America/New_York").unwrap(), ..TicketOptions::default() }
}

/// Kinds of all problems of a file with one row, in order.
fn kinds(header: &str, row: &str) -> Vec<&'static str> {
    tickets(format!("{header}\n{row}\n"), new_york()).1.problems.iter().map(|p| p.kind).collect()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn a_whole_row_becomes_a_ticket() {
    let text = "external_id,created_at,title,description,skills,priority,due_at,window_from,window_to,channel,lat,lon,zip,address,duration_s\r\n\
        A-1,2026-01-31T09:00:00Z,No picture,\"Since \"\"noon\"\"\r\non both\",Street Lights;tv:2,URGENT,2026-02-01T09:00:00Z,\
        2026-01-31T10:00:00Z,2026-01-31T12:00:00Z,Phone,42.36,-71.06,02131-1234,1 Main St,1800\r\n";
    let (rows, report) = tickets(text, new_york());
    assert!(report.problems.is_empty(), "{report}");
    let ticket = &rows[0].ticket;
    assert_eq!((rows[0].line, ticket.title.as_str()), (2, "No picture"));
    assert_eq!(ticket.description.as_deref(), Some("Since \"noon\"\non both"));
    let skills: Vec<String> = ticket.skills.iter().map(ToString::to_string).collect();
    assert_eq!(skills, ["street-lights", "tv:2"]);
    assert_eq!((ticket.priority, ticket.source, ticket.service_s), (Priority::Urgent, Channel::Phone, Some(1800)));
    assert_eq!(ticket.window.map(|w| w.to), Some(at("2026-01-31T12:00:00Z")));
    assert_eq!((ticket.opened_at, ticket.external_id.as_deref()), (Some(at("2026-01-31T09:00:00Z")), Some("A-1")));
    assert_eq!(ticket.address.as_ref().and_then(|a| a.zip.as_deref()), Some("02131"));
    assert_eq!(ticket.place, Place::new(42.36, -71.06).ok());
}

#[test]
fn worthless_coordinates_are_dropped_and_swapped_ones_turned() {
    let header = "title,lat,lon,zip";
    assert_eq!(kinds(header, "a,,,02131"), ["no_place"]);
    assert_eq!(kinds(header, "a,42.5,,02131"), ["half_a_place"]);
    assert_eq!(kinds(header, "a,39.0,-77.0,"), ["whole_degrees"]);
    assert_eq!(kinds(header, "a,0.0,0,"), ["zero_place"]);
    assert_eq!(kinds(header, "a,-120.5,42.25,"), ["swapped"]);
    assert_eq!(kinds(header, "a,-120.5,99.5,"), ["bad_coordinate"]);
    assert_eq!(kinds(header, "a,NaN,north,"), ["bad_coordinate", "bad_coordinate"]);
    assert_eq!(kinds(header, "a,1e400,2.5,"), ["bad_coordinate"]);
    let boston = |place: Place| place.distance_m(Place { lat_e6: 42_360_000, lon_e6: -71_060_000 }) < 50_000.0;
    let options =
        TicketOptions { near: Some(&boston), no_places: vec![Place::new(42.3594, -71.0587).unwrap()], ..new_york() };
    let (rows, report) =
        tickets("title,lat,lon\na,-71.05,42.35\nb,42.35,-71.05\nc,10.5,20.5\nd,42.3594,-71.0587\n", options);
    let straight = Place::new(42.35, -71.05).ok();
    let places: Vec<Option<Place>> = rows.iter().map(|row| row.ticket.place).collect();
    assert_eq!(places, [straight, straight, Place::new(10.5, 20.5).ok(), None]);
    assert_eq!(report.mended, BTreeMap::from([("swapped", 1), ("no_place_point", 1)]));
}

#[test]
fn windows_and_times_that_cannot_be_are_refused_and_named() {
    let header = "title,window_from,window_to,created_at";
    let row = |from: &str, to: &str, created: &str| kinds(header, &format!("a,{from},{to},{created}"));
    assert_eq!(row("2026-01-31T12:00:00Z", "2026-01-31T10:00:00Z", ""), ["window_reversed"]);
    assert_eq!(row("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", ""), ["window_of_no_length"]);
    assert_eq!(row("2026-01-31T12:00:00Z", "", ""), ["half_a_window"]);
    assert_eq!(row("soon", "2026-01-31T12:00:00Z", "31/01/2026"), ["bad_time", "bad_time"]);
    assert_eq!(row("", "", "9999-01-01T00:00:00Z"), ["bad_time"]);
    assert_eq!(row("", "", "2026-02-30T00:00:00Z"), ["bad_time"]);
}

#[test]
fn times_without_a_zone_and_in_a_gap_are_mended_and_named() {
    let text = "title,created_at\na,2026-07-01 12:00:00\nb,2026-03-08T02:30:00\nc,2026-11-01T01:30:00\nd,2026-07-01T12:00:00-07:00\n";
    let (rows, report) = tickets(text, new_york());
    let opened: Vec<Timestamp> = rows.iter().filter_map(|row| row.ticket.opened_at).collect();
    let after_the_gap_and_before_the_fold = ["2026-03-08T07:30:00Z", "2026-11-01T05:30:00Z"].map(at);
    assert_eq!(opened[0], at("2026-07-01T16:00:00Z"));
    assert_eq!(opened[1..3], after_the_gap_and_before_the_fold);
    assert_eq!(opened[3], at("2026-07-01T19:00:00Z"));
    assert_eq!(report.mended, BTreeMap::from([("dst_gap", 1), ("no_zone", 2)]));
}

#[test]
fn all_that_is_wrong_in_a_row_is_named_at_once_and_counted_once() {
    let header = "external_id,title,description,priority,duration_s,skills,lat,lon,created_at";
    let long = "x".repeat(8_001);
    let row = format!("{},{},{long},soon,-5,tv:7,95.5,200.5,yesterday", "i".repeat(201), "t".repeat(201));
    let (rows, report) = tickets(format!("{header}\n{row}\n"), new_york());
    assert!(rows.is_empty());
    let fields: Vec<&str> = report.problems.iter().map(|p| p.field).collect();
    let all = ["description", "lat", "skills", "title", "priority", "external_id", "duration_s", "created_at"];
    assert_eq!(fields, all);
    assert_eq!((report.rows, report.refused_rows()), (1, 1));
    assert!(report.problems[4].detail.contains("low, normal, high, urgent"), "{report}");
    for duration in ["0", "86401", "1e3", "half an hour", "99999999999999999999"] {
        assert_eq!(kinds("title,duration_s", &format!("a,{duration}")), ["bad_duration"]);
    }
}

#[test]
fn what_a_terminal_would_obey_is_taken_out_of_texts_and_reports() {
    let (rows, report) =
        tickets("title,priority\nab\u{0}c\u{202e}d\u{1b}[31m,low\nx,\u{1b}[2J\u{202e}evil\n", new_york());
    assert_eq!(rows[0].ticket.title, "abcd[31m");
    assert_eq!(report.mended, BTreeMap::from([("control_character", 1), ("direction_override", 1)]));
    assert!(!report.to_string().contains(['\u{1b}', '\u{202e}']));
    assert_eq!(kinds("title", "\u{202e}\u{0}"), ["direction_override", "control_character", "no_title"]);
}

#[test]
fn unknown_skills_are_fine_and_unreadable_ones_fall_to_what_the_catalogue_says() {
    let (rows, report) =
        tickets("title,skills\na,Underwater Basket Weaving; Heat: Radiators\nb,修理\n,Snow Plowing\n", new_york());
    let skills: Vec<Vec<String>> =
        rows.iter().map(|row| row.ticket.skills.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(skills, [vec!["underwater-basket-weaving", "heat-radiators"], vec![], vec!["snow-plowing"]]);
    assert_eq!(rows[2].ticket.title, "Snow Plowing");
    assert_eq!(report.mended, BTreeMap::from([("no_title", 1), ("skill_dropped", 1)]));
}

#[test]
fn a_repeated_external_id_is_refused_unless_the_first_row_was() {
    let text = "external_id,title,priority\n1,a,low\n2,b,soon\n1,c,low\n2,d,low\n,e,low\n,f,low\n";
    let (rows, report) = tickets(text, new_york());
    let titles: Vec<&str> = rows.iter().map(|row| row.ticket.title.as_str()).collect();
    assert_eq!(titles, ["a", "d", "e", "f"]);
    assert_eq!(report.refused, BTreeMap::from([("bad_priority", 1), ("duplicate", 1)]));
    assert_eq!(report.problems[1].detail, "the same as in line 2");
}

#[test]
fn a_file_without_anything_to_say_what_is_wrong_is_refused_whole() {
    let error =
        Tickets::open(Source::bytes("t.csv", b"colour,lat\nred,1\n".to_vec()).unwrap(), new_york()).err().unwrap();
    assert!(error.to_string().contains("title or product or skills or description; it has colour, lat"), "{error}");
}

fn collection(features: &[String]) -> Source {
    let text = format!("{{\"type\":\"FeatureCollection\",\"features\":[{}]}}", features.join(","));
    Source::bytes("r.geojson", text.into_bytes()).unwrap()
}

fn feature(properties: &str, ring: &str) -> String {
    format!(
        r#"{{"type":"Feature","properties":{{{properties}}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#
    )
}

fn square(x: f64, y: f64, side: f64) -> String {
    let (far_x, far_y) = (x + side, y + side);
    format!("[[{x},{y}],[{far_x},{y}],[{far_x},{far_y}],[{x},{far_y}],[{x},{y}]]")
}

#[test]
fn features_that_are_no_regions_are_refused_and_the_others_taken() {
    let bow_tie = "[[0,0],[2,2],[2,0],[0,2],[0,0]]";
    let features = [
        feature(r#""id":"a","name":"A","time_zone":"America/New_York","zips":["021",2131]"#, &square(0.0, 0.0, 1.0)),
        feature(r#""id":7"#, &square(2.0, 0.0, 1.0)),
        feature(r#""id":"a","name":"A again""#, &square(4.0, 0.0, 1.0)),
        feature(r#""id":"cell","name":"C""#, &square(6.0, 0.0, 1.0)),
        feature(r#""id":"z","name":"Z","time_zone":"America/New York City""#, &square(8.0, 0.0, 1.0)),
        feature(r#""id":"x","name":"X""#, bow_tie),
        feature(r#""id":"a b","name":"","zips":[{}]"#, "[]"),
        r#"{"type":"Feature","properties":null,"geometry":null}"#.to_owned(),
    ];
    let regions = Regions::read(collection(&features), Some("UTC"), &mut |_| {}).unwrap();
    let ids: Vec<(&str, &str)> = regions.drafts.iter().map(|d| (d.id.as_str(), d.time_zone.as_str())).collect();
    assert_eq!(ids, [("a", "America/New_York"), ("7", "UTC")]);
    assert_eq!(regions.drafts[0].zips.as_deref().unwrap(), ["021", "2131"]);
    let refused: Vec<(u64, &str)> =
        regions.report.problems.iter().filter(|p| p.outcome == Outcome::Refused).map(|p| (p.line, p.kind)).collect();
    let expected = [
        (3, "duplicate"),
        (4, "reserved_id"),
        (5, "unknown_time_zone"),
        (6, "self_intersection"),
        (7, "bad_id"),
        (7, "bad_zip"),
        (7, "empty_geometry"),
        (8, "bad_id"),
        (8, "empty_geometry"),
    ];
    assert_eq!(refused, expected, "{}", regions.report);
    let details: String = regions.report.problems.iter().map(|p| p.detail.as_str()).collect();
    assert!(details.contains("America/New_York?") && details.contains("[1.000000, 1.000000]"), "{details}");
    assert_eq!(regions.report.mended, BTreeMap::from([("no_name", 1)]));
    let without = Regions::read(collection(&features[1..2]), None, &mut |_| {}).unwrap();
    assert_eq!(without.report.refused, BTreeMap::from([("no_time_zone", 1)]));
}

#[test]
fn overlapping_regions_are_taken_and_named_with_their_share() {
    let features = [
        feature(r#""id":"a","name":"A""#, &square(0.0, 0.0, 2.0)),
        feature(r#""id":"b","name":"B""#, &square(1.5, 0.0, 1.0)),
        feature(r#""id":"c","name":"C""#, &square(2.5, 0.0, 1.0)),
    ];
    let regions = Regions::read(collection(&features), Some("UTC"), &mut |_| {}).unwrap();
    assert_eq!(regions.drafts.len(), 3);
    let notes: Vec<&str> = regions.report.problems.iter().map(|p| p.detail.as_str()).collect();
    assert_eq!(notes, ["a and b share 50.0 % of the smaller one's area"]);
}

#[test]
fn a_region_drawn_across_the_180th_meridian_is_noted() {
    let ring = "[[179,0],[-179,0],[-179,1],[179,1],[179,0]]";
    let regions =
        Regions::read(collection(&[feature(r#""id":"a","name":"A""#, ring)]), Some("UTC"), &mut |_| {}).unwrap();
    assert_eq!(regions.report.noted, BTreeMap::from([("wide_ring", 1)]));
}

/// The side of the report on which everything must add up.
fn adds_up(report: &Report, accepted: usize) {
    assert_eq!((report.accepted, report.rows), (accepted as u64, accepted as u64 + report.refused_rows()));
    assert!(!report.to_string().contains(['\u{0}', '\u{1b}', '\u{202e}']));
}

/// Reads bytes as each kind of file. Some are no such file at all, which is an error with words.
fn read_as_everything(bytes: &[u8]) {
    let source = || Source::bytes("f", bytes.to_vec()).ok();
    let home = |_: Place| Some(RegionId::unlocated());
    let experts = ExpertOptions { columns: Renames::default(), locate: &home, known: &|_| false };
    if let Some(mut tickets) = source().and_then(|source| Tickets::open(source, new_york()).ok()) {
        let accepted = tickets.by_ref().flatten().count();
        adds_up(tickets.report(), accepted);
    }
    if let Some(mut experts) = source().and_then(|source| Experts::open(source, experts).ok()) {
        let accepted = experts.by_ref().flatten().count();
        adds_up(experts.report(), accepted);
    }
    if let Some(mut places) = source().and_then(|source| Places::open(source, &Renames::default()).ok()) {
        let accepted = places.by_ref().flatten().count();
        adds_up(places.report(), accepted);
    }
    if let Some(regions) = source().and_then(|source| Regions::read(source, Some("UTC"), &mut |_| {}).ok()) {
        adds_up(&regions.report, regions.drafts.len());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_the_report_adds_up(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_as_everything(&bytes);
    }

    /// Rows of the right columns with anything in them.
    #[test]
    fn any_fields_are_read_or_refused_and_the_report_adds_up(
        header in prop::sample::select(vec![
            "external_id,title,skills,lat,lon,zip,window_from,window_to,duration_s",
            "id,name,skills,home_lat,home_lon,shift,phone,email,region",
            "zip,latitude,longitude,a,b,c,d,e,f",
        ]),
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![
            "\\PC{0,20}",
            "-?[0-9]{1,4}(\\.[0-9]{0,3})?",
            Just("2026-03-08T02:30:00".to_owned()),
            Just("2026-03-08T09:30:00Z".to_owned()),
            Just("tv:2;\u{202e}x".to_owned()),
            Just("mon-fri 08:00-16:00".to_owned()),
            Just(String::new()),
        ], 9), 0..12),
    ) {
        let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        read_as_everything(format!("{header}\n{}\n", rows.join("\n")).as_bytes());
    }

    /// Whatever numbers a ring is made of, it is taken or refused; what is taken is clean.
    #[test]
    fn any_ring_is_taken_or_refused(ring in prop::collection::vec((-200_i32..200, -100_i32..100), 0..9)) {
        let ring: Vec<String> = ring.iter().map(|(x, y)| format!("[{x},{y}]")).collect();
        let file = [feature(r#""id":"a","name":"A""#, &format!("[{}]", ring.join(",")))];
        let regions = Regions::read(collection(&file), Some("UTC"), &mut |_| {}).unwrap();
        adds_up(&regions.report, regions.drafts.len());
        for polygon in regions.drafts.iter().flat_map(|draft| &draft.geometry.polygons) {
            prop_assert!(polygon.outer.len() >= 3);
        }
    }
}

/// One feature with a ring of 60,000 corners and 300 with a hundred each: the same code that takes
/// 100 MB, one feature in memory at a time.
#[test]
fn large_files_are_read_feature_by_feature() {
    let round = |x: f64, corners: u32| {
        let mut ring = String::from("[");
        for i in 0..=corners {
            let angle = f64::from(i % corners) / f64::from(corners) * std::f64::consts::TAU;
            let _ = write!(ring, "[{:.7},{:.7}],", x + 0.4 * angle.cos(), 0.4 * angle.sin());
        }
        ring.pop();
        ring + "]"
    };
    let mut features = vec![feature(r#""id":"big","name":"Big""#, &round(-170.0, 60_000))];
    features
        .extend((0..300).map(|i| feature(&format!(r#""id":"r{i}","name":"R""#), &round(f64::from(i) - 150.0, 100))));
    let mut calls = Vec::new();
    let regions = Regions::read(collection(&features), Some("UTC"), &mut |read| calls.push(read)).unwrap();
    assert_eq!((regions.drafts.len(), regions.report.refused_rows(), calls.len()), (301, 0, 301));
    assert!(calls.is_sorted());
}

#[test]
fn real_regions_all_import() {
    let files = [
        ("regions_boston_neighborhoods.geojson", 26),
        ("regions_boston_zip.geojson", 37),
        ("regions_sf_neighborhoods.geojson", 37),
        ("regions_us_states.geojson", 56),
        ("regions_us_counties.geojson", 3_230),
    ];
    for (name, features) in files {
        let Some(source) = real(name) else { return };
        let regions = Regions::read(source, Some("America/New_York"), &mut |_| {}).unwrap();
        println!("{name}\n{}", regions.report);
        assert_eq!((regions.report.rows, regions.drafts.len()), (features, features as usize), "{name}");
    }
}

#[test]
fn real_requests_of_baltimore_add_up() {
    let Some(source) = real("requests_baltimore.csv.gz") else { return };
    let mut tickets = Tickets::open(source, new_york()).unwrap();
    let rows: Vec<TicketRow> = tickets.by_ref().map(Result::unwrap).collect();
    let report = tickets.into_report();
    println!("{report}");
    assert_eq!((report.rows, report.accepted, rows.len()), (10_000, 10_000, 10_000));
    assert_eq!((report.mended["no_place"], report.mended["whole_degrees"]), (590, 892));
    assert_eq!(rows.iter().filter(|row| row.ticket.place.is_some()).count(), 8_518);
}

#[test]
fn real_requests_of_boston_all_lie_near_its_regions() {
    let (Some(source), Some(regions)) = (real("requests_boston.csv.gz"), real("regions_boston_neighborhoods.geojson"))
    else {
        return;
    };
    let regions = Regions::read(regions, Some("America/New_York"), &mut |_| {}).unwrap().drafts;
    let index = RegionIndex::new(regions.iter().map(|draft| (&draft.id, &draft.geometry)));
    let near = |place: Place| index.locate(place, 60_000.0).0.is_some();
    let columns = "title=category,skills=category_group,lat=latitude,lon=longitude,external_id=id";
    let options = TicketOptions { columns: Renames::parse(columns).unwrap(), near: Some(&near), ..new_york() };
    let mut tickets = Tickets::open(source, options).unwrap();
    let mut skills: BTreeMap<String, u32> = BTreeMap::new();
    for row in tickets.by_ref() {
        let ticket = row.unwrap().ticket;
        assert!(ticket.place.is_some() && ticket.opened_at.is_some());
        ticket.skills.iter().for_each(|skill| *skills.entry(skill.to_string()).or_default() += 1);
    }
    let report = tickets.into_report();
    println!("{report}\n{skills:?}");
    assert_eq!((report.rows, report.accepted, report.mended_rows), (58_251, 58_251, 0));
    assert!(skills["street-lights"] > 1_000);
}

#[test]
fn real_zip_centroids_become_an_index() {
    let Some(source) = real("us_zip_centroids.csv.gz") else { return };
    let mut places = Places::open(source, &Renames::default()).unwrap();
    let mut index = ZipIndex::default();
    places.by_ref().map(Result::unwrap).for_each(|(zip, place)| index.insert(zip, place));
    let report = places.into_report();
    println!("{report}");
    assert_eq!((report.rows, report.accepted), (42_049, 42_049));
    assert!(index.find("02131").is_some_and(|p| p.distance_m(Place::new(42.28, -71.12).unwrap()) < 5_000.0));
}

#[test]
fn real_rosters_and_their_days_import() {
    for day in ["typical_30", "surge_60"] {
        let names = ["region.geojson", "experts.csv", "tickets.csv"].map(|kind| real(&format!("days/{day}.{kind}")));
        let [Some(regions), Some(experts), Some(days)] = names else { return };
        let regions = Regions::read(regions, None, &mut |_| {}).unwrap().drafts;
        let index = RegionIndex::new(regions.iter().map(|draft| (&draft.id, &draft.geometry)));
        let options = ExpertOptions {
            columns: Renames::default(),
            locate: &|place| index.locate(place, 60_000.0).0,
            known: &|id: &RegionId| regions.iter().any(|draft| draft.id == *id),
        };
        let mut experts = Experts::open(experts, options).unwrap();
        let roster = experts.by_ref().map(Result::unwrap).count();
        assert_eq!((roster as u64, experts.report().rows), (day[day.len() - 2..].parse().unwrap(), roster as u64));
        let mut tickets = Tickets::open(days, new_york()).unwrap();
        assert!(tickets.by_ref().map(Result::unwrap).all(|row| row.ticket.window.is_some()));
        // Late in the day its windows end as they begin.
        let report = tickets.report();
        assert_eq!((report.mended_rows, report.refused_rows()), (report.mended["window_of_no_length"], 0), "{report}");
    }
}
