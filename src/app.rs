//! Wiring: settings to a core, doors around it, an orderly end. Decides nothing.

use crate::{
    actors::{Clock, Heartbeat, Service, watchdog},
    domain::{ticket::Role, time::Timestamp},
    http::{Door, DoorOptions, serve},
    load::{Core, StartError},
    objectives::{Keeper, Sample},
    settings::Settings,
    telemetry::{self, incidents::now_ms},
    tls::Identity,
    tokens::Grant,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

/// A core with an open HTTP door.
pub struct App {
    pub core: Core,
    pub address: SocketAddr,
    scheme: &'static str,
    edge: Runtime,
    serving: JoinHandle<()>,
    stop: watch::Sender<bool>,
    keeper: Option<Keeper>,
}

/// What tells a server to stop.
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl App {
    /// Opens the data, starts the tree, and the door once the core is ready.
    pub fn start(settings: &Settings, clock: impl FnOnce(Timestamp) -> Clock) -> Result<Self, StartError> {
        let edge = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.server.edge_threads)
            .thread_name("edge")
            .enable_all()
            .build()?;
        let identity = settings.server.tls().map(|(certificate, key)| Identity::open(certificate, key)).transpose()?;
        // Bound first: a taken port is found out before the data are touched.
        let door = {
            let _inside = edge.enter();
            Door::bind(settings.server.listen)?
        };
        let address = door.address()?;
        let mut settings = settings.clone();
        // The port that was picked, for links when nobody says how the world reaches us.
        settings.server.listen = address;
        let core = Core::start(&settings, clock)?;
        let options = DoorOptions {
            service: core.service.clone(),
            tokens: core.tokens.clone(),
            accounts: core.accounts.clone(),
            zips: core.zips.clone(),
            objectives: core.objectives.clone(),
            access_log: core.access_log.clone(),
            data: core.data.clone(),
            identity: identity.map(Arc::new),
            settings: settings.server.clone(),
            private: settings.dispatch.paused,
        };
        let (stop, stopped) = watch::channel(false);
        let serving = edge.spawn(serve(door, options, stopped));
        let hearts = vec![Heartbeat::on("core", core.handle()), Heartbeat::on("edge", edge.handle())];
        watchdog(&core.service, hearts)?;
        let app = Self { core, address, scheme: settings.server.scheme(), edge, serving, stop, keeper: None };
        app.edge.block_on(until_ready(&app.core));
        Ok(app)
    }

    /// Keeps a server's record of itself from now on: starts and stops, the objectives' minutes, the
    /// acknowledged numbers, the log file, spans for a collector. Commands that only look at data do
    /// without, so that they leave no start behind.
    pub fn keep_record(&mut self, settings: &Settings) -> Result<(), StartError> {
        let telemetry = self.core.service.store().telemetry();
        telemetry.metrics.started_seconds.set(now_ms() as f64 / 1e3);
        let _ = telemetry.settings.set(settings.shown.clone());
        if settings.log.files > 0 {
            telemetry::log_to(&self.core.data.join("logs"), settings.log.file_mb, settings.log.files)?;
        }
        if let Some(endpoint) = &settings.telemetry.otlp_endpoint
            && let Err(why) = telemetry.spans.open(endpoint)
        {
            tracing::error!(why, "spans are not exported");
        }
        let service = self.core.service.clone();
        let keeper = Keeper::start(self.core.objectives.clone(), service.store().clone(), move || sample(&service))?;
        self.keeper = Some(keeper);
        Ok(())
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// SIGTERM and SIGINT are heard from now on; before, they end the process at once. To be called before anybody is
    /// told that the server is there.
    pub fn signals(&self) -> std::io::Result<Signals> {
        let _inside = self.edge.enter();
        Ok(Signals { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of the signals.
    pub fn wait(&self, mut signals: Signals) {
        self.edge.block_on(async {
            tokio::select! {
                _ = signals.term.recv() => {}
                _ = signals.int.recv() => {}
            }
        });
    }

    /// A token for this process's own use; not on the list, gone within the hour.
    #[must_use]
    pub fn own_token(&self, role: Role) -> String {
        let grant = Grant { role, subject: Some("local".into()), regions: Vec::new(), ttl_s: 3_600 };
        self.core.tokens.sign_unlisted(grant, real_now())
    }

    /// No new connections, calls under way finished, the store flushed and closed.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        if let Some(keeper) = self.keeper {
            keeper.stop();
        }
        let spans = self.core.service.store().telemetry().spans.clone();
        if let Err(error) = self.edge.block_on(self.serving) {
            tracing::error!(%error, "the door did not close in order");
        }
        self.core.stop();
        spans.close();
        self.edge.shutdown_timeout(Duration::from_secs(1));
    }
}

/// How the service stands, for the objectives.
#[must_use]
pub fn sample(service: &Service) -> Sample {
    Sample { ready: service.readiness().ready, oldest_unassigned_s: service.oldest_unassigned() }
}

/// The machine's time, whatever a tree's clock says.
#[must_use]
pub fn real_now() -> Timestamp {
    Clock::machine(Timestamp::ZERO).now()
}

#[allow(clippy::disallowed_methods, reason = "start-up waits in real time")]
async fn until_ready(core: &Core) {
    while !core.service.readiness().ready {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
