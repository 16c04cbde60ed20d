//! Ticket numbers that survive a bad phone line: `0A1-000142-N`.
//!
//! Three characters of region code, a serial of at least six digits, a check character, all in
//! Crockford's base 32 (no I, L, O, U). The check is a weighted sum over the field of 32 elements,
//! which catches every single wrong character and every swap of two. (ISO/IEC 7064 MOD 37,36 misses
//! some swaps of neighbours that differ by one, such as 34 for 43.)

use minicbor::{Decode, Decoder, Encode, Encoder};
use std::{fmt, str::FromStr};

/// The code of the region that first took the ticket (never reused), and its serial there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketNumber {
    pub code: RegionCode,
    pub serial: u32,
}

/// 0 to 32,767, spoken as three characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RegionCode(#[n(0)] pub u16);

impl RegionCode {
    pub const LAST: u16 = 0x7FFF;
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("a ticket number looks like 0A1-000142-N")]
    Malformed,
    #[error("the ticket number's check character does not fit: one character was misread")]
    Check,
}

impl TicketNumber {
    #[must_use]
    pub fn new(code: RegionCode, serial: u32) -> Self {
        Self { code, serial }
    }

    /// Order-preserving key: code, then serial.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        (u64::from(self.code.0) << 32) | u64::from(self.serial)
    }

    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self { code: RegionCode((bits >> 32) as u16), serial: bits as u32 }
    }

    fn body(self) -> String {
        let code = |shift: u16| ALPHABET[usize::from((self.code.0 >> shift) & 31)] as char;
        format!("{}{}{}{:06}", code(10), code(5), code(0), self.serial)
    }
}

/// The sum of the characters' values, each times a power of x that grows to the left, in GF(2^5)
/// modulo x^5 + x^2 + 1. x generates all 31 powers, so no two places of a number weigh the same.
fn check(body: &str) -> u8 {
    let mut sum = 0;
    for byte in body.bytes() {
        sum = times_x(sum) ^ value(byte).unwrap_or(0);
    }
    ALPHABET[usize::from(times_x(sum))]
}

fn times_x(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

fn value(byte: u8) -> Option<u8> {
    ALPHABET.iter().position(|c| *c == byte).and_then(|at| u8::try_from(at).ok())
}

impl fmt::Display for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        let (code, serial) = body.split_at(3);
        write!(f, "{code}-{serial}-{}", check(&body) as char)
    }
}

impl fmt::Debug for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Forgiving of case, blanks and dashes; of the letters O, I and L.
impl FromStr for TicketNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.len() > 40 {
            return Err(NumberError::Malformed);
        }
        let mut chars: Vec<u8> =
            text.bytes().filter(|b| !matches!(b, b'-' | b' ' | b'.')).map(|b| b.to_ascii_uppercase()).collect();
        for c in &mut chars {
            *c = match *c {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
        }
        let said = chars.pop().ok_or(NumberError::Malformed)?;
        if chars.len() < 9 || chars.len() > 13 {
            return Err(NumberError::Malformed);
        }
        let mut code = 0_u16;
        for c in &chars[..3] {
            code = code * 32 + u16::from(value(*c).ok_or(NumberError::Malformed)?);
        }
        let digits = std::str::from_utf8(&chars[3..]).map_err(|_| NumberError::Malformed)?;
        // A seventh digit is there because it is needed: read as a shorter serial, a wrong zero would
        // move the code to other weights, and the check would no longer catch it for sure.
        let padded = digits.len() > 6 && digits.starts_with('0');
        if padded || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::Malformed);
        }
        let serial = digits.parse().map_err(|_| NumberError::Malformed)?;
        let number = Self { code: RegionCode(code), serial };
        if check(&number.body()) == said { Ok(number) } else { Err(NumberError::Check) }
    }
}

impl<C> Encode<C> for TicketNumber {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u64(self.to_bits())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for TicketNumber {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self::from_bits(d.u64()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = TicketNumber> {
        let serial = prop_oneof![0..1_000_u32, any::<u32>()];
        (0..=RegionCode::LAST, serial).prop_map(|(code, serial)| TicketNumber::new(RegionCode(code), serial))
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(number in numbers()) {
            let text = number.to_string();
            prop_assert_eq!(text.parse(), Ok(number));
            prop_assert_eq!(text.to_lowercase().replace('-', " ").parse(), Ok(number));
            prop_assert_eq!(text.replace('0', "o").replace('1', "L").parse(), Ok(number));
            prop_assert_eq!(TicketNumber::from_bits(number.to_bits()), number);
        }

        #[test]
        fn no_single_wrong_character_gives_another_ticket(number in numbers(), at in 0..16_usize, wrong in 0..32_usize) {
            let mut text = number.to_string().into_bytes();
            let at = at % text.len();
            if text[at] == b'-' || text[at] == ALPHABET[wrong] {
                return Ok(());
            }
            text[at] = ALPHABET[wrong];
            let read: Result<TicketNumber, _> = String::from_utf8(text).unwrap().parse();
            prop_assert!(read.is_err(), "{number} read as {read:?}");
        }

        #[test]
        fn no_swap_of_two_characters_gives_another_ticket(number in numbers(), a in 0..16_usize, b in 0..16_usize) {
            let mut text = number.to_string().into_bytes();
            text.retain(|c| *c != b'-');
            let (a, b) = (a % text.len(), b % text.len());
            if text[a] == text[b] {
                return Ok(());
            }
            text.swap(a, b);
            let read: Result<TicketNumber, _> = String::from_utf8(text).unwrap().parse();
            prop_assert!(read.is_err(), "{number} read as {read:?}");
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,50}") {
            let _ = text.parse::<TicketNumber>();
        }
    }

    #[test]
    fn neighbours_that_differ_by_one_may_not_be_swapped_either() {
        for serial in 0..10_000 {
            let number = TicketNumber::new(RegionCode(33), serial);
            let text: Vec<u8> = number.to_string().bytes().filter(|c| *c != b'-').collect();
            for at in 0..text.len() - 1 {
                let mut swapped = text.clone();
                swapped.swap(at, at + 1);
                let read: Result<TicketNumber, _> = String::from_utf8(swapped).unwrap().parse();
                assert!(text[at] == text[at + 1] || read.is_err(), "{number} at {at}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |text: &str| text.parse::<TicketNumber>();
        assert_eq!(TicketNumber::new(RegionCode(321), 142).to_string(), "0A1-000142-N");
        assert_eq!(read("0A1-000142-Y"), Err(NumberError::Check));
        for text in ["", "-", "0A1-0001-4", "0U1-000142-N", "0A1-00O14X-Z", "0A1-99999999999-Z", &"0".repeat(99)] {
            assert_eq!(read(text), Err(NumberError::Malformed), "{text}");
        }
        assert_eq!(read("0A1-4294967296-0"), Err(NumberError::Malformed), "beyond 32 bits");
    }

    #[test]
    fn keys_sort_like_numbers() {
        let number = |code, serial| TicketNumber::new(RegionCode(code), serial);
        assert!(number(1, u32::MAX).to_bits() < number(2, 0).to_bits());
        assert!(number(2, 1).to_bits() < number(2, 2).to_bits());
    }
}
