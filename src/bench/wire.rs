//! One keep-alive HTTP/1.1 connection of the load generator; opened anew when it breaks.

use super::BenchError;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use std::{io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// A server that has not answered by then is down, as far as this client can tell.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server is and who asks.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `host:port`.
    authority: String,
    bearer: String,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The last part of `Location`: the ticket's number.
    pub(super) number: Option<String>,
    /// `Retry-After`, whole seconds.
    pub(super) retry_after_s: Option<u64>,
    pub(super) body: Bytes,
}

pub(super) struct Connection {
    target: Target,
    sender: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Target {
    pub(super) fn parse(server: &str, token: &str) -> Result<Self, BenchError> {
        let bad = || BenchError::BadServer(server.to_owned());
        let uri: Uri = server.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        if uri.scheme_str() != Some("http") {
            return Err(bad());
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { authority: format!("{}:{port}", authority.host()), bearer: format!("Bearer {token}") })
    }

    /// `host:port` and the header's value.
    pub(super) fn parts(&self) -> (&str, &str) {
        (&self.authority, &self.bearer)
    }

    pub(super) fn connection(&self) -> Connection {
        Connection { target: self.clone(), sender: None }
    }
}

impl Connection {
    /// Opens the connection unless it is open.
    async fn open(&mut self) -> io::Result<&mut http1::SendRequest<Full<Bytes>>> {
        if self.sender.as_ref().is_none_or(http1::SendRequest::is_closed) {
            let stream = TcpStream::connect(&self.target.authority).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
            // Its errors arrive at the request that was under way.
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or_else(|| io::Error::other("not connected"))
    }

    pub(super) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(Method::GET, path, None, String::new()).await
    }

    pub(super) async fn post(&mut self, path: &str, key: &str, body: String) -> io::Result<Answer> {
        self.send(Method::POST, path, Some(key), body).await
    }

    async fn send(&mut self, method: Method, path: &str, key: Option<&str>, body: String) -> io::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.target.authority)
            .header(header::AUTHORIZATION, &self.target.bearer);
        if let Some(key) = key {
            request = request.header("idempotency-key", key).header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(io::Error::other)?;
        let answer = timeout(PATIENCE, self.exchange(request)).await.unwrap_or_else(|late| Err(late.into()));
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> io::Result<Answer> {
        let sender = self.open().await?;
        sender.ready().await.map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let number = text(header::LOCATION).and_then(|path| path.rsplit('/').next()).map(str::to_owned);
        let retry_after_s = text(header::RETRY_AFTER).and_then(|value| value.parse().ok());
        let status = response.status();
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status, number, retry_after_s, body })
    }
}
