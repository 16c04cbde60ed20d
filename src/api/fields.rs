//! Walks an object field by field and collects every problem with its JSON pointer, so that a caller
//! learns all that is wrong at once. What was not asked for is reported as unknown by `finish`.

use super::{json::Json, problem::FieldProblem};
use crate::{
    domain::{text, time::Timestamp},
    settings::limits,
};
use std::{borrow::Cow, fmt::Display, ops::RangeInclusive};

type Members<'j> = [(Cow<'j, str>, Json<'j>)];

/// One object being read. `null` counts as absent.
pub struct Fields<'p, 'j> {
    members: &'j Members<'j>,
    /// Pointer of this object: empty for the body itself.
    base: Cow<'p, str>,
    asked: Vec<&'static str>,
    problems: &'p mut Vec<FieldProblem>,
}

/// Reads a body: `read` takes what it needs; all problems, unknown fields included, come back at once.
/// `Ok` only when there is none and `read` gave a value.
pub fn read_object<'j, T>(
    json: &'j Json<'j>,
    read: impl FnOnce(&mut Fields<'_, 'j>) -> Option<T>,
) -> Result<T, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let Json::Object(members) = json else {
        let detail = format!("expected an object, found {}", json.kind());
        return Err(vec![FieldProblem { pointer: String::new(), code: "wrong_type", detail }]);
    };
    let mut fields =
        Fields { members, base: Cow::Borrowed(""), asked: Vec::with_capacity(24), problems: &mut problems };
    let value = read(&mut fields);
    fields.finish();
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(problems),
    }
}

