//! Simulated customers: they enter tickets over HTTP like everybody else, what they say on the phone
//! with a clerk's token, the rest with the portal's.

use crate::{
    actors::Failure,
    domain::{
        ids::TicketNumber,
        intake::NewTicket,
        ticket::{Source, WindowKind},
    },
    sim::{Counter, Entering},
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(super) struct Customers {
    pub(super) server: SocketAddr,
    pub(super) portal_token: String,
    pub(super) clerk_token: String,
    /// Kept alive between tickets.
    line: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Customers {
    pub(super) fn new(server: SocketAddr, portal_token: String, clerk_token: String) -> Self {
        Self { server, portal_token, clerk_token, line: None }
    }

    async fn post(&mut self, new: &NewTicket) -> Result<(TicketNumber, bool), Failure> {
        let token = match new.source {
            Source::Phone => &self.clerk_token,
            Source::Web | Source::App | Source::Api => &self.portal_token,
        };
        let request = Request::post("/v1/tickets")
            .header(header::HOST, self.server.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body(new).to_string())))
            .map_err(broken)?;
        let line = match self.line.take().filter(|line| !line.is_closed()) {
            Some(line) => line,
            None => connect(self.server).await?,
        };
        let line = self.line.insert(line);
        line.ready().await.map_err(broken)?;
        let response = line.send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let repeated = response.headers().contains_key("idempotency-replayed");
        let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).map_err(broken)?;
        match status {
            200 | 201 => {
                let number = answer["number"].as_str().unwrap_or_default().parse().map_err(broken)?;
                Ok((number, repeated))
            }
            429 | 503 => Err(Failure::Overloaded { retry_after_s: 1 }),
            status if status >= 500 => Err(Failure::Fault(answer["detail"].to_string())),
            _ => Err(Failure::Invalid {
                what: answer["code"].as_str().unwrap_or("refused").to_owned(),
                detail: answer["detail"].to_string(),
            }),
        }
    }
}

impl Counter for Customers {
    fn enter<'a>(&'a mut self, new: &'a NewTicket) -> Entering<'a> {
        Box::pin(self.post(new))
    }
}

async fn connect(server: SocketAddr) -> Result<http1::SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(server).await.map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    let (line, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Its errors arrive at the request that is under way.
    tokio::spawn(connection);
    Ok(line)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Fault(error.to_string())
}

/// The request as the contract has it; what is not known is left out.
fn body(new: &NewTicket) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<Value>| body.extend(value.map(|value| (name.to_owned(), value)));
    set("title", Some(json!(new.title)));
    set("channel", Some(json!(new.source.name())));
    set("priority", Some(json!(new.priority.name())));
    let contact = &new.contact;
    let said = [("name", &contact.name), ("phone", &contact.phone), ("email", &contact.email)];
    let contact: Map<String, Value> =
        said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))).collect();
    set("contact", (!contact.is_empty()).then_some(Value::Object(contact)));
    set("product", new.product.as_ref().map(|product| json!(product)));
    set("description", new.description.as_ref().map(|text| json!(text)));
    let skills: Vec<String> = new.skills.iter().map(ToString::to_string).collect();
    set("skills", (!skills.is_empty()).then(|| json!(skills)));
    set("place", new.place.map(|place| json!({ "lat": place.lat(), "lon": place.lon() })));
    set("external_id", new.external_id.as_ref().map(|id| json!(id)));
    set("duration_s", new.service_s.map(|seconds| json!(seconds)));
    set("due_at", new.due_at.map(|at| json!(at.to_string())));
    set(
        "window",
        new.window.map(|window| {
            let kind = match window.kind {
                WindowKind::Promise => "promise",
                WindowKind::Wish => "wish",
            };
            json!({ "from": window.from.to_string(), "to": window.to.to_string(), "kind": kind })
        }),
    );
    Value::Object(body)
}
