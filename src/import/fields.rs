//! One field at a time: text, times, coordinates, skills. Each function takes the row's findings and
//! gives nothing when the field is empty or wrong; wrong is always in the findings.

use super::{MAX_SKILLS, report::Findings, table::Row};
use crate::domain::{
    skill::{Level, Skill, SkillError, SkillLevel},
    text::{Mended, clean_text},
    time::{TimeError, Timestamp},
};
use jiff::{civil, tz::TimeZone};

/// A text fit to be repeated in a report: on one line, no control characters, at most 40 characters.
pub(super) fn shown(text: &str) -> String {
    shown_up_to(text, 40)
}

/// The same with at most `most` characters.
pub(super) fn shown_up_to(text: &str, most: usize) -> String {
    let (clean, mended) = clean_text(text, most);
    let cut = if mended.contains(&Mended::TooLong(most)) { "…" } else { "" };
    clean.replace(['\n', '\t'], " ") + cut
}

/// The cleaned text of a column; None when nothing is left of it.
pub(super) fn text(row: &Row<'_>, column: &'static str, most: usize, findings: &mut Findings) -> Option<String> {
    let (text, mended) = clean_text(row.get(column), most);
    for flaw in mended {
        match flaw {
            Mended::Control | Mended::Direction => findings.mend(column, flaw.code(), format!("taken out: {flaw}")),
            Mended::TooLong(_) => findings.refuse(column, flaw.code(), flaw.to_string()),
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Like [`text`], on one line.
pub(super) fn line(row: &Row<'_>, column: &'static str, most: usize, findings: &mut Findings) -> Option<String> {
    text(row, column, most, findings).map(|text| text.replace(['\n', '\t'], " "))
}

/// A time; without a zone it is read in `zone`, and one that the clocks jumped over comes after the jump.
pub(super) fn time(row: &Row<'_>, column: &'static str, zone: &TimeZone, findings: &mut Findings) -> Option<Timestamp> {
    let text = row.get(column);
    if text.is_empty() {
        return None;
    }
    match Timestamp::parse_in(text, zone) {
        Ok((at, supplied)) => {
            if supplied {
                let zone = zone.iana_name().unwrap_or("the given zone");
                findings.mend(column, "no_zone", format!("'{}' has no zone: read in {zone}", shown(text)));
            }
            Some(at)
        }
        Err(TimeError::Gap) => after_gap(text, zone).inspect(|at| {
            let why = format!("'{}' does not exist, the clocks go forward over it: taken as {at}", shown(text));
            findings.mend(column, "dst_gap", why);
        }),
        Err(why @ (TimeError::NoZone | TimeError::Malformed | TimeError::OutOfRange)) => {
            findings.refuse(column, "bad_time", format!("'{}': {why}", shown(text)));
            None
        }
    }
}

fn after_gap(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil: civil::DateTime = text.parse().ok()?;
    let zoned = zone.to_ambiguous_zoned(civil).later().ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

/// Degrees; None for an empty field. What is no finite number is refused.
pub(super) fn degrees(row: &Row<'_>, column: &'static str, findings: &mut Findings) -> Option<f64> {
    let text = row.get(column);
    if text.is_empty() {
        return None;
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    if value.is_none() {
        findings.refuse(column, "bad_coordinate", format!("'{}' is no number of degrees", shown(text)));
    }
    value
}

/// Skills separated by `;`, as names or slugs, each with an optional level (`tv:2`). A name without a
/// single letter or digit that a slug could keep is dropped; a level beyond 1 to 3 is refused. The
/// same skill twice keeps the higher level.
pub(super) fn skills(row: &Row<'_>, column: &'static str, findings: &mut Findings) -> Vec<SkillLevel> {
    let mut skills: Vec<SkillLevel> = Vec::new();
    for name in row.get(column).split(';').map(str::trim).filter(|name| !name.is_empty()) {
        match skill(name) {
            Ok(found) => match skills.iter_mut().find(|known| known.skill == found.skill) {
                Some(known) => known.level = known.level.max(found.level),
                None => skills.push(found),
            },
            Err(why @ SkillError::Level) => findings.refuse(column, "bad_skill", format!("'{}': {why}", shown(name))),
            Err(SkillError::Name) => {
                findings.mend(column, "skill_dropped", format!("no skill can be named '{}'", shown(name)));
            }
        }
    }
    if skills.len() > MAX_SKILLS {
        findings.refuse(column, "bad_skill", format!("{} skills where at most {MAX_SKILLS} are kept", skills.len()));
    }
    skills
}

/// Only digits after the last colon are a level: `Housing: Heat` is a name.
fn skill(text: &str) -> Result<SkillLevel, SkillError> {
    match text.rsplit_once(':') {
        Some((_, level)) if level.trim().parse::<i64>().is_ok() => SkillLevel::parse(text),
        _ => Ok(SkillLevel { skill: Skill::parse(text)?, level: Level::ONE }),
    }
}

/// A ZIP as it is looked up: five digits, or the postal code of another country. Spreadsheets take
/// leading zeros away; four digits get theirs back.
pub(super) fn zip(row: &Row<'_>, column: &'static str, findings: &mut Findings) -> Option<String> {
    const MAX_ZIP: usize = 12;
    let text = line(row, column, MAX_ZIP, findings)?;
    let digits = text.split('-').next().unwrap_or_default();
    match digits.len() {
        4 if digits.bytes().all(|b| b.is_ascii_digit()) => {
            findings.mend(column, "zip_padded", format!("'{digits}' read as '0{digits}'"));
            Some(format!("0{digits}"))
        }
        5 if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.to_owned()),
        _ if text.chars().any(|c| c.is_ascii_alphanumeric()) => Some(text),
        _ => None,
    }
}
