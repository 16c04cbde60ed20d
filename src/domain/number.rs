//! Ticket numbers that survive a bad phone line: `0A1-000142-K`.
//!
//! Three characters of region code, a serial of at least six digits, a check character. The
//! alphabet is Crockford's base 32 (no I, L, O, U); the check is ISO/IEC 7064 MOD 37,36 over code
//! and serial, which catches every single wrong character and every swap of neighbours.

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

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CODE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("a ticket number looks like 0A1-000142-K")]
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
        let code = |shift: u16| CODE[usize::from((self.code.0 >> shift) & 31)] as char;
        format!("{}{}{}{:06}", code(10), code(5), code(0), self.serial)
    }
}

/// ISO/IEC 7064 MOD 37,36.
fn check(body: &str) -> u8 {
    let mut p = 36;
    for byte in body.bytes() {
        let value = ALPHABET.iter().position(|c| *c == byte).unwrap_or(0);
        let sum = (p + value) % 36;
        p = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    ALPHABET[(37 - p) % 36]
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

/// Forgiving of case, blanks and dashes; of the letters O, I and L in the code and serial.
impl FromStr for TicketNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.len() > 40 {
            return Err(NumberError::Malformed);
        }
        let mut chars: Vec<u8> =
            text.bytes().filter(|b| !matches!(b, b'-' | b' ' | b'.')).map(|b| b.to_ascii_uppercase()).collect();
        let said = chars.pop().ok_or(NumberError::Malformed)?;
        if chars.len() < 9 || chars.len() > 13 {
            return Err(NumberError::Malformed);
        }
        for c in &mut chars {
            *c = match *c {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
        }
        let mut code = 0_u16;
        for c in &chars[..3] {
            let value = CODE.iter().position(|x| x == c).ok_or(NumberError::Malformed)?;
            code = code * 32 + value as u16;
        }
        let digits = std::str::from_utf8(&chars[3..]).map_err(|_| NumberError::Malformed)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
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
