//! Tokens and links: who passes, and who does not.

use super::*;
use crate::domain::ids::TicketNumber;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn grant(role: Role) -> Grant {
    Grant { role, subject: Some("c-1".into()), regions: vec![RegionId::parse("north").unwrap()], ttl_s: 60 }
}

#[test]
fn a_token_says_who_carries_it_until_it_expires() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(dir.path()).unwrap();
    let (token, claims) = tokens.issue(grant(Role::Customer), NOW).unwrap();
    // Another process on the same data (a server) reads the same key.
    let server = Tokens::open(dir.path()).unwrap();
    assert_eq!(server.verify(&token, NOW).as_deref(), Ok(&claims));
    assert_eq!(server.verify(&token, NOW.plus_s(60)), Err(TokenError::Expired));
}

#[test]
fn no_changed_character_and_no_other_key_passes() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(dir.path()).unwrap();
    let (token, _) = tokens.issue(grant(Role::Customer), NOW).unwrap();
    tokens.verify(&token, NOW).unwrap();
    for at in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(tokens.verify(&forged, NOW), Err(TokenError::Unknown), "{at}");
    }
    let other = tempfile::tempdir().unwrap();
    assert_eq!(Tokens::open(other.path()).unwrap().verify(&token, NOW), Err(TokenError::Unknown));
}

#[test]
fn a_running_server_learns_of_a_revocation_by_its_next_look() {
    let dir = tempfile::tempdir().unwrap();
    let server = Tokens::open(dir.path()).unwrap();
    let (token, claims) = server.issue(grant(Role::Clerk), NOW).unwrap();
    assert!(server.verify(&token, NOW).is_ok());
    let shell = Tokens::open(dir.path()).unwrap();
    assert!(shell.revoke(&claims.id).unwrap());
    assert!(!shell.revoke("nobody").unwrap());
    server.refresh();
    assert_eq!(server.verify(&token, NOW), Err(TokenError::Revoked));
    assert!(server.list().unwrap()[0].1);
    assert_eq!(Tokens::open(dir.path()).unwrap().verify(&token, NOW), Err(TokenError::Revoked));
}

#[test]
fn a_token_got_by_login_holds_as_long_as_it_is_told_that_the_login_stands() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login { account: "desk-1".into(), since: Timestamp(NOW.0 - 77) };
    let stands = |since| -> Standing { Box::new(move |login| login.account == "desk-1" && login.since == since) };
    let tokens = Tokens::open(dir.path()).unwrap().with_standing(stands(login.since));
    let (token, claims) = tokens.issue_to(login.clone(), grant(Role::Clerk), NOW).unwrap();
    assert_eq!(tokens.verify(&token, NOW).as_deref(), Ok(&claims));
    assert_eq!(claims.login, Some(login));
    let changed = Tokens::open(dir.path()).unwrap().with_standing(stands(NOW));
    assert_eq!(changed.verify(&token, NOW), Err(TokenError::Ended));
    let listed = changed.listed_as(&claims.id).unwrap().unwrap();
    assert_eq!(listed.account.as_deref(), Some("desk-1"));
    assert_eq!(changed.state(&listed, NOW), Err(TokenError::Ended));
    let untold = Tokens::open(dir.path()).unwrap();
    assert_eq!(untold.verify(&token, NOW), Err(TokenError::Ended), "nobody vouches for it");
}

#[test]
fn whoever_says_that_no_signature_is_needed_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(dir.path()).unwrap();
    let json = |text: &str| BASE64.encode(text);
    let claims = json(r#"{"id":"x","role":"admin","sub":"x","iat":1800000000,"exp":1900000000}"#);
    let unsigned = format!("{}.{claims}.", json(r#"{"alg":"none","typ":"JWT"}"#));
    for forged in
        [unsigned.clone(), format!("{PREFIX}{unsigned}"), format!("{PREFIX}{claims}."), format!("{PREFIX}{claims}")]
    {
        assert_eq!(tokens.verify(&forged, NOW), Err(TokenError::Unknown), "{forged}");
    }
}

#[test]
fn the_process_that_revokes_knows_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Tokens::open(dir.path()).unwrap();
    let (token, claims) = server.issue(grant(Role::Clerk), NOW).unwrap();
    server.verify(&token, NOW).unwrap();
    server.revoke(&claims.id).unwrap();
    assert_eq!(server.verify(&token, NOW), Err(TokenError::Revoked));
}

#[test]
fn a_logout_ends_its_own_token_and_none_of_the_processs_own() {
    let dir = tempfile::tempdir().unwrap();
    let server = Tokens::open(dir.path()).unwrap();
    let (token, claims) = server.issue(grant(Role::Clerk), NOW).unwrap();
    let own = server.sign_unlisted(grant(Role::Clerk), NOW);
    server.revoke_own(&server.verify(&own, NOW).unwrap()).unwrap();
    assert!(server.verify(&own, NOW).is_ok(), "they are many under one name");
    server.revoke_own(&claims).unwrap();
    assert_eq!(server.verify(&token, NOW), Err(TokenError::Revoked));
}

#[test]
fn a_survey_link_opens_its_ticket_only() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(dir.path()).unwrap();
    let number = TicketNumber::from_bits(7);
    let link = tokens.survey_link(number);
    assert_eq!(tokens.survey_ticket(&link), Some(number));
    let mac = link.split_once('.').unwrap().1;
    assert_eq!(tokens.survey_ticket(&format!("{}.{mac}", TicketNumber::from_bits(8))), None);
}

#[test]
fn a_tracking_link_opens_one_visit_until_it_expires() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(dir.path()).unwrap();
    let number = TicketNumber::from_bits(7);
    let link = tokens.tracking_link(number, 2, NOW.plus_s(60));
    assert_eq!(tokens.tracked_visit(&link, NOW), Some((number, 2)));
    assert_eq!(tokens.tracked_visit(&link, NOW.plus_s(60)), None);
    let longer = link.replace(&format!(".{}.", NOW.0 / 1_000 + 60), &format!(".{}.", NOW.0 / 1_000 + 90));
    assert_eq!(tokens.tracked_visit(&longer, NOW), None, "it cannot be stretched");
    assert_eq!(tokens.tracked_visit(&link.replace(".2.", ".3."), NOW), None);
    assert_eq!(tokens.tracked_visit(&tokens.survey_link(number), NOW), None);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    Tokens::open(dir.path()).unwrap();
    let mode = std::fs::metadata(dir.path().join("token.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
