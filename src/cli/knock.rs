//! One question to the server on this machine, with the standard library alone: plain, or by TLS with the
//! certificate that the settings name.

use crate::tls::pinned_client;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

/// Of an answer; the longest, `/readyz`, names every region.
const ANSWER_BYTES: u64 = 64 * 1_024;

/// GETs a path: the answer's head and body.
pub(super) fn ask(address: SocketAddr, path: &str, tls: Option<&Path>, patience: Duration) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let Some(certificate) = tls else { return exchange(stream, path) };
    let config = Arc::new(pinned_client(certificate).map_err(io::Error::other)?);
    let connection = ClientConnection::new(config, address.ip().into()).map_err(io::Error::other)?;
    exchange(StreamOwned::new(connection, stream), path)
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}
