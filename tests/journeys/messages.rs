//! Messages as the outside sees them: real sockets to a gateway and a mail server that misbehave, the
//! gateway's callbacks, the outbox, the link that follows a visit.

use crate::{
    WEST,
    common::gateway::{MailServer, Mood, SmsGateway},
    house::{Answer, House},
};
use callout::{
    domain::{
        ids::{RegionId, TicketNumber},
        number::RegionCode,
        ticket::{Channel, Role},
        time::Timestamp,
    },
    notify::{Desk, ErrorKind, Message, SendError, Sent, sign},
    settings::{MailTls, Secret, Settings},
    tokens::Tokens,
};
use serde_json::json;
use std::{fmt::Write, sync::Arc};

const TOKEN: &str = "hush-hush";
const PUBLIC: &str = "https://service.example.com";

fn through(gateway: &SmsGateway, settings: &mut Settings) {
    settings.server.public_url = Some(PUBLIC.into());
    let sms = &mut settings.notify.sms;
    sms.base_url = Some(gateway.url());
    sms.account_sid = Some("AC1".into());
    sms.auth_token = Some(Secret::new(TOKEN));
    sms.from = Some("+15550100".into());
    sms.timeout_s = 1;
}

fn message(channel: Channel, to: &str) -> Message {
    let ticket = TicketNumber::new(RegionCode(33), 142);
    Message {
        id: format!("{ticket}.7"),
        ticket,
        kind: "opened",
        channel,
        to: to.into(),
        subject: Some("Se\u{f1}al".into()),
        text: "Ma\u{f1}ana & \"hoy\"".into(),
        at: Timestamp(1_800_000_000_000),
        callback: Some(format!("{PUBLIC}/v1/notify/status?delivery={ticket}.7")),
    }
}

/// One message through the gateway that these settings give.
fn send(change: impl FnOnce(&mut Settings), channel: Channel, to: &str) -> Result<Sent, SendError> {
    let data = tempfile::tempdir().unwrap();
    let mut settings = Settings::defaults().unwrap();
    settings.storage.data = data.path().into();
    change(&mut settings);
    let tokens = Arc::new(Tokens::open(data.path()).unwrap());
    let desk = Desk::open(&settings, tokens, Arc::new(|_| [0; 16])).unwrap();
    let gateway = desk.gateway(channel).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { gateway.send(&message(channel, to)).await })
}

#[test]
fn an_sms_is_one_call_and_each_failure_has_its_name() {
    let gateway = SmsGateway::start();
    let sms = || send(|settings| through(&gateway, settings), Channel::Sms, "+16175550100");
    assert_eq!(sms(), Ok(Sent { reference: Some("SM0".into()) }));
    let call = gateway.call();
    assert_eq!(call.path, "/2010-04-01/Accounts/AC1/Messages.json");
    // base64 of AC1:hush-hush
    assert!(call.head.to_lowercase().contains("authorization: basic qumxomh1c2gtahvzaa=="), "{}", call.head);
    assert_eq!((call.field("To"), call.field("From")), ("+16175550100", "+15550100"));
    assert_eq!(call.field("Body"), "Ma\u{f1}ana & \"hoy\"");
    assert!(call.field("StatusCallback").ends_with(".7"));
    let passing = |retry_after_s| ErrorKind::Passing { retry_after_s };
    let answers = |status, headers, body| Mood::Answers { status, headers, body };
    for (mood, code, kind) in [
        (answers(200, "", "<html>welcome</html>"), "unreadable_answer", passing(None)),
        (answers(201, "", "{\"sid\": \"\"}"), "unreadable_answer", passing(None)),
        (
            answers(400, "", "{\"code\": 21211, \"message\": \"+16175550100\"}"),
            "invalid_recipient (21211)",
            ErrorKind::Permanent,
        ),
        (answers(401, "", ""), "credentials_refused", passing(None)),
        (answers(404, "", "{\"code\": 20404}"), "account_unknown (20404)", passing(None)),
        (answers(429, "retry-after: 7\r\n", ""), "too_many", passing(Some(7))),
        (answers(302, "location: http://127.0.0.1:9/\r\n", ""), "http_302", passing(None)),
        (answers(500, "", "oops"), "http_500", passing(None)),
        (Mood::BreaksOff, "broken_connection", passing(None)),
        (Mood::Hangs, "timeout", passing(None)),
    ] {
        gateway.be(mood);
        assert_eq!(sms(), Err(SendError { code: code.into(), kind }));
    }
    let closed = SmsGateway::start().address;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_ne!(closed, nobody);
    let unreachable = send(
        |settings| {
            through(&gateway, settings);
            settings.notify.sms.base_url = Some(format!("http://{nobody}"));
        },
        Channel::Sms,
        "+16175550100",
    );
    assert_eq!(unreachable, Err(SendError::passing("unreachable")));
}

