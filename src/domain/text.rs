//! Free text that people typed: freed of what does not belong in it, and of card numbers.
//!
//! Doors refuse flawed text with [`check_text`], imports mend it with [`clean_text`]; both end in
//! the same form. Card numbers are masked wherever text goes into an event ([`mask_cards`], P12).

use std::{borrow::Cow, ops::RangeInclusive};

/// What is wrong with a text, or was until it was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Mended {
    #[error("NUL and control characters do not belong in text")]
    Control,
    #[error("characters that override the writing direction do not belong in text")]
    Direction,
    #[error("the text is longer than {0} characters")]
    TooLong(usize),
}

impl Mended {
    /// Stable, snake case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Control => "control_character",
            Self::Direction => "direction_override",
            Self::TooLong(_) => "too_long",
        }
    }
}

/// The text without control characters (line ends and tabs stay, CR LF becomes LF) and direction
/// overrides (U+202A..202E, U+2066..2069), trimmed, cut to `max_chars`; and what had to be mended.
#[must_use]
pub fn clean_text(text: &str, max_chars: usize) -> (String, Vec<Mended>) {
    let mut mended = Vec::new();
    let mut note = |flaw| {
        if !mended.contains(&flaw) {
            mended.push(flaw);
        }
    };
    let lines = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let mut clean = String::with_capacity(lines.len());
    for c in lines.chars() {
        match flaw(c) {
            Some(flaw) => note(flaw),
            None => clean.push(c),
        }
    }
    let trimmed = clean.trim();
    let cut = trimmed.char_indices().nth(max_chars).map(|(at, _)| trimmed[..at].trim_end());
    if cut.is_some() {
        note(Mended::TooLong(max_chars));
    }
    (cut.unwrap_or(trimmed).to_owned(), mended)
}

/// The trimmed text.
///
/// # Errors
/// Everything that [`clean_text`] would have to mend.
pub fn check_text(text: &str, max_chars: usize) -> Result<String, Vec<Mended>> {
    let (clean, mended) = clean_text(text, max_chars);
    if mended.is_empty() { Ok(clean) } else { Err(mended) }
}

fn flaw(c: char) -> Option<Mended> {
    match c {
        '\n' | '\t' => None,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Some(Mended::Direction),
        c if c.is_control() => Some(Mended::Control),
        _ => None,
    }
}

/// Digits of a card number (ISO/IEC 7812: up to 19; the shortest in use have 13).
const CARD_DIGITS: RangeInclusive<usize> = 13..=19;
/// Digits that stay readable.
const SHOWN: usize = 4;
/// Separators in a row that may stand inside a number, as in `4111 - 1111`.
const MAX_GAP: usize = 3;

/// Masks card numbers, keeping the last four digits: 13 to 19 digits, perhaps in groups with blanks
/// or dashes between them, that begin and end with a group and pass the Luhn check (ISO/IEC 7812-1,
/// annex B). Masking again changes nothing.
#[must_use]
pub fn mask_cards(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    // The digits left in sight may be the beginning of another number.
    while let Some(further) = mask_once(&masked) {
        masked = Cow::Owned(further);
    }
    masked
}

fn mask_once(text: &str) -> Option<String> {
    if text.bytes().filter(u8::is_ascii_digit).count() < *CARD_DIGITS.start() {
        return None;
    }
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let groups = groups(&chars);
    let mut hidden: Vec<usize> = Vec::new();
    let mut first = 0;
    while first < groups.len() {
        let Some(last) = card(&chars, &groups, first) else {
            first += 1;
            continue;
        };
        let digits = chars[groups[first].from..groups[last].to].iter().filter(|(_, c)| c.is_ascii_digit());
        let digits: Vec<usize> = digits.map(|(at, _)| *at).collect();
        hidden.extend(&digits[..digits.len() - SHOWN]);
        first = last + 1;
    }
    if hidden.is_empty() {
        return None;
    }
    let mut bytes = text.as_bytes().to_vec();
    for at in hidden {
        bytes[at] = b'*';
    }
    // Digits and stars are one byte each, so this cannot fail; the text is dropped rather than leaked.
    Some(String::from_utf8(bytes).unwrap_or_default())
}

/// A run of digits, as positions in the characters.
struct Group {
    from: usize,
    to: usize,
}

fn groups(chars: &[(usize, char)]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for at in (0..chars.len()).filter(|at| chars[*at].1.is_ascii_digit()) {
        match groups.last_mut() {
            Some(group) if group.to == at => group.to = at + 1,
            _ => groups.push(Group { from: at, to: at + 1 }),
        }
    }
    groups
}

/// The last group of the longest card number that begins with group `first`.
fn card(chars: &[(usize, char)], groups: &[Group], first: usize) -> Option<usize> {
    let mut found = None;
    let mut digits: Vec<u8> = Vec::with_capacity(*CARD_DIGITS.end());
    for (last, group) in groups.iter().enumerate().skip(first) {
        if last > first && !joined(&chars[groups[last - 1].to..group.from]) {
            break;
        }
        if digits.len() + (group.to - group.from) > *CARD_DIGITS.end() {
            break;
        }
        digits.extend(chars[group.from..group.to].iter().map(|(_, c)| *c as u8 - b'0'));
        if CARD_DIGITS.contains(&digits.len()) && luhn(&digits) {
            found = Some(last);
        }
    }
    found
}

fn joined(between: &[(usize, char)]) -> bool {
    let separator = |c: char| matches!(c, ' ' | '\t' | '\u{A0}' | '\u{202F}' | '-' | '\u{2010}'..='\u{2015}');
    between.len() <= MAX_GAP && between.iter().all(|(_, c)| separator(*c))
}

/// Every second digit from the right doubled, the cross sum divisible by ten.
fn luhn(digits: &[u8]) -> bool {
    let weighed = digits.iter().rev().enumerate().map(|(at, digit)| match (at % 2, *digit) {
        (0, digit) => u32::from(digit),
        (_, digit) if digit < 5 => u32::from(digit) * 2,
        (_, digit) => u32::from(digit) * 2 - 9,
    });
    weighed.sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests;
