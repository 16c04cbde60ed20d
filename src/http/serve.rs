//! The listener: connections in, each served on its own task, all of them finished on a stop.
//!
//! Must hold: accepting waits for nobody. Handshakes, heads, bodies and readers have their own deadlines on
//! their own tasks; beyond the bound a connection is told so at once.

use super::{
    Context, DoorOptions, Shared,
    dress::Wardrobe,
    edge::{RequestIds, edge},
    idempotency::Running,
    line::Line,
    live::Live,
    people::People,
    place::Bodies,
    rates::Rates,
    routes::router,
};
use crate::{
    actors::Clock, api::Problem, domain::time::Timestamp, load::raise_open_files, settings::limits,
    telemetry::Telemetry, tls::Identity,
};
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
};

/// A door that is bound and not yet open.
pub struct Door {
    listener: TcpListener,
}

impl Door {
    pub fn bind(listen: SocketAddr) -> io::Result<Self> {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // As the standard library does: a port of a process that just ended is taken over.
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        Ok(Self { listener: socket.listen(limits::BACKLOG)? })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves until `stop` turns true (or its sender is gone); then takes no more connections, finishes the
/// calls under way within [`limits::STOP`] and returns.
pub async fn serve(door: Door, options: DoorOptions, mut stop: watch::Receiver<bool>) {
    let files = raise_open_files();
    let (places, sessions) = (limits::connections(files), limits::sessions(files));
    if !options.private && (places, sessions) != (limits::CONNECTIONS, limits::SESSIONS) {
        tracing::warn!(places, sessions, "fewer connections than could be: too few files may be open");
    }
    let entrance = Entrance::new(options, places, Live::new(sessions, stop.clone()));
    let (mut looks, mut lists) = (looks(limits::DOOR_LOOK), looks(limits::LISTS_LOOK));
    let mut reading = None;
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            _ = looks.tick() => {
                entrance.look();
                continue;
            }
            _ = lists.tick() => {
                entrance.read_lists(&mut reading);
                continue;
            }
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, address)) => entrance.admit(stream, address.ip(), &stop),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                breathe().await;
            }
        }
    }
    drop(door);
    let all = u32::try_from(places).unwrap_or(u32::MAX);
    let finished = async { (entrance.room.acquire_many(all).await.is_ok(), entrance.shared.live.ended().await) };
    if tokio::time::timeout(limits::STOP, finished).await.is_err() {
        tracing::warn!("stopped with calls still under way");
    }
}

#[allow(clippy::disallowed_methods, reason = "files are renewed on the machine's time, whatever the tree's")]
fn looks(every: Duration) -> tokio::time::Interval {
    let mut looks = tokio::time::interval(every);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    looks
}