fn mail(server: &MailServer, tls: MailTls, to: &str) -> Result<Sent, SendError> {
    let change = |settings: &mut Settings| {
        let email = &mut settings.notify.email;
        email.host = Some("127.0.0.1".into());
        email.port = server.address.port();
        email.from = Some("Callout <service@example.com>".into());
        (email.tls, email.timeout_s) = (tls, 1);
    };
    send(change, Channel::Email, to)
}

#[test]
fn a_mail_is_a_letter_with_a_name_of_its_own_and_each_failure_has_its_name() {
    let server = MailServer::start("250 ok");
    assert_eq!(mail(&server, MailTls::None, "c@example.org"), Ok(Sent::default()));
    let letter = server.letter();
    let number = TicketNumber::new(RegionCode(33), 142);
    for part in
        [&format!("Message-ID: <{number}.7@example.com>"), "To: c@example.org", "From: Callout <service@example.com>"]
    {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    assert!(letter.contains("Subject: =?utf-8?"), "{letter}");
    let told = |answer, tls, to| mail(&MailServer::start(answer), tls, to).unwrap_err();
    let plain = MailTls::None;
    assert_eq!(told("550 no such user", plain, "c@example.org"), SendError::permanent("invalid_recipient (550)"));
    assert_eq!(told("451 later", plain, "c@example.org"), SendError::passing("smtp_451"));
    assert_eq!(told("535 who are you", plain, "c@example.org"), SendError::passing("credentials_refused (535)"));
    assert_eq!(told("", plain, "c@example.org"), SendError::passing("timeout"), "it hangs");
    assert_eq!(told("250 ok", plain, "no address"), SendError::permanent("invalid_recipient"));
    let open = told("250 ok", MailTls::Starttls, "c@example.org");
    assert!(matches!(open.kind, ErrorKind::Passing { .. }), "never in the clear when encryption was asked for: {open}");
}

/// A house whose SMS go to the gateway, awake at any hour.
fn house(gateway: &SmsGateway) -> House {
    let house = House::staffed_with(|settings| through(gateway, settings));
    let awake = json!({ "settings": { "quiet_hours": null } });
    house.send("PATCH", &house.token(Role::Admin), "/v1/regions/west", &[], &awake).is(200);
    house
}

fn entered(house: &House, contact: &serde_json::Value) -> String {
    let body = json!({ "title": "No picture", "channel": "phone", "skills": ["tv"], "contact": contact,
        "place": { "lat": WEST[0], "lon": WEST[1] } });
    house.post(&house.token(Role::Clerk), "/v1/tickets", &body).is(201).text("/number").to_owned()
}

/// A form as the gateway posts it, signed with its token (or another).
fn posted(house: &House, path: &str, fields: &[(&str, &str)], token: &str) -> Answer {
    let owned: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let signature = sign(token, &format!("{PUBLIC}{path}"), &owned);
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            let _ = write!(encoded, "%{byte:02x}");
            encoded
        })
    };
    let body = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    house.ask("POST", path, &[kind, ("x-twilio-signature", &signature)], body.as_bytes())
}

fn has(answer: &Answer, kind: &str) -> bool {
    answer.body["items"].as_array().is_some_and(|items| items.iter().any(|item| item["kind"] == kind))
}

