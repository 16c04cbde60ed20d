//! What holds for every call, added to each operation by its row in the table of roles: who may, path
//! parameters, headers, and the refusals that the edge and the readers of bodies share.

use crate::{
    domain::ticket::Role,
    http::access::{self, Row},
    settings::limits,
};
use axum::http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

type Operation = Map<String, Value>;

/// Writes that nothing else can come in between of.
const ALONE: [&str; 14] = [
    "/v1/surveys/{token}",
    "/v1/experts/{id}/position",
    "/v1/regions/{id}/unpark",
    "/v1/regions/{id}/optimise",
    "/v1/imports/{kind}",
    "/v1/audits",
    "/v1/login",
    "/v1/logout",
    "/v1/me/password",
    "/v1/users",
    "/v1/users/{name}",
    "/v1/tokens",
    "/v1/tokens/{id}",
    "/v1/customers/export",
];

/// Their answers hold a token, or end one: nothing is kept under a key.
const UNKEYED: [&str; 4] = ["/v1/login", "/v1/logout", "/v1/me/password", "/v1/tokens"];
/// What people are searched by.
const SOUGHT: [&str; 3] = ["phone", "email", "external_id"];

/// Answered without taking a place: nothing but a bug refuses them.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

pub(super) fn complete(document: &mut Value) {
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["info"]["license"] = json!({ "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" });
    document["servers"] = json!([{ "url": "/", "description": "This server" }]);
    for row in access::TABLE {
        let path = row.path.replace('~', "~0").replace('/', "~1");
        let place = format!("/paths/{path}/{}", row.method.as_str().to_ascii_lowercase());
        if let Some(operation) = document.pointer_mut(&place).and_then(Value::as_object_mut) {
            who(operation, row.roles);
            parameters(operation, row);
            refusals(operation, row);
            answers(operation);
        }
    }
    shared(&mut document["components"]);
}

/// Roles in words and as `x-roles`, and the scheme of tokens.
fn who(operation: &mut Operation, roles: &[Role]) {
    let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
    let words = if names.is_empty() { "Open to all.".to_owned() } else { format!("For: {}.", names.join(", ")) };
    let said = operation.get("description").and_then(Value::as_str).unwrap_or_default();
    let whole = if said.is_empty() { words } else { format!("{said}\n\n{words}") };
    operation.insert("description".into(), whole.into());
    let security = if names.is_empty() { json!([]) } else { json!([{ "token": [] }]) };
    operation.insert("security".into(), security);
    operation.insert("x-roles".into(), names.into());
}

fn parameters(operation: &mut Operation, row: &Row) {
    let mut given: Vec<Value> = match operation.remove("parameters") {
        Some(Value::Array(given)) => given,
        _ => Vec::new(),
    };
    // A form that sends its empty fields asks for nothing by them; only a search needs something to look for.
    let sought = |parameter: &Value| SOUGHT.iter().any(|name| parameter["name"] == *name);
    for parameter in given.iter_mut().filter(|parameter| parameter["in"] == "query" && !sought(parameter)) {
        parameter["allowEmptyValue"] = true.into();
    }
    let named = |given: &[Value], name: &str| given.iter().any(|p| p["in"] == "path" && p["name"] == name);
    let names: Vec<_> = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    for name in names.into_iter().rev() {
        if let Some(schema) = path_schema(row.path, name).filter(|_| !named(&given, name)) {
            given.insert(0, json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
    }
    let mut header = |name: &str| given.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
    if row.method == Method::POST && !UNKEYED.contains(&row.path) {
        header("IdempotencyKey");
    }
    if conditional(row) {
        header("IfMatch");
    }
    if !row.roles.is_empty() {
        header("Traceparent");
    }
    header("RequestId");
    operation.insert("parameters".into(), given.into());
}

/// Writes to a thing that has a version.
fn conditional(row: &Row) -> bool {
    let edits = matches!(row.method, Method::PATCH | Method::PUT | Method::DELETE);
    edits && row.path != "/v1/tokens/{id}"
        || row.path.starts_with("/v1/tickets/{number}/") && row.method == Method::POST
}

fn path_schema(path: &str, name: &str) -> Option<Value> {
    let of = |schema: &str| Some(json!({ "$ref": format!("#/components/schemas/{schema}") }));
    match name {
        "number" => of("TicketNumber"),
        "expert" => of("ExpertId"),
        "id" if path.starts_with("/v1/experts/") => of("ExpertId"),
        "id" if path.starts_with("/v1/regions/") => of("RegionId"),
        "id" if path.starts_with("/v1/outbox/") => of("DeliveryId"),
        "id" if path.starts_with("/v1/tokens/") => of("TokenId"),
        "name" => of("AccountName"),
        "absence" => Some(json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })),
        "token" => Some(json!({ "type": "string", "minLength": 1, "description": "As the link has it." })),
        "kind" => Some(json!({ "type": "string", "enum": ["regions", "experts", "tickets", "places"] })),
        "file" => Some(json!({ "type": "string", "enum": ["page.css", "page.js"] })),
        _ => None,
    }
}

