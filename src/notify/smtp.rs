//! E-mail by SMTP submission.
//!
//! Must hold: a mailbox that does not exist is that message's end; a server that is down, busy, or does not
//! let us in is nobody's fault but its own.

use super::gateway::{ErrorKind, Gateway, Message, SendError, Sending, Sent};
use crate::settings::{EmailSettings, MailTls};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox as Person, header},
    transport::smtp::{
        AsyncSmtpTransportBuilder, PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use std::time::Duration;

/// A dialogue has some seven commands; most take milliseconds.
const COMMANDS: u32 = 3;

pub(super) struct Smtp {
    /// A connection for each letter: a pool would need a runtime to be dropped in, and letters are few.
    transport: AsyncSmtpTransportBuilder,
    from: Person,
    patience: Duration,
}

impl Smtp {
    /// None: no server is set.
    pub(super) fn open(settings: &EmailSettings) -> Result<Option<Self>, String> {
        let (Some(host), Some(from)) = (&settings.host, &settings.from) else { return Ok(None) };
        let from = from.parse().map_err(|_| "notify.email.from is no address".to_owned())?;
        let encrypted = || TlsParameters::new(host.clone()).map_err(|error| format!("notify.email.host: {error}"));
        let tls = match settings.tls {
            MailTls::Starttls => Tls::Required(encrypted()?),
            MailTls::Tls => Tls::Wrapper(encrypted()?),
            MailTls::None => Tls::None,
        };
        let timeout = Duration::from_secs(settings.timeout_s);
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(settings.port)
            .tls(tls)
            .timeout(Some(timeout))
            .pool_config(PoolConfig::new().max_size(1));
        if let (Some(name), Some(password)) = (&settings.username, &settings.password) {
            transport = transport.credentials(Credentials::new(name.clone(), password.reveal().to_owned()));
        }
        Ok(Some(Self { transport, from, patience: timeout * COMMANDS }))
    }

    async fn post(&self, message: &Message) -> Result<Sent, SendError> {
        let letter = self.letter(message)?;
        let transport = self.transport.clone().build::<Tokio1Executor>();
        // The library's own deadline is for the connection; a server that falls silent later needs ours.
        match tokio::time::timeout(self.patience, transport.send(letter)).await {
            Ok(Ok(_)) => Ok(Sent::default()),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(SendError::passing("timeout")),
        }
    }

    /// With a name of its own that a repeat has too, so that a mail program shows it once.
    fn letter(&self, message: &Message) -> Result<lettre::Message, SendError> {
        let to: Address = message.to.parse().map_err(|_| SendError::permanent("invalid_recipient"))?;
        let own_domain = self.from.email.domain();
        lettre::Message::builder()
            .from(self.from.clone())
            .to(Person::new(None, to))
            .subject(message.subject.clone().unwrap_or_default())
            .message_id(Some(format!("<{}@{own_domain}>", message.id)))
            .header(header::ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|_| SendError::permanent("unsendable_letter"))
    }
}

impl Gateway for Smtp {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }

    fn patience(&self) -> Duration {
        self.patience + Duration::from_secs(1)
    }
}

fn refused(error: &lettre::transport::smtp::Error) -> SendError {
    let code = error.status().map(u16::from);
    let passing = ErrorKind::Passing { retry_after_s: None };
    let (name, kind) = match code {
        // Not let in: our account's affair, not the recipient's.
        Some(code @ (530 | 534 | 535 | 538)) => (format!("credentials_refused ({code})"), passing),
        Some(code) if error.is_permanent() => (format!("invalid_recipient ({code})"), ErrorKind::Permanent),
        Some(code) => (format!("smtp_{code}"), passing),
        None if error.is_timeout() => ("timeout".to_owned(), passing),
        None if error.is_tls() => ("tls_refused".to_owned(), passing),
        None if error.is_client() => ("not_offered".to_owned(), passing),
        None => ("unreachable".to_owned(), passing),
    };
    SendError { code: name, kind }
}
