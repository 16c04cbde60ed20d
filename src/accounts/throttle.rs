//! Failed logins by name and by address: after a few each costs a wait that doubles. Pure; time is an argument.
//!
//! Must hold: an attempt counts before it is judged, so that many at once gain nothing; a name that nobody has
//! is treated as any other; memory is bounded, and what is dropped first is what has failed least.
//! A governor's rate (GCRA) would not do: waits that grow, and a success that forgets, are no rate.

use crate::{domain::time::Timestamp, settings::limits};
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

#[derive(Debug)]
pub struct Throttle {
    /// By hash of what was typed: as short as it is, however long that was.
    names: Table<[u8; 16]>,
    peers: Table<IpAddr>,
}

/// Seconds to wait, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u32);

impl Default for Throttle {
    fn default() -> Self {
        let names = Table::new(limits::NAME_FAILURES, limits::NAME_FORGET_S);
        Self { names, peers: Table::new(limits::PEER_FAILURES, limits::PEER_FORGET_S) }
    }
}

impl Throttle {
    /// Lets an attempt through and counts it as failed until it is known better.
    pub fn attempt(&mut self, name: &str, peer: IpAddr, now: Timestamp) -> Result<(), Wait> {
        let (name, peer) = (name_key(name), network(peer));
        let until = self.names.until(&name, now).max(self.peers.until(&peer, now));
        if until > now {
            let wait = (until.since_ms(now) + 999).div_euclid(1_000);
            return Err(Wait(u32::try_from(wait).unwrap_or(u32::MAX)));
        }
        self.names.failed(name, now);
        self.peers.failed(peer, now);
        Ok(())
    }

    /// The attempt was right: the name begins anew, the address has one failure less. (Not none: whoever has an
    /// account would guess others' between two logins.)
    pub fn succeeded(&mut self, name: &str, peer: IpAddr) {
        self.names.entries.remove(&name_key(name));
        self.peers.forgive(&network(peer));
    }
}

fn name_key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(name.to_ascii_lowercase().as_bytes()).as_bytes()[..16]);
    key
}

/// Of IPv6 the /64: whoever has one address there has them all.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[derive(Debug)]
struct Table<K> {
    /// Failures that cost nothing.
    free: u32,
    forget_s: i64,
    entries: HashMap<K, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
    /// No attempt before.
    until: Timestamp,
}

impl<K: Copy + Eq + Hash> Table<K> {
    fn new(free: u32, forget_s: i64) -> Self {
        Self { free, forget_s, entries: HashMap::new() }
    }

    fn until(&self, key: &K, now: Timestamp) -> Timestamp {
        self.entries.get(key).map_or(now, |failures| failures.until)
    }

    fn failed(&mut self, key: K, now: Timestamp) {
        if self.entries.len() >= limits::LOGINS_WATCHED && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let (free, forget_s) = (self.free, self.forget_s);
        let entry = self.entries.entry(key).or_insert(Failures { count: 0, last: now, until: now });
        if now.since_s(entry.last) >= forget_s {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        entry.until = now.plus_s(wait_s(entry.count, free));
    }

    fn forgive(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.count = entry.count.saturating_sub(1);
        entry.until = entry.last;
        if entry.count == 0 {
            self.entries.remove(key);
        }
    }

    /// What is forgotten anyway; failing that, whoever has failed least and longest ago.
    fn make_room(&mut self, now: Timestamp) {
        let forget_s = self.forget_s;
        self.entries.retain(|_, failures| now.since_s(failures.last) < forget_s);
        if self.entries.len() < limits::LOGINS_WATCHED {
            return;
        }
        let least = self.entries.iter().min_by_key(|(_, failures)| (failures.count, failures.last));
        if let Some(key) = least.map(|(key, _)| *key) {
            self.entries.remove(&key);
        }
    }
}

/// Nothing for the free ones, then 1, 2, 4 .. seconds.
fn wait_s(count: u32, free: u32) -> i64 {
    match count.checked_sub(free) {
        None => 0,
        Some(beyond) => 1_i64.checked_shl(beyond.min(32)).unwrap_or(i64::MAX).min(limits::LOGIN_WAIT_S),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// Fails as often as it is let, until it is not.
    fn exhaust(throttle: &mut Throttle, name: &str, now: Timestamp) -> u32 {
        (0..1_000).take_while(|_| throttle.attempt(name, PEER, now).is_ok()).count() as u32
    }

    #[test]
    fn a_name_is_free_for_a_few_failures_then_waits_double_up_to_their_bound() {
        let mut throttle = Throttle::default();
        assert_eq!(exhaust(&mut throttle, "a", NOW), limits::NAME_FAILURES);
        let (mut now, mut waits) = (NOW, Vec::new());
        for _ in 0..12 {
            let Err(Wait(wait)) = throttle.attempt("A", PEER, now) else { panic!("another spelling is the same") };
            waits.push(i64::from(wait));
            now = now.plus_s(waits[waits.len() - 1]);
            throttle.attempt("a", PEER, now).unwrap();
        }
        assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
        assert_eq!(*waits.last().unwrap(), limits::LOGIN_WAIT_S);
    }

    #[test]
    fn success_forgets_the_names_failures_and_one_of_the_address() {
        let mut throttle = Throttle::default();
        for n in 0..limits::PEER_FAILURES {
            // Each guess at another's account between two logins to one's own.
            throttle.attempt("own", PEER, NOW).unwrap();
            throttle.succeeded("own", PEER);
            throttle.attempt(&format!("victim-{n}"), PEER, NOW).unwrap();
        }
        assert!(throttle.attempt("own", PEER, NOW).is_err(), "the address waits whatever it logs in to in between");
    }

    #[test]
    fn an_address_that_tries_many_names_waits_and_so_does_its_whole_network() {
        let mut throttle = Throttle::default();
        let address = |n: u64| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n)));
        for n in 0..u64::from(limits::PEER_FAILURES) {
            throttle.attempt(&n.to_string(), address(n), NOW).unwrap();
        }
        assert_eq!(throttle.attempt("fresh", address(999), NOW), Err(Wait(1)));
        assert_eq!(throttle.attempt("fresh", PEER, NOW), Ok(()));
    }

    #[test]
    fn failures_are_forgotten_in_time() {
        let mut throttle = Throttle::default();
        exhaust(&mut throttle, "a", NOW);
        let later = NOW.plus_s(limits::NAME_FORGET_S);
        assert_eq!(exhaust(&mut throttle, "a", later), limits::NAME_FAILURES);
    }

    #[test]
    fn memory_is_bounded_and_a_flood_of_names_does_not_free_the_one_under_attack() {
        let mut table = Table::new(limits::NAME_FAILURES, limits::NAME_FORGET_S);
        for _ in 0..limits::NAME_FAILURES {
            table.failed(usize::MAX, NOW);
        }
        for n in 0..limits::LOGINS_WATCHED + 100 {
            table.failed(n, NOW.plus_ms(n as i64));
        }
        assert_eq!(table.entries.len(), limits::LOGINS_WATCHED);
        assert!(table.until(&usize::MAX, NOW) > NOW, "it still waits");
    }
}
