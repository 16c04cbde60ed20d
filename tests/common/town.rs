//! A small town made by hand: four square regions side by side, a few experts in each.

use super::Dice;
use std::fmt::Write;

pub const REGIONS: usize = 4;
const WEST: f64 = -71.10;
const SOUTH: f64 = 42.30;
const SIDE: f64 = 0.02;
const SKILLS: [&str; 4] = ["tv", "network", "laptop", "printer"];

/// GeoJSON for `import regions`.
pub fn regions() -> String {
    let mut features = Vec::new();
    for n in 0..REGIONS {
        let (w, e) = (WEST + SIDE * n as f64, WEST + SIDE * (n + 1) as f64);
        let (s, n_) = (SOUTH, SOUTH + SIDE);
        features.push(format!(
            r#"{{"type":"Feature","properties":{{"id":"r{n}","name":"Region {n}","time_zone":"America/New_York"}},
            "geometry":{{"type":"Polygon","coordinates":[[[{w},{s}],[{e},{s}],[{e},{n_}],[{w},{n_}],[{w},{s}]]]}}}}"#
        ));
    }
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
}

/// CSV for `import experts`: on shift round the clock, all skills.
pub fn experts(per_region: usize) -> String {
    let mut csv = String::from("id,name,phone,email,skills,home_lat,home_lon,shift,region\n");
    for n in 0..REGIONS * per_region {
        let region = n % REGIONS;
        let lon = WEST + SIDE * (region as f64 + 0.5);
        let lat = SOUTH + SIDE * 0.5;
        let skills = SKILLS.map(|skill| format!("{skill}:2")).join(";");
        let _ = writeln!(csv, "e{n},Expert {n},+1617555{n:04},,{skills},{lat},{lon},mon-sun 00:00-24:00,r{region}");
    }
    csv
}

/// A ticket's body somewhere in town.
pub fn ticket(dice: &mut Dice, n: u64) -> String {
    let lat = SOUTH + SIDE * dice.roll(1_000) as f64 / 1_000.0;
    let lon = WEST + SIDE * REGIONS as f64 * dice.roll(1_000) as f64 / 1_000.0;
    let skill = SKILLS[dice.roll(4) as usize];
    let priority = ["low", "normal", "high", "urgent"][dice.roll(4) as usize];
    format!(
        r#"{{"title":"Ticket {n}","contact":{{"name":"Customer {n}","phone":"+1617444{:04}"}},"skills":["{skill}"],
        "place":{{"lat":{lat:.6},"lon":{lon:.6}}},"priority":"{priority}","channel":"phone"}}"#,
        n % 10_000
    )
}
