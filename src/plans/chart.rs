//! The days of a plan as a Gantt chart: an SVG with a line per technician.

use super::{Job, escaped, map::colour};
use crate::routing::problem::{Plan, PlannedRoute};
use std::fmt::Write;

/// Of the picture, in pixels.
const WIDTH: f64 = 1_200.0;
const NAMES: f64 = 120.0;
const LINE: f64 = 18.0;
const EDGE: f64 = 10.0;
/// Of a letter, about: names stand in bars that are wide enough.
const LETTER: f64 = 6.0;
/// Between two marks of the time, in units of the problem; the first that gives few enough.
const STEPS: [i64; 11] = [60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];
const MOST_MARKS: i64 = 14;

/// The chart of `plan`: filled is a visit, the thin line the shift, grey a break; time from left to right.
#[must_use]
pub fn gantt(job: &Job, plan: &Plan) -> String {
    let axis = Axis::over(job, plan);
    let height = LINE * (plan.routes.len() as f64 + 2.0);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    axis.draw(job, height, &mut picture);
    for (no, route) in plan.routes.iter().enumerate() {
        draw(job, &axis, route, no, &mut picture);
    }
    picture.push_str("</svg>\n");
    picture
}

fn draw(job: &Job, axis: &Axis, route: &PlannedRoute, no: usize, picture: &mut String) {
    let technician = &job.problem.technicians()[route.technician as usize];
    let (top, middle) = (LINE * (no as f64 + 1.0) + 4.0, LINE * (no as f64 + 1.0) + 10.0);
    let (from, until) = (axis.x(technician.shift_from), axis.x(technician.shift_until).min(WIDTH - EDGE));
    let _ = writeln!(picture, "<text x=\"4\" y=\"{:.0}\">{}</text>", middle + 4.0, escaped(&technician.id));
    let _ =
        writeln!(picture, "<line x1=\"{from:.1}\" x2=\"{until:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#bbb\"/>");
    for stop in &route.stops {
        let title = escaped(&job.problem.visits()[stop.visit as usize].id);
        bar(axis, top, stop.begin, stop.leave, &colour(no), &title, picture);
    }
    for (begin, pause) in route.breaks.iter().zip(&technician.breaks) {
        bar(axis, top, *begin, begin + pause.duration, "#999", "break", picture);
    }
}

fn bar(axis: &Axis, top: f64, from: i64, until: i64, fill: &str, title: &str, picture: &mut String) {
    let (x, width) = (axis.x(from), (axis.x(until) - axis.x(from)).max(1.0));
    let _ = writeln!(
        picture,
        "<rect x=\"{x:.1}\" y=\"{top:.0}\" width=\"{width:.1}\" height=\"12\" fill=\"{fill}\"><title>{title}</title></rect>"
    );
    if width > LETTER * (title.chars().count() + 1) as f64 {
        let (x, y) = (x + 2.0, top + 10.0);
        let _ =
            writeln!(picture, "<text x=\"{x:.1}\" y=\"{y:.0}\" fill=\"white\" pointer-events=\"none\">{title}</text>");
    }
}

/// Time from left to right.
struct Axis {
    from: i64,
    until: i64,
    scale: f64,
}

impl Axis {
    fn over(job: &Job, plan: &Plan) -> Self {
        let technicians = plan.routes.iter().map(|route| &job.problem.technicians()[route.technician as usize]);
        let from = technicians.clone().map(|technician| technician.shift_from).min().unwrap_or(0);
        let until = plan.routes.iter().map(|route| route.home).max().unwrap_or(from + 1);
        let scale = (WIDTH - NAMES - EDGE) / ((until - from).max(1) as f64);
        Self { from, until, scale }
    }

    /// Marks of the time, from top to bottom.
    fn draw(&self, job: &Job, height: f64, picture: &mut String) {
        let span = self.until - self.from;
        let longest = || span / MOST_MARKS / 86_400 * 86_400 + 86_400;
        let step = STEPS.into_iter().find(|step| span / step < MOST_MARKS).unwrap_or_else(longest);
        let first = self.from.div_euclid(step) + i64::from(self.from.rem_euclid(step) > 0);
        for time in (first..).map(|no| no * step).take_while(|time| *time <= self.until) {
            let (x, label) = (self.x(time), job.time(time));
            let _ = writeln!(picture, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"14\" y2=\"{height}\" stroke=\"#eee\"/>");
            let _ =
                writeln!(picture, "<text x=\"{x:.1}\" y=\"11\" text-anchor=\"middle\" fill=\"#666\">{label}</text>");
        }
    }

    fn x(&self, time: i64) -> f64 {
        NAMES + (time - self.from) as f64 * self.scale
    }
}
