//! What logins and administrators of people share: passwords are hashed off the runtime's threads, few at once
//! and few waiting; failed ones are throttled; what accounts refuse with, as problems.

use super::{
    Context, Shared,
    answer::{Refused, not_found},
    blocking,
    failure::refuse,
    peer::Peer,
    session::Session,
};
use crate::{
    accounts::{Account, AccountError, AccountName, Accounts, Flaw, NewPassword, Throttle, Wait},
    actors::Failure,
    api::{FieldProblem, Problem, people::UserView},
    domain::{
        ids::{ExpertId, RegionId},
        ticket::Role,
    },
    settings::{Secret, limits},
    tokens::{Claims, TokenFileError},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::Response,
};
use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What logins came to, as the metrics name it.
pub(super) mod outcome {
    pub(in crate::http) const ACCEPTED: usize = 0;
    pub(in crate::http) const REFUSED: usize = 1;
    pub(in crate::http) const THROTTLED: usize = 2;
}

/// The door's part in accounts.
pub(super) struct People {
    accounts: Arc<Accounts>,
    throttle: Mutex<Throttle>,
    /// Under way or waiting.
    places: Arc<Semaphore>,
    hashing: Arc<Semaphore>,
}

impl People {
    pub(super) fn new(accounts: Arc<Accounts>) -> Self {
        let places = Arc::new(Semaphore::new(limits::HASHES_WAITING));
        Self { accounts, throttle: Mutex::default(), places, hashing: Arc::new(Semaphore::new(limits::HASHES)) }
    }

    /// For reads of the file alone: nothing is hashed.
    pub(super) fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let busy = |_| {
            let problem = Problem::new(503, "overloaded", "too many passwords to check at once; nothing was done");
            Problem { retry_after_s: Some(limits::RETRY_AFTER_S), ..problem }
        };
        Ok(self.places.clone().try_acquire_owned().map_err(busy)?)
    }

    /// Runs what hashes. The places go with the work: a caller who goes away leaves it running.
    pub(super) async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let place = self.place()?;
        self.hash_in(place, work).await
    }

    async fn hash_in<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce(&Accounts) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        // Never closed; the edge's deadline bounds the wait.
        let turn = self.hashing.clone().acquire_owned().await;
        let accounts = self.accounts.clone();
        blocking(move || {
            let _held = (place, turn);
            work(&accounts)
        })
        .await
    }

    /// The account that a name and its password open; None when either is wrong. One hash either way, unless
    /// the name or the address has to wait.
    pub(super) async fn prove(
        &self,
        shared: &Shared,
        name: String,
        password: Secret,
        Peer(peer): Peer,
    ) -> Result<Option<Arc<Account>>, Refused> {
        // First a place: who is turned away for want of one has not failed.
        let place = self.place()?;
        let attempt = self.throttle(|throttle| throttle.attempt(&name, peer, shared.clock.now()));
        if let Err(Wait(seconds)) = attempt {
            shared.meters.logins.add(outcome::THROTTLED);
            let detail = format!("too many failed logins; the next one in {seconds} seconds");
            let problem = Problem::new(429, "too_many_attempts", detail);
            return Err(Problem { retry_after_s: Some(seconds), ..problem }.into());
        }
        let asked = name.clone();
        let found = self.hash_in(place, move |accounts| accounts.check(&asked, &password)).await?;
        let found = found.map_err(|error| refuse(Failure::Fault(error.to_string()), false))?;
        if found.is_some() {
            self.throttle(|throttle| throttle.succeeded(&name, peer));
        }
        shared.meters.logins.add(if found.is_some() { outcome::ACCEPTED } else { outcome::REFUSED });
        Ok(found)
    }

    fn throttle<T>(&self, act: impl FnOnce(&mut Throttle) -> T) -> T {
        act(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl FromRequestParts<Context> for Peer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Refused> {
        // Calls without a connection (tests) are all of one.
        let nobody = Self(Ipv4Addr::UNSPECIFIED.into());
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(nobody))
    }
}

