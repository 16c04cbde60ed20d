//! Small texts with a form: phone numbers, e-mail addresses, times of day, time zones.

use crate::{
    domain::{ids::IdError, language::Language, skill::SkillLevel, time},
    settings::limits,
};

/// Digits with an optional leading `+`; blanks, dashes, dots, slashes and brackets are dropped.
pub fn phone(text: &str) -> Result<String, &'static str> {
    const FORM: &str = "a phone number has 3 to 15 digits, perhaps with a leading '+'";
    let mut number = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '0'..='9' => number.push(c),
            '+' if number.is_empty() => number.push(c),
            ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' => {}
            _ => return Err(FORM),
        }
    }
    let digits = number.trim_start_matches('+').len();
    let short = text.chars().count() <= limits::PHONE_CHARS;
    if short && limits::PHONE_DIGITS.contains(&digits) { Ok(number) } else { Err(FORM) }
}

/// Something before an `@`, a domain after it, no blanks. Whether it exists is the mail server's to say.
pub fn email(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let parts = text.rsplit_once('@');
    let sound = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.starts_with('.') && !domain.ends_with('.')
    });
    let clean = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if sound && clean && text.len() <= limits::EMAIL_CHARS {
        Ok(text.to_owned())
    } else {
        Err("an e-mail address looks like name@example.org")
    }
}

/// A language that people are written to in, by its ISO 639-1 code.
pub fn language(text: &str) -> Result<Language, &'static str> {
    let short = Some(text).filter(|text| text.len() <= limits::LANGUAGE_CHARS);
    short.and_then(Language::parse).ok_or("a language is en or es")
}

/// An id of any kind, trimmed.
pub fn id<T>(parse: impl Fn(&str) -> Result<T, IdError>) -> impl Fn(&str) -> Result<T, IdError> {
    move |text| parse(text.trim())
}

/// `tv`, `tv:2`, `Street Lights`.
pub fn skill(text: &str) -> Result<SkillLevel, String> {
    SkillLevel::parse(text).map_err(|error| error.to_string())
}

/// An IANA time zone that the bundled database knows, spelt as it is there.
pub fn time_zone(text: &str) -> Result<String, String> {
    let name = text.trim();
    let known = if name.len() <= limits::WORD_CHARS { time::zone(name) } else { None };
    match known.as_ref().and_then(|zone| zone.iana_name()) {
        Some(iana) => Ok(iana.to_owned()),
        None => Err("a time zone is an IANA name like America/New_York".to_owned()),
    }
}

/// `08:00` as minutes after midnight; `24:00` only as an end.
#[must_use]
pub fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |part: &str| if part.len() == 2 { part.parse::<u16>().ok() } else { None };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_lose_their_decoration_and_nothing_else() {
        assert_eq!(phone("+1 (617) 555-0100").as_deref(), Ok("+16175550100"));
        assert_eq!(phone("617.555.0100").as_deref(), Ok("6175550100"));
        let strung = format!("1{}23", " ".repeat(limits::PHONE_CHARS));
        for wrong in ["", "12", "1+2345", "call me", "1234567890123456", "٠١٢٣", &strung] {
            assert!(phone(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_without_a_domain_is_none() {
        assert!(email("a@b.example").is_ok());
        for wrong in ["a", "@b", "a@", "a b@c", "a@.c", "a@c.", "a\n@c"] {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
    }
}
