use super::*;
use crate::routing::{Solution, checker::check_plan, solve};
use serde_json::{Value, json};

fn solved(job: &Job) -> Solution {
    let solution = solve(&job.problem, 1, &mut |rounds| rounds as f64 / 512.0);
    let breaches = check_plan(&job.problem, &solution.plan);
    assert!(breaches.is_empty(), "{breaches:?}");
    solution
}

fn told(text: &str, format: Format) -> Value {
    let job = read(text, format, Aim::Distance).unwrap();
    answer(&job, &solved(&job), 0.5)
}

const FOUR_CORNERS: &str =
    "corners\r\n\r\nVEHICLE\nNUMBER  CAPACITY\n  3  10\n\nCUSTOMER\nCUST NO. XCOORD. YCOORD. DEMAND READY DUE SERVICE\n
 0 0 0 0 0 100 0\n 1 0 3 5 0 100 1\n 2 4 3 5 0 100 1\n 3 4 0 5 50 60 1\n 4 1 1 5 0 100 1\n";

#[test]
fn a_classic_text_is_measured_in_truncated_tenths() {
    let told = told(FOUR_CORNERS, Format::Solomon);
    // Loads allow two customers a route: 0-1-4-0 is 3 + 2.2 + 1.4, 0-2-3-0 is 5 + 3 + 4.
    assert_eq!(told["distance"], json!(18.6));
    assert_eq!(told["cost"], json!(18.6));
    assert_eq!(told["vehicles"], json!(2));
    let mut served: Vec<u64> = told["routes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|route| route.as_array().unwrap().clone())
        .map(|id| id.as_u64().unwrap())
        .collect();
    served.sort_unstable();
    assert_eq!(served, [1, 2, 3, 4], "customers by their numbers, without the depot");
}

#[test]
fn a_classic_text_that_is_cut_is_refused_with_the_line() {
    let cut = FOUR_CORNERS.replace(" 4 1 1 5 0 100 1\n", " 4 1 1");
    let flaws = read(&cut, Format::Solomon, Aim::Distance).unwrap_err();
    assert!(flaws[0].contains("7 figures"), "{flaws:?}");
    assert!(read("", Format::Solomon, Aim::Distance).is_err());
}

#[test]
fn a_classic_line_that_is_not_understood_is_refused_with_its_number() {
    for (good, bad) in [
        (" 1 0 3 5", " 1 NaN 3 5"),
        (" 1 0 3 5", " 1 0 3O 5"),
        (" 1 0 3 5", " x 0 3 5"),
        (" 1 0 3 5", " 1 0 3 2.5"),
        (" 0 0 0 0 0", " 0 inf 0 0 0"),
        ("  3  10", "  3  -10"),
        ("  3  10", "  2.5  10"),
        (" 2 4 3", " 1 4 3"),
    ] {
        let text = FOUR_CORNERS.replacen(good, bad, 1);
        let flaws = read(&text, Format::Solomon, Aim::Distance).unwrap_err();
        assert!(flaws[0].starts_with("line ") || flaws[0].contains("two of that id"), "{bad}: {flaws:?}");
    }
    assert!(read(&format!("101\n{FOUR_CORNERS}"), Format::Solomon, Aim::Distance).is_ok(), "a name that is a number");
    let fleet = FOUR_CORNERS.replace("  3  10", "  4000000000  10");
    assert_eq!(read(&fleet, Format::Solomon, Aim::Distance).unwrap().problem.technicians().len(), 4);
}

fn vroom() -> Value {
    json!({
        "jobs": [
            { "id": 1, "location": [-71.06, 42.35], "service": 600, "skills": [1], "time_windows": [[0, 7_200]] },
            { "id": 2, "location": [-71.05, 42.36], "service": 600, "skills": [2], "priority": 10 },
            { "id": 3, "location": [-71.04, 42.34], "service": 600 },
        ],
        "vehicles": [{
            "id": 7, "start": [-71.06, 42.36], "end": [-71.06, 42.36], "skills": [1], "time_window": [0, 14_400],
            "breaks": [{ "id": 1, "time_windows": [[600, 1_200]], "service": 1_800 }],
        }],
    })
}

#[test]
fn a_job_that_nobody_can_do_is_named_with_the_rule() {
    let told = told(&vroom().to_string(), Format::Vroom);
    assert_eq!(told["unserved"], json!([{ "visit": 2, "reasons": [{ "rule": "skill", "technicians": ["7"] }] }]));
    assert_eq!(told["schedule"][0]["breaks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_job_at_the_other_end_of_the_world_is_left_out_alone() {
    let mut input = vroom();
    input["jobs"][2]["location"] = json!([109.0, -42.0]);
    input["jobs"][1]["skills"] = json!([]);
    let told = told(&input.to_string(), Format::Vroom);
    assert_eq!(told["unserved"], json!([{ "visit": 3, "reasons": [{ "rule": "unreachable", "technicians": ["7"] }] }]));
    let job = read(&vroom().to_string(), Format::Vroom, Aim::Distance).unwrap();
    assert_eq!(job.places.len(), 4, "the vehicle begins and ends at one place");
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let mut input = vroom();
    input["shipments"] = json!([]);
    let flaws = read(&input.to_string(), Format::Vroom, Aim::Distance).unwrap_err();
    assert!(flaws[0].contains("shipments"), "{flaws:?}");
}

fn own() -> Value {
    json!({
        "technicians": [
            { "id": "north", "start": 0, "end": 0, "shift": [0, 500], "skills": { "gas": 2 } },
            { "id": "south", "start": 1, "shift": [0, 500], "max_overtime": 60 },
        ],
        "visits": [
            { "id": "boiler", "place": 2, "duration": 30, "skills": { "gas": 1 }, "windows": [[100, 200]] },
            { "id": "lamp", "place": 3, "duration": 30, "excluded": ["north"], "unserved": 900 },
        ],
        "matrices": [{ "durations": [
            [0, 40, 10, 20], [40, 0, 20, 10], [10, 20, 0, 30], [20, 10, null, 0],
        ] }],
        "places": [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]],
        "weights": { "over_qualification": 500, "load": 300 },
    })
}

#[test]
fn our_own_format_keeps_names_and_answers_by_term() {
    let told = told(&own().to_string(), Format::Callout);
    assert_eq!(told["routes"], json!([["boiler"], ["lamp"]]));
    assert_eq!(told["terms"]["travel"], json!(30.0), "there and back, and one way to the lamp");
    assert_eq!(told["terms"]["over_qualification"], json!(0.5));
    assert_eq!(told["terms"]["load"], json!(0.0), "one visit each");
    assert_eq!(told["schedule"][0]["stops"][0]["begin"], json!(100));
}

#[test]
fn travel_from_elsewhere_takes_the_place_of_the_texts() {
    use crate::routing::problem::Matrix;
    let measure = |places: &[Place]| Ok(Matrix::of(places.len() as u32, |from, to| (i64::from(from != to) * 60, 7)));
    for (text, format, legs) in [(own(), Format::Callout, 3.0), (vroom(), Format::Vroom, 3.0)] {
        let mut text = text;
        text.as_object_mut().unwrap().remove("matrices");
        let job = read_measured(&text.to_string(), format, Aim::Distance, &measure).unwrap();
        assert_eq!(answer(&job, &solved(&job), 0.5)["terms"]["travel"], json!(60.0 * legs), "{format:?}");
    }
    let failing = |_: &[Place]| Err("no network".to_owned());
    let flaws = read_measured(&own().to_string(), Format::Callout, Aim::Distance, &failing).unwrap_err();
    assert_eq!(flaws, ["no network"]);
    let mut input = own();
    input["places"] = json!([[0.0, 1.0]]);
    let flaws = read_measured(&input.to_string(), Format::Callout, Aim::Distance, &measure).unwrap_err();
    assert!(flaws[0].contains("1 places have coordinates, 4 are needed"), "{flaws:?}");
    assert!(read_measured(FOUR_CORNERS, Format::Solomon, Aim::Distance, &measure).is_err());
}

#[test]
fn names_that_lead_nowhere_are_refused() {
    let mut input = own();
    input["visits"][1]["excluded"] = json!(["west"]);
    let flaws = read(&input.to_string(), Format::Callout, Aim::Distance).unwrap_err();
    assert_eq!(flaws, ["visit lamp: there is no technician west"]);
    input["visits"][1]["excluded"] = json!([]);
    input["matrices"][0]["durations"][1] = json!([1, 2]);
    let flaws = read(&input.to_string(), Format::Callout, Aim::Distance).unwrap_err();
    assert!(flaws.iter().any(|flaw| flaw.contains("not square")), "{flaws:?}");
}

#[test]
fn a_ragged_table_and_two_of_one_id_are_refused_where_they_are() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut input = own();
        change(&mut input);
        read(&input.to_string(), Format::Callout, Aim::Distance).unwrap_err().join("; ")
    };
    // As many cells as there should be, in the wrong rows.
    let ragged = refused(&|input| {
        input["matrices"][0]["durations"] = json!([[0, 1, 2], [1, 0, 2, 3, 4], [1, 2, 0, 3], [1, 2, 3, 0]]);
    });
    assert_eq!(ragged, "matrices[0].durations[0]: not square: a row of 3 cells, 4 are needed");
    let short = refused(&|input| input["matrices"][0]["distances"] = json!([[0, 1, 2, 3]]));
    assert_eq!(short, "matrices[0].distances: not square: 1 rows, 4 are needed");
    let technicians = refused(&|input| input["technicians"][1]["id"] = json!("north"));
    assert_eq!(technicians, "technician north: there are two of that id");
    let visits = refused(&|input| input["visits"][1] = input["visits"][0].clone());
    assert_eq!(visits, "visit boiler: there are two of that id");
    let weights = refused(&|input| input["weights"] = json!({ "travel": 1 }));
    assert!(weights.contains("travel_time") && weights.contains("instability"), "{weights}");
}

