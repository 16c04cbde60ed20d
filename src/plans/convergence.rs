//! How the cost of the best plan fell while the search went on: an SVG with one line of steps.

use std::fmt::Write;

/// Of the picture, in pixels.
const WIDTH: f64 = 1_200.0;
const HEIGHT: f64 = 400.0;
/// Around the line, for the figures.
const EDGE: f64 = 60.0;

/// The chart of `steps`: seconds since the start and the cost of the best plan from then on, in order of time, until
/// `end_s`. The scale begins at the best cost, so that the last improvements are seen too.
#[must_use]
pub fn convergence(steps: &[(f64, i64)], end_s: f64) -> String {
    let least = steps.iter().map(|(_, cost)| *cost).min().unwrap_or(0);
    let most = steps.iter().map(|(_, cost)| *cost).max().unwrap_or(0);
    let x = |seconds: f64| EDGE + seconds / end_s.max(f64::MIN_POSITIVE) * (WIDTH - 2.0 * EDGE);
    let y = |cost: i64| HEIGHT - EDGE - (cost - least) as f64 / (most - least).max(1) as f64 * (HEIGHT - 2.0 * EDGE);
    let mut line = String::new();
    for (no, (seconds, cost)) in steps.iter().enumerate() {
        let until = steps.get(no + 1).map_or(end_s, |(next, _)| *next);
        let _ = write!(line, "{:.1},{:.1} {:.1},{:.1} ", x(*seconds), y(*cost), x(until), y(*cost));
    }
    let (bottom, right) = (HEIGHT - EDGE / 2.0, WIDTH - EDGE);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"1.5\"/>\n\
         <text x=\"4\" y=\"{:.1}\">{most}</text>\n<text x=\"4\" y=\"{:.1}\">{least}</text>\n\
         <text x=\"{EDGE}\" y=\"{bottom}\">0 s</text>\n<text x=\"{right}\" y=\"{bottom}\">{end_s:.1} s</text>\n</svg>\n",
        line.trim_end(),
        y(most) - 4.0,
        y(least) + 14.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_falls_from_the_first_cost_to_the_best() {
        let picture = convergence(&[(0.0, 900), (5.0, 300)], 10.0);
        assert!(picture.contains("points=\"60.0,60.0 600.0,60.0 600.0,340.0 1140.0,340.0\""), "{picture}");
        assert!(picture.contains(">900<") && picture.contains(">300<") && picture.contains(">10.0 s<"), "{picture}");
    }

    #[test]
    fn no_plan_and_no_time_are_a_picture_too() {
        assert!(convergence(&[], 0.0).ends_with("</svg>\n"));
        assert!(!convergence(&[(0.0, 7)], 0.0).contains("NaN"));
    }
}
