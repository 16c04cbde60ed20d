//! Solomon's and Gehring and Homberger's text: a fleet, then one line per customer, the depot first.
//!
//! Must hold: DIMACS 2021's convention, travel = floor(10 x euclid) / 10 for distance and time. The
//! problem's unit is that tenth, so all of it stays whole.

use super::{Sketch, refused};
use crate::routing::problem::{Draft, Firmness, Matrix, Technician, Visit, Weights, Window};

/// Units of a distance, and of time, in the problem.
const TENTHS: f64 = 10.0;
/// Thousandths of a whole unit that a tenth costs.
const TENTH_COST: i64 = 100;

/// A line of the table: number, x, y, demand, ready, due, service.
struct Customer {
    number: String,
    x: f64,
    y: f64,
    demand: i64,
    ready: i64,
    due: i64,
    service: i64,
}

pub(super) fn read(text: &str) -> Result<Sketch, Vec<String>> {
    let mut lines = (1..).zip(text.lines());
    let fleet = lines.find_map(|(no, line)| figures(line).filter(|row| row.len() > 1).map(|fleet| (no, fleet)));
    let Some((no, fleet)) = fleet.filter(|(_, fleet)| fleet.len() == 2) else {
        return Err(refused("no line with the number of vehicles and their capacity"));
    };
    let &[Some(vehicles), Some(capacity)] = &fleet.iter().map(|figure| whole(*figure)).collect::<Vec<_>>()[..] else {
        return Err(refused(format!("line {no}: vehicles and their capacity are whole numbers, zero or more")));
    };
    let customers = lines.filter(|(_, line)| !is_heading(line)).map(|(no, line)| customer(no, line));
    let customers = customers.collect::<Result<Vec<Customer>, _>>()?;
    let Some((depot, visits)) = customers.split_first() else { return Err(refused("no depot")) };
    let places: Vec<(f64, f64)> = customers.iter().map(|customer| (customer.x, customer.y)).collect();
    let leg = |from: u32, to: u32| {
        let (a, b) = (places[from as usize], places[to as usize]);
        let tenths = (TENTHS * (a.0 - b.0).hypot(a.1 - b.1)).floor() as i64;
        (tenths, tenths)
    };
    // More than one vehicle a customer is never driven.
    let fleet = vehicles.min(visits.len() as i64) as u32;
    let draft = Draft {
        technicians: (0..fleet).map(|no| technician(no, depot, capacity)).collect(),
        visits: (1..).zip(visits).map(|(place, customer)| visit(place, customer)).collect(),
        profiles: vec![Matrix::of(customers.len() as u32, leg)],
        weights: Weights { travel_time: 0, travel_distance: TENTH_COST, ..Weights::default() },
        scarcity: Vec::new(),
    };
    Ok(Sketch { draft, places, distance_unit: TENTHS })
}

/// The figures of a line that has nothing else.
fn figures(line: &str) -> Option<Vec<f64>> {
    let figures: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
    figures.filter(|figures: &Vec<f64>| !figures.is_empty() && figures.iter().all(|figure| figure.is_finite()))
}

/// A line without any figure.
fn is_heading(line: &str) -> bool {
    line.split_whitespace().all(|word| word.parse::<f64>().is_err())
}

fn whole(figure: f64) -> Option<i64> {
    (figure >= 0.0 && figure.fract() == 0.0).then_some(figure as i64)
}

fn customer(no: u32, line: &str) -> Result<Customer, Vec<String>> {
    let row = figures(line).unwrap_or_default();
    let &[number, x, y, demand, ready, due, service] = &row[..] else {
        let line = line.trim();
        return Err(refused(format!(
            "line {no}: a customer has 7 figures (number, x, y, demand, ready, due, service): {line}"
        )));
    };
    let Some(demand) = whole(demand) else {
        return Err(refused(format!("line {no}: a demand is a whole number, zero or more: {demand}")));
    };
    let tenths = |time: f64| (TENTHS * time).round() as i64;
    Ok(Customer {
        number: format!("{number}"),
        x,
        y,
        demand,
        ready: tenths(ready),
        due: tenths(due),
        service: tenths(service),
    })
}

fn technician(no: u32, depot: &Customer, capacity: i64) -> Technician {
    Technician {
        id: format!("{}", no + 1),
        start: Some(0),
        end: Some(0),
        shift_from: depot.ready,
        shift_until: depot.due,
        max_overtime: 0,
        breaks: Vec::new(),
        skills: Vec::new(),
        max_visits: None,
        max_distance: None,
        capacity: vec![capacity],
        profile: 0,
    }
}

fn visit(place: u32, customer: &Customer) -> Visit {
    Visit {
        id: customer.number.clone(),
        place,
        duration: customer.service,
        durations: Vec::new(),
        windows: vec![Window { from: customer.ready, until: customer.due, firmness: Firmness::Promise }],
        due: None,
        priority: 0,
        skills: Vec::new(),
        preferred: Vec::new(),
        excluded: Vec::new(),
        told: None,
        load: vec![customer.demand],
        unserved: None,
    }
}
