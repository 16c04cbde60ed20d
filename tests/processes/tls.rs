//! TLS at the door of a real server: clients, live sessions, the command line, renewal without a restart.

use super::{
    common::{
        pairs::file,
        process::{Server, callout, succeed, token},
    },
    settle,
};
use callout::tls;
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_rustls::rustls::{ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};

type Line = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: &str, ca: Option<&Path>) -> io::Result<Line> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let config = Arc::new(tls::client(ca).unwrap());
    let connection = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut line = StreamOwned::new(connection, stream);
    line.conn.complete_io(&mut line.sock)?;
    Ok(line)
}

fn ask(line: &mut Line, path: &str) -> String {
    write!(line, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    answer
}

/// A server with a pair of files of its own, and where they are.
fn serve(data: &Path) -> (Server, PathBuf, PathBuf) {
    let (certificate, key) = (data.with_extension("crt"), data.with_extension("key"));
    std::fs::copy(file("first.pem"), &certificate).unwrap();
    std::fs::copy(file("first.key"), &key).unwrap();
    let environment =
        [("CALLOUT_TLS_CERTIFICATE", certificate.to_str().unwrap()), ("CALLOUT_TLS_KEY", key.to_str().unwrap())];
    (Server::start_with(data, &environment), certificate, key)
}

#[test]
fn a_door_with_tls_serves_calls_live_sessions_and_the_command_line_and_takes_up_renewed_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    settle(&data, 1);
    let staff = token(data.to_str().unwrap(), "dispatcher");
    let (server, certificate, key) = serve(&data);
    let ca = file("ca.pem");
    // Silent ones keep nobody waiting.
    let silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let answer = ask(&mut connect(&server.address, Some(&ca)).unwrap(), "/readyz");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    let line = connect(&server.address, Some(&ca)).unwrap();
    assert_eq!(line.conn.alpn_protocol(), None, "it was not asked");
    assert!(connect(&server.address, None).is_err(), "an authority that nobody trusts");
    let mut plain = TcpStream::connect(&server.address).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told);
    assert!(!told.starts_with(b"HTTP"), "nothing is said in the clear");
    let mut request = format!("wss://{}/v1/feed", server.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {staff}").parse().unwrap());
    let (mut socket, _) = tungstenite::client(request, connect(&server.address, Some(&ca)).unwrap()).unwrap();
    assert!(socket.read().unwrap().to_text().unwrap().contains("\"live\""));

    let url = format!("https://{}", server.address);
    let ca = ca.to_str().unwrap();
    let listed = succeed(&["region", "list", "--server", &url, "--token", &staff, "--ca", ca]);
    assert!(listed.contains("r0"), "{listed}");
    let distrusted = callout(&["region", "list", "--server", &url, "--token", &staff]);
    assert_eq!(distrusted.status.code(), Some(3), "{}", String::from_utf8_lossy(&distrusted.stderr));
    let here = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callout"));
        command.args(arguments).env("CALLOUT_TLS_CERTIFICATE", &certificate).env("CALLOUT_TLS_KEY", &key);
        String::from_utf8(command.env("CALLOUT_LISTEN", &server.address).output().unwrap().stdout).unwrap()
    };
    assert_eq!(here(&["probe"]), "ready\n");
    let doctor = here(&["doctor", "--data", data.to_str().unwrap()]);
    assert!(doctor.contains("until 2126-11-04") && doctor.contains("a Callout answers there"), "{doctor}");

    std::fs::copy(file("renewed.pem"), &certificate).unwrap();
    std::fs::copy(file("renewed.key"), &key).unwrap();
    let wanted = tls::certificates(&file("renewed.pem")).unwrap();
    let began = Instant::now();
    loop {
        let line = connect(&server.address, Some(Path::new(ca))).unwrap();
        if line.conn.peer_certificates().unwrap()[0] == wanted[0] {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the renewed certificate was not taken up");
    }
    drop(silent);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_refuses_to_start_with_a_pair_that_does_not_fit_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_callout"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .env("CALLOUT_TLS_CERTIFICATE", file("first.pem"))
        .env("CALLOUT_TLS_KEY", file("renewed.key"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("renewed.key") && said.contains("do not go together"), "{said}");
    assert!(!folder.path().join("data").exists(), "the data were not touched");
}