#[test]
fn who_cannot_come_is_listed_with_the_rule() {
    let rule = |change: &dyn Fn(&mut Value)| {
        let mut input = own();
        input["technicians"].as_array_mut().unwrap().truncate(1);
        input["visits"].as_array_mut().unwrap().truncate(1);
        change(&mut input);
        told(&input.to_string(), Format::Callout)["unserved"][0]["reasons"][0]["rule"].clone()
    };
    assert_eq!(rule(&|_| ()), Value::Null);
    assert_eq!(rule(&|input| input["technicians"][0]["max_visits"] = json!(0)), "max_visits");
    assert_eq!(rule(&|input| input["technicians"][0]["max_distance"] = json!(19)), "max_distance");
    assert_eq!(rule(&|input| input["matrices"][0]["durations"][2][0] = Value::Null), "unreachable");
    assert_eq!(rule(&|input| input["visits"][0]["windows"] = json!([[2, 9]])), "window");
    assert_eq!(rule(&|input| input["visits"][0]["windows"] = json!([[480, 700]])), "shift");
    let pause = json!([{ "window": [0, 20], "duration": 480 }]);
    assert_eq!(rule(&|input| input["technicians"][0]["breaks"] = pause.clone()), "shift");
}

#[test]
fn few_vehicles_can_count_first() {
    // All four loads fit into one vehicle now.
    let text = FOUR_CORNERS.replace("3  10", "3  20");
    let job = read(&text, Format::Solomon, Aim::VehiclesThenDistance).unwrap();
    assert_eq!(solved(&job).plan.routes.len(), 1);
}

#[test]
fn pictures_show_and_name_every_visit_inside_the_frame() {
    let mut input = own();
    input["technicians"][0]["shift"] = json!([0, 90_000]);
    input["visits"][0]["windows"] = json!([[4_000, 5_000]]);
    let job = read(&input.to_string(), Format::Callout, Aim::Distance).unwrap();
    let plan = solved(&job).plan;
    let (map, chart) = (svg(&job, &plan).unwrap(), gantt(&job, &plan));
    assert_eq!(map.matches("<circle").count(), 2);
    for name in ["<title>boiler: 1:06, north</title>", "<title>lamp: ", ">north</text>", ">south</text>"] {
        assert!(map.contains(name), "{name}: {map}");
    }
    assert_eq!(chart.matches("<title>").count(), 2);
    assert!(chart.contains(">0:00</text>") && chart.contains(">1:05</text>"), "{chart}");
    let edges = chart.split(" x2=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    assert!(edges.clone().count() >= 2 && edges.fold(0.0, f64::max) <= 1_200.0, "{chart}");
}
