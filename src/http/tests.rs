//! The door without a socket: the table of roles against the routes, the permit, panics.

use super::{
    Shared, access, dress, edge,
    idempotency::Running,
    live, people, place, rates, recorded,
    routes::{router, routes},
};
use crate::{
    access_log::Wanted,
    actors::Clock,
    domain::{
        ids::{CustomerId, RegionId},
        ticket::Role,
        time::Timestamp,
    },
    load::Core,
    objectives::Objectives,
    settings::{Settings, limits},
    storage::TicketQuery,
    telemetry::metrics::{CATALOGUE, tests::problems_of},
    tokens::Grant,
};
use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Semaphore;

/// A door over a store of its own, asked without a network.
struct Bench {
    core: Option<Core>,
    shared: Arc<Shared>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::defaults().unwrap();
        settings.storage.data = dir.path().join("data");
        settings.storage.cache_mb = 16;
        let core = Core::start(&settings, Clock::machine).unwrap();
        let shared = Arc::new(Shared {
            service: core.service.clone(),
            tokens: core.tokens.clone(),
            people: people::People::new(core.accounts.clone()),
            zips: core.zips.clone(),
            objectives: Arc::new(Objectives::open(&core.data, core.service.store().telemetry())),
            access_log: core.access_log.clone(),
            data: core.data.clone(),
            clock: Clock::machine(Timestamp::ZERO),
            permits: Semaphore::new(limits::CALLS),
            bodies: place::Bodies::new(),
            uploads: Semaphore::new(limits::UPLOADS),
            lookups: Arc::new(Semaphore::new(limits::LOOKUPS)),
            figures: Arc::new(Semaphore::new(limits::FIGURES)),
            imports: Arc::new(Semaphore::new(limits::IMPORTS)),
            running: Running::default(),
            meters: core.service.store().telemetry().metrics.clone(),
            spans: core.service.store().telemetry().spans.clone(),
            ids: edge::RequestIds::new(),
            live: live::Live::new(limits::SESSIONS, tokio::sync::watch::channel(false).1),
            rates: rates::Rates::new(&settings.server),
            wardrobe: dress::Wardrobe::new(&settings.server),
        });
        Self { core: Some(core), shared, _dir: dir }
    }

    fn ask(&self, method: &Method, path: &str, token: Option<&str>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let router = TowerToHyperService::new(router(self.shared.clone()));
        let runtime = self.core.as_ref().unwrap().handle();
        let request = request.body(Body::empty()).unwrap();
        runtime.block_on(edge::edge(self.shared.clone(), router, request)).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(core) = self.core.take() {
            core.stop();
        }
    }
}

/// A path with its parameters filled in.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn the_table_and_the_routes_name_the_same_paths_and_each_row_has_its_handler() {
    let bench = Bench::new();
    let rows: BTreeSet<_> = access::TABLE.iter().map(|row| row.path.to_owned()).collect();
    let routes: BTreeSet<_> = routes().into_iter().map(|(path, _)| path.into_owned()).collect();
    assert_eq!(rows, routes);
    let runtime = bench.core.as_ref().unwrap().handle();
    for row in access::TABLE {
        let request = Request::builder().method(&row.method).uri(filled(row.path)).body(Body::empty()).unwrap();
        let router = TowerToHyperService::new(router(bench.shared.clone()));
        let answer = runtime.block_on(router.call(request)).unwrap();
        // Whatever a handler says without a session; the router itself names the methods it has.
        assert!(!answer.headers().contains_key(header::ALLOW), "{} {}", row.method, row.path);
    }
}

#[test]
fn every_row_of_the_table_is_closed_without_a_token_unless_it_is_open_to_all() {
    let bench = Bench::new();
    for row in access::TABLE {
        let path = filled(row.path);
        let status = bench.ask(&row.method, &path, None).status();
        assert_eq!(status == StatusCode::UNAUTHORIZED, !row.roles.is_empty(), "{} {path}: {status}", row.method);
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{} {path}", row.method);
    }
}

#[test]
fn every_role_gets_exactly_what_the_table_gives() {
    let bench = Bench::new();
    for role in Role::ALL.into_iter().skip(1) {
        let grant = Grant { role, subject: Some("x".into()), regions: Vec::<RegionId>::new(), ttl_s: 60 };
        let token = bench.shared.tokens.sign_unlisted(grant, bench.shared.clock.now());
        for row in access::TABLE.iter().filter(|row| !row.roles.is_empty()) {
            let path = filled(row.path);
            let status = bench.ask(&row.method, &path, Some(&token)).status();
            let told = format!("{} {path} as {}: {status}", row.method, role.name());
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{told}");
            if !row.roles.contains(&role) {
                assert_eq!(status, StatusCode::FORBIDDEN, "{told}");
            }
        }
    }
}

