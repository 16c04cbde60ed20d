//! What can be wrong with a draft, and the search for all of it.

use super::{Draft, LATEST, Matrix, Technician, UNREACHABLE, Visit, visit::Firmness};
use std::fmt;

/// Largest cost of one leg, in thousandths: routes add legs in 32 bits.
const DEAREST_LEG: i64 = 1 << 29;
/// Largest weight or penalty, in thousandths, so that a million of them fit 64 bits with room.
const DEAREST: i64 = 1 << 40;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaw {
    /// As a path into the draft: `visits[3].windows`.
    pub at: String,
    pub what: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// Collects flaws under a path.
struct Search {
    found: Vec<Flaw>,
}

impl Search {
    fn expect(&mut self, holds: bool, at: impl Fn() -> String, what: impl Into<String>) {
        if !holds {
            self.found.push(Flaw { at: at(), what: what.into() });
        }
    }
}

pub(super) fn of(draft: &Draft) -> Vec<Flaw> {
    let mut search = Search { found: Vec::new() };
    let all = "the whole".to_owned();
    search.expect(!draft.technicians.is_empty(), || all.clone(), "there are no technicians");
    search.expect(!draft.visits.is_empty(), || all.clone(), "there are no visits");
    search.expect(!draft.profiles.is_empty(), || all.clone(), "there is no travel matrix");
    for (name, weight) in draft.weights.named() {
        search.expect((0..=DEAREST).contains(&weight), || format!("weights.{name}"), "not between 0 and 2^40");
    }
    let visits = draft.visits.len() as i64;
    let bounded = draft.weights.load.checked_mul(visits).is_some_and(|cost| cost <= DEAREST);
    search.expect(bounded, || "weights.load".to_owned(), "times the number of visits, more than 2^40");
    let longest =
        draft.visits.iter().flat_map(|visit| visit.durations.iter().map(|(_, own)| *own).chain([visit.duration]));
    let longest = longest.max().unwrap_or(0).clamp(1, LATEST);
    for (skill, price) in draft.scarcity.iter().enumerate() {
        let bounded = (0..=DEAREST_LEG / longest).contains(price);
        search.expect(
            bounded,
            || format!("scarcity[{skill}]"),
            "negative, or the longest visit costs more than 2^29 thousandths",
        );
    }
    for (no, matrix) in draft.profiles.iter().enumerate() {
        matrix_flaws(draft, matrix, &format!("matrices[{no}]"), &mut search);
    }
    for (no, technician) in draft.technicians.iter().enumerate() {
        technician_flaws(draft, technician, &format!("technicians[{no}]"), &mut search);
    }
    for (no, visit) in draft.visits.iter().enumerate() {
        visit_flaws(draft, visit, &format!("visits[{no}]"), &mut search);
    }
    search.found
}

fn places(draft: &Draft) -> u32 {
    draft.profiles.first().map_or(0, |matrix| matrix.size)
}

fn matrix_flaws(draft: &Draft, matrix: &Matrix, at: &str, search: &mut Search) {
    let cells = matrix.size as usize * matrix.size as usize;
    let square = matrix.durations.len() == cells && matrix.distances.len() == cells;
    search.expect(square, || at.to_owned(), format!("not square: {} places need {cells} cells", matrix.size));
    search.expect(matrix.size == places(draft), || at.to_owned(), "not over the same places as the first profile");
    if !square || is_sound(draft, matrix) {
        return;
    }
    for (cell, (&duration, &distance)) in matrix.durations.iter().zip(&matrix.distances).enumerate() {
        let fault = cell_fault(draft, duration, distance);
        if let Some(what) = fault {
            let size = matrix.size as usize;
            search.expect(false, || format!("{at}[{}][{}]", cell / size, cell % size), what);
            // One bad cell says it; a million of them say no more.
            return;
        }
    }
}

/// The longest and the farthest of all drives would be no fault in one, so none is: seen in two plain passes.
fn is_sound(draft: &Draft, matrix: &Matrix) -> bool {
    let ends = |cells: &[i64]| {
        cells.iter().fold((0, 0), |(least, most), cell: &i64| (i64::min(least, *cell), i64::max(most, *cell)))
    };
    let ((shortest, longest), (nearest, farthest)) = (ends(&matrix.durations), ends(&matrix.distances));
    let reached = longest != UNREACHABLE && farthest != UNREACHABLE;
    shortest >= 0 && nearest >= 0 && reached && cell_fault(draft, longest, farthest).is_none()
}

fn cell_fault(draft: &Draft, duration: i64, distance: i64) -> Option<&'static str> {
    if duration < 0 || distance < 0 {
        return Some("negative");
    }
    if (duration == UNREACHABLE) || (distance == UNREACHABLE) {
        return (duration != distance).then_some("reachable in time or in distance only");
    }
    if duration > LATEST {
        return Some("longer than six years");
    }
    let weights = &draft.weights;
    let cost = (weights.travel_time.checked_mul(duration))
        .zip(weights.travel_distance.checked_mul(distance))
        .and_then(|(time, way)| time.checked_add(way));
    cost.is_none_or(|cost| cost > DEAREST_LEG).then_some(
        "too far: at its weight the drive costs more than 2^29 thousandths, six days of driving at the usual one",
    )
}