#[test]
fn what_the_gateway_reports_is_believed_only_with_its_signature_and_then_sent_another_way() {
    let gateway = SmsGateway::start();
    let house = house(&gateway);
    let number = entered(&house, &json!({ "phone": "617-555-0100", "email": "c@example.org", "language": "es" }));
    let call = gateway.call();
    assert_eq!(call.field("To"), "+16175550100", "as the gateway wants numbers");
    assert!(call.field("Body").contains(&number) && call.field("Body").contains("recibimos"), "{}", call.field("Body"));
    let path = call.field("StatusCallback").strip_prefix(PUBLIC).unwrap().to_owned();
    let timeline = format!("/v1/tickets/{number}/timeline");
    house.until_shown(&timeline, |shown| has(shown, "delivery.sent"));
    let failed = |sid| [("MessageSid", sid), ("MessageStatus", "undelivered"), ("ErrorCode", "30003")];
    assert_eq!(posted(&house, &path, &failed("SM0"), "guessed").is(403).code(), "forged");
    house.ask("POST", &path, &[("content-type", "application/x-www-form-urlencoded")], b"a=b").is(403);
    posted(&house, &path, &failed("SM7"), TOKEN).is(404);
    posted(&house, "/v1/notify/status?delivery=nonsense", &failed("SM0"), TOKEN).is(404);
    posted(&house, &path, &[("MessageSid", "SM0"), ("MessageStatus", "delivered")], TOKEN).is(204);
    assert!(!has(&house.get(&house.token(Role::Clerk), &timeline), "delivery.bounced"));
    posted(&house, &path, &failed("SM0"), TOKEN).is(204);
    let by_mail = |shown: &Answer| {
        let items = shown.body["items"].as_array().unwrap();
        items.iter().filter(|item| item["kind"] == "delivery.sent" && item["data"]["channel"] == "email").count()
    };
    let shown = house.until_shown(&timeline, |shown| by_mail(shown) == 1);
    let bounced =
        shown.body["items"].as_array().unwrap().iter().find(|item| item["kind"] == "delivery.bounced").unwrap();
    assert_eq!(bounced["data"]["error"], "undelivered (30003)");
    posted(&house, &path, &failed("SM0"), TOKEN).is(204);
    assert_eq!(by_mail(&house.get(&house.token(Role::Clerk), &timeline)), 1, "told twice, sent once");
    let owner = house.token_of(Role::Portal, "portal", Vec::new());
    assert!(!has(&house.get(&owner, &timeline), "delivery.bounced"), "nothing of that is the customer's affair");
}

#[test]
fn an_answered_stop_is_kept_over_a_restart_and_a_start_takes_it_back() {
    let gateway = SmsGateway::start();
    let mut house = house(&gateway);
    let answer = |text| [("From", "+16175550100"), ("To", "+15550100"), ("Body", text), ("MessageSid", "SM9")];
    posted(&house, "/v1/notify/inbound", &answer("Alto"), "guessed").is(403);
    let kept = posted(&house, "/v1/notify/inbound", &answer("Alto"), TOKEN).is(200);
    assert_eq!(kept.header("content-type"), Some("text/xml"));
    house.restart();
    let number = entered(&house, &json!({ "phone": "+16175550100" }));
    let timeline = format!("/v1/tickets/{number}/timeline");
    let shown = house.until_shown(&timeline, |shown| has(shown, "delivery.dropped"));
    let dropped =
        shown.body["items"].as_array().unwrap().iter().find(|item| item["kind"] == "delivery.dropped").unwrap();
    assert_eq!(dropped["data"]["reason"], "opted_out");
    assert!(gateway.calls_so_far().is_empty());
    posted(&house, "/v1/notify/inbound", &answer("start"), TOKEN).is(200);
    entered(&house, &json!({ "phone": "+16175550100" }));
    assert_eq!(gateway.call().field("To"), "+16175550100");
}

