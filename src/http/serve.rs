//! The listener: connections in, each served on its own task, all of them finished on a stop.

use super::{
    Context, DoorOptions, Shared,
    edge::{RequestIds, edge},
    idempotency::Running,
    live::Live,
    routes::router,
};
use crate::{actors::Clock, domain::time::Timestamp, settings::limits, telemetry::Telemetry};
use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{io, net::SocketAddr, pin::pin, sync::Arc};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

/// A door that is bound and not yet open.
pub struct Door {
    listener: TcpListener,
}

impl Door {
    pub async fn bind(listen: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(listen).await? })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves until `stop` turns true (or its sender is gone); then takes no more connections, finishes the
/// calls under way within [`limits::STOP`] and returns.
pub async fn serve(door: Door, options: DoorOptions, mut stop: watch::Receiver<bool>) {
    let DoorOptions { service, tokens, zips, objectives, access_log, data } = options;
    let Telemetry { metrics: meters, spans, .. } = service.store().telemetry().clone();
    let shared = Arc::new(Shared {
        service,
        tokens,
        zips,
        objectives,
        access_log,
        data,
        clock: Clock::machine(Timestamp::ZERO),
        permits: Semaphore::new(limits::CALLS),
        imports: Arc::new(Semaphore::new(limits::IMPORTS)),
        running: Running::default(),
        meters,
        spans,
        ids: RequestIds::new(),
        live: Live::new(stop.clone()),
    });
    let router = TowerToHyperService::new(router(shared.clone()));
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => match room.clone().try_acquire_owned() {
                Ok(place) => {
                    let (shared, router, stop) = (shared.clone(), router.clone(), stop.clone());
                    tokio::spawn(async move {
                        connection(stream, shared, router, stop).await;
                        drop(place);
                    });
                }
                Err(_) => drop(tokio::spawn(turn_away(stream))),
            },
            // Out of file descriptors, mostly: others will be given back.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::task::yield_now().await;
            }
        }
    }
    drop(door);
    let all = u32::try_from(limits::CONNECTIONS).unwrap_or(u32::MAX);
    let finished = async { (room.acquire_many(all).await.is_ok(), shared.live.ended().await) };
    if tokio::time::timeout(limits::STOP, finished).await.is_err() {
        tracing::warn!("stopped with calls still under way");
    }
}

async fn connection(
    stream: TcpStream,
    shared: Context,
    router: TowerToHyperService<Router>,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits::HEADER);
    // Callers who have closed their sending side are answered, and a call whose caller went away runs to
    // its end. To notice that in the middle of a call would cost each a read in vain, 2 %.
    http.half_close(true);
    let service = service_fn(|request| edge(shared.clone(), router.clone(), request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        // An error here is the client's going away.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Beyond the bound a connection is answered at once and closed, without reading from it.
async fn turn_away(mut stream: TcpStream) {
    const BUSY: &str =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = tokio::time::timeout(limits::BODY, stream.write_all(BUSY.as_bytes())).await;
}
