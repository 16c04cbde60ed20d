//! SMS by a Twilio-compatible gateway: one POST per message.
//!
//! Must hold: every answer, and none, is one of: sent, never (this number), not now (the gateway). What is
//! wrong with our account or with the network is never a number's fault, so nobody's message dies of it.

use super::gateway::{ErrorKind, Gateway, Message, SendError, Sending, Sent};
use crate::settings::{Secret, SmsSettings};
use reqwest::{Client, Response, StatusCode, header, redirect};
use std::time::Duration;

/// Of an answer; theirs has one kilobyte.
const ANSWER_BYTES: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(5);

pub(super) struct Twilio {
    client: Client,
    url: String,
    account: String,
    token: Secret,
    from: From,
    patience: Duration,
}

enum From {
    Number(String),
    Pool(String),
}

impl Twilio {
    /// None: no gateway is set.
    pub(super) fn open(settings: &SmsSettings) -> Result<Option<Self>, String> {
        let SmsSettings { base_url, account_sid, auth_token, from, messaging_service_sid, timeout_s, country_code: _ } =
            settings;
        let (Some(base), Some(account), Some(token)) = (base_url, account_sid, auth_token) else { return Ok(None) };
        let from = match (from, messaging_service_sid) {
            (Some(number), _) => From::Number(number.clone()),
            (None, Some(pool)) => From::Pool(pool.clone()),
            (None, None) => return Ok(None),
        };
        let base = base.trim_end_matches('/');
        let patience = Duration::from_secs(*timeout_s);
        let mut client = Client::builder()
            .connect_timeout(CONNECT.min(patience))
            .timeout(patience)
            // Credentials go where they were meant to go.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("callout/", env!("CARGO_PKG_VERSION")));
        if is_loopback(base) {
            client = client.no_proxy();
        }
        Ok(Some(Self {
            client: client.build().map_err(|error| format!("notify.sms: {error}"))?,
            url: format!("{base}/2010-04-01/Accounts/{account}/Messages.json"),
            account: account.clone(),
            token: token.clone(),
            from,
            patience,
        }))
    }

    async fn post(&self, message: &Message) -> Result<Sent, SendError> {
        let mut form = vec![("To", message.to.as_str()), ("Body", message.text.as_str())];
        match &self.from {
            From::Number(number) => form.push(("From", number)),
            From::Pool(pool) => form.push(("MessagingServiceSid", pool)),
        }
        if let Some(callback) = &message.callback {
            form.push(("StatusCallback", callback));
        }
        let call = self.client.post(&self.url).basic_auth(&self.account, Some(self.token.reveal())).form(&form);
        let answer = call.send().await.map_err(|error| unanswered(&error))?;
        let (status, pause) = (answer.status(), retry_after(&answer));
        let body = body(answer).await?;
        if status.is_success() {
            return taken(&body);
        }
        Err(refused(status, pause, &body))
    }
}

impl Gateway for Twilio {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }

    fn patience(&self) -> Duration {
        self.patience + Duration::from_secs(1)
    }
}

fn is_loopback(base: &str) -> bool {
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn unanswered(error: &reqwest::Error) -> SendError {
    SendError::passing(if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "unreachable"
    } else {
        "broken_connection"
    })
}

fn retry_after(answer: &Response) -> Option<u32> {
    answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

async fn body(mut answer: Response) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| unanswered(&error))? {
        if body.len() + piece.len() > ANSWER_BYTES {
            return Err(SendError::passing("oversized_answer"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// A success without a name for the message is somebody else's page: whether it went is unknown, and it
/// goes again. The reference in an expert's text lets the app drop the second.
fn taken(body: &[u8]) -> Result<Sent, SendError> {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match json["sid"].as_str() {
        Some(sid) if (1..=64).contains(&sid.len()) && sid.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Ok(Sent { reference: Some(sid.to_owned()) })
        }
        _ => Err(SendError::passing("unreadable_answer")),
    }
}

fn refused(status: StatusCode, retry_after_s: Option<u32>, body: &[u8]) -> SendError {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let number = json["code"].as_u64().map_or_else(String::new, |code| format!(" ({code})"));
    let passing = ErrorKind::Passing { retry_after_s };
    let (code, kind) = match status.as_u16() {
        // Their words for: not a number, not reachable, opted out at the carrier, not allowed for this country.
        400 | 422 => ("invalid_recipient".to_owned(), ErrorKind::Permanent),
        401 | 403 => ("credentials_refused".to_owned(), passing),
        404 => ("account_unknown".to_owned(), passing),
        429 => ("too_many".to_owned(), passing),
        other => (format!("http_{other}"), passing),
    };
    SendError { code: format!("{code}{number}"), kind }
}