#[test]
fn a_dead_letter_is_listed_told_and_resent_by_the_desk_only() {
    let gateway = SmsGateway::start();
    gateway.be(Mood::Answers { status: 400, headers: "", body: "{\"code\": 21211}" });
    let house = house(&gateway);
    let numbers: Vec<String> = (0..3).map(|_| entered(&house, &json!({ "phone": "+1617555" }))).collect();
    for number in &numbers {
        // The customer's; the expert, who has no app and no phone, cannot be told either.
        let failed = |shown: &Answer| {
            let mut items = shown.body["items"].as_array().unwrap().iter();
            items.any(|item| item["kind"] == "delivery.failed" && item["data"]["delivery"] == 1)
        };
        house.until_shown(&format!("/v1/tickets/{number}/timeline"), failed);
    }
    let desk = house.token(Role::Dispatcher);
    house.get(&house.token(Role::Clerk), "/v1/outbox").is(403);
    let dead = house.get(&desk, "/v1/outbox?status=dead&region=west").is(200);
    let ids = |answer: &Answer| -> Vec<String> {
        answer.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut expected: Vec<String> = numbers.iter().map(|number| format!("{number}.1")).collect();
    expected.reverse();
    assert_eq!(ids(&dead), expected, "newest first");
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.get(&desk, &format!("/v1/outbox?status=dead&limit=1{cursor}")).is(200);
        paged.extend(ids(&page));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, expected, "page by page the same");
    let id = &expected[0];
    let shown = house.get(&desk, &format!("/v1/outbox/{id}")).is(200);
    assert_eq!((shown.text("/status"), shown.text("/to"), shown.text("/kind")), ("dead", "customer", "opened"));
    assert_eq!(shown.text("/history/0/data/error"), "invalid_recipient (21211)");
    assert!(!shown.body.to_string().contains("+1617555"), "no number: {}", shown.body);
    gateway.be(Mood::Works);
    gateway.calls_so_far();
    let key = [("idempotency-key", "again-1")];
    let path = format!("/v1/outbox/{id}/resend");
    house.post(&house.token(Role::Clerk), &path, &json!({})).is(403);
    let first = house.send("POST", &desk, &path, &key, &json!({})).is(200);
    assert_eq!(first.text("/status"), "queued");
    gateway.call();
    let timeline = format!("/v1/tickets/{}/timeline", numbers[2]);
    house.until_shown(&timeline, |shown| has(shown, "delivery.sent"));
    let again = house.send("POST", &desk, &path, &key, &json!({})).is(200);
    assert_eq!((again.body, again.head.contains("idempotency-replayed: true")), (first.body, true));
    assert_eq!(house.get(&desk, &format!("/v1/outbox/{id}")).is(200).text("/status"), "sent");
    assert_eq!(house.post(&desk, &path, &json!({})).is(409).code(), "delivery_done");
    house.get(&desk, "/v1/outbox?status=lost").is(422);
    house.get(&desk, "/v1/outbox/0A1.9").is(404);
    assert_eq!(ids(&house.get(&desk, "/v1/outbox?status=dead").is(200)), expected[1..]);
    let others = house.token_of(Role::Dispatcher, "east", vec![RegionId::parse("east").unwrap()]);
    assert_eq!(ids(&house.get(&others, "/v1/outbox?status=dead").is(200)), Vec::<String>::new());
    house.get(&others, &format!("/v1/outbox/{}", expected[1])).is(404);
}

#[test]
fn a_link_follows_one_visit_without_a_login_and_nothing_after_it() {
    let gateway = SmsGateway::start();
    let house = house(&gateway);
    let number = entered(&house, &json!({ "name": "Eve Adams", "phone": "+16175550100" }));
    let path = format!("/v1/tickets/{number}");
    let clerk = house.token(Role::Clerk);
    assert_eq!(house.until(&number, "assigning").text("/tracking_url"), "", "nobody comes yet");
    house.post(&clerk, &format!("{path}/accept"), &json!({})).is(200);
    let url = house.get(&clerk, &path).text("/tracking_url").to_owned();
    let link = url.strip_prefix(PUBLIC).unwrap().to_owned();
    let told =
        std::iter::repeat_with(|| gateway.call()).find(|call| call.field("Body").contains("will visit you")).unwrap();
    assert!(told.field("Body").contains(&url), "{}", told.field("Body"));
    let track = |path: &str| house.ask("GET", path, &[], b"");
    let coming = track(&link).is(200);
    assert_eq!(
        (coming.text("/phase"), coming.text("/expert"), coming.text("/position/lat")),
        ("assigned", "Expert", "")
    );
    assert!(coming.text("/says").starts_with("Expert will visit you") && !coming.text("/eta").is_empty());
    let all = coming.body.to_string();
    assert!(!all.contains("Eve") && !all.contains("617"), "nobody's name or number but the expert's first: {all}");
    house.post(&clerk, &format!("{path}/depart"), &json!({})).is(200);
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let here = json!({ "lat": 42.06, "lon": -71.16, "at": callout::app::real_now().to_string() });
    house.post(&expert, "/v1/experts/west-1/position", &here).is(204);
    let driving = track(&link).is(200);
    assert!((driving.body["position"]["lat"].as_f64().unwrap() - 42.06).abs() < 1e-6, "{}", driving.body);
    let page = house.call("GET", &link, &[("accept", "text/html,application/xhtml+xml")], b"");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut { page }, &mut text).unwrap();
    assert!(text.contains("<h1>Your visit") && text.contains("on the way"), "{text}");
    house.post(&clerk, &format!("{path}/arrive"), &json!({})).is(200);
    let there = track(&link).is(200);
    assert_eq!((there.text("/step"), there.text("/says")), ("on_site", "Expert is at your place."));
    assert!(there.body.get("position").is_none(), "only while they drive");
    house.post(&clerk, &format!("{path}/complete"), &json!({ "resolution": "fixed", "notes": "" })).is(200);
    track(&link).is(404);
    track("/v1/track/nonsense").is(404);
    assert_eq!(house.get(&clerk, &path).text("/tracking_url"), "");
    let survey =
        std::iter::repeat_with(|| gateway.call()).find(|call| call.field("Body").contains("How was it")).unwrap();
    let link = survey.field("Body").split_whitespace().find_map(|word| word.strip_prefix(PUBLIC)).unwrap().to_owned();
    house.ask("POST", &link, &[("content-type", "application/json")], br#"{"rating":5}"#).is(200);
}

