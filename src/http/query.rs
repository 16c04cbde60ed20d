//! Query strings, read as strictly as bodies: unknown names are refused, all problems at once.

use super::answer::Refused;
use crate::{
    api::{FieldProblem, schema},
    settings::limits,
};
use axum::http::Uri;
use std::{collections::BTreeMap, fmt::Display};
use utoipa::IntoParams;

/// What every list takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what lists read")]
pub(super) struct Paging {
    /// How many at most.
    #[param(value_type = Option<schema::Limit>)]
    limit: Option<usize>,
    /// Where to go on: the last page's `next_cursor`.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
}

/// What short lists take: they come whole unless a limit is given.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `part` reads")]
pub(super) struct Part {
    /// How many at most; all when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// Where to go on: the last part's `next_cursor`.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
}

/// The part of a short list that is asked for, and where to go on. Each item with its place in the list's order,
/// which never goes back.
pub(super) fn part<T>(
    uri: &Uri,
    items: impl IntoIterator<Item = (u64, T)>,
) -> Result<(Vec<T>, Option<String>), Refused> {
    let mut query = Query::of(uri);
    let limit = query.limit_given().unwrap_or(usize::MAX);
    let place = |text: &str| (text.len() <= limits::WORD_CHARS).then(|| text.parse::<u64>().ok()).flatten();
    let after = query.parsed("cursor", |text| place(text).ok_or("not a cursor of this list"));
    query.finish()?;
    let mut left = items.into_iter().filter(|(place, _)| after.is_none_or(|after| *place > after));
    let page: Vec<(u64, T)> = left.by_ref().take(limit).collect();
    let more = left.next().is_some();
    let next = page.last().filter(|_| more).map(|(place, _)| place.to_string());
    Ok((page.into_iter().map(|(_, item)| item).collect(), next))
}

/// The parameters of one call, taken one by one.
pub(super) struct Query {
    left: BTreeMap<String, String>,
    problems: Vec<FieldProblem>,
}

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let mut query = Self { left: BTreeMap::new(), problems: Vec::new() };
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => {
                    if query.left.insert(name.clone(), value).is_some() {
                        query.wrong(&name, "duplicate", "given twice");
                    }
                }
                _ => query.wrong(name, "malformed", "not a percent-encoded UTF-8 text"),
            }
        }
        query
    }

    fn wrong(&mut self, name: &str, code: &'static str, detail: impl Display) {
        let pointer = format!("?{}", name.chars().take(limits::WORD_CHARS).collect::<String>());
        self.problems.push(FieldProblem { pointer, code, detail: detail.to_string() });
    }

    /// Absent and empty are the same.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.left.remove(name).filter(|value| !value.is_empty())
    }

    pub(super) fn parsed<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(name, "invalid", error);
                None
            }
        }
    }

    /// What somebody is searched by: empty it would find everybody, so it is refused.
    pub(super) fn sought<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        if self.left.get(name).is_some_and(|value| value.trim().is_empty()) {
            self.left.remove(name);
            self.wrong(name, "missing", "a search needs something to look for");
        }
        self.parsed(name, parse)
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let parse = |text: &str| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("expected true or false"),
        };
        self.parsed(name, parse)
    }

    /// `limit`, within the page's bound.
    pub(super) fn limit(&mut self) -> usize {
        self.limit_given().unwrap_or(limits::PAGE_ITEMS_DEFAULT)
    }

    fn limit_given(&mut self) -> Option<usize> {
        let parse = |text: &str| match text.parse() {
            Ok(limit) if (1..=limits::PAGE_ITEMS).contains(&limit) => Ok(limit),
            _ => Err(format!("a whole number from 1 to {}", limits::PAGE_ITEMS)),
        };
        self.parsed("limit", parse)
    }

    /// Refuses what was wrong and what was not asked for.
    pub(super) fn finish(mut self) -> Result<(), Refused> {
        let unknown: Vec<String> = self.left.keys().cloned().collect();
        for name in &unknown {
            self.wrong(name, "unknown_field", "this parameter is not known");
        }
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems.into()) }
    }
}

/// Percent-decoding as forms do it (`+` is a blank).
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_strangers_named() {
        let uri: Uri = "/v1/tickets?phone=%2B1%20617&phase=new&fase=x&limit=0".parse().unwrap();
        let mut query = Query::of(&uri);
        assert_eq!(query.text("phone").as_deref(), Some("+1 617"));
        assert_eq!(query.text("phase").as_deref(), Some("new"));
        query.limit();
        let Refused(problem) = query.finish().unwrap_err();
        let pointers: Vec<_> = problem.errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["?limit", "?fase"]);
    }

    #[test]
    fn a_short_list_comes_whole_or_part_by_part() {
        let part = |query: &str| part(&format!("/v1/skills?{query}").parse().unwrap(), [(3, "a"), (5, "b"), (8, "c")]);
        assert_eq!(part("").unwrap(), (vec!["a", "b", "c"], None));
        assert_eq!(part("limit=2").unwrap(), (vec!["a", "b"], Some("5".to_owned())));
        assert_eq!(part("limit=2&cursor=5").unwrap(), (vec!["c"], None));
        assert_eq!(part("limit=3").unwrap().1, None);
        for wrong in ["limit=0", "limit=501", "cursor=x", "limt=1"] {
            assert_eq!(part(wrong).unwrap_err().0.status, 422, "{wrong}");
        }
    }

    #[test]
    fn an_empty_filter_asks_for_nothing_and_an_empty_search_is_refused() {
        let uri: Uri = "/v1/tickets?phase=&phone=&email=%20&external_id".parse().unwrap();
        let mut query = Query::of(&uri);
        let given = |text: &str| Ok::<_, &str>(text.to_owned());
        assert_eq!(query.parsed("phase", given), None);
        for name in ["phone", "email", "external_id"] {
            assert_eq!(query.sought(name, given), None);
        }
        let Refused(problem) = query.finish().unwrap_err();
        let pointers: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code)).collect();
        assert_eq!(pointers, [("?phone", "missing"), ("?email", "missing"), ("?external_id", "missing")]);
    }
}
