//! `bench overload`: tickets that come when they come, whether or not the server keeps up (open loop).
//! Each request has a due time of its own and is timed from there, so that a server that is behind cannot
//! slow the question down and look fast (coordinated omission). The wire is read by hand: a generator
//! that shares the machine must cost little beside the server.

use super::{
    BenchError, Histogram, TicketMaker,
    intake::{regions, run_id},
    live, now,
    wire::Target,
};
use serde::Serialize;
use std::{
    cell::RefCell,
    io,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, LocalSet},
    time::timeout,
};

/// An answer that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections opened at once: more only wait for each other.
const AT_ONCE: usize = 64;

#[derive(Clone, Debug)]
pub struct OverloadOptions {
    /// `http://host:port`.
    pub server: String,
    pub token: String,
    /// Tickets a second, whatever happens.
    pub rate: u32,
    /// Each has one request under way at most, so these bound what can be under way at once.
    pub connections: u32,
    pub duration: Duration,
    pub seed: u64,
}

/// Times are from when a request was due to its whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OverloadReport {
    /// Requests that were due a second.
    pub offered_per_s: f64,
    pub accepted: u64,
    /// Of those acknowledged while the run lasted: what came after its end was behind.
    pub accepted_per_s: f64,
    /// Answered 429 or 503 with `Retry-After`.
    pub refused: u64,
    /// Any other answer.
    pub other: u64,
    /// No answer in ten seconds, or a broken connection.
    pub unanswered: u64,
    pub accepted_p50_ms: f64,
    pub accepted_p99_ms: f64,
    pub refused_p99_ms: f64,
    /// The slowest of all answers.
    pub slowest_ms: f64,
}

#[derive(Default)]
struct Tally {
    accepted_us: Histogram,
    refused_us: Histogram,
    /// Accepted before the end of the run.
    in_time: u64,
    other: u64,
    unanswered: u64,
    slowest: Duration,
}

/// Runs to its end on the calling thread, which must not be inside a runtime.
pub fn overload(options: &OverloadOptions) -> Result<OverloadReport, BenchError> {
    let runtime = live::runtime()?;
    LocalSet::new().block_on(&runtime, run(options))
}

async fn run(options: &OverloadOptions) -> Result<OverloadReport, BenchError> {
    let target = Target::parse(&options.server, &options.token)?;
    let bounds = regions(&target, &options.server).await?;
    let mut streams = Vec::new();
    for some in (0..options.connections).collect::<Vec<_>>().chunks(AT_ONCE) {
        let mut opening = JoinSet::new();
        for _ in some {
            let authority = target.parts().0.to_owned();
            opening.spawn(async move { connect(&authority).await });
        }
        while let Some(opened) = opening.join_next().await {
            let opened = opened.unwrap_or_else(|broken| Err(io::Error::other(broken)));
            streams.push(opened.map_err(|source| BenchError::Unreachable { server: options.server.clone(), source })?);
        }
    }
    let tally = Rc::new(RefCell::new(Tally::default()));
    let (run, begun) = (run_id(), now());
    let gap = Duration::from_secs(1).div_f64(f64::from(options.rate.max(1)));
    let mut clients = JoinSet::new();
    for (nth, stream) in streams.into_iter().enumerate() {
        let client = Client {
            authority: target.parts().0.to_owned(),
            head: head(&target),
            key: format!("{run:x}-{nth}-"),
            maker: TicketMaker::new(options.seed, nth as u64, &bounds),
            line: Some(stream),
            got: Vec::with_capacity(2_048),
            tally: tally.clone(),
        };
        let first = begun + gap.mul_f64(nth as f64);
        clients.spawn_local(client.run(first, gap * options.connections, begun + options.duration));
    }
    while clients.join_next().await.is_some() {}
    let tally = tally.borrow();
    Ok(report(&tally, options.duration))
}

fn report(tally: &Tally, lasted: Duration) -> OverloadReport {
    let ms = |histogram: &Histogram, q| histogram.quantile(q) as f64 / 1_000.0;
    let per_s = |count: u64| (count as f64 / lasted.as_secs_f64() * 10.0).round() / 10.0;
    let (accepted, refused) = (tally.accepted_us.count(), tally.refused_us.count());
    OverloadReport {
        offered_per_s: per_s(accepted + refused + tally.other + tally.unanswered),
        accepted,
        accepted_per_s: per_s(tally.in_time),
        refused,
        other: tally.other,
        unanswered: tally.unanswered,
        accepted_p50_ms: ms(&tally.accepted_us, 0.5),
        accepted_p99_ms: ms(&tally.accepted_us, 0.99),
        refused_p99_ms: ms(&tally.refused_us, 0.99),
        slowest_ms: tally.slowest.as_secs_f64() * 1e3,
    }
}

