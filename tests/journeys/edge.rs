//! The edge as a caller meets it: careful headers, gzip, CORS, limits per caller, and whatever else comes in
//! over a raw socket. Each is refused as documented, never with a 5xx, never with silence.

use super::{
    WEST,
    house::{Answer, House, answer},
};
use callout::{
    app::real_now,
    domain::ticket::Role,
    tokens::{Grant, Tokens},
};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// Sends bytes as they are and reads all that comes back.
fn raw(house: &House, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(house.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Refused early, it may not read on.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn status(answer: &[u8]) -> u16 {
    let head = String::from_utf8_lossy(answer);
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[test]
fn every_answer_tells_browsers_to_be_careful() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let careful = |answer: Answer| {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{}", answer.head);
        }
        assert_eq!(answer.header("strict-transport-security"), None, "not without TLS");
    };
    careful(house.get(&clerk, "/v1/regions").is(200));
    careful(house.get(&clerk, "/v1/nothing").is(404));
    careful(house.get("callout_x.y", "/v1/regions").is(401));
    let page = house.ask("GET", "/docs", &[], b"").is(200);
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"), "its own stays");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
}

/// A call by a caller who names the encodings that it takes.
fn packed(house: &House, path: &str, accepts: &str, token: &str) -> (String, Vec<u8>) {
    let bearer = format!("Bearer {token}");
    let mut stream = house.call("GET", path, &[("accept-encoding", accepts), ("authorization", &bearer)], b"");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = bytes.split_off(end + 4);
    (String::from_utf8(bytes).unwrap().to_ascii_lowercase(), body)
}

/// A chunked body's bytes.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
        if size == 0 {
            return whole;
        }
    }
}

#[test]
fn a_large_answer_is_packed_for_who_asks_and_for_nobody_else() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let path = "/v1/openapi.json";
    let (head, plain) = packed(&house, path, "gzip;q=0, identity", &clerk);
    assert!(!head.contains("content-encoding"), "{head}");
    let (head, packed_bytes) = packed(&house, path, "br;q=1.0, gzip;q=0.5", &clerk);
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    let packed_bytes = unchunked(&packed_bytes);
    assert!(packed_bytes.len() * 4 < plain.len(), "{} of {}", packed_bytes.len(), plain.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed_bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    for (path, accepts) in [("/healthz", "gzip"), (path, "br"), (path, "")] {
        let (head, _) = packed(&house, path, accepts, &clerk);
        assert!(!head.contains("content-encoding"), "{path} {accepts:?}: {head}");
    }
    let bearer = format!("Bearer {clerk}");
    let mut stream = house.call("GET", "/v1/feed/sse", &[("accept-encoding", "gzip"), ("authorization", &bearer)], b"");
    let mut first = [0; 1_024];
    let read = stream.read(&mut first).unwrap();
    assert!(!String::from_utf8_lossy(&first[..read]).contains("content-encoding"), "a stream comes as it is");
}

#[test]
fn pages_of_allowed_origins_may_call_and_no_others() {
    let ours = "https://console.example.com";
    let house = House::staffed_with(|settings| settings.server.allowed_origins = vec![ours.into()]);
    let clerk = house.token(Role::Clerk);
    let preflight = |house: &House, origin: &str| {
        let asked = [("origin", origin), ("access-control-request-method", "POST")];
        house.ask("OPTIONS", "/v1/tickets", &asked, b"")
    };
    let allowed = preflight(&house, ours).is(204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(ours));
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("idempotency-key"));
    assert!(allowed.header("x-request-id").is_some());
    assert_eq!(preflight(&house, "https://else.example").header("access-control-allow-origin"), None);
    let bearer = format!("Bearer {clerk}");
    let call = |origin: &str| house.ask("GET", "/v1/regions", &[("origin", origin), ("authorization", &bearer)], b"");
    let answered = call(ours).is(200);
    assert_eq!(answered.header("access-control-allow-origin"), Some(ours));
    assert!(answered.header("access-control-expose-headers").unwrap().contains("retry-after"));
    assert_eq!(call("https://else.example").is(200).header("access-control-allow-origin"), None);
    let refused = house.ask("GET", "/v1/regions", &[("origin", ours)], b"").is(401);
    assert_eq!(refused.header("access-control-allow-origin"), Some(ours), "a page can read why");
    let closed = House::staffed();
    preflight(&closed, ours).is(405);
    assert_eq!(closed.ask("GET", "/healthz", &[("origin", ours)], b"").header("access-control-allow-origin"), None);
}

