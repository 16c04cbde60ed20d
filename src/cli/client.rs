//! A small HTTP client for `--server`, plain or TLS: JSON in and out, files streamed.

use super::target::WAY_TO_A_TOKEN;
use crate::{
    settings::limits,
    tls::{self, TlsError},
};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Method, Request, Response, Uri,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    convert::Infallible,
    fs::File,
    io::{self, Read},
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, rustls::ClientConfig};

#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("{0} is no server's address; it looks like https://callout.example.com or http://127.0.0.1:8080")]
    BadServer(String),
    #[error("{server} is not reachable: {why}")]
    Unreachable { server: String, why: String },
    /// The server said no: in its words, every wrong field named.
    #[error("{0}")]
    Refused(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("{0}")]
    Tls(#[from] TlsError),
}

/// What an answer may take on its way, beyond the time that the server gives itself.
const SLACK: Duration = Duration::from_secs(5);

/// A server and a token for it.
pub(super) struct Client {
    server: String,
    authority: String,
    bearer: String,
    /// How to shake hands; None: plain HTTP.
    tls: Option<Arc<ClientConfig>>,
    /// How long an ordinary answer, or the next piece of a stream, may take.
    patience: Duration,
    runtime: Runtime,
}

/// A connection, plain or not.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

type AnyBody = BoxBody<Bytes, io::Error>;

impl Client {
    /// `ca`: an authority to trust beside the machine's.
    pub(super) fn new(server: &str, token: &str, ca: Option<&Path>) -> Result<Self, ClientError> {
        let bad = || ClientError::BadServer(server.to_owned());
        let uri: Uri = server.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let (port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (443, Some(Arc::new(tls::client(ca)?))),
            Some(_) | None => return Err(bad()),
        };
        let authority = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(port));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ClientError::Broken(error.to_string()))?;
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            authority,
            bearer: format!("Bearer {token}"),
            tls,
            patience: limits::CALL + SLACK,
            runtime,
        })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Method::GET, path, None)
    }

    /// All items of a list, page by page.
    pub(super) fn all(&self, path: &str, most: usize) -> Result<Vec<Value>, ClientError> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let limit = (most - items.len()).min(500);
            let next = if cursor.is_empty() { String::new() } else { format!("&cursor={}", encode(&cursor)) };
            let mut page = self.get(&format!("{path}{joint}limit={limit}{next}"))?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(more) if items.len() < most => more.clone_into(&mut cursor),
                _ => return Ok(items),
            }
        }
    }

    pub(super) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let body = Full::new(bytes).map_err(|never: Infallible| match never {}).boxed();
        self.send(method, path, "application/json", body)
    }

    /// Sends a file as it is. `sent` counts its bytes as they go.
    pub(super) fn upload(&self, path: &str, file: &Path, sent: Arc<AtomicU64>) -> Result<Value, ClientError> {
        let opened = File::open(file).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (left, opened) = opened.map_err(|error| ClientError::Refused(format!("{}: {error}", file.display())))?;
        self.send(Method::POST, path, "application/octet-stream", FileBody { file: opened, left, sent }.boxed())
    }

    /// Saves what the server streams; how many bytes. A stream that breaks off is an error.
    pub(super) fn download(&self, path: &str, into: &mut dyn io::Write) -> Result<u64, ClientError> {
        let empty = Full::new(Bytes::new()).map_err(|never: Infallible| match never {}).boxed();
        let request = self.request(Method::GET, path, "application/json", empty)?;
        let broken = |error: hyper::Error| ClientError::Broken(error.to_string());
        self.runtime.block_on(async {
            let (answer, driving) = self.in_time(self.patience, self.begin(request)).await?;
            let status = answer.status().as_u16();
            let mut body = answer.into_body();
            if status >= 400 {
                let bytes = body.collect().await.map_err(broken)?.to_bytes();
                let problem = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                return Err(ClientError::Refused(in_words(status, &problem) + &way_out(status)));
            }
            let mut saved = 0;
            while let Some(frame) = self.in_time(self.patience, async { Ok(body.frame().await) }).await? {
                if let Ok(bytes) = frame.map_err(broken)?.into_data() {
                    into.write_all(&bytes).map_err(|error| ClientError::Refused(error.to_string()))?;
                    saved += bytes.len() as u64;
                }
            }
            driving.abort();
            Ok(saved)
        })
    }

    fn request(&self, method: Method, path: &str, kind: &str, body: AnyBody) -> Result<Request<AnyBody>, ClientError> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, &self.bearer)
            .header(header::CONTENT_TYPE, kind)
            .body(body)
            .map_err(|error| ClientError::Broken(error.to_string()))
    }

    /// Edits what was seen at this version: refused when it is another by now.
    pub(super) fn edit(&self, path: &str, version: &Value, body: &Value) -> Result<Value, ClientError> {
        let bytes = Full::new(Bytes::from(body.to_string())).map_err(|never: Infallible| match never {}).boxed();
        let mut request = self.request(Method::PATCH, path, "application/json", bytes)?;
        let seen = header::HeaderValue::from_str(&format!("\"{version}\""));
        let seen = seen.map_err(|error| ClientError::Broken(error.to_string()))?;
        request.headers_mut().insert(header::IF_MATCH, seen);
        self.answer(request)
    }

    fn send(&self, method: Method, path: &str, kind: &str, body: AnyBody) -> Result<Value, ClientError> {
        self.answer(self.request(method, path, kind, body)?)
    }

    fn answer(&self, request: Request<AnyBody>) -> Result<Value, ClientError> {
        let path = request.uri().path();
        let log_in = path == "/v1/login";
        let long = path.starts_with("/v1/imports/")
            || ["/v1/audits", "/v1/backups", "/v1/customers/erase", "/v1/access/proof"].contains(&path);
        let time = if long { limits::IMPORT + SLACK } else { self.patience };
        let (status, bytes) = self.runtime.block_on(self.in_time(time, self.exchange(request)))?;
        let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        // Whoever cannot log in has no use for the hint to log in.
        let way = if log_in { String::new() } else { way_out(status) };
        if status < 400 { Ok(answer) } else { Err(ClientError::Refused(in_words(status, &answer) + &way)) }
    }

    async fn exchange(&self, request: Request<AnyBody>) -> Result<(u16, Bytes), ClientError> {
        let (answer, driving) = self.begin(request).await?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.map_err(|error| ClientError::Broken(error.to_string()))?;
        driving.abort();
        Ok((status, bytes.to_bytes()))
    }

    /// A server that hangs is none.
    async fn in_time<T>(
        &self,
        time: Duration,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let silent = |_| {
            let why = format!("no answer within {} s", time.as_secs());
            ClientError::Unreachable { server: self.server.clone(), why }
        };
        tokio::time::timeout(time, work).await.map_err(silent)?
    }

    async fn begin(
        &self,
        request: Request<AnyBody>,
    ) -> Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>), ClientError> {
        let broken = |error: hyper::Error| ClientError::Broken(error.to_string());
        let stream = self.connect().await;
        let unreachable =
            |error: io::Error| ClientError::Unreachable { server: self.server.clone(), why: error.to_string() };
        let stream = stream.map_err(unreachable)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its errors arrive at the request that is under way.
        let driving = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(broken)?;
        Ok((answer, driving))
    }

    async fn connect(&self) -> io::Result<Box<dyn Line>> {
        let address = &self.authority;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let name = host.trim_matches(['[', ']']).to_owned().try_into().map_err(io::Error::other)?;
        let shaken = TlsConnector::from(tls.clone()).connect(name, stream).await;
        Ok(Box::new(shaken.map_err(|error| tls_hint(&error, address))?))
    }
}

