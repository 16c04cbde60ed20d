//! Rows of a roster file as experts. Unlike a ticket, an expert who is half known is of no use and
//! may mislead the router, so what is missing is refused.

use super::{
    ImportError, MAX_LINE_CHARS, Progress, Renames, Source,
    fields::{degrees, line, shown, shown_up_to, skills},
    report::{Findings, Report},
    table::{Column, Row, Table, column},
};
use crate::domain::{
    ids::{ExpertId, RegionId},
    place::Place,
    shift::Shift,
    skill::Skills,
};
use std::collections::BTreeMap;

const FORMAT: &[Column] = &[
    column("id", &[]),
    column("name", &[]),
    column("phone", &[]),
    column("email", &[]),
    column("skills", &[]),
    column("home_lat", &[]),
    column("home_lon", &[]),
    column("shift", &["shifts"]),
    column("region", &[]),
];
const NEEDED: &[&[&str]] = &[&["id"], &["name"], &["skills"], &["home_lat"], &["home_lon"], &["shift"]];

/// What the reader must know of the world.
pub struct ExpertOptions<'a> {
    pub columns: Renames,
    /// The region of a home, for rows that name none.
    pub locate: &'a dyn Fn(Place) -> Option<RegionId>,
    /// Whether a region exists.
    pub known: &'a dyn Fn(&RegionId) -> bool,
}

/// An accepted row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpertDraft {
    pub line: u64,
    pub id: ExpertId,
    pub name: String,
    /// Digits with an optional leading `+`.
    pub phone: Option<String>,
    pub email: Option<String>,
    pub skills: Skills,
    pub home: Place,
    /// In the region's time zone.
    pub shifts: Vec<Shift>,
    pub region: RegionId,
}

/// Yields the accepted rows in the file's order; refused ones are in the report. An error ends it.
pub struct Experts<'a> {
    table: Table,
    options: ExpertOptions<'a>,
    report: Report,
    progress: Progress,
    seen: BTreeMap<ExpertId, u64>,
}

impl<'a> Experts<'a> {
    /// Reads the header: `id,name,phone,email,skills,home_lat,home_lon,shift,region` in any order, of
    /// which phone, email and region may be absent.
    pub fn open(source: Source, options: ExpertOptions<'a>) -> Result<Self, ImportError> {
        let mut report = Report::new("experts", "line");
        let progress = source.progress();
        let table = Table::open(source, FORMAT, NEEDED, &options.columns, &mut report)?;
        Ok(Self { table, options, report, progress, seen: BTreeMap::new() })
    }

    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What happened so far; whole when the iterator has ended.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// For what the service refuses of the accepted rows.
    pub fn report_mut(&mut self) -> &mut Report {
        &mut self.report
    }

    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    fn read(&mut self) -> Result<Option<ExpertDraft>, ImportError> {
        while let Some((row, mut findings)) = self.table.next(&mut self.report)? {
            let draft = draft(&row, &self.options, &mut findings);
            if let Some(first) = draft.as_ref().and_then(|draft| self.seen.get(&draft.id)) {
                findings.refuse("id", "duplicate", format!("the same as in line {first}"));
            }
            if let (true, Some(draft)) = (self.report.settle(findings), draft) {
                self.seen.insert(draft.id.clone(), draft.line);
                return Ok(Some(draft));
            }
        }
        Ok(None)
    }
}

impl Iterator for Experts<'_> {
    type Item = Result<ExpertDraft, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// None only when something was refused; all fields are looked at all the same.
fn draft(row: &Row<'_>, options: &ExpertOptions<'_>, findings: &mut Findings) -> Option<ExpertDraft> {
    let id = ExpertId::parse(row.get("id"))
        .inspect_err(|why| findings.refuse("id", "bad_id", format!("'{}': {why}", shown(row.get("id")))));
    let name = line(row, "name", MAX_LINE_CHARS, findings);
    if name.is_none() && !row.get("name").chars().any(char::is_alphanumeric) {
        findings.refuse("name", "no_name", "an expert needs a name");
    }
    let phone = phone(row, findings);
    let email = email(row, findings);
    let skills: Skills = skills(row, "skills", findings).into_iter().map(|s| (s.skill, s.level)).collect();
    if skills.is_empty() {
        findings.refuse("skills", "no_skills", "an expert needs at least one skill, like tv:2");
    }
    let shifts = shifts(row, findings);
    let home = home(row, findings);
    let region = region(row, home, options, findings);
    Some(ExpertDraft {
        line: row.line,
        id: id.ok()?,
        name: name?,
        phone,
        email,
        skills,
        home: home?,
        shifts,
        region: region?,
    })
}

fn shifts(row: &Row<'_>, findings: &mut Findings) -> Vec<Shift> {
    let shifts = Shift::parse_all(row.get("shift")).unwrap_or_else(|why| {
        findings.refuse("shift", "bad_shift", shown_up_to(&why.to_string(), 160));
        Vec::new()
    });
    if shifts.is_empty() && !findings.refused() {
        findings.note("shift", "no_shift", "works at no time, so nothing is ever offered");
    }
    shifts
}

