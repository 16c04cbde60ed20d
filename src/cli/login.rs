//! `callout login`: a name and a password for a token, at a running server.

use super::{
    client::Client,
    output::{Done, Trouble, at},
    prompt,
};
use clap::Args;
use hyper::Method;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Log in at a server; prints the token alone
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  export CALLOUT_TOKEN=$(callout login --server http://127.0.0.1:8080 desk-1)
  callout login --server http://127.0.0.1:8080 desk-1 --password-stdin \\
    < password.txt

The token lives 12 hours. callout user add makes accounts; callout token issue
prints tokens that live longer, on the server's machine.")]
pub(super) struct LoginArgs {
    /// The name of the account
    name: String,
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// For an https:// server: a PEM file with an authority to trust, beside the machine's
    #[arg(long, value_name = "FILE", env = "CALLOUT_CA")]
    ca: Option<PathBuf>,
    /// The password is the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

pub(super) fn run(args: &LoginArgs) -> Done {
    let client = Client::new(&args.server, "", args.ca.as_deref())?;
    let password = prompt::password(args.password_stdin)?;
    let body = json!({ "name": args.name, "password": password.reveal() });
    let answer = client.call(Method::POST, "/v1/login", Some(&body))?;
    let token = at(&answer, "token");
    if token.is_empty() {
        return Err(Trouble::Refused(format!("{} answered without a token", args.server)));
    }
    println!("{token}");
    Ok(ExitCode::SUCCESS)
}