/// Out of file descriptors, mostly: the listener is ready again at once, and they are given back later.
#[allow(clippy::disallowed_methods, reason = "waits for the machine, on its time")]
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// What every connection needs, and how many there may be.
struct Entrance {
    shared: Context,
    router: TowerToHyperService<Router>,
    identity: Option<Arc<Identity>>,
    places: usize,
    room: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl Entrance {
    fn new(options: DoorOptions, places: usize, live: Live) -> Self {
        let DoorOptions {
            service,
            tokens,
            accounts,
            zips,
            objectives,
            access_log,
            data,
            identity,
            settings,
            private: _,
        } = options;
        let Telemetry { metrics: meters, spans, .. } = service.store().telemetry().clone();
        let shared = Arc::new(Shared {
            service,
            tokens,
            people: People::new(accounts),
            zips,
            objectives,
            access_log,
            data,
            clock: Clock::machine(Timestamp::ZERO),
            permits: Semaphore::new(limits::CALLS),
            bodies: Bodies::new(),
            imports: Arc::new(Semaphore::new(limits::IMPORTS)),
            uploads: Semaphore::new(limits::UPLOADS),
            lookups: Arc::new(Semaphore::new(limits::LOOKUPS)),
            figures: Arc::new(Semaphore::new(limits::FIGURES)),
            running: Running::default(),
            meters,
            spans,
            ids: RequestIds::new(),
            live,
            rates: Rates::new(&settings),
            wardrobe: Wardrobe::new(&settings),
        });
        Self {
            router: TowerToHyperService::new(router(shared.clone())),
            shared,
            identity,
            places,
            room: Arc::new(Semaphore::new(places)),
            turned_away: Arc::new(Semaphore::new(limits::TURNED_AWAY)),
        }
    }

    /// Serves a connection on a task of its own while there is room, else tells it that there is none.
    fn admit(&self, stream: TcpStream, address: IpAddr, stop: &watch::Receiver<bool>) {
        let shared = self.shared.clone();
        if let Ok(place) = self.room.clone().try_acquire_owned() {
            let (router, identity, stop) = (self.router.clone(), self.identity.clone(), stop.clone());
            tokio::spawn(async move {
                if let Some(line) = Line::open(stream, identity.as_ref()).await {
                    connection(line, address, shared, router, stop).await;
                }
                drop(place);
            });
            return;
        }
        shared.meters.turned_away.add(1);
        // Whoever expects a handshake does not understand a word.
        let told = self.turned_away.clone().try_acquire_owned().ok().filter(|_| self.identity.is_none());
        if let Some(turn) = told {
            tokio::spawn(turn_away(stream, shared, turn));
        }
    }

    /// Takes up revoked tokens and changed accounts of other processes; a disk that hangs holds one thread.
    fn read_lists(&self, reading: &mut Option<JoinHandle<()>>) {
        if reading.as_ref().is_none_or(JoinHandle::is_finished) {
            let shared = self.shared.clone();
            *reading = Some(tokio::task::spawn_blocking(move || {
                shared.tokens.refresh();
                shared.people.accounts().refresh();
            }));
        }
    }

    /// Takes up a renewed certificate, forgets quiet callers. Off the runtime's threads: it reads files
    /// and looks at every caller (P9).
    fn look(&self) {
        self.shared.meters.connections.count(self.places - self.room.available_permits());
        let (shared, identity) = (self.shared.clone(), self.identity.clone());
        drop(tokio::task::spawn_blocking(move || {
            shared.rates.forget();
            let Some(identity) = identity else { return };
            match identity.renew() {
                Ok(true) => tracing::info!("the certificate was renewed"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the certificate before stays in use"),
            }
            shared.meters.tls_expires_seconds.set(identity.expires_ms() as f64 / 1e3);
        }));
    }
}

async fn connection(
    line: Line,
    address: IpAddr,
    shared: Context,
    router: TowerToHyperService<Router>,
    mut stop: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits::HEADER).max_buf_size(limits::HEAD_BYTES);
    // Callers who have closed their sending side are answered, and a call whose caller went away runs to
    // its end. To notice that in the middle of a call would cost each a read in vain, 2 %.
    http.half_close(true);
    let service = service_fn(|mut request: Request<Incoming>| {
        let peer = shared.rates.peer(address, request.headers());
        request.extensions_mut().insert(peer);
        edge(shared.clone(), router.clone(), request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(line), service).with_upgrades());
    tokio::select! {
        // An error here is the client's going away.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Beyond the bound a connection is answered at once and closed. What the client had sent is read for a
/// moment: closing before that would take the answer from it.
async fn turn_away(mut stream: TcpStream, shared: Context, turn: OwnedSemaphorePermit) {
    let id = shared.ids.fresh();
    let body = Problem::new(503, "overloaded", "too many connections; nothing was done").to_json(&id);
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {}\r\nx-request-id: {id}\r\ncontent-type: \
         application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        limits::RETRY_AFTER_S,
        body.len()
    );
    let told = async {
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1_024];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(limits::FAREWELL, told).await;
    drop(turn);
}
