//! Proof that a call comes from the SMS gateway: HMAC-SHA1, keyed with the account's token, over the full
//! URL and all form fields sorted by name (Twilio, "Validating Signatures from Twilio").

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Whether `signature` (base64) is the gateway's for this call. Takes the same time for every wrong one.
#[must_use]
pub fn genuine(token: &str, url: &str, fields: &[(String, String)], signature: &str) -> bool {
    let Ok(said) = BASE64.decode(signature) else { return false };
    mac(token, url, fields).is_some_and(|mac| mac.verify_slice(&said).is_ok())
}

/// As the gateway would sign it; for tests of the doors.
#[must_use]
pub fn sign(token: &str, url: &str, fields: &[(String, String)]) -> String {
    mac(token, url, fields).map_or_else(String::new, |mac| BASE64.encode(mac.finalize().into_bytes()))
}

fn mac(token: &str, url: &str, fields: &[(String, String)]) -> Option<Hmac<Sha1>> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(token.as_bytes()).ok()?;
    mac.update(url.as_bytes());
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort();
    sorted.dedup();
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    fn fields() -> Vec<(String, String)> {
        [
            ("To", "+18005551212"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("Caller", "+14158675309"),
            ("CallSid", "CA1234567890ABCDE"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The provider's published example; the same by `printf .. | openssl dgst -sha1 -hmac 12345 -binary | base64`.
    #[test]
    fn the_published_example_is_genuine() {
        assert_eq!(sign("12345", URL, &fields()), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert!(genuine("12345", URL, &fields(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
    }

    #[test]
    fn whatever_is_changed_is_forged() {
        let good = sign("12345", URL, &fields());
        let mut other = fields();
        other[1].1 = "1235".into();
        let mut more = fields();
        more.push(("MessageStatus".into(), "failed".into()));
        assert!(!genuine("12345", URL, &other, &good));
        assert!(!genuine("12345", URL, &more, &good));
        assert!(!genuine("12346", URL, &fields(), &good));
        assert!(!genuine("12345", "https://mycompany.com/myapp.php?foo=1", &fields(), &good));
        for signature in ["", "AAAA", "not base64", &good[1..]] {
            assert!(!genuine("12345", URL, &fields(), signature), "{signature}");
        }
    }
}
