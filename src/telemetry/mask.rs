//! Masks what looks like a person in free text: e-mail addresses, phone numbers, exact places. The last
//! line of defence for texts that should hold none (panics, logs); what is personal by its type is
//! sealed and never gets here. Pure.

/// Digits of a phone number: fewer are counts and codes, more are fingerprints.
const PHONE: std::ops::RangeInclusive<usize> = 7..=15;
/// A number of this many digits in one piece may be a phone number too.
const BARE_PHONE: usize = 10;
/// So many decimals tell a house from its neighbour.
const PLACE_DECIMALS: usize = 4;

/// `text` with e-mail addresses, phone numbers and exact places replaced by what they are.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let taken = if before.is_alphanumeric() { None } else { email(rest).or_else(|| number(rest)) };
        let (shown, length) = taken.unwrap_or(("", 0));
        if length > 0 {
            out.push_str(if shown.is_empty() { &rest[..length] } else { shown });
            before = rest[..length].chars().next_back().unwrap_or(' ');
            rest = &rest[length..];
        } else {
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// What may be told of a panic or an error: its first line, masked, without the texts that it quotes:
/// they may be anybody's.
#[must_use]
pub fn cause(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut out = String::with_capacity(line.len());
    for mark in ['"', '`'] {
        if line.contains(mark) {
            let pieces = line.split(mark).enumerate();
            pieces.for_each(|(no, piece)| out.push_str(if no % 2 == 0 { piece } else { "<text>" }));
            return if mark == '"' { cause(&out) } else { masked(&out) };
        }
    }
    masked(line)
}

/// An address at the beginning of `text`, and its length.
fn email(text: &str) -> Option<(&'static str, usize)> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%');
    let local = text.find(|c: char| !part(c))?;
    let domain = text[local..].strip_prefix('@')?;
    let end = domain.find(|c: char| !part(c)).unwrap_or(domain.len());
    (local > 0 && domain[..end].contains('.')).then_some(("<email>", local + 1 + end))
}

/// What begins with a number: masked when it may be a phone number or a place, else kept as it is (an
/// empty text), so that its pieces are not looked at again.
fn number(text: &str) -> Option<(&'static str, usize)> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '(' | '-')) {
        return None;
    }
    if is_date(text) {
        return Some(("", 10));
    }
    let decimal = decimal(text);
    if decimal > 0 {
        return Some(("<place>", decimal));
    }
    let inside = |c: char| c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '-' | '.' | ' ');
    let span = &text[..text.find(|c: char| !inside(c)).unwrap_or(text.len())];
    let end = span.rfind(|c: char| c.is_ascii_digit())? + 1;
    // Part of a word, like a ticket's number.
    if text[end..].starts_with(|c: char| c.is_alphanumeric()) || span[end..].starts_with('-') {
        return Some(("", end));
    }
    let span = &span[..end];
    let digits = span.bytes().filter(u8::is_ascii_digit).count();
    let marked = span.starts_with(['+', '(']) || span[1..].contains(['-', '(', ')', '.', ' ']);
    let phone = PHONE.contains(&digits) && (marked || digits >= BARE_PHONE);
    Some((if phone { "<number>" } else { "" }, end))
}

/// `2026-01-31` and on: when, not who.
fn is_date(text: &str) -> bool {
    let head = text.as_bytes();
    head.len() >= 10
        && head[4] == b'-'
        && head[7] == b'-'
        && (0..10).all(|i| i == 4 || i == 7 || head[i].is_ascii_digit())
}

/// Length of a number like `-71.0589`, 0 when there is none.
fn decimal(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with('-'));
    let whole = digits(&text[sign..]);
    let Some(fraction) = text[sign + whole..].strip_prefix('.') else { return 0 };
    let decimals = digits(fraction);
    let ends = !fraction[decimals..].starts_with('.');
    if (1..=3).contains(&whole) && decimals >= PLACE_DECIMALS && ends { sign + whole + 1 + decimals } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{cause, masked};

    #[test]
    fn a_cause_quotes_nobody() {
        let said = "called `Result::unwrap()` on an `Err` value: Bad(\"Customerqz of Streetqz\")\nsecond line";
        assert_eq!(cause(said), "called <text> on an <text> value: Bad(<text>)");
        assert_eq!(cause("index 3 of 2"), "index 3 of 2");
    }

    #[test]
    fn people_are_masked() {
        for (text, shown) in [
            ("call +1 (617) 555-0142 now", "call <number> now"),
            ("call 617-555-0142", "call <number>"),
            ("call 6175550142.", "call <number>."),
            ("mail jo.doe+x@mail.example.org, please", "mail <email>, please"),
            ("at 42.360082,-71.058880", "at <place>,<place>"),
            ("{\"lat\":42.36008}", "{\"lat\":<place>}"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn what_an_investigator_needs_stays() {
        for text in [
            "2026-01-31T09:00:00.123Z ticket 0A1-000142-N: 1234 ms, 99.5 %",
            "panicked at src/actors/ticket.rs:210:13: index 3 of 2",
            "region north, expert e-17, seq 123456, cost 17.25 s",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
