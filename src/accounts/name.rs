//! An account's name: what people type to log in. One spelling of it, whatever they typed.
//!
//! Must never be an address: names stay in the files that only grow, and in the access record, when their person
//! is erased.

use std::fmt;

/// 1 to 64 of `a-z 0-9 . _ - +`, beginning with a letter or digit; capitals are folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 64 letters, digits, '.', '_', '-' or '+', and begins with a letter or digit")]
pub struct NameError;

impl AccountName {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.to_ascii_lowercase();
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && name.len() <= 64 && name.bytes().all(fits) { Ok(Self(name)) } else { Err(NameError) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for AccountName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling_and_no_odd_characters() {
        assert_eq!(AccountName::parse("Desk-1"), AccountName::parse("desk-1"));
        assert!(AccountName::parse("desk+1").is_ok());
        for wrong in ["", "desk@example.org", "d@", " d", ".d", "desk 1", "d/s", "dé", &"x".repeat(65)] {
            assert_eq!(AccountName::parse(wrong), Err(NameError), "{wrong}");
        }
    }
}