impl<'j> Fields<'_, 'j> {
    /// The value of a field; None when absent or null.
    pub fn value(&mut self, name: &'static str) -> Option<&'j Json<'j>> {
        self.asked.push(name);
        #[cfg(test)]
        asked::note(&self.base, name);
        let (_, value) = self.members.iter().find(|(key, _)| key == name)?;
        (*value != Json::Null).then_some(value)
    }

    /// Whether the field was sent at all, `null` included (an edit that takes something away).
    #[must_use]
    pub fn sent(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    /// Reports a problem with one of this object's fields (a deeper one as `a/b`).
    pub fn wrong(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        if self.problems.len() < limits::PROBLEMS {
            let pointer = format!("{}/{}", self.base, name);
            self.problems.push(FieldProblem { pointer, code, detail: detail.into() });
        }
    }

    fn wrong_type(&mut self, name: &str, wanted: &str, found: &Json<'_>) {
        self.wrong(name, "wrong_type", format!("expected {wanted}, found {}", found.kind()));
    }

    /// Reports the field as missing unless there is a value.
    pub fn required<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.members.iter().any(|(key, v)| key == name && *v != Json::Null) {
            self.wrong(name, "missing", "this field is required");
        }
        value
    }

    fn raw_text(&mut self, name: &'static str) -> Option<&'j str> {
        match self.value(name)? {
            Json::Text(text) => Some(text),
            other => {
                self.wrong_type(name, "a text", other);
                None
            }
        }
    }

    /// A person's text: trimmed, control and direction-changing characters refused, at most `chars`
    /// characters. Empty counts as absent. (Card numbers are masked where events are made.)
    pub fn text(&mut self, name: &'static str, chars: usize) -> Option<String> {
        let text = self.raw_text(name)?;
        match text::check_text(text, chars) {
            Ok(text) => (!text.is_empty()).then_some(text),
            Err(flaws) => {
                for flaw in flaws {
                    self.wrong(name, flaw.code(), flaw.to_string());
                }
                None
            }
        }
    }

    /// A text that `parse` turns into a value; its error becomes the problem.
    pub fn parsed<T, E: Display>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.raw_text(name)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(name, "invalid", error.to_string());
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, name: &'static str, allowed: &[(&'static str, T)]) -> Option<T> {
        let text = self.raw_text(name)?;
        let found = allowed.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = allowed.iter().map(|(word, _)| *word).collect();
            self.wrong(name, "not_allowed", format!("expected one of: {}", words.join(", ")));
        }
        found
    }

    /// RFC 3339 with an offset.
    pub fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, Timestamp::parse)
    }

    /// A finite number in a range.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = match self.value(name)? {
            Json::Whole(number) => *number as f64,
            Json::Number(number) => *number,
            other => {
                self.wrong_type(name, "a number", other);
                return None;
            }
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.wrong(name, "out_of_range", format!("a number from {} to {}", range.start(), range.end()));
        None
    }

    /// A whole number in a range.
    pub fn whole(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        match self.value(name)? {
            Json::Whole(number) if range.contains(number) => Some(*number),
            Json::Whole(_) | Json::Number(_) => {
                let detail = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(name, "out_of_range", detail);
                None
            }
            other => {
                self.wrong_type(name, "a whole number", other);
                None
            }
        }
    }

    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.value(name)? {
            Json::Bool(yes) => Some(*yes),
            other => {
                self.wrong_type(name, "true or false", other);
                None
            }
        }
    }

    /// An inner object, read by `read`; its unknown fields are reported too.
    pub fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'_, 'j>) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        self.inner(name, value, read)
    }

    fn inner<T>(
        &mut self,
        name: &str,
        value: &'j Json<'j>,
        read: impl FnOnce(&mut Fields<'_, 'j>) -> Option<T>,
    ) -> Option<T> {
        let Json::Object(members) = value else {
            self.wrong_type(name, "an object", value);
            return None;
        };
        let base = Cow::Owned(format!("{}/{name}", self.base));
        let mut fields = Fields { members, base, asked: Vec::with_capacity(8), problems: self.problems };
        let value = read(&mut fields);
        fields.finish();
        value
    }

    fn items(&mut self, name: &'static str, most: usize) -> Option<&'j [Json<'j>]> {
        match self.value(name)? {
            Json::List(items) if items.len() <= most => Some(items),
            Json::List(items) => {
                self.wrong(name, "too_long", format!("at most {most} entries, found {}", items.len()));
                None
            }
            other => {
                self.wrong_type(name, "a list", other);
                None
            }
        }
    }

    /// A list of texts, each parsed; problems point at the entry.
    pub fn texts<T, E: Display>(
        &mut self,
        name: &'static str,
        most: usize,
        mut parse: impl FnMut(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let items = self.items(name, most)?;
        let mut parsed = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Json::Text(text) => match parse(text) {
                    Ok(value) => parsed.push(value),
                    Err(error) => self.wrong(&format!("{name}/{index}"), "invalid", error.to_string()),
                },
                other => self.wrong_type(&format!("{name}/{index}"), "a text", other),
            }
        }
        Some(parsed)
    }

    /// A list of objects, each read by `read`.
    pub fn objects<T>(
        &mut self,
        name: &'static str,
        most: usize,
        mut read: impl FnMut(&mut Fields<'_, 'j>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.items(name, most)?;
        let values = items.iter().enumerate();
        Some(values.filter_map(|(index, item)| self.inner(&format!("{name}/{index}"), item, &mut read)).collect())
    }

    /// The members of an inner object that is a map from names to values.
    pub fn map(&mut self, name: &'static str) -> Option<&'j Members<'j>> {
        match self.value(name)? {
            Json::Object(members) => Some(members),
            other => {
                self.wrong_type(name, "an object", other);
                None
            }
        }
    }

    fn finish(mut self) {
        for (key, _) in self.members {
            if !self.asked.iter().any(|asked| asked == key) {
                let shown: String = key.chars().take(limits::WORD_CHARS).collect();
                self.wrong(&shown.replace('~', "~0").replace('/', "~1"), "unknown_field", "this field is not known");
            }
        }
    }
}

/// What readers ask for, for tests that hold the API document against them.
#[cfg(test)]
pub(crate) mod asked {
    use std::{cell::RefCell, collections::BTreeSet};

    thread_local! {
        static ASKED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(base: &str, name: &str) {
        let place = format!("{base}/{name}");
        let any = |part: &str| if part.parse::<usize>().is_ok() { "*".to_owned() } else { part.to_owned() };
        let place = place.split('/').map(any).collect::<Vec<_>>().join("/");
        ASKED.with_borrow_mut(|asked| asked.insert(place));
    }

    /// The places that `read` asks for; entries of lists are `*`.
    pub(crate) fn during(read: impl FnOnce()) -> BTreeSet<String> {
        ASKED.take();
        read();
        ASKED.take()
    }
}
