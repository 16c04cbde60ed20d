//! Bearer tokens: who may knock at the doors. `callout_<claims>.<mac>`, both base64url; the mac is
//! keyed BLAKE3 over the claims, so that whoever has the key can trust one it has never seen.
//!
//! Plain files beside the data, so that they work on a stopped and on a running server alike:
//! `token.key` (32 bytes, made once, readable by its owner alone), `tokens.jsonl` (what was issued,
//! never the tokens themselves) and `revoked` (ids, one a line). The lists only grow.
//! Knows nobody but the domain's roles: whether the account behind a login still stands it is told ([`Standing`]),
//! and without being told no such token holds.

mod files;
mod links;
mod revoked;
#[cfg(test)]
mod tests;
mod verified;

pub use files::{Issued, TokenFileError};

use crate::domain::{ids::RegionId, ticket::Role, time::Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use revoked::Revoked;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use verified::Verified;

const PREFIX: &str = "callout_";
/// The id of those that the process makes for itself.
const UNLISTED: &str = "unlisted";

/// What a token says about who carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Names this token in the lists.
    pub id: String,
    pub role: Role,
    /// The customer's or expert's id, or a name for the record. Never empty.
    pub subject: String,
    /// Empty: all regions.
    pub regions: Vec<RegionId>,
    pub issued: Timestamp,
    pub expires: Timestamp,
    /// None: for a machine, not got by a password.
    pub login: Option<Login>,
}

/// The account that a token was got by, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub account: String,
    /// The account's stamp: with another one, this token has ended.
    pub since: Timestamp,
}

/// Whether a login still stands.
pub type Standing = Box<dyn Fn(&Login) -> bool + Send + Sync>;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is not a token of this server")]
    Unknown,
    #[error("the token has expired")]
    Expired,
    #[error("the token was revoked")]
    Revoked,
    #[error("the account was changed or disabled; log in again")]
    Ended,
}

impl TokenError {
    /// For lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Ended => "ended",
        }
    }
}

/// What is asked for when a token is issued.
#[derive(Clone, Debug)]
pub struct Grant {
    pub role: Role,
    /// None: the role's name.
    pub subject: Option<String>,
    pub regions: Vec<RegionId>,
    pub ttl_s: i64,
}

/// Signs and checks. One per process; cheap to share behind an `Arc`.
pub struct Tokens {
    dir: PathBuf,
    key: [u8; 32],
    verified: Verified,
    revoked: Revoked,
    standing: Option<Standing>,
}

/// The claims as they are written: short names, seconds.
#[derive(Serialize, Deserialize)]
struct Wire {
    id: String,
    role: String,
    sub: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    regions: Vec<String>,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<WireLogin>,
}

#[derive(Serialize, Deserialize)]
struct WireLogin {
    account: String,
    /// Milliseconds: it is compared, not shown.
    since: i64,
}

impl Tokens {
    /// Reads the signing key in the data directory, or makes directory and key when there are none.
    pub fn open(data: &Path) -> Result<Self, TokenFileError> {
        let key = files::signing_key(data)?;
        let path = data.join(files::REVOKED);
        let revoked = Revoked::new(path.clone());
        revoked.look().map_err(|error| files::failed(&path, error))?;
        Ok(Self { dir: data.to_owned(), key, verified: Verified::default(), revoked, standing: None })
    }

    /// Takes up what other processes on these data revoked. Reads a file: not for a runtime's thread.
    pub fn refresh(&self) {
        if let Err(error) = self.revoked.look() {
            tracing::error!(%error, "the list of revoked tokens cannot be read; what is known of it holds");
        }
    }

    /// The same, and `standing` says whether a login still stands.
    #[must_use]
    pub fn with_standing(self, standing: Standing) -> Self {
        Self { standing: Some(standing), ..self }
    }

    /// Makes a token and puts it on the list before it is handed out.
    pub fn issue(&self, grant: Grant, now: Timestamp) -> Result<(String, Claims), TokenFileError> {
        self.listed(claims(files::random_id()?, grant, now))
    }

    /// The same for somebody who has just logged in.
    pub fn issue_to(&self, login: Login, grant: Grant, now: Timestamp) -> Result<(String, Claims), TokenFileError> {
        self.listed(Claims { login: Some(login), ..claims(files::random_id()?, grant, now) })
    }

    fn listed(&self, claims: Claims) -> Result<(String, Claims), TokenFileError> {
        files::append_issued(&self.dir, &Issued::of(&claims))?;
        Ok((self.sign(&claims), claims))
    }

    /// A token for the process itself: short-lived, never handed out, so it cannot be revoked.
    #[must_use]
    pub fn sign_unlisted(&self, grant: Grant, now: Timestamp) -> String {
        self.sign(&claims(UNLISTED.to_owned(), grant, now))
    }

