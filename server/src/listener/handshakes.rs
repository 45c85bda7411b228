//! TLS handshakes under way, by the address of the client: whoever opens connections and says nothing keeps no others out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::limit::network;

/// Of one listener. Only addresses with one under way are kept: there are no more than connections.
pub struct Handshakes {
    /// Most at once for one address; an IPv6 client is its /48.
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Handshakes {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// One more, until it is dropped; `None` where the address has as many as it may.
    pub fn begin(self: &Arc<Self>, address: IpAddr) -> Option<Handshake> {
        let address = network(address);
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Handshake { all: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handshake under way.
pub struct Handshake {
    all: Arc<Handshakes>,
    address: IpAddr,
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut open = self.all.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_at_once_and_is_forgotten_after_the_last() {
        let handshakes = Handshakes::new(2);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let held = ["2001:db8:1::1", "2001:db8:1:2::1"].map(|text| handshakes.begin(address(text)));
        assert!(held.iter().all(Option::is_some));
        assert!(handshakes.begin(address("2001:db8:1:3::1")).is_none(), "the same /48");
        assert!(handshakes.begin(address("2001:db8:2::1")).is_some(), "another");
        drop(held);
        assert!(handshakes.lock().is_empty());
        assert!(handshakes.begin(address("2001:db8:1::1")).is_some());
    }
}