/// Status, name of the shared answer, and what it is. The codes are in backticks.
const REFUSALS: [(&str, &str, &str); 13] = [
    ("400", "Unreadable", "The request cannot be read: `malformed_json`, `unreadable`, `bad_idempotency_key`."),
    ("401", "Unauthorized", "No token, or none that holds: `unauthorized`."),
    ("403", "Forbidden", "The caller's role, or they themselves, may not: `forbidden`."),
    ("404", "NotFound", "It does not exist, or not for the caller: `not_found`."),
    ("408", "TooSlow", "The body did not arrive in time: `too_slow`."),
    ("409", "ChangedMeanwhile", "It changed in between, and no version was named: `changed_meanwhile`."),
    ("412", "Stale", "`If-Match` names another version: `stale`."),
    ("413", "TooLarge", "The body is too large: `too_large`."),
    ("415", "UnsupportedType", "The body is no JSON: `unsupported_media_type`."),
    (
        "422",
        "Invalid",
        "Fields or parameters are not right, each named among the errors: `invalid`. Or the key was used for another body: \
         `idempotency_key_reused`.",
    ),
    ("429", "TooMany", "More calls than this caller may make; nothing was done: `too_many_calls`."),
    ("500", "Internal", "A bug on our side: `internal`."),
    (
        "503",
        "Unavailable",
        "Not now: `overloaded` (nothing was done), `fault`, `too_slow`, `disk_full`; or `outcome_unknown`: repeat it with \
         the same key.",
    ),
];

fn applies(status: &str, operation: &Operation, row: &Row) -> bool {
    let query = || operation["parameters"].as_array().is_some_and(|all| all.iter().any(|p| p["in"] == "query"));
    let named = row.path.contains('{');
    let writes = row.method != Method::GET;
    let json_body = operation.get("requestBody").is_none_or(|body| body["content"].get("application/json").is_some());
    match status {
        "401" | "403" => !row.roles.is_empty(),
        "400" => writes || named,
        "404" => named,
        "408" | "413" => writes,
        "415" => writes && json_body,
        "409" => writes && !ALONE.contains(&row.path),
        "412" => conditional(row),
        "422" => writes || query(),
        // The figures cost something: who asks for them all the time is told to wait.
        "429" | "503" => !PROBES.contains(&row.path) || row.path == "/metrics",
        _ => true,
    }
}

fn refusals(operation: &mut Operation, row: &Row) {
    for (status, name, general) in REFUSALS {
        let own = operation["responses"].get(status);
        if own.is_some_and(|own| own.get("content").is_some()) {
            continue;
        }
        let own = own.and_then(|own| own["description"].as_str()).map(str::to_owned);
        let general = applies(status, operation, row).then_some(general);
        let refusal = match (own, general) {
            (None, None) => continue,
            (None, Some(_)) => json!({ "$ref": format!("#/components/responses/{name}") }),
            (Some(own), general) => problem(status, &[&own, general.unwrap_or_default()].join(" ")),
        };
        operation["responses"][status] = refusal;
    }
    // What a handler says beyond these.
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, response) in responses.iter_mut().filter(|(status, _)| matches!(status.as_bytes()[0], b'4' | b'5')) {
        if response.get("content").is_none() && response.get("$ref").is_none() {
            *response = problem(status, response["description"].as_str().unwrap_or_default());
        }
    }
}

/// A problem document; its codes are the words in backticks that look like one.
fn problem(status: &str, description: &str) -> Value {
    let codes = description.split('`').skip(1).step_by(2);
    let codes = codes.filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let codes: BTreeSet<_> = codes.collect();
    let mut headers = json!({ "x-request-id": { "$ref": "#/components/headers/RequestId" } });
    if matches!(status, "429" | "503") {
        headers["retry-after"] = json!({ "$ref": "#/components/headers/RetryAfter" });
    }
    if status == "401" {
        headers["www-authenticate"] = json!({ "$ref": "#/components/headers/WwwAuthenticate" });
    }
    json!({
        "description": description.trim(),
        "headers": headers,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        "x-codes": codes,
    })
}

/// Every answer has the request's id.
fn answers(operation: &mut Operation) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    responses.sort_keys();
    for response in responses.values_mut().filter(|response| response.get("$ref").is_none()) {
        response["headers"]["x-request-id"] = json!({ "$ref": "#/components/headers/RequestId" });
    }
}

fn shared(components: &mut Value) {
    for (status, name, description) in REFUSALS {
        components["responses"][name] = problem(status, description);
    }
    components["securitySchemes"] = json!({ "token": {
        "type": "http", "scheme": "bearer",
        "description": "A token: from `POST /v1/login`, `POST /v1/tokens` or `callout token issue --role R`.",
    } });
    let header = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "header", "required": false, "description": description, "schema": schema });
    let key = json!({ "type": "string", "minLength": 1, "maxLength": limits::KEY_BYTES, "pattern": "^[!-~]+$" });
    components["parameters"] = json!({
        "IdempotencyKey": header(
            "Idempotency-Key",
            "The same key and body give the same answer, however often they are sent; another body is refused (422). Kept for 24 \
             hours at least; a new key for each new thing, such as a UUID.",
            key,
        ),
        "IfMatch": header(
            "If-Match",
            "The `ETag` that the caller has seen: refused (412) when it is another by now.",
            json!({ "type": "string", "examples": ["\"7\"", "*"], "pattern": "^(\\*|(W/)?\"[0-9]{1,18}\")$" }),
        ),
        "Traceparent": header(
            "traceparent",
            "W3C Trace Context; carried into the journal. One that is none is passed over.",
            json!({ "type": "string", "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] }),
        ),
        "RequestId": header(
            "x-request-id",
            "Names this call in logs and in its answer; one is made when it is absent or no name (1 to 200 visible ASCII characters).",
            json!({ "type": "string", "examples": ["order-88120-2"] }),
        ),
    });
    components["headers"] = json!({
        "RequestId": { "description": "Names this call.", "required": true, "schema": { "type": "string" } },
        "RetryAfter": { "description": "Seconds to wait.", "required": true, "schema": { "type": "integer", "minimum": 1 } },
        "WwwAuthenticate": { "description": "`Bearer`.", "required": true, "schema": { "type": "string" } },
    });
}
