//! The load generator's `WebSockets`: small buffers, since there are thousands.

use super::{BenchError, wire::Target};
use std::io;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        client::IntoClientRequest,
        http::header::{AUTHORIZATION, HeaderValue},
        protocol::WebSocketConfig,
    },
};

pub(super) type Line = WebSocketStream<TcpStream>;

/// Opens a session at `path`.
pub(super) async fn open(target: &Target, path: &str) -> io::Result<Line> {
    let (authority, bearer) = target.parts();
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{authority}{path}").into_client_request().map_err(io::Error::other)?;
    let bearer = HeaderValue::from_str(bearer).map_err(io::Error::other)?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let config = WebSocketConfig::default().read_buffer_size(8 * 1_024).write_buffer_size(1_024);
    let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    opened.map(|(line, _)| line).map_err(|error| io::Error::other(error.to_string()))
}

/// Milliseconds since 1970 on this machine's clock, which the server shares.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(super) fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The generator's runtime: one thread, so that it can be pinned.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BenchError::Runtime)
}

#[allow(clippy::disallowed_methods, reason = "a client outside the server waits in real time")]
pub(super) async fn until(at: std::time::Instant) {
    tokio::time::sleep_until(at.into()).await;
}
