//! HTTP/1.1 over one TCP connection, blocking: what a test sends is what it reads here.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

pub struct Client {
    address: String,
    token: String,
    connection: Option<BufReader<TcpStream>>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// `address` as `host:port`.
    pub fn new(address: &str, token: &str) -> Self {
        Self { address: address.to_owned(), token: token.to_owned(), connection: None }
    }

    /// One call. After an error the next call connects anew.
    pub fn call(&mut self, method: &str, path: &str, key: Option<&str>, body: Option<&str>) -> io::Result<Response> {
        let answer = self.attempt(method, path, key, body);
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        self.call("GET", path, None, None)
    }

    pub fn post(&mut self, path: &str, body: &str) -> io::Result<Response> {
        self.call("POST", path, None, Some(body))
    }

    fn attempt(&mut self, method: &str, path: &str, key: Option<&str>, body: Option<&str>) -> io::Result<Response> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            self.connection = Some(BufReader::new(stream));
        }
        let connection = self.connection.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        request.extend(["Authorization: Bearer ", &self.token, "\r\n"]);
        if let Some(key) = key {
            request.extend(["Idempotency-Key: ", key, "\r\n"]);
        }
        if let Some(body) = body {
            request.extend(["Content-Type: application/json\r\nContent-Length: ", &body.len().to_string(), "\r\n"]);
        }
        request += "\r\n";
        request += body.unwrap_or_default();
        connection.get_mut().write_all(request.as_bytes())?;
        read_response(connection)
    }
}

fn read_response(connection: &mut BufReader<TcpStream>) -> io::Result<Response> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
        }
    }
    let mut response = Response { status, headers, body: Vec::new() };
    if response.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        read_chunks(connection, &mut response.body)?;
    } else if let Some(length) = response.header("content-length").and_then(|v| v.parse().ok()) {
        response.body = vec![0; length];
        connection.read_exact(&mut response.body)?;
    }
    Ok(response)
}

fn read_chunks(connection: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        let start = body.len();
        body.resize(start + size, 0);
        connection.read_exact(&mut body[start..])?;
        connection.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}