/// Calls until the answer is another one; that one.
fn until_refused(call: impl Fn() -> Answer, status: u16, most: usize) -> Answer {
    for _ in 0..most {
        let answer = call();
        if answer.status != status {
            return answer;
        }
    }
    panic!("{most} calls and no end");
}

#[test]
fn a_caller_who_calls_too_often_is_told_when_to_come_again_and_nobody_else_is() {
    let house = House::staffed_with(|settings| {
        settings.server.person_calls_per_s = 1;
        settings.server.address_calls_per_s = 1;
    });
    let customer = house.token_of(Role::Customer, "c-1", Vec::new());
    let limited = until_refused(|| house.get(&customer, "/v1/tickets"), 200, 100).is(429);
    assert_eq!(limited.code(), "too_many_calls");
    assert_eq!(limited.header("content-type"), Some("application/problem+json"));
    assert_eq!(limited.header("retry-after"), Some("1"));
    house.get(&house.token_of(Role::Customer, "c-2", Vec::new()), "/v1/tickets").is(200);
    let clerk = house.token(Role::Clerk);
    for _ in 0..50 {
        house.get(&clerk, "/v1/regions").is(200);
    }
    // Whoever tries tokens, or paths, has an address.
    until_refused(|| house.get("callout_x.y", "/v1/tickets"), 401, 100).is(429);
    house.get("callout_x.y", "/v1/nothing").is(429);
    house.ask("GET", "/docs", &[], b"").is(429);
    house.get(&clerk, "/v1/regions").is(200);
    house.ask("GET", "/healthz", &[], b"").is(200);
    let metrics = house.ask("GET", "/metrics", &[], b"");
    assert!(metrics.head.contains("200 OK"));
}

#[test]
fn no_token_but_one_that_was_signed_here_and_still_holds_opens_anything() {
    let house = House::staffed();
    let tokens = &house.app().core.tokens;
    let grant = |ttl_s| Grant { role: Role::Admin, subject: None, regions: Vec::new(), ttl_s };
    let (expired, _) = tokens.issue(grant(-1), real_now()).unwrap();
    let (revoked, claims) = tokens.issue(grant(600), real_now()).unwrap();
    assert!(tokens.revoke(&claims.id).unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let (foreign, _) = Tokens::open(elsewhere.path()).unwrap().issue(grant(600), real_now()).unwrap();
    let (sound, _) = tokens.issue(grant(600), real_now()).unwrap();
    let body = sound.strip_prefix("callout_").unwrap().split_once('.').unwrap().0;
    // {"alg":"none"}.{"role":"admin","exp":9999999999}.
    let unsigned = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4iLCJleHAiOjk5OTk5OTk5OTl9.";
    let bearer = |token: &str| format!("Bearer {token}");
    let basic = "Basic YWRtaW46YWRtaW4=".to_owned();
    for (why, value) in [
        ("expired", bearer(&expired)),
        ("another server's", bearer(&foreign)),
        ("alg none", bearer(unsigned)),
        ("no signature", bearer(&format!("callout_{body}."))),
        ("no key at all", bearer(&format!("callout_{body}"))),
        ("empty", "Bearer ".to_owned()),
        ("no scheme", sound.clone()),
        ("another scheme", basic),
        ("long", bearer(&"x".repeat(20_000))),
    ] {
        let answer = house.ask("GET", "/v1/experts", &[("authorization", &value)], b"");
        assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{why}: {}", answer.head);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{why}");
    }
    house.ask("GET", "/v1/experts", &[], b"").is(401);
    // Of a revocation it learns within a second.
    until_refused(|| house.get(&revoked, "/v1/experts"), 200, 100_000).is(401);
    house.get(&sound, "/v1/experts").is(200);
}

