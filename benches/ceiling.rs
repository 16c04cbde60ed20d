//! The bare ceiling of durable intake: axum in front of redb with group commit, and nothing else.
//!
//! It takes any body at `POST /v1/tickets`, appends its bytes under the next number, and answers 201
//! after the fsync. No validation, no numbering scheme, no snapshots, no chain: what a product can at
//! best come near. Measured in the same run and by the same generator as Callout (benches/README.md).
//!
//!     cargo bench --bench ceiling -- --data DIR [--listen ADDR] [--record-bytes N]

#![allow(clippy::unwrap_used, reason = "a bench ends at the first surprise")]

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use crossbeam_channel::{Receiver, Sender, bounded};
use redb::{Database, Durability, TableDefinition};
use std::{path::PathBuf, thread};
use tokio::{net::TcpListener, sync::oneshot};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
/// Records that may wait for the writer; more than any number of clients here.
const QUEUE: usize = 65_536;

struct Append {
    bytes: Bytes,
    done: oneshot::Sender<u64>,
}

struct Options {
    data: PathBuf,
    listen: String,
    /// Bytes appended per record; 0: the body as it came. Set it to what Callout's journal takes per
    /// ticket to compare equal bytes on disk.
    record_bytes: usize,
}

impl Options {
    /// Unknown flags (cargo adds `--bench`) are ignored.
    fn from_args() -> Self {
        let mut options =
            Self { data: PathBuf::from("ceiling-data"), listen: "127.0.0.1:0".to_owned(), record_bytes: 0 };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--data" => options.data = args.next().unwrap().into(),
                "--listen" => options.listen = args.next().unwrap(),
                "--record-bytes" => options.record_bytes = args.next().unwrap().parse().unwrap(),
                _ => {}
            }
        }
        options
    }
}

fn main() {
    let options = Options::from_args();
    std::fs::create_dir_all(&options.data).unwrap();
    let database = Database::create(options.data.join("ceiling.redb")).unwrap();
    let (sender, queue) = bounded(QUEUE);
    let record_bytes = options.record_bytes;
    thread::spawn(move || write(&database, &queue, record_bytes));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(serve(&options.listen, sender));
}

async fn serve(listen: &str, sender: Sender<Append>) {
    let router = Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .route("/v1/regions", get(|| async { r#"{"items":[]}"# }))
        .route("/v1/tickets", post(append))
        .with_state(sender);
    let listener = TcpListener::bind(listen).await.unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).unwrap()), router)
        .await
        .unwrap();
}

async fn append(State(sender): State<Sender<Append>>, bytes: Bytes) -> impl IntoResponse {
    let (done, committed) = oneshot::channel();
    sender.try_send(Append { bytes, done }).unwrap();
    let number = committed.await.unwrap();
    (StatusCode::CREATED, [(header::LOCATION, format!("/v1/tickets/{number}"))])
}

/// Group commit: everything that waits goes into the next transaction; the fsync is the clock.
fn write(database: &Database, queue: &Receiver<Append>, record_bytes: usize) {
    let mut next = 1_u64;
    let mut padded = vec![0; record_bytes];
    while let Ok(first) = queue.recv() {
        let group: Vec<Append> = std::iter::once(first).chain(queue.try_iter()).collect();
        let mut transaction = database.begin_write().unwrap();
        transaction.set_durability(Durability::Immediate).unwrap();
        {
            let mut records = transaction.open_table(RECORDS).unwrap();
            for (number, append) in (next..).zip(&group) {
                if record_bytes == 0 {
                    records.insert(number, &append.bytes[..]).unwrap();
                } else {
                    let length = record_bytes.min(append.bytes.len());
                    padded[..length].copy_from_slice(&append.bytes[..length]);
                    records.insert(number, &padded[..]).unwrap();
                }
            }
        }
        transaction.commit().unwrap();
        for append in group {
            // A client that hung up does not mind.
            let _ = append.done.send(next);
            next += 1;
        }
    }
}
