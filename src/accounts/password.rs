//! What a new password must be (NIST SP 800-63B, 5.1.1.2): long, and nothing that is guessed first. No rules of
//! composition: they make passwords worse. Pure; a password's text is never in an error.

use super::AccountName;
use crate::settings::{Secret, limits};

/// A password that may be set. What is only compared with a hash needs no such judgement.
#[derive(Clone, Debug)]
pub struct NewPassword(Secret);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has {} to {} characters", limits::PASSWORD_CHARS.start(), limits::PASSWORD_CHARS.end())]
    Length,
    #[error("the name must not be in the password")]
    HoldsName,
    #[error("this password is among the first that are guessed")]
    Obvious,
}

/// What is tried first once twelve characters are asked for: runs, words, and the product's own name.
const OBVIOUS: [&str; 14] = [
    "password",
    "passwort",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "abcdefghijkl",
    "1234567890",
    "0987654321",
    "letmein",
    "iloveyou",
    "welcome",
    "changeme",
    "administrator",
    "callout",
];

/// Fewer different characters than this are a pattern.
const DIFFERENT: usize = 5;

impl NewPassword {
    pub fn judge(text: Secret, name: &AccountName) -> Result<Self, WeakPassword> {
        if !limits::PASSWORD_CHARS.contains(&text.reveal().chars().count()) {
            return Err(WeakPassword::Length);
        }
        let folded = Secret::new(&text.reveal().to_lowercase());
        // Names of one or two letters are in everything.
        if name.as_str().len() > 2 && folded.reveal().contains(name.as_str()) {
            return Err(WeakPassword::HoldsName);
        }
        if obvious(folded.reveal()) { Err(WeakPassword::Obvious) } else { Ok(Self(text)) }
    }

    pub(super) fn text(&self) -> &Secret {
        &self.0
    }
}

/// A password that is little else than one of the usual ones, or a few characters over and over.
fn obvious(folded: &str) -> bool {
    let mut different: Vec<char> = folded.chars().collect();
    different.sort_unstable();
    different.dedup();
    let chars = folded.chars().count();
    let usual = |word: &&str| folded.contains(*word) && chars < word.len() + *limits::PASSWORD_CHARS.start();
    different.len() < DIFFERENT || OBVIOUS.iter().any(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<(), WeakPassword> {
        NewPassword::judge(Secret::new(text), &AccountName::parse("desk-1").unwrap()).map(drop)
    }

    #[test]
    fn a_password_is_long_and_not_the_first_guess_and_nothing_else() {
        for good in
            ["correct horse battery", "ñandú ñandú 7 veces", "aaaabbbbccccddddeeee", &"a long sentence ".repeat(8)]
        {
            assert_eq!(judged(good), Ok(()), "{good}");
        }
        assert_eq!(judged("elevenchars"), Err(WeakPassword::Length));
        assert_eq!(judged(&"x1y2z3".repeat(22)), Err(WeakPassword::Length));
        for named in ["Desk-1-is-here", "xx desk-1 2026"] {
            assert_eq!(judged(named), Err(WeakPassword::HoldsName));
        }
        for first in ["Password1234!", "123456789012", "aaaaaaaaaaaa", "qwertyuiop12", "calloutcallout", "abababababab"]
        {
            assert_eq!(judged(first), Err(WeakPassword::Obvious), "{first}");
        }
        assert_eq!(judged("welcome to the house of seven gables"), Ok(()), "a usual word in a sentence is no harm");
    }

    #[test]
    fn a_password_is_never_printed() {
        let password = NewPassword::judge(Secret::new("correct horse battery"), &AccountName::parse("a").unwrap());
        assert!(!format!("{password:?}").contains("horse"));
    }
}