#[test]
fn the_metrics_page_can_be_read_describes_all_and_has_bounded_labels() {
    let bench = Bench::new();
    bench.ask(&Method::GET, "/v1/tickets", None);
    let answer = bench.ask(&Method::GET, "/metrics", None);
    let runtime = bench.core.as_ref().unwrap().handle();
    let bytes = runtime.block_on(async { answer.into_body().collect().await }).unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(problems_of(&text), Vec::<String>::new());
    for metric in CATALOGUE {
        let named = format!("# HELP {} {}.", metric.name.trim_end_matches("_total"), metric.help);
        assert!(text.contains(&named), "{named}");
    }
    let labels: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once('{')?.1.split_once('}'))
        .flat_map(|(labels, _)| labels.split(','))
        .filter_map(|label| label.split('=').next())
        .collect();
    let allowed = BTreeSet::from(["channel", "le", "outcome", "region", "runtime", "status"]);
    assert!(labels.is_subset(&allowed), "a label whose values may be without bound: {labels:?}");
    assert!(text.contains("callout_http_answers_total{status=\"4xx\"} 1"), "{text}");
}

#[test]
fn without_a_permit_a_call_is_refused_at_once_and_probes_get_through() {
    let bench = Bench::new();
    let all = bench.shared.permits.try_acquire_many(u32::try_from(limits::CALLS).unwrap()).unwrap();
    let refused = bench.ask(&Method::GET, "/v1/tickets", None);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert_eq!(refused.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(bench.ask(&Method::GET, "/healthz", None).status(), StatusCode::OK);
    drop(all);
    assert_eq!(bench.ask(&Method::GET, "/v1/tickets", None).status(), StatusCode::UNAUTHORIZED);
    assert_eq!(bench.shared.permits.available_permits(), limits::CALLS, "permits come back");
}

/// A body that never comes.
struct Silent;

impl axum::body::HttpBody for Silent {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

fn clerk(bench: &Bench) -> String {
    let grant = Grant { role: Role::Clerk, subject: Some("x".into()), regions: Vec::<RegionId>::new(), ttl_s: 60 };
    bench.shared.tokens.sign_unlisted(grant, bench.shared.clock.now())
}

#[test]
fn the_bound_on_calls_is_one_for_all_routes_together() {
    let bench = Bench::new();
    let token = clerk(&bench);
    let all = bench.shared.permits.try_acquire_many(u32::try_from(limits::CALLS).unwrap()).unwrap();
    for row in access::TABLE {
        let status = bench.ask(&row.method, &filled(row.path), Some(&token)).status();
        // It may say by itself that no region is ready yet.
        if row.path == "/readyz" {
            continue;
        }
        let probe = matches!(row.path, "/healthz" | "/metrics");
        assert_eq!(status == StatusCode::SERVICE_UNAVAILABLE, !probe, "{}: {status}", row.path);
    }
    drop(all);
}

#[test]
fn whoever_sends_a_body_slowly_holds_no_place_and_strangers_keep_out_strangers_only() {
    let bench = Bench::new();
    let token = clerk(&bench);
    let runtime = bench.core.as_ref().unwrap().handle();
    let send = |path: &str, token: Option<&str>| {
        let router = TowerToHyperService::new(router(bench.shared.clone()));
        let mut request = Request::builder().method(Method::POST).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        runtime.spawn(edge::edge(bench.shared.clone(), router, request.body(Silent).unwrap()))
    };
    let mut calls: Vec<_> = (0..limits::CALLS + 10).map(|_| send("/v1/tickets", Some(&token))).collect();
    calls.extend((0..limits::OPEN_BODIES).map(|_| send("/v1/login", None)));
    runtime.block_on(async {
        while bench.shared.bodies.waiting() < limits::CALLS + 10 + limits::OPEN_BODIES {
            tokio::task::yield_now().await;
        }
        let one_more = send("/v1/login", None).await.unwrap().unwrap();
        assert_eq!(one_more.status(), StatusCode::SERVICE_UNAVAILABLE);
    });
    assert_eq!(bench.shared.permits.available_permits(), limits::CALLS, "none of them holds a place");
    assert_eq!(bench.ask(&Method::GET, "/v1/tickets", Some(&token)).status(), StatusCode::OK);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    runtime.block_on(async {
        for call in calls {
            assert!(call.await.unwrap_err().is_cancelled(), "it waited until then");
        }
    });
    assert_eq!((bench.shared.bodies.waiting(), bench.shared.permits.available_permits()), (0, limits::CALLS));
}

#[test]
fn an_erasure_goes_on_when_nobody_waits_for_it_any_more() {
    let bench = Bench::new();
    let runtime = bench.core.as_ref().unwrap().handle();
    let token = |role| {
        let grant = Grant { role, subject: Some("x".into()), regions: Vec::new(), ttl_s: 60 };
        bench.shared.tokens.sign_unlisted(grant, bench.shared.clock.now())
    };
    let call = |role, path: &str, body: serde_json::Value| {
        let router = TowerToHyperService::new(router(bench.shared.clone()));
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", token(role)));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        edge::edge(bench.shared.clone(), router, request.unwrap())
    };
    let new =
        json!({ "title": "No picture", "channel": "phone", "customer_id": "c-1", "contact": { "name": "Somebody" } });
    let opened = runtime.block_on(call(Role::Clerk, "/v1/tickets", new)).unwrap();
    assert_eq!(opened.status(), StatusCode::CREATED);
    let store = bench.shared.service.store();
    let theirs = TicketQuery { customer: CustomerId::parse("c-1").ok(), limit: 1, ..TicketQuery::default() };
    let person = store.tickets(&theirs).unwrap().items[0].person();
    runtime.block_on(async {
        let erase = call(Role::Admin, "/v1/customers/erase", json!({ "customer_id": "c-1", "cancel_open": true }));
        let mut erase = std::pin::pin!(erase);
        // As far as it gets at once; then the caller hangs up.
        let begun = std::future::poll_fn(|context| std::task::Poll::Ready(erase.as_mut().poll(context).is_pending()));
        assert!(begun.await, "it waits for disks");
    });
    runtime.block_on(async {
        let gone = async {
            while store.remembers(person) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(limits::CALL, gone).await.expect("they are erased all the same");
    });
}

#[test]
fn a_wrong_method_names_the_right_ones_and_a_wrong_path_is_a_problem() {
    let bench = Bench::new();
    let wrong = bench.ask(&Method::DELETE, "/v1/tickets", None);
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()[header::ALLOW], "POST, GET, HEAD");
    let nothing = bench.ask(&Method::GET, "/v1/nothing", None);
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
    assert_eq!(nothing.headers()[header::CONTENT_TYPE], "application/problem+json");
    let crooked = bench.ask(&Method::GET, "/v1/tickets/%ff", None);
    assert_eq!(crooked.headers()[header::CONTENT_TYPE], "application/problem+json");
}

#[test]
fn every_call_leaves_a_line_in_the_access_record_or_says_why_not() {
    let bench = Bench::new();
    let core = bench.core.as_ref().unwrap();
    for row in access::TABLE.iter().filter(|row| !recorded::quiet(row)) {
        let path = row.path.replace("{number}", "0A1-000142-N").replace("{kind}", "tickets");
        let path = path.replace("{id}", "x-1").replace("{token}", "x").replace("{absence}", "1");
        let role = row.roles.first().copied();
        let subject = role.map(|role| format!("{} of {} {}", role.name(), row.method, row.path));
        let token = role.map(|role| {
            let grant = Grant { role, subject: subject.clone(), regions: Vec::new(), ttl_s: 60 };
            core.tokens.sign_unlisted(grant, bench.shared.clock.now())
        });
        let status = bench.ask(&row.method, &path, token.as_deref()).status();
        let newest = core.access_log.list(&Wanted { limit: 1, ..Wanted::default() }).unwrap();
        let line = &newest.items[0];
        let told = format!("{} {}: {line}", row.method, row.path);
        assert_eq!(
            (line["route"].as_str(), line["method"].as_str()),
            (Some(row.path), Some(row.method.as_str())),
            "{told}"
        );
        assert_eq!(line["status"].as_u64(), Some(status.as_u16().into()), "{told}");
        assert_eq!(line["role"].as_str(), Some(role.map_or("link", Role::name)), "{told}");
        assert_eq!(line["subject"].as_str(), subject.as_deref(), "{told}");
    }
}

#[test]
fn a_refused_call_leaves_a_line_and_words_of_a_search_do_not() {
    let bench = Bench::new();
    let core = bench.core.as_ref().unwrap();
    let grant = |role| Grant { role, subject: Some("s".into()), regions: Vec::new(), ttl_s: 60 };
    let clerk = core.tokens.sign_unlisted(grant(Role::Clerk), bench.shared.clock.now());
    let ask = |method, path: &str, token: Option<&str>| {
        let status = bench.ask(&method, path, token).status().as_u16();
        let newest = core.access_log.list(&Wanted { limit: 1, ..Wanted::default() }).unwrap();
        (status, newest.items[0].clone())
    };
    let (status, line) = ask(Method::GET, "/v1/tickets?phone=%2B16175550142&email=jo%40mail.example.org", Some(&clerk));
    assert_eq!((status, line["by"].as_str()), (200, Some("email")), "{line}");
    assert!(!line.to_string().contains("555") && !line.to_string().contains("jo"), "{line}");
    let (status, line) = ask(Method::GET, "/v1/access", Some(&clerk));
    assert_eq!((status, line["role"].as_str(), line["status"].as_u64()), (403, Some("clerk"), Some(403)), "{line}");
    let (status, line) = ask(Method::GET, "/v1/regions", Some("callout_forged.token"));
    assert_eq!((status, line["role"].as_str()), (401, Some("none")), "a quiet route, refused: {line}");
    let (status, line) = ask(Method::GET, "/v1/experts/mildred-of-elm-street", Some(&clerk));
    assert_eq!(status, 404);
    assert!(!line.to_string().contains("mildred"), "what does not exist is a caller's word: {line}");
}