/// A request with this path and these headers, as bytes.
fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn heads_that_no_client_sends_are_refused_and_the_next_caller_is_served() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let auth = format!("authorization: Bearer {clerk}\r\n");
    let get = |path: &str, headers: &str| request("GET", path, &format!("{auth}{headers}"), b"");
    let many = "x-one: y\r\n".repeat(200);
    let large = format!("x-large: {}\r\n", "y".repeat(200_000));
    for (what, bytes, wanted) in [
        ("many headers", get("/v1/regions", &many), [431, 400]),
        ("large headers", get("/v1/regions", &large), [431, 400]),
        ("a long path", get(&format!("/v1/tickets/{}", "x".repeat(10_000)), ""), [404, 404]),
        ("a very long path", get(&format!("/v1/{}", "x".repeat(200_000)), ""), [414, 431]),
        ("up and down", get("/v1/../v1/regions", ""), [404, 404]),
        ("dots in code", get("/v1/%2e%2e/metrics", ""), [404, 404]),
        ("a slash in code", get("/v1%2fregions", ""), [404, 404]),
        ("two slashes", get("//v1//regions", ""), [404, 404]),
        ("a slash behind", get("/v1/regions/", ""), [404, 404]),
        ("nothing in code", get("/v1/tickets/%00", ""), [404, 400]),
        ("a file", get("/v1/regions/..%2f..%2ftoken.key", ""), [404, 400]),
        ("bad UTF-8 in code", get("/v1/tickets/%ff%fe", ""), [400, 404]),
        ("nothing as it is", get("/v1/tickets/\0", ""), [400, 400]),
        ("no such method", request("BREW", "/v1/tickets", &auth, b""), [405, 405]),
        ("TRACE", request("TRACE", "/v1/tickets", &auth, b""), [405, 405]),
        ("CONNECT", request("CONNECT", "x:1", &auth, b""), [404, 405]),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), [400, 400]),
        ("two lengths", get("/v1/regions", "content-length: 7\r\n"), [400, 400]),
        (
            "a length below nothing",
            b"POST /v1/tickets HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
            [400, 400],
        ),
    ] {
        let got = status(&raw(&house, &bytes));
        assert!(wanted.contains(&got), "{what}: {got}");
        house.get(&clerk, "/v1/regions").is(200);
    }
}

#[test]
fn bodies_that_cannot_be_read_are_refused_with_why() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let auth = format!("authorization: Bearer {clerk}\r\n");
    let deep = "[".repeat(100_000);
    let huge = format!(r#"{{"title":"{}"}}"#, "x".repeat(300_000));
    let post = |kind: &str, body: &[u8]| {
        let kind = if kind.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
        answer_of(&raw(&house, &request("POST", "/v1/tickets", &format!("{auth}{kind}"), body)))
    };
    for (what, kind, body, wanted) in [
        ("NaN", "application/json", &b"{\"title\":NaN}"[..], (400, "malformed_json")),
        ("twice", "application/json", b"{\"title\":\"a\",\"title\":\"b\"}", (400, "malformed_json")),
        ("deep", "application/json", deep.as_bytes(), (400, "malformed_json")),
        ("no UTF-8", "application/json", b"{\"title\":\"\xff\"}", (400, "malformed_json")),
        ("beyond numbers", "application/json", b"{\"duration_s\":1e999}", (400, "malformed_json")),
        ("a huge number", "application/json", b"{\"duration_s\":99999999999999999999}", (422, "invalid")),
        ("a list", "application/json; charset=utf-8", b"[]", (422, "invalid")),
        ("nothing", "application/json", b"", (400, "malformed_json")),
        ("too large", "application/json", huge.as_bytes(), (413, "too_large")),
        ("a form", "application/x-www-form-urlencoded", b"title=x", (415, "unsupported_media_type")),
        ("a text", "text/plain", b"{}", (415, "unsupported_media_type")),
        ("a type that is none", "\u{1F600}", b"{}", (415, "unsupported_media_type")),
    ] {
        let told = post(kind, body);
        assert_eq!((told.status, told.code()), wanted, "{what}: {}", told.head);
        assert_eq!(told.header("content-type"), Some("application/problem+json"), "{what}");
    }
    // Larger than it says, in chunks: counted as it comes.
    let mut chunked =
        format!("POST /v1/tickets HTTP/1.1\r\nhost: x\r\n{auth}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..5 {
        chunked.extend_from_slice(format!("{:x}\r\n{}\r\n", 65_536, " ".repeat(65_536)).as_bytes());
    }
    assert_eq!(status(&raw(&house, &chunked)), 413);
    let broken = request("POST", "/v1/tickets", &auth, b"{\"title\":\"x\"}");
    assert_eq!(status(&raw(&house, &broken[..broken.len() - 3])), 400, "it broke off");
    house.open(WEST);
    let key = [("idempotency-key", "k-1")];
    let body = |title: &str| json!({ "title": title, "channel": "phone" });
    house.send("POST", &clerk, "/v1/tickets", &key, &body("one")).is(201);
    let other = house.send("POST", &clerk, "/v1/tickets", &key, &body("two")).is(422);
    assert_eq!(other.code(), "idempotency_key_reused");
}

fn answer_of(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.as_str(), ""));
    let status = status(bytes);
    Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() }
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_the_call_before_it_is_not_disturbed() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let mut slow = TcpStream::connect(house.address()).unwrap();
    slow.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head =
        format!("POST /v1/tickets HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {clerk}\r\n");
    write!(slow, "{head}content-length: 100\r\n\r\n{{").unwrap();
    house.open(WEST);
    let told = answer(slow).is(408);
    assert_eq!(told.code(), "too_slow");
}
