//! How often one caller may call: by token where a token lets them in, else by address. In memory alone;
//! a restart forgives.
//!
//! Must hold: deciding takes no wait and no allocation, a caller who is refused learns when to come again,
//! and what is kept is bounded however many callers there are.

use super::{answer::Refused, peer::Peer};
use crate::{
    api::Problem,
    domain::ticket::Role,
    settings::{ServerSettings, limits},
    tokens::Claims,
};
use axum::http::HeaderMap;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DashMapStateStore,
};
use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
};

/// Callers as [`limits::CALLER_BITS`] of a keyed hash: nobody can aim at another's allowance, and a million
/// strangers share rather than grow.
type Limiter = RateLimiter<u32, DashMapStateStore<u32>, DefaultClock>;

pub(super) struct Rates {
    /// Tokens of customers and experts: a person with a device.
    people: Option<Limiter>,
    /// Tokens of staff and portals.
    others: Option<Limiter>,
    /// Addresses, for calls that no token lets in.
    addresses: Option<Limiter>,
    proxies: Vec<IpAddr>,
    hash: RandomState,
    clock: DefaultClock,
}

impl Rates {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        Self {
            people: limiter(settings.person_calls_per_s),
            others: limiter(settings.token_calls_per_s),
            addresses: limiter(settings.address_calls_per_s),
            proxies: settings.trusted_proxies.clone(),
            hash: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Whose address counts: the one that connected, or the one that a trusted proxy names last.
    pub(super) fn peer(&self, connected: IpAddr, headers: &HeaderMap) -> Peer {
        let connected = connected.to_canonical();
        if !self.proxies.contains(&connected) {
            return Peer(connected);
        }
        let named = headers.get_all("x-forwarded-for").iter().next_back();
        let last = named.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        Peer(last.map_or(connected, |address: IpAddr| address.to_canonical()))
    }

    /// A call that a token lets in.
    pub(super) fn token(&self, claims: &Claims) -> Result<(), Refused> {
        let limiter = match claims.role {
            Role::Customer | Role::Expert => &self.people,
            Role::System | Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin | Role::Portal => &self.others,
        };
        self.check(limiter.as_ref(), &(&claims.id, &claims.subject))
    }

    /// A call that no token lets in. Without an address (no network in between) nothing is counted.
    pub(super) fn address(&self, peer: Option<Peer>) -> Result<(), Refused> {
        self.of_address("call", peer)
    }

    /// A look at the figures: counted for itself, so that whoever watches is not shut out by a flood from where they sit.
    pub(super) fn figures(&self, peer: Option<Peer>) -> Result<(), Refused> {
        self.of_address("figures", peer)
    }

    fn of_address(&self, what: &str, peer: Option<Peer>) -> Result<(), Refused> {
        match peer {
            None => Ok(()),
            Some(Peer(IpAddr::V4(address))) => self.check(self.addresses.as_ref(), &(what, address.octets())),
            // A household has 2^64 addresses of its own.
            Some(Peer(IpAddr::V6(address))) => self.check(self.addresses.as_ref(), &(what, &address.octets()[..8])),
        }
    }

    fn check(&self, limiter: Option<&Limiter>, caller: &(impl Hash + ?Sized)) -> Result<(), Refused> {
        let Some(limiter) = limiter else { return Ok(()) };
        let hash = self.hash.hash_one(caller);
        let key = u32::try_from(hash >> (u64::BITS - limits::CALLER_BITS)).unwrap_or(0);
        limiter.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_millis().div_ceil(1_000).max(1);
            let problem = Problem::new(429, "too_many_calls", "more calls than one caller may make; nothing was done");
            Problem { retry_after_s: u32::try_from(wait).ok(), ..problem }.into()
        })
    }

    /// Forgets callers who have been quiet. Not on a call's way: it looks at each of them.
    pub(super) fn forget(&self) {
        for limiter in [&self.people, &self.others, &self.addresses].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        [&self.people, &self.others, &self.addresses].into_iter().flatten().map(Limiter::len).sum()
    }
}

fn limiter(per_s: u32) -> Option<Limiter> {
    let rate = NonZeroU32::new(per_s)?;
    let burst = NonZeroU32::new(per_s.saturating_mul(limits::BURST_S))?;
    Some(RateLimiter::dashmap(Quota::per_second(rate).allow_burst(burst)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::time::Timestamp, settings::Settings};

    fn rates(change: impl FnOnce(&mut ServerSettings)) -> Rates {
        let mut server = Settings::defaults().unwrap().server;
        change(&mut server);
        Rates::new(&server)
    }

    fn claims(role: Role, id: &str) -> Claims {
        let (issued, expires) = (Timestamp(0), Timestamp(1));
        Claims { id: id.into(), role, subject: "s".into(), regions: Vec::new(), login: None, issued, expires }
    }

    fn peer(text: &str) -> Peer {
        Peer(text.parse().unwrap())
    }

    #[test]
    fn a_person_has_ten_seconds_worth_at_once_and_then_learns_when_to_come_again() {
        let rates = rates(|server| server.person_calls_per_s = 1);
        let (one, other) = (claims(Role::Customer, "a"), claims(Role::Customer, "b"));
        for _ in 0..limits::BURST_S {
            rates.token(&one).unwrap();
        }
        let refused = rates.token(&one).unwrap_err().0;
        assert_eq!((refused.status, &*refused.code, refused.retry_after_s), (429, "too_many_calls", Some(1)));
        rates.token(&other).unwrap();
        for _ in 0..1_000 {
            rates.token(&claims(Role::Portal, "a")).unwrap();
        }
    }

    #[test]
    fn an_address_is_one_caller_and_so_is_a_household_and_strangers_do_not_pile_up() {
        let rates = rates(|server| server.address_calls_per_s = 1);
        let spent = |address: &str| (0..=limits::BURST_S).any(|_| rates.address(Some(peer(address))).is_err());
        assert!(spent("192.0.2.1"));
        assert!(rates.address(Some(peer("192.0.2.2"))).is_ok());
        assert!(spent("2001:db8:0:1::1"));
        assert!(rates.address(Some(peer("2001:db8:0:1:ffff::2"))).is_err());
        assert!(rates.address(Some(peer("2001:db8:0:2::1"))).is_ok());
        assert!(rates.address(None).is_ok());
        rates.forget();
        assert!(rates.known() >= 2, "who is near the limit is remembered");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_quiet_are_forgotten() {
        let rates = rates(|server| server.address_calls_per_s = 1_000_000);
        for n in 0..100_000_u32 {
            rates.address(Some(Peer(std::net::Ipv4Addr::from(n).into()))).unwrap();
        }
        assert!(rates.known() <= 1 << limits::CALLER_BITS);
        rates.forget();
        assert!(rates.known() < 1_000, "{}", rates.known());
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_last_word() {
        let rates = rates(|server| server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "203.0.113.9".parse().unwrap());
        headers.append("x-forwarded-for", "198.51.100.1, 203.0.113.7".parse().unwrap());
        let of = |address: &str, headers: &HeaderMap| rates.peer(address.parse().unwrap(), headers).0.to_string();
        assert_eq!(of("127.0.0.1", &headers), "203.0.113.7");
        assert_eq!(of("::ffff:127.0.0.1", &headers), "203.0.113.7");
        assert_eq!(of("192.0.2.1", &headers), "192.0.2.1");
        assert_eq!(of("127.0.0.1", &HeaderMap::new()), "127.0.0.1");
        headers.append("x-forwarded-for", "unknown".parse().unwrap());
        assert_eq!(of("127.0.0.1", &headers), "127.0.0.1");
    }
}