    fn sign(&self, claims: &Claims) -> String {
        let wire = Wire {
            id: claims.id.clone(),
            role: claims.role.name().to_owned(),
            sub: claims.subject.clone(),
            regions: claims.regions.iter().map(ToString::to_string).collect(),
            iat: claims.issued.0.div_euclid(1_000),
            exp: claims.expires.0.div_euclid(1_000),
            login: claims
                .login
                .as_ref()
                .map(|login| WireLogin { account: login.account.clone(), since: login.since.0 }),
        };
        // A struct of texts and numbers always encodes.
        let body = BASE64.encode(serde_json::to_vec(&wire).unwrap_or_default());
        let mac = BASE64.encode(self.mac("bearer", body.as_bytes()).as_bytes());
        format!("{PREFIX}{body}.{mac}")
    }

    /// The keyed hash of a text for one purpose, so that a link never passes for a token.
    fn mac(&self, purpose: &str, text: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(purpose.as_bytes()).update(&[0]).update(text);
        hasher.finalize()
    }

    /// The claims of a genuine, live token. `now` is real time, also where the clock of the tree is not.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Claims>, TokenError> {
        let claims = self.verified.claims(token, || self.read(token)).ok_or(TokenError::Unknown)?;
        self.holds(&claims, now)?;
        Ok(claims)
    }

    /// Whether claims that were verified once still hold: for sessions that outlive a call.
    pub fn holds(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
        if claims.expires <= now {
            return Err(TokenError::Expired);
        }
        if self.revoked.has(&claims.id) {
            return Err(TokenError::Revoked);
        }
        match &claims.login {
            Some(login) if !self.stands(login) => Err(TokenError::Ended),
            Some(_) | None => Ok(()),
        }
    }

    fn stands(&self, login: &Login) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing(login))
    }

    /// How a token of the list stands; one whose entry is not understood has expired.
    pub fn state(&self, token: &Issued, now: Timestamp) -> Result<(), TokenError> {
        if Timestamp::parse(&token.expires).is_ok_and(|expires| expires > now) {
            let stands = token.login().is_none_or(|login| self.stands(&login));
            let revoked = self.revoked.has(&token.id);
            return if revoked {
                Err(TokenError::Revoked)
            } else if stands {
                Ok(())
            } else {
                Err(TokenError::Ended)
            };
        }
        Err(TokenError::Expired)
    }

    /// The claims of a token that was signed here, whether or not they still hold.
    fn read(&self, token: &str) -> Option<Claims> {
        let (body, mac) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let mut said = [0; 32];
        let signed = BASE64.decode_slice(mac, &mut said) == Ok(32) && self.mac("bearer", body.as_bytes()) == said;
        if signed { parse(body) } else { None }
    }

    /// All that were issued, oldest first, and whether each was revoked.
    pub fn list(&self) -> Result<Vec<(Issued, bool)>, TokenFileError> {
        let issued = files::issued(&self.dir)?;
        Ok(issued.into_iter().map(|token| (token.clone(), self.revoked.has(&token.id))).collect())
    }

    /// One token of the list.
    pub fn listed_as(&self, id: &str) -> Result<Option<Issued>, TokenFileError> {
        Ok(files::issued(&self.dir)?.into_iter().find(|token| token.id == id))
    }

    /// From now on this process, a second later no server on these data accepts it. False: no such id.
    pub fn revoke(&self, id: &str) -> Result<bool, TokenFileError> {
        if !files::issued(&self.dir)?.iter().any(|token| token.id == id) {
            return Ok(false);
        }
        self.end(id)?;
        Ok(true)
    }

    /// The same for a token that somebody holds in hand: that it was issued need not be looked up.
    pub fn revoke_own(&self, claims: &Claims) -> Result<(), TokenFileError> {
        // The process's own are many under one name.
        if claims.id == UNLISTED { Ok(()) } else { self.end(&claims.id) }
    }

    fn end(&self, id: &str) -> Result<(), TokenFileError> {
        files::append_revoked(&self.dir, id)?;
        self.revoked.note(id);
        Ok(())
    }
}

fn claims(id: String, grant: Grant, now: Timestamp) -> Claims {
    let Grant { role, subject, regions, ttl_s } = grant;
    // As the token says it, so that what is told about it and what it holds are the same.
    let now = Timestamp(now.0.div_euclid(1_000) * 1_000);
    let subject = subject.unwrap_or_else(|| role.name().to_owned());
    Claims { id, role, subject, regions, issued: now, expires: now.plus_s(ttl_s), login: None }
}

fn parse(body: &str) -> Option<Claims> {
    let wire: Wire = serde_json::from_slice(&BASE64.decode(body).ok()?).ok()?;
    let regions: Result<Vec<_>, _> = wire.regions.iter().map(|region| RegionId::parse(region)).collect();
    Some(Claims {
        id: wire.id,
        role: Role::parse(&wire.role)?,
        subject: wire.sub,
        regions: regions.ok()?,
        issued: Timestamp(wire.iat.checked_mul(1_000)?),
        expires: Timestamp(wire.exp.checked_mul(1_000)?),
        login: wire.login.map(|login| Login { account: login.account, since: Timestamp(login.since) }),
    })
}
