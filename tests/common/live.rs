//! A live session as a client has it, blocking: WebSocket or server-sent events over one TCP connection.

use serde_json::Value;
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    client::IntoClientRequest,
    http::header::AUTHORIZATION,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    WebSocket,
    Sse,
}

pub enum Line {
    WebSocket(Box<WebSocket<TcpStream>>),
    Sse { stream: BufReader<TcpStream>, text: Vec<u8> },
}

/// What comes next.
#[derive(Debug)]
pub enum Heard {
    Message(Value),
    /// With the close code, if one was sent.
    Closed(Option<u16>),
}

impl Line {
    /// Subscribes with everything `query` says; `after` as each kind of client gives it.
    pub fn feed(kind: Kind, address: &str, token: &str, query: &str, after: Option<&str>) -> io::Result<Self> {
        match kind {
            Kind::WebSocket => {
                let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
                Self::websocket(address, token, &format!("/v1/feed?{query}{after}"))
            }
            Kind::Sse => Self::events(address, token, &format!("/v1/feed/sse?{query}"), after),
        }
    }

    pub fn websocket(address: &str, token: &str, path: &str) -> io::Result<Self> {
        let mut request = format!("ws://{address}{path}").into_client_request().map_err(io::Error::other)?;
        let bearer = format!("Bearer {token}").parse().map_err(io::Error::other)?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let (socket, _) =
            tungstenite::client(request, connect(address)?).map_err(|e| io::Error::other(e.to_string()))?;
        Ok(Self::WebSocket(Box::new(socket)))
    }

    fn events(address: &str, token: &str, path: &str, after: Option<&str>) -> io::Result<Self> {
        let mut stream = BufReader::new(connect(address)?);
        let last = after.map(|after| format!("Last-Event-ID: {after}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{last}\r\n");
        stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if !line.contains(" 200 ") {
            return Err(io::Error::other(line));
        }
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self::Sse { stream, text: Vec::new() })
    }

    /// The next message, or how the session ended.
    pub fn hear(&mut self) -> io::Result<Heard> {
        match self {
            Self::WebSocket(socket) => loop {
                match socket.read() {
                    Ok(Message::Text(text)) => return Ok(Heard::Message(serde_json::from_str(text.as_str())?)),
                    Ok(Message::Close(frame)) => return Ok(Heard::Closed(frame.map(|frame| frame.code.into()))),
                    Ok(_) => {}
                    Err(tungstenite::Error::Io(error)) => return Err(error),
                    Err(error) => return Err(io::Error::other(error.to_string())),
                }
            },
            Self::Sse { stream, text } => loop {
                if let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
                    let event: Vec<u8> = text.drain(..end + 2).collect();
                    let data = event.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"data: "));
                    return Ok(Heard::Message(serde_json::from_slice(data.ok_or(io::ErrorKind::InvalidData)?)?));
                }
                if !chunk(stream, text)? {
                    return Ok(Heard::Closed(None));
                }
            },
        }
    }

    /// Waits for a message; the session's end is an error.
    pub fn message(&mut self) -> io::Result<Value> {
        match self.hear()? {
            Heard::Message(message) => Ok(message),
            Heard::Closed(code) => Err(io::Error::other(format!("closed with {code:?}"))),
        }
    }

    pub fn send(&mut self, message: &Value) -> io::Result<()> {
        let Self::WebSocket(socket) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        socket.send(Message::text(message.to_string())).map_err(|e| io::Error::other(e.to_string()))
    }

    pub fn send_raw(&mut self, message: Message) -> io::Result<()> {
        let Self::WebSocket(socket) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        socket.send(message).map_err(|e| io::Error::other(e.to_string()))
    }

    /// The TCP connection below, for what no client should do.
    pub fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::WebSocket(socket) => socket.get_mut(),
            Self::Sse { stream, .. } => stream.get_mut(),
        }
    }

    pub fn close(&mut self) {
        if let Self::WebSocket(socket) = self {
            let _ = socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }));
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// One chunk of a chunked body; false at its end.
fn chunk(stream: &mut BufReader<TcpStream>, text: &mut Vec<u8>) -> io::Result<bool> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    let size = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
    let start = text.len();
    text.resize(start + size, 0);
    stream.read_exact(&mut text[start..])?;
    line.clear();
    stream.read_line(&mut line)?;
    Ok(size > 0)
}
