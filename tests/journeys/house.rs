//! The house of the journeys: an app on a data directory of its own, asked over TCP.

use callout::{
    actors::Clock,
    app::{App, real_now},
    domain::{ids::RegionId, ticket::Role},
    settings::Settings,
    tokens::Grant,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tempfile::TempDir;

/// Nothing in a journey takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct House {
    app: Option<App>,
    settings: Settings,
    /// How many times as fast as the machine's its clock runs.
    scale: f64,
    _dir: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(1.0, |_| {})
    }

    /// With settings of its own, also after a restart.
    fn with(scale: f64, change: impl Fn(&mut Settings)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut settings = Settings::defaults().unwrap();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.storage.data = dir.path().join("data");
        settings.storage.cache_mb = 16;
        change(&mut settings);
        let app = Some(start(&settings, scale));
        Self { app, settings, scale, _dir: dir }
    }

    /// Two square regions, `west` and `east`, and an expert in each who is always on shift.
    pub(crate) fn staffed() -> Self {
        Self::new().with_staff()
    }

    pub(crate) fn staffed_with(change: impl Fn(&mut Settings)) -> Self {
        Self::with(1.0, change).with_staff()
    }

    fn with_staff(self) -> Self {
        let house = self;
        for (id, lon) in [("west", -71.2), ("east", -71.0)] {
            let ring = [[lon, 42.0], [lon + 0.1, 42.0], [lon + 0.1, 42.1], [lon, 42.1], [lon, 42.0]];
            let region = json!({
                "id": id, "name": id, "time_zone": "America/New_York",
                "geometry": { "type": "Polygon", "coordinates": [ring] },
            });
            house.post(&house.token(Role::Admin), "/v1/regions", &region).is(201);
            let expert = json!({
                "id": format!("{id}-1"), "name": format!("Expert {id}"), "skills": { "tv": 2 },
                "home": { "lat": 42.05, "lon": lon + 0.05 },
                "shifts": [{ "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00" }],
            });
            let made = house.post(&house.token(Role::Admin), "/v1/experts", &expert).is(201);
            assert_eq!(made.text("/region"), id);
        }
        house
    }

    pub(crate) fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// The same, on a faster clock from now on. What it begins with on that clock has no time to be done in: bids
    /// are awaited for 200 ms.
    pub(crate) fn hurry(&mut self, scale: f64) {
        self.scale = scale;
        self.restart();
    }

    /// The process stops and starts again on the same data.
    pub(crate) fn restart(&mut self) {
        self.app.take().unwrap().stop();
        self.app = Some(start(&self.settings, self.scale));
    }

    pub(crate) fn token(&self, role: Role) -> String {
        self.token_of(role, role.name(), Vec::new())
    }

    pub(crate) fn token_of(&self, role: Role, subject: &str, regions: Vec<RegionId>) -> String {
        let grant = Grant { role, subject: Some(subject.into()), regions, ttl_s: 600 };
        self.app().core.tokens.issue(grant, real_now()).unwrap().0
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        answer(self.call(method, path, headers, body))
    }

    /// The whole answer, as it came.
    pub(crate) fn text(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut text = String::new();
        self.call(method, path, headers, body).read_to_string(&mut text).unwrap();
        text
    }

    /// Asks without waiting for the answer.
    pub(crate) fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.app().address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let headers: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: callout\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses early may not read on.
        let _ = stream.write_all(body);
        stream
    }

    pub(crate) fn send(&self, method: &str, token: &str, path: &str, extra: &[(&str, &str)], body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        headers.extend_from_slice(extra);
        self.ask(method, path, &headers, body.to_string().as_bytes())
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send("POST", token, path, &[], body)
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], b"")
    }

    /// Waits for commits until the ticket is in a phase.
    #[track_caller]
    pub(crate) fn until(&self, number: &str, phase: &str) -> Answer {
        self.until_shown(&format!("/v1/tickets/{number}"), |ticket| ticket.text("/phase") == phase)
    }

    /// Waits for commits until a clerk is shown what is wanted.
    #[track_caller]
    pub(crate) fn until_shown(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let mut commits = self.app().core.service.store().watch();
        let clerk = self.token(Role::Clerk);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        loop {
            commits.mark_unchanged();
            let shown = self.get(&clerk, path).is(200);
            if wanted(&shown) {
                return shown;
            }
            let waited = runtime.block_on(async { tokio::time::timeout(PATIENCE, commits.changed()).await });
            assert!(waited.is_ok(), "{path} never showed what was wanted: {}", shown.body);
        }
    }

    /// Waits until so much of the house's time has passed.
    pub(crate) fn pass(&self, seconds: i64) {
        let clock = self.app().core.service.clock().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        drop(runtime.block_on(clock.sleep_until(clock.now().plus_s(seconds))));
    }

    /// The house's time, so much later.
    pub(crate) fn time(&self, seconds: i64) -> String {
        self.app().core.service.clock().now().plus_s(seconds).to_string()
    }

    pub(crate) fn address(&self) -> String {
        self.app().address.to_string()
    }

    pub(crate) fn open(&self, place: [f64; 2]) -> String {
        let body = json!({ "title": "No picture", "channel": "phone", "skills": ["tv"],
            "place": { "lat": place[0], "lon": place[1] } });
        self.post(&self.token(Role::Clerk), "/v1/tickets", &body).is(201).text("/number").to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            app.stop();
        }
    }
}

pub(crate) fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}

fn start(settings: &Settings, scale: f64) -> App {
    let hurried = |last| if scale == 1.0 { Clock::machine(last) } else { Clock::scaled(last.max(real_now()), scale) };
    let mut app = App::start(settings, hurried).unwrap();
    app.keep_record(settings).unwrap();
    app
}