fn home(row: &Row<'_>, findings: &mut Findings) -> Option<Place> {
    let (lat, lon) = (degrees(row, "home_lat", findings), degrees(row, "home_lon", findings));
    let (Some(lat), Some(lon)) = (lat, lon) else {
        if row.get("home_lat").is_empty() || row.get("home_lon").is_empty() {
            findings.refuse("home_lat", "no_home", "an expert needs the coordinates of a home");
        }
        return None;
    };
    if lat.fract() == 0.0 && lon.fract() == 0.0 {
        findings.refuse("home_lat", "no_home", format!("{lat},{lon}: whole degrees are no home"));
        return None;
    }
    Place::new(lat, lon)
        .inspect_err(|why| findings.refuse("home_lat", "bad_coordinate", format!("{lat},{lon}: {why}")))
        .ok()
}

fn region(
    row: &Row<'_>,
    home: Option<Place>,
    options: &ExpertOptions<'_>,
    findings: &mut Findings,
) -> Option<RegionId> {
    let name = row.get("region");
    if name.is_empty() {
        let found = (options.locate)(home?);
        if found.is_none() {
            findings.refuse("region", "unknown_region", "no region named, and none near the home");
        }
        return found;
    }
    let region = RegionId::parse(name).ok().filter(|region| !region.is_reserved() && (options.known)(region));
    if region.is_none() {
        findings.refuse("region", "unknown_region", format!("there is no region '{}'", shown(name)));
    }
    region
}

/// Digits with an optional leading `+`; spaces, dots, brackets and dashes are dropped.
fn phone(row: &Row<'_>, findings: &mut Findings) -> Option<String> {
    let text = row.get("phone");
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '(' | ')' | '-' | '/' | '\u{a0}')).collect();
    if digits.is_empty() {
        return None;
    }
    let number = digits.strip_prefix('+').unwrap_or(&digits);
    if !(3..=15).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_digit()) {
        findings.refuse("phone", "bad_phone", format!("'{}' is no phone number", shown(text)));
        return None;
    }
    Some(digits)
}

fn email(row: &Row<'_>, findings: &mut Findings) -> Option<String> {
    let text = line(row, "email", MAX_LINE_CHARS, findings)?;
    let whole = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if !whole || text.matches('@').count() != 1 || text.contains(char::is_whitespace) {
        findings.refuse("email", "bad_email", format!("'{}' is no e-mail address", shown(&text)));
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "id,name,phone,email,skills,home_lat,home_lon,shift,region";
    const GOOD: &str = "ann,Ann,+1 (555) 010-0199,ann@example.com,tv:2;Network,40.5,-75.25,mon-fri 08:00-16:00,";

    fn read(rows: &[&str]) -> (Vec<ExpertDraft>, Report) {
        let text = format!("{HEADER}\n{}\n", rows.join("\n"));
        let region = |id: &str| RegionId::parse(id).unwrap();
        let options = ExpertOptions {
            columns: Renames::default(),
            locate: &|place| (place.lat() > 40.0).then(|| region("north")),
            known: &|id| [region("north"), region("south")].contains(id),
        };
        let mut experts = Experts::open(Source::bytes("e.csv", text.into_bytes()).unwrap(), options).unwrap();
        let drafts = experts.by_ref().map(Result::unwrap).collect();
        (drafts, experts.into_report())
    }

    fn refusals(row: &str) -> Vec<(&'static str, &'static str)> {
        let (drafts, report) = read(&[row]);
        assert!(drafts.is_empty());
        report.problems.iter().map(|p| (p.field, p.kind)).collect()
    }

    #[test]
    fn an_empty_region_is_found_from_the_home() {
        let (drafts, report) = read(&[GOOD, "bob,Bob,,,tv,39.5,-75.25,sat 09:00-13:00,south"]);
        assert_eq!(report.refused_rows(), 0, "{report}");
        let regions: Vec<&str> = drafts.iter().map(|draft| draft.region.as_str()).collect();
        assert_eq!(regions, ["north", "south"]);
        assert_eq!(drafts[0].phone.as_deref(), Some("+15550100199"));
        let skills: Vec<(&str, u8)> = drafts[0].skills.iter().map(|(s, l)| (s.as_str(), l.number())).collect();
        assert_eq!(skills, [("network", 1), ("tv", 2)]);
        assert_eq!(drafts[1].shifts.len(), 1);
    }

    #[test]
    fn all_that_is_wrong_in_a_row_is_named_at_once() {
        let all = refusals("a b,,call me,ann.example.com,tv:9,99,-75.5,mon-fri,nowhere");
        let expected = [
            ("id", "bad_id"),
            ("name", "no_name"),
            ("phone", "bad_phone"),
            ("email", "bad_email"),
            ("skills", "bad_skill"),
            ("skills", "no_skills"),
            ("shift", "bad_shift"),
            ("home_lat", "bad_coordinate"),
            ("region", "unknown_region"),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn homes_that_are_none_are_refused() {
        assert_eq!(refusals("a,A,,,tv,,,mon 08:00-16:00,north"), [("home_lat", "no_home")]);
        assert_eq!(refusals("a,A,,,tv,0,0,mon 08:00-16:00,north"), [("home_lat", "no_home")]);
        assert_eq!(refusals("a,A,,,tv,39.5,-75.5,mon 08:00-16:00,"), [("region", "unknown_region")]);
        assert_eq!(refusals("a,A,,,tv,39.5,-75.5,mon 08:00-16:00,cell"), [("region", "unknown_region")]);
    }

    #[test]
    fn the_second_row_of_an_id_is_refused_with_the_line_of_the_first() {
        let (drafts, report) = read(&[GOOD, GOOD]);
        assert_eq!((drafts.len(), report.problems[0].detail.as_str()), (1, "the same as in line 2"));
    }
}