impl From<AccountError> for Refused {
    fn from(error: AccountError) -> Self {
        let told = error.to_string();
        match error {
            AccountError::Taken => Problem::new(409, "name_taken", told).into(),
            AccountError::Unknown => Problem::new(404, "not_found", told).into(),
            AccountError::Stale(_) => Problem::new(412, "stale", told).into(),
            AccountError::Flawed(flaw) => flaw.into(),
            AccountError::Full => Problem::new(409, "too_many_accounts", told).into(),
            AccountError::Busy => {
                let problem = Problem::new(503, "overloaded", told);
                Problem { retry_after_s: Some(limits::RETRY_AFTER_S), ..problem }.into()
            }
            AccountError::File(_) | AccountError::Hash(_) => refuse(Failure::Fault(told), false),
        }
    }
}

impl From<Flaw> for Refused {
    fn from(flaw: Flaw) -> Self {
        invalid(flaw.field(), "invalid", flaw)
    }
}

impl From<TokenFileError> for Refused {
    fn from(error: TokenFileError) -> Self {
        refuse(Failure::Fault(error.to_string()), false)
    }
}

pub(super) fn invalid(field: &str, code: &'static str, why: impl std::fmt::Display) -> Refused {
    vec![FieldProblem { pointer: format!("/{field}"), code, detail: why.to_string() }].into()
}

/// A password that may be set for this name.
pub(super) fn judged(text: Secret, name: &AccountName, field: &str) -> Result<NewPassword, Refused> {
    NewPassword::judge(text, name).map_err(|weak| invalid(field, "weak_password", weak))
}

pub(super) fn names(regions: &[RegionId]) -> Vec<String> {
    regions.iter().map(ToString::to_string).collect()
}

pub(super) fn view(account: &Account) -> UserView {
    UserView {
        name: account.name.to_string(),
        role: account.role.name(),
        subject: account.subject.clone(),
        regions: names(&account.regions),
        state: account.state.name(),
        created_at: account.created.to_string(),
        since: account.since.to_string(),
        version: account.version,
    }
}

/// Whether the caller rules over all that such a token may do. Whoever is bound to regions gives no more than
/// they have; customers and portals are bound to none, so they are not theirs to give.
pub(super) fn rules_over(
    shared: &Shared,
    Session { claims, .. }: &Session,
    role: Role,
    subject: &str,
    regions: &[RegionId],
) -> bool {
    let Claims { regions: own, .. } = &**claims;
    let within = !regions.is_empty() && regions.iter().all(|region| own.contains(region));
    let expert = || ExpertId::parse(subject).ok().and_then(|id| shared.service.store().expert(&id));
    own.is_empty()
        || match role {
            Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin => within,
            Role::Expert => expert().is_some_and(|expert| own.contains(&expert.region)),
            Role::System | Role::Customer | Role::Portal => false,
        }
}

/// The account of a path, if the caller rules over it; else it does not exist for them.
pub(super) fn ruled(
    shared: &Shared,
    session: &Session,
    account: Option<Arc<Account>>,
) -> Result<Arc<Account>, Refused> {
    let ruled = |account: &Arc<Account>| rules_over(shared, session, account.role, &account.subject, &account.regions);
    account.filter(ruled).ok_or_else(|| not_found("this user"))
}

/// An answer that holds a token is nobody else's and in no cache (RFC 6749, 5.1).
pub(super) fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_the_places_a_password_is_refused_at_once_and_places_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let people = People::new(Arc::new(Accounts::open(dir.path()).unwrap()));
        let held: Vec<_> = (0..limits::HASHES_WAITING).map(|_| people.place().unwrap()).collect();
        let Refused(problem) = people.hash(|_| ()).await.unwrap_err();
        assert_eq!((problem.status, problem.retry_after_s), (503, Some(limits::RETRY_AFTER_S)));
        drop(held);
        people.hash(|_| ()).await.unwrap();
        assert_eq!(people.places.available_permits(), limits::HASHES_WAITING);
    }
}
