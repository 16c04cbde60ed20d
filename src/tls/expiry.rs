//! When a certificate ends, read from its DER (RFC 5280, 4.1): enough of X.509 for that and no more.

use crate::domain::time::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter`, milliseconds since 1970; None when this is no certificate.
#[must_use]
pub fn expires_ms(certificate: &[u8]) -> Option<i64> {
    let mut fields = inside(&mut &*certificate, SEQUENCE)?;
    let mut fields = inside(&mut fields, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        element(&mut fields)?;
    }
    let mut validity = inside(&mut fields, SEQUENCE)?;
    element(&mut validity)?;
    let (tag, time) = element(&mut validity)?;
    parse(tag, std::str::from_utf8(time).ok()?)
}

/// `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from 2050 on.
fn parse(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let whole = match (tag, digits.len()) {
        (UTC_TIME, 12) if digits < "50" => format!("20{digits}"),
        (UTC_TIME, 12) => format!("19{digits}"),
        (GENERALIZED_TIME, 14) => digits.to_owned(),
        _ => return None,
    };
    let (date, time) = whole.split_at(8);
    let text = format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..]);
    Timestamp::parse(&text).ok().map(|at| at.0)
}

/// The contents of the next element, which has to be of one kind.
fn inside<'a>(bytes: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    element(bytes).filter(|(tag, _)| *tag == wanted).map(|(_, contents)| contents)
}

/// Takes the next element off: its tag and its contents.
fn element<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (long, after) = rest.split_at_checked(usize::from(first & 0x7F)).filter(|(long, _)| long.len() <= 4)?;
        length = long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (contents, after) = rest.split_at_checked(length)?;
    *bytes = after;
    Some((tag, contents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(name: &str) -> String {
        let certificates = super::super::certificates(&super::super::pairs::file(name)).unwrap();
        let ends = expires_ms(&certificates[0]).unwrap();
        Timestamp(ends).to_string()
    }

    #[test]
    fn both_ways_of_writing_a_year_are_read() {
        assert!(ends("first.pem").starts_with("2126-11-04T00:00:00"), "{}", ends("first.pem"));
        assert!(ends("renewed.pem").starts_with("2036-11-04T00:00:00"), "{}", ends("renewed.pem"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8..=255, 0..64)) {
            let _ = expires_ms(&bytes);
            let _ = expires_ms(&[&[SEQUENCE, 0x40, SEQUENCE, 0x3E][..], &bytes].concat());
        }
    }
}