/// A server that speaks plain HTTP answers a handshake with what is no handshake.
fn tls_hint(error: &io::Error, address: &str) -> io::Error {
    let text = error.to_string();
    let hint = if text.contains("InvalidContentType") {
        format!("; no TLS there? try http://{address}")
    } else {
        String::new()
    };
    io::Error::new(error.kind(), text + &hint)
}

/// What to do when a token is missing, wrong, worn out or of another role.
fn way_out(status: u16) -> String {
    match status {
        401 => format!("\n{WAY_TO_A_TOKEN}"),
        403 => format!("\nit takes a token of another role or region (--help names the roles); {WAY_TO_A_TOKEN}"),
        _ => String::new(),
    }
}

/// A problem document for people.
fn in_words(status: u16, problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let head = match (text("detail"), text("code")) {
        ("", _) => format!("the server answered {status}"),
        (detail, code) => format!("{detail} ({code})"),
    };
    let fields = problem.get("errors").and_then(Value::as_array).into_iter().flatten().map(|field| {
        let text = |name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("  {}: {}", text("pointer"), text("detail"))
    });
    // A single wrong field is in the detail already.
    let fields = fields.filter(|field| !head.starts_with(field.trim_start()));
    let fields = fields.collect::<Vec<_>>();
    std::iter::once(head).chain(fields).collect::<Vec<_>>().join("\n")
}

/// A path with the parameters that are given.
pub(super) fn query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", encode((*value)?))));
    let given = given.collect::<Vec<_>>().join("&");
    if given.is_empty() { path.to_owned() } else { format!("{path}?{given}") }
}

/// Percent-encodes a path segment or a query value.
pub(super) fn encode(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A file, read piece by piece as the connection takes it.
struct FileBody {
    file: File,
    left: u64,
    sent: Arc<AtomicU64>,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut piece = vec![0; usize::try_from(self.left.min(64 * 1_024)).unwrap_or(0)];
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        // Read here and now: this thread has nothing else to do.
        if let Err(error) = self.file.read_exact(&mut piece) {
            return Poll::Ready(Some(Err(error)));
        }
        self.left -= piece.len() as u64;
        self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_hangs_is_not_reachable() {
        // Takes the connection and the request, and never answers.
        let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = Client::new(&format!("http://{}", hangs.local_addr().unwrap()), "x", None).unwrap();
        assert!(client.patience > limits::CALL, "a slow server is waited for");
        client.patience = Duration::from_millis(10);
        assert!(matches!(client.get("/v1/regions"), Err(ClientError::Unreachable { .. })));
    }

    #[test]
    fn a_problem_is_told_with_every_field() {
        let problem = serde_json::json!({
            "detail": "2 fields are not right", "code": "invalid",
            "errors": [{ "pointer": "/title", "detail": "missing" }, { "pointer": "/channel", "detail": "missing" }]
        });
        assert_eq!(in_words(422, &problem), "2 fields are not right (invalid)\n  /title: missing\n  /channel: missing");
        let problem = serde_json::json!({
            "detail": "?phase: not a phase", "code": "invalid",
            "errors": [{ "pointer": "?phase", "detail": "not a phase" }]
        });
        assert_eq!(in_words(422, &problem), "?phase: not a phase (invalid)", "once is enough");
        assert_eq!(encode("a b&c"), "a%20b%26c");
    }
}
