//! Numbers as gateways want them (E.164), and what people answer to a text.

/// `6175550100`, `+16175550100`, `0016175550100` are one number for country code 1. Short service numbers
/// stay as they are.
#[must_use]
pub(super) fn international(number: &str, country_code: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if number.trim_start().starts_with('+') {
        return format!("+{digits}");
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return format!("+{rest}");
    }
    if digits.len() < 7 {
        return digits;
    }
    // With the country's code before a ten-digit number, as people write it in North America.
    if digits.len() == 10 + country_code.len() && digits.starts_with(country_code) {
        return format!("+{digits}");
    }
    format!("+{country_code}{}", digits.trim_start_matches('0'))
}

/// All forms of a number that [`international`] takes for the same one, as digits: with and without the
/// country's code.
#[must_use]
pub(super) fn forms(number: &str, country_code: &str) -> Vec<String> {
    let mut forms = vec![number.chars().filter(char::is_ascii_digit).collect::<String>()];
    if let Some(whole) = international(number, country_code).strip_prefix('+') {
        forms.extend([whole.to_owned(), format!("00{whole}")]);
        if let Some(national) = whole.strip_prefix(country_code) {
            forms.extend([national.to_owned(), format!("0{national}")]);
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// What somebody who answered a text wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Stop,
    Start,
}

const STOP: [&str; 14] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "ALTO",
    "PARAR",
    "BAJA",
    "CANCELAR",
    "DETENER",
    "TERMINAR",
];
const START: [&str; 8] = ["START", "UNSTOP", "YES", "INICIAR", "EMPEZAR", "ALTA", "SI", "S\u{cd}"];

/// The whole answer has to be one of the words: "please don't stop" is none.
#[must_use]
pub(super) fn wish(text: &str) -> Option<Wish> {
    let word: String = text.trim().chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect();
    let word = word.trim().to_uppercase();
    if STOP.contains(&word.as_str()) {
        return Some(Wish::Stop);
    }
    START.contains(&word.as_str()).then_some(Wish::Start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_one_number_however_it_was_given() {
        for given in ["6175550100", "+16175550100", "0016175550100", "16175550100", "+1 (617) 555-0100"] {
            assert_eq!(international(given, "1"), "+16175550100", "{given}");
        }
        assert_eq!(international("0301234567", "49"), "+49301234567");
        assert_eq!(international("911", "1"), "911");
    }

    #[test]
    fn whichever_form_is_searched_the_one_that_was_written_down_is_among_them() {
        let digits = |given: &str| given.chars().filter(char::is_ascii_digit).collect::<String>();
        for (code, same) in [
            ("1", &["617 555 0100", "+1 617 555 0100", "001 617 555 0100", "1 617 555 0100"][..]),
            ("49", &["030 1234567", "+49 30 1234567", "0049 30 1234567"]),
            ("1", &["+49 30 1234567", "0049 30 1234567"]),
        ] {
            for searched in same {
                let forms = forms(searched, code);
                assert!(same.iter().all(|given| forms.contains(&digits(given))), "{searched}: {forms:?}");
            }
        }
        assert_eq!(forms("911", "1"), ["911"]);
    }

    #[test]
    fn only_the_word_itself_is_a_wish() {
        for text in ["STOP", " stop.", "Alto", "baja!", "Unsubscribe", "STOP\n"] {
            assert_eq!(wish(text), Some(Wish::Stop), "{text:?}");
        }
        for text in ["start", "S\u{ed}", "Si", "alta"] {
            assert_eq!(wish(text), Some(Wish::Start), "{text:?}");
        }
        for text in ["", "please don't stop", "ok", "when do you come?"] {
            assert_eq!(wish(text), None, "{text:?}");
        }
    }
}
