//! An OSRM-compatible server: its `table` service, in blocks as large as the server takes.
//!
//! Must hold: whatever the server does (hangs, trickles, lies about the size, answers a web page), the
//! caller has a table of the size that was asked for, or the reason, before the patience ends.

use super::{
    Ask, Asked, Hours, Travel, TravelError,
    table::{Origin, Table},
};
use crate::{
    domain::place::Place,
    routing::{Leg, problem::LATEST},
};
use reqwest::{Client, Response, Url, redirect};
use serde::Deserialize;
use std::{fmt::Write as _, time::Duration};

/// Bytes of an answer per cell, two figures of twenty characters each; and for the waypoints of a place,
/// with names and hints.
const CELL_BYTES: usize = 48;
const PLACE_BYTES: usize = 2_048;
/// Longest drive that is believed, metres: twice round the globe.
const FARTHEST_M: f64 = 80_000_000.0;

/// Where the server is and how long it may take.
#[derive(Clone, Debug)]
pub struct OsrmOptions {
    /// Like `http://osrm:5000`; `https` too.
    pub url: String,
    /// For a whole table, all its blocks together.
    pub patience: Duration,
    /// The server's `--max-table-size`: coordinates of one call. OSRM's own default is 100.
    pub coordinates: usize,
    pub hours: Hours,
}

/// The client of one server.
pub struct Osrm {
    client: Client,
    base: String,
    options: OsrmOptions,
}

/// What the server answers, as far as it matters.
#[derive(Deserialize)]
struct Answer {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    durations: Vec<Vec<Option<f64>>>,
    #[serde(default)]
    distances: Vec<Vec<Option<f64>>>,
}

impl Osrm {
    /// An error is what is wrong with the address.
    pub fn open(options: OsrmOptions) -> Result<Self, String> {
        // One provider for all that speaks TLS here; somebody else's choice of the same is as good.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(&options.url).map_err(|error| format!("{}: {error}", options.url))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{}: not an http:// or https:// address", options.url));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let near = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let client = Client::builder().redirect(redirect::Policy::none());
        // A proxy has no business between us and this machine.
        let client = if near { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| format!("{}: {error}", options.url))?;
        let base = options.url.trim_end_matches('/').to_owned();
        Ok(Self { client, base, options })
    }

    async fn whole(&self, ask: Ask<'_>) -> Result<Table, TravelError> {
        let (rows, columns) = (ask.from.len(), ask.to.len());
        let mut legs = vec![None; rows * columns];
        let (high, wide) = sides(rows, columns, self.options.coordinates);
        for (top, from) in (0..).step_by(high).zip(ask.from.chunks(high)) {
            for (left, to) in (0..).step_by(wide).zip(ask.to.chunks(wide)) {
                let block = self.block(from, to, ask.hour).await?;
                for (row, cells) in block.chunks(to.len()).enumerate() {
                    let start = (top + row) * columns + left;
                    legs[start..start + to.len()].copy_from_slice(cells);
                }
            }
        }
        Ok(Table { rows, columns, legs, origin: Origin::Server, instead: None })
    }

    async fn block(&self, from: &[Place], to: &[Place], hour: u8) -> Result<Vec<Option<Leg>>, TravelError> {
        let answer = self.client.get(self.address(from, to)).send().await.map_err(|error| unanswered(&error))?;
        let status = answer.status().as_u16();
        let most = from.len() * to.len() * CELL_BYTES + (from.len() + to.len() + 1) * PLACE_BYTES;
        let body = body(answer, most).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| TravelError::Unreadable(status))?;
        if answer.code != "Ok" {
            let told = format!("{} {}", answer.code, answer.message);
            return Err(TravelError::Refused(told.chars().filter(|c| !c.is_control()).take(200).collect()));
        }
        let durations = flat(answer.durations, from.len(), to.len())?;
        let distances = flat(answer.distances, from.len(), to.len())?;
        durations.into_iter().zip(distances).map(|pair| self.leg(pair, hour)).collect()
    }

    fn address(&self, from: &[Place], to: &[Place]) -> String {
        let mut address = format!("{}/table/v1/driving/", self.base);
        for (no, place) in from.iter().chain(to).enumerate() {
            let between = if no > 0 { ";" } else { "" };
            let _ = write!(address, "{between}{:.6},{:.6}", place.lon(), place.lat());
        }
        let indices = |range: std::ops::Range<usize>| range.map(|no| no.to_string()).collect::<Vec<_>>().join(";");
        let (rows, all) = (from.len(), from.len() + to.len());
        let _ = write!(address, "?sources={}&destinations={}", indices(0..rows), indices(rows..all));
        address + "&annotations=duration,distance"
    }

    fn leg(&self, pair: (Option<f64>, Option<f64>), hour: u8) -> Result<Option<Leg>, TravelError> {
        let (Some(seconds), Some(metres)) = pair else {
            return if pair == (None, None) { Ok(None) } else { Err(TravelError::BadFigure) };
        };
        if !(0.0..=LATEST as f64).contains(&seconds) || !(0.0..=FARTHEST_M).contains(&metres) {
            return Err(TravelError::BadFigure);
        }
        let duration_s = self.options.hours.seconds((seconds * 1e3).ceil() as u64, hour);
        Ok(Some(Leg { duration_s, distance_m: metres.ceil() as i64 }))
    }
}

impl Travel for Osrm {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        Box::pin(async move {
            let answer = tokio::time::timeout(self.options.patience, self.whole(ask)).await;
            answer.unwrap_or(Err(TravelError::Timeout))
        })
    }
}

/// Rows and columns of one block: what one of them needs less, the other may have.
fn sides(rows: usize, columns: usize, coordinates: usize) -> (usize, usize) {
    let half = (coordinates / 2).max(1);
    let high = if rows < half { rows } else { coordinates.saturating_sub(columns.min(half)) };
    let high = high.max(1);
    (high, coordinates.saturating_sub(high).max(1))
}

fn unanswered(error: &reqwest::Error) -> TravelError {
    if error.is_connect() { TravelError::Unreachable } else { TravelError::Broken }
}

async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, TravelError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| unanswered(&error))? {
        if body.len() + piece.len() > most {
            return Err(TravelError::Oversized);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn flat(table: Vec<Vec<Option<f64>>>, rows: usize, columns: usize) -> Result<Vec<Option<f64>>, TravelError> {
    let fits = table.len() == rows && table.iter().all(|row| row.len() == columns);
    if fits { Ok(table.into_iter().flatten().collect()) } else { Err(TravelError::WrongSize) }
}