async fn connect(authority: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What all requests have in common.
fn head(target: &Target) -> String {
    let (authority, bearer) = target.parts();
    format!(
        "POST /v1/tickets HTTP/1.1\r\nhost: {authority}\r\nauthorization: {bearer}\r\ncontent-type: application/json\r\n"
    )
}

struct Client {
    authority: String,
    head: String,
    key: String,
    maker: TicketMaker,
    line: Option<TcpStream>,
    got: Vec<u8>,
    tally: Rc<RefCell<Tally>>,
}

impl Client {
    async fn run(mut self, first: Instant, every: Duration, end: Instant) {
        let (mut due, mut nth) = (first, 0_u64);
        while due < end {
            live::until(due).await;
            let body = self.maker.next_body();
            let request = format!(
                "{}idempotency-key: {}{nth}\r\ncontent-length: {}\r\n\r\n{body}",
                self.head,
                self.key,
                body.len()
            );
            let answer = timeout(PATIENCE, self.ask(request.as_bytes())).await;
            let answered = now();
            self.note(answer.ok().and_then(Result::ok), answered.duration_since(due), answered <= end);
            due += every;
            nth += 1;
        }
    }

    fn note(&mut self, answer: Option<Answer>, took: Duration, in_time: bool) {
        let mut tally = self.tally.borrow_mut();
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match &answer {
            Some(Answer { status: 201, .. }) => {
                tally.accepted_us.record(us);
                tally.in_time += u64::from(in_time);
            }
            Some(Answer { status: 429 | 503, retry_after: true, .. }) => tally.refused_us.record(us),
            Some(_) => tally.other += 1,
            None => tally.unanswered += 1,
        }
        tally.slowest = tally.slowest.max(took);
        if answer.is_none_or(|answer| answer.closes) {
            self.line = None;
        }
    }

    async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        if self.line.is_none() {
            self.line = Some(connect(&self.authority).await?);
        }
        let line = self.line.as_mut().ok_or_else(|| io::Error::other("not connected"))?;
        line.write_all(request).await?;
        self.got.clear();
        loop {
            if line.read_buf(&mut self.got).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = Answer::whole(&self.got) {
                return Ok(answer);
            }
        }
    }
}

struct Answer {
    status: u16,
    retry_after: bool,
    closes: bool,
}

impl Answer {
    /// None until all of it is there.
    fn whole(got: &[u8]) -> Option<Self> {
        let head = got.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = std::str::from_utf8(&got[..head]).ok()?;
        let mut answer = Self { status: text.get(9..12)?.parse().ok()?, retry_after: false, closes: false };
        let mut length = 0;
        for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(": ")) {
            match name {
                "content-length" => length = value.parse().ok()?,
                "retry-after" => answer.retry_after = true,
                "connection" => answer.closes = value == "close",
                _ => {}
            }
        }
        (got.len() >= head + 4 + length).then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, net::TcpListener, thread};

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let text = b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}";
        for cut in 0..text.len() {
            assert!(Answer::whole(&text[..cut]).is_none(), "{cut}");
        }
        let answer = Answer::whole(text).unwrap();
        assert!(answer.status == 503 && answer.retry_after && !answer.closes);
    }

    #[test]
    fn a_server_that_refuses_all_is_told_as_such_and_each_request_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || refuse(stream.unwrap()));
            }
        });
        let options = OverloadOptions {
            server,
            token: "t".into(),
            rate: 200,
            connections: 4,
            duration: Duration::from_millis(500),
            seed: 1,
        };
        let report = overload(&options).unwrap();
        assert_eq!((report.refused, report.accepted, report.other, report.unanswered), (100, 0, 0, 0), "{report:?}");
        assert!((report.offered_per_s - 200.0).abs() < 1.0);
    }

    fn refuse(mut stream: std::net::TcpStream) {
        let mut bytes = [0; 4_096];
        while matches!(std::io::Read::read(&mut stream, &mut bytes), Ok(read) if read > 0) {
            let list = bytes.starts_with(b"GET");
            let answer: &[u8] = if list {
                b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"items\":[]}"
            } else {
                b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
            };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}