#[test]
fn a_mailbox_without_gateways_holds_what_people_would_have_got_and_an_erased_ticket_leaves_it() {
    let house = House::staffed_with(|_| {});
    let awake = json!({ "settings": { "quiet_hours": null } });
    house.send("PATCH", &house.token(Role::Admin), "/v1/regions/west", &[], &awake).is(200);
    let number = entered(&house, &json!({ "phone": "+16175550142" }));
    house.until_shown(&format!("/v1/tickets/{number}/timeline"), |shown| has(shown, "delivery.sent"));
    let folder = house.app().core.data.join("mailbox");
    let text = || -> String {
        let days = std::fs::read_dir(&folder).unwrap().map(|day| std::fs::read_to_string(day.unwrap().path()).unwrap());
        days.collect()
    };
    assert!(text().contains("+16175550142") && text().contains("we have your request"), "{}", text());
    let gone = house.app().core.service.desk().forget(&[number.parse().unwrap()]).unwrap();
    assert!(gone >= 1 && !text().contains("+16175550142"));
}

#[test]
fn the_link_to_the_survey_opens_a_page_in_the_customers_language_and_its_form_closes_the_ticket() {
    let house = House::staffed();
    let contact = json!({ "name": "Customer 1", "phone": "617 555 0100", "language": "es" });
    let body = json!({ "title": "No picture", "channel": "web", "skills": ["tv"], "contact": contact,
        "place": { "lat": WEST[0], "lon": WEST[1] } });
    let number = house.post(&house.token(Role::Clerk), "/v1/tickets", &body).is(201).text("/number").to_owned();
    let link = format!("/v1/surveys/{}", house.app().core.tokens.survey_link(number.parse().unwrap()));
    let page = || house.text("GET", &link, &[], b"");
    assert!(!page().contains("<form"), "there is nothing to ask yet");
    house.until(&number, "assigning");
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let done = json!({ "resolution": "fixed", "notes": "new cable" });
    for (name, body) in [("accept", json!({})), ("depart", json!({})), ("arrive", json!({})), ("complete", done)] {
        house.post(&expert, &format!("/v1/tickets/{number}/{name}"), &body).is(200);
    }
    let asks = page();
    assert!(asks.starts_with("HTTP/1.1 200") && asks.contains("<html lang=\"es\">"), "{asks}");
    assert!(asks.contains("content-security-policy: default-src 'none'; ") && asks.contains("form-action 'self'"));
    assert!(asks.contains("<form method=\"post\">") && asks.contains("name=\"rating\" value=\"5\" required"), "{asks}");
    assert!(!asks.contains("://") && !asks.contains("<script") && !asks.contains("Customer 1"), "{asks}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    house.ask("POST", &link, &form, b"rating=6&comment=").is(422);
    house.ask("POST", &link, &form, b"comment=friendly").is(422);
    let taken = house.ask("POST", &link, &form, b"rating=4&comment=muy+amable%0D%0Ay+r%C3%A1pido").is(303);
    assert_eq!(taken.header("location"), Some(link.as_str()));
    house.until(&number, "closed");
    house.ask("POST", &link, &form, b"rating=1").is(303);
    let thanks = page();
    assert!(thanks.contains("Gracias") && !thanks.contains("<form"), "{thanks}");
    let timeline = house.get(&house.token(Role::Clerk), &format!("/v1/tickets/{number}/timeline")).is(200);
    let said: Vec<_> =
        timeline.body["items"].as_array().unwrap().iter().filter(|e| e["kind"] == "ticket.surveyed").collect();
    assert_eq!(said.len(), 1, "the second form changed nothing");
    assert_eq!(said[0]["data"], json!({ "rating": 4, "comment": "muy amable\ny r\u{e1}pido" }));
    house.ask("GET", "/v1/surveys/forged", &[], b"").is(404);
    house.ask("POST", &link, &[("content-type", "text/plain")], b"rating=4").is(415);
}
