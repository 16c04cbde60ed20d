//! What is stripped, what is masked, and what must stay as it was.

use super::*;
use proptest::prelude::*;

#[test]
fn text_is_freed_of_what_does_not_belong_in_it() {
    let mended = |text: &str| clean_text(text, 20);
    assert_eq!(mended("  TV\tdark\r\nsince noon \n"), ("TV\tdark\nsince noon".into(), vec![]));
    assert_eq!(mended("a\0b\u{1b}[2Jc\rd\u{85}e"), ("ab[2Jcde".into(), vec![Mended::Control]));
    assert_eq!(mended("abc\u{202E}txt.exe\u{2069}"), ("abctxt.exe".into(), vec![Mended::Direction]));
    assert_eq!(mended(&"ä".repeat(21)), ("ä".repeat(20), vec![Mended::TooLong(20)]));
    assert_eq!(mended(&"ä".repeat(20)), ("ä".repeat(20), vec![]));
    assert_eq!(mended("שלום \u{200F}مرحبا"), ("שלום \u{200F}مرحبا".into(), vec![]), "right-to-left writing is text");
}

#[test]
fn doors_name_all_that_is_wrong_at_once() {
    assert_eq!(check_text(" fine ", 4), Ok("fine".into()));
    let wrong = vec![Mended::Control, Mended::Direction, Mended::TooLong(2)];
    assert_eq!(check_text("a\0\u{202A}bc", 2), Err(wrong));
}

#[test]
fn card_numbers_lose_all_but_their_last_digits() {
    for (text, masked) in [
        ("4111111111111111", "************1111"),
        ("card 4111 1111 1111 1111 exp 12/26", "card **** **** **** 1111 exp 12/26"),
        ("3782-822463-10005!", "****-******-*0005!"),
        ("5555\u{a0}5555 – 5555\u{2011}4444", "****\u{a0}**** – ****\u{2011}4444"),
        ("**4111 1111 1111 1111**", "****** **** **** 1111**"),
        ("4222222222222 and 6011000990139424", "*********2222 and ************9424"),
        ("call 5 4111111111111111", "call 5 ************1111"),
        ("4111111111111111 123", "************1111 123"),
    ] {
        assert_eq!(mask_cards(text), masked);
        assert!(matches!(mask_cards(text), Cow::Owned(_)));
    }
}

#[test]
fn what_is_no_card_number_stays() {
    for text in [
        "",
        "call +1 617 555 0123 after 18:00",
        "4111111111111112",
        "serial 41111111111111111111 has 20 digits",
        "4111 1111, 1111 1111",
        "order A4111111 B11111111",
        "2026-03-02 08:00:00",
    ] {
        assert!(matches!(mask_cards(text), Cow::Borrowed(same) if same == text), "{text}");
    }
}

/// 13 to 19 digits with the right last one.
fn cards() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..10_u8, 12..=18).prop_map(|mut digits| {
        digits.push(0);
        let last = (0..10).find(|last| {
            *digits.last_mut().unwrap() = *last;
            luhn(&digits)
        });
        assert!(last.is_some());
        digits
    })
}

proptest! {
    #[test]
    fn every_card_number_is_masked_however_it_is_grouped(
        digits in cards(),
        gaps in prop::collection::vec(prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("-"), 1 => Just(" - ")], 19),
        before in "[a-zäß:( ]{0,8}",
        after in "[a-zäß.,) ]{0,8}",
    ) {
        let mut number = String::new();
        for (at, digit) in digits.iter().enumerate() {
            if at > 0 {
                number.push_str(gaps[at]);
            }
            number.push(char::from(b'0' + digit));
        }
        let text = format!("{before}{number}{after}");
        let masked = mask_cards(&text).into_owned();
        let shown: Vec<u8> = masked.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        prop_assert_eq!(shown, digits[digits.len() - 4..].to_vec());
        prop_assert_eq!(masked.chars().count(), text.chars().count());
    }

    #[test]
    fn masking_twice_is_masking_once(text in "[0-9 *a-]{0,80}") {
        let once = mask_cards(&text).into_owned();
        prop_assert_eq!(mask_cards(&once), once.as_str());
    }

    #[test]
    fn masking_hides_digits_and_touches_nothing_else(text in any::<String>()) {
        let masked = mask_cards(&text);
        for (was, is) in text.chars().zip(masked.chars()) {
            prop_assert!(was == is || (was.is_ascii_digit() && is == '*'));
        }
        prop_assert_eq!(masked.chars().count(), text.chars().count());
    }

    #[test]
    fn clean_text_is_clean(text in any::<String>(), max in 0..40_usize) {
        let (clean, mended) = clean_text(&text, max);
        prop_assert!(clean.chars().count() <= max);
        prop_assert_eq!(check_text(&clean, max), Ok(clean.clone()));
        prop_assert_eq!(check_text(&text, max).is_ok(), mended.is_empty());
    }
}