fn technician_flaws(draft: &Draft, technician: &Technician, at: &str, search: &mut Search) {
    for (name, place) in [("start", technician.start), ("end", technician.end)] {
        let known = place.is_none_or(|place| place < places(draft));
        search.expect(known, || format!("{at}.{name}"), "a place that the matrix does not have");
    }
    let (from, until) = (technician.shift_from, technician.shift_until);
    search.expect(from >= 0, || format!("{at}.shift"), "begins before 0");
    search.expect(from <= until, || format!("{at}.shift"), "ends before it begins");
    search.expect(technician.max_overtime >= 0, || format!("{at}.max_overtime"), "negative");
    let home = until.saturating_add(technician.max_overtime);
    search.expect(home <= LATEST, || format!("{at}.shift"), "ends after six years");
    let mut free_from = from;
    for (no, pause) in technician.breaks.iter().enumerate() {
        let inside = from <= pause.from && pause.from <= pause.until && pause.until <= LATEST;
        search.expect(inside, || format!("{at}.breaks[{no}]"), "outside the shift, or ends before it begins");
        search.expect((1..=LATEST).contains(&pause.duration), || format!("{at}.breaks[{no}]"), "has no duration");
        search.expect(pause.from >= free_from, || format!("{at}.breaks[{no}]"), "not in order of time");
        free_from = pause.from;
    }
    let mut skills: Vec<u32> = technician.skills.iter().map(|held| held.skill).collect();
    skills.sort_unstable();
    let once = skills.windows(2).all(|pair| pair[0] != pair[1]);
    search.expect(once, || format!("{at}.skills"), "names a skill twice");
    let known = (technician.profile as usize) < draft.profiles.len();
    search.expect(known, || format!("{at}.profile"), "a profile that there is not");
    let positive = technician.max_distance.is_none_or(|most| most >= 0);
    search.expect(positive, || format!("{at}.max_distance"), "negative");
    let dimensions = draft.visits.first().map_or(0, |visit| visit.load.len());
    search.expect(
        technician.capacity.len() >= dimensions,
        || format!("{at}.capacity"),
        "has fewer figures than a load",
    );
}

fn visit_flaws(draft: &Draft, visit: &Visit, at: &str, search: &mut Search) {
    let (people, size) = (draft.technicians.len(), places(draft));
    search.expect(visit.place < size, || format!("{at}.place"), "a place that the matrix does not have");
    let times = visit.durations.iter().map(|(_, own)| *own).chain([visit.duration]);
    for time in times {
        search.expect((0..=LATEST).contains(&time), || format!("{at}.duration"), "negative, or longer than six years");
    }
    let named = (visit.durations.iter().map(|(who, _)| who)).chain(&visit.preferred).chain(&visit.excluded);
    for who in named.chain(&visit.told) {
        if *who as usize >= people {
            search.expect(false, || at.to_owned(), format!("names technician {who}, whom there is not"));
        }
    }
    let both = visit.preferred.iter().find(|who| visit.excluded.contains(who));
    search.expect(both.is_none(), || format!("{at}.preferred"), "wishes for somebody who is excluded");
    window_flaws(visit, at, search);
    search.expect(visit.priority <= 3, || format!("{at}.priority"), "above 3");
    let dimensions = draft.visits[0].load.len();
    search.expect(
        visit.load.len() == dimensions,
        || format!("{at}.load"),
        "has other dimensions than the first visit's",
    );
    search.expect(visit.load.iter().all(|load| *load >= 0), || format!("{at}.load"), "negative");
    let penalty = visit.unserved.unwrap_or(0);
    search.expect((0..=DEAREST).contains(&penalty), || format!("{at}.unserved"), "not between 0 and 2^40");
}

fn window_flaws(visit: &Visit, at: &str, search: &mut Search) {
    for (no, window) in visit.windows.iter().enumerate() {
        let within = 0 <= window.from && window.until <= LATEST;
        search.expect(within, || format!("{at}.windows[{no}]"), "begins before 0, or ends after six years of seconds");
        search.expect(window.from <= window.until, || format!("{at}.windows[{no}]"), "ends before it begins");
        let last = no + 1 == visit.windows.len();
        let firm = last || window.firmness == Firmness::Promise;
        search.expect(firm, || format!("{at}.windows[{no}]"), "a wish that another window follows");
    }
    for (no, pair) in visit.windows.windows(2).enumerate() {
        let apart = pair[0].until < pair[1].from;
        let what = "contradicts the window before it: they overlap, or are not in order of time";
        search.expect(apart, || format!("{at}.windows[{}]", no + 1), what);
    }
}
