//! Rate limits, per address and over all; for known registries, per TLS key. Per process: a site's limits are as many times that as it has processes.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
};

use charter_domain::spki::SpkiSha256;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::DefaultClock,
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::config::Limits;

pub struct Limiter {
    global: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
    /// Requests left of the global limit below which there is strain.
    reserve: u32,
    strained: AtomicBool,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    /// By key, not by name: a key may be listed for others by whoever likes, but used by its holder alone.
    peers: DefaultKeyedRateLimiter<SpkiSha256>,
    /// What is told to who was refused: for an address, for a registry.
    pub policies: [String; 2],
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

impl Limiter {
    pub fn new(limits: &Limits) -> Self {
        let address = Quota::per_second(at_least_one(limits.per_address_rps))
            .allow_burst(at_least_one(limits.per_address_burst));
        let peer = Quota::per_second(at_least_one(limits.per_peer_rps))
            .allow_burst(at_least_one(limits.per_peer_burst));
        Self {
            global: RateLimiter::direct(Quota::per_second(at_least_one(limits.global_rps)))
                .with_middleware::<StateInformationMiddleware>(),
            reserve: limits.global_rps / 10,
            strained: AtomicBool::new(false),
            addresses: RateLimiter::keyed(address),
            peers: RateLimiter::keyed(peer),
            policies: [("address", limits.per_address_rps), ("peer", limits.per_peer_rps)]
                .map(|(name, quota)| format!("\"{name}\";q={quota};w=1")),
        }
    }

    /// One more request from an address; an IPv6 client is its /48.
    pub fn admits(&self, address: IpAddr) -> bool {
        if self.addresses.check_key(&network(address)).is_err() {
            return false;
        }
        let left = self.global.check().map(|state| state.remaining_burst_capacity());
        let strained = !left.as_ref().is_ok_and(|left| *left >= self.reserve);
        // A load first: on the usual path nothing is written.
        if self.strained.load(Ordering::Relaxed) != strained {
            self.strained.store(strained, Ordering::Relaxed);
        }
        left.is_ok()
    }

    /// Less than a tenth of the global limit was left when the last request came.
    pub fn strained(&self) -> bool {
        self.strained.load(Ordering::Relaxed)
    }

    /// One more request from a registry that is known by this key. There are few of these for each that is delegated to,
    /// and for the one above: what others send takes nothing from them.
    pub fn admits_peer(&self, key: &SpkiSha256) -> bool {
        self.peers.check_key(key).is_ok()
    }

    /// Forgets addresses and registries that have their whole burst again.
    pub fn tidy(&self) {
        self.peers.retain_recent();
        self.peers.shrink_to_fit();
        self.addresses.retain_recent();
        self.addresses.shrink_to_fit();
    }
}

/// What counts as one client: an IPv6 client is its /48.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_then_no_more_while_others_are() {
        let limits = Limits {
            max_watchers: 1,
            max_watchers_per_address: 1,
            per_address_rps: 1,
            per_address_burst: 3,
            global_rps: 4,
            per_peer_rps: 1,
            per_peer_burst: 2,
            max_connections: 1,
            max_handshakes_per_address: 1,
            first_bytes_ms: 1,
            deadline_ms: 2_000,
            drain_secs: 1,
        };
        let limiter = Limiter::new(&limits);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let admitted = (0..10).filter(|_| limiter.admits(address("10.0.0.1"))).count();
        assert_eq!(admitted, 3);
        assert!(limiter.admits(address("10.0.0.2")));
        let peers = [1, 2].map(|n| SpkiSha256::from([n; 32]));
        assert!(!limiter.admits(address("10.0.0.3")), "all together have had theirs");
        for peer in &peers {
            assert_eq!((0..10).filter(|_| limiter.admits_peer(peer)).count(), 2, "a peer has its own");
        }
        let limiter = Limiter::new(&Limits { global_rps: 100, ..limits });
        assert_eq!((0..10).filter(|n| limiter.admits(address(&format!("2001:db8:1:{n}::1")))).count(), 3);
        assert!(!limiter.strained());
        let rest = (0..90).filter(|n| limiter.admits(address(&format!("10.0.1.{n}")))).count();
        assert!(rest == 90 && limiter.strained(), "{rest} more; less than a tenth is left");
    }
}
