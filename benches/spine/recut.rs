//! Under intake load: a region and 50 experts are added, then a polygon is cut anew. Must hold: no
//! call fails, the process stays, open tickets stay where they are, the audit is clean.

use crate::{
    Options,
    client::Client,
    row::{Row, Samples},
    server::{Server, audit, callout, token},
};
use callout::bench::{Bounds, IntakeOptions, IntakeReport, intake};
use serde_json::{Value, json};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const STRIPS: usize = 26;
const CLIENTS: usize = 16;
const LOAD: Duration = Duration::from_secs(20);
/// Between the start of the load, the new region, and the new cut.
const STEP: Duration = Duration::from_secs(5);
const EXPERTS: usize = 50;
/// The strip that gives half of itself to the new region.
const CUT: usize = 7;

pub(crate) fn measure(options: &Options) {
    let data = options.dir.join("recut");
    drop(fs::remove_dir_all(&data));
    fs::create_dir_all(&data).unwrap();
    let regions = options.dir.join("recut.geojson");
    fs::write(&regions, strips().to_string()).unwrap();
    callout(&["import", "regions", regions.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let [clerk, admin] = ["clerk", "admin"].map(|role| token(&data, role));
    let mut server = Server::start(&data);
    server.until(|| true);
    let acks = options.dir.join("recut.acks");
    let load = IntakeOptions {
        server: format!("http://{}", server.address),
        token: clerk.clone(),
        clients: CLIENTS,
        duration: LOAD,
        seed: 11,
        acks: Some(acks.clone()),
    };
    let load = thread::spawn(move || intake(&load).unwrap());
    thread::sleep(STEP);
    let (mut staff, mut admin) = (server.client(&clerk), server.client(&admin));
    let mut edits = Samples::default();
    let refused = add_region_and_experts(&mut admin, &mut edits);
    thread::sleep(STEP);
    let before = tickets_of(&mut staff, CUT);
    let cut = timed(&mut edits, || {
        admin.call("PATCH", &format!("/v1/regions/{}", id(CUT)), None, Some(&halved())).unwrap().status
    });
    let report = load.join().unwrap();
    let moved = before.iter().filter(|number| region_of(&mut staff, number) != id(CUT)).count();
    let in_new = tickets_of_region(&mut staff, "annexe").len();
    let stayed = server.running();
    let ended_well = server.stop();
    let audit = audit(&data, &acks);
    for file in [&regions, &acks] {
        drop(fs::remove_file(file));
    }
    drop(fs::remove_dir_all(&data));
    let IntakeReport { acked, per_s, p99_ms, errors, .. } = report;
    let failures = errors
        + moved as u64
        + refused.len() as u64
        + u64::from(cut != 200)
        + u64::from(!stayed || !ended_well)
        + u64::from(audit["ok"] != true);
    Row {
        figure: "region and 50 experts added, polygon cut, under load: failures",
        value: failures as f64,
        against: None,
        to_reach: "0",
        detail: json!({
            "tickets": acked, "per_s": per_s, "p99_ms": p99_ms, "errors": errors, "edits_refused": refused, "cut_status": cut,
            "open_before_the_cut": before.len(), "of_them_moved": moved, "tickets_of_the_new_region": in_new,
            "edit_ms": edits.json(), "restarted": !stayed, "audit": audit,
        }),
    }
    .print();
}

fn id(strip: usize) -> String {
    format!("strip-{strip:02}")
}

/// West and east of a strip.
fn edges(strip: usize) -> (f64, f64) {
    let Bounds { west, east, .. } = Bounds::FALLBACK;
    let edge = |n: usize| west + (east - west) * n as f64 / STRIPS as f64;
    (edge(strip), edge(strip + 1))
}

fn rectangle(west: f64, east: f64) -> Value {
    let Bounds { south, north, .. } = Bounds::FALLBACK;
    json!({ "type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]] })
}

/// The places the load falls on, in strips.
fn strips() -> Value {
    let feature = |strip| {
        let (west, east) = edges(strip);
        json!({
            "type": "Feature", "geometry": rectangle(west, east),
            "properties": { "id": id(strip), "name": format!("Strip {strip}"), "time_zone": "America/New_York" },
        })
    };
    json!({ "type": "FeatureCollection", "features": (0..STRIPS).map(feature).collect::<Vec<_>>() })
}

/// What is left of the strip: its western half.
fn halved() -> String {
    let (west, east) = edges(CUT);
    json!({ "geometry": rectangle(west, west.midpoint(east)) }).to_string()
}

/// The eastern half becomes a region of its own. What was answered to calls that were refused.
fn add_region_and_experts(admin: &mut Client, edits: &mut Samples) -> Vec<Value> {
    let (west, east) = edges(CUT);
    let region = json!({
        "id": "annexe", "name": "Annexe", "time_zone": "America/New_York", "geometry": rectangle(west.midpoint(east), east),
    });
    let mut refused = Vec::new();
    let mut post = |path: &str, body: &Value| {
        let answer = timed(edits, || admin.post(path, &body.to_string()).unwrap());
        if answer.status != 201 {
            refused.push(answer.json());
        }
    };
    post("/v1/regions", &region);
    for nth in 0..EXPERTS {
        let expert = json!({
            "id": format!("annexe-{nth}"), "name": format!("Expert {nth}"), "region": "annexe",
            "skills": { "general": 2, "tv": 1, "network": 1 },
            "home": { "lat": 42.3, "lon": west.midpoint(east) },
            "shifts": [{ "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00" }],
        });
        post("/v1/experts", &expert);
    }
    refused
}

fn timed<T>(samples: &mut Samples, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    samples.add(started.elapsed());
    done
}

fn tickets_of(staff: &mut Client, strip: usize) -> Vec<String> {
    tickets_of_region(staff, &id(strip))
}

/// Numbers of a region's newest tickets, one page.
fn tickets_of_region(staff: &mut Client, region: &str) -> Vec<String> {
    let page = staff.get(&format!("/v1/tickets?region={region}&limit=200")).unwrap().json();
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|ticket| ticket["number"].as_str().map(str::to_owned)).collect()
}

fn region_of(staff: &mut Client, number: &str) -> String {
    let ticket = staff.get(&format!("/v1/tickets/{number}")).unwrap().json();
    ticket["region"].as_str().unwrap_or_default().to_owned()
}
