//! Places among those who watch: so many in all, and so many for each client address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Error, error::Code, limit};

#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

pub struct Seats {
    all: usize,
    per_address: usize,
    taken: Arc<Mutex<Taken>>,
}

/// One place; given back when it is dropped.
pub struct Seat {
    network: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Seats {
    pub fn new(all: usize, per_address: usize) -> Self {
        Self { all, per_address, taken: Arc::default() }
    }

    pub fn take(&self, address: IpAddr) -> Result<Seat, Error> {
        let network = limit::network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.all {
            return Err(Error::new(Code::Unavailable, "as many watch as this server takes"));
        }
        let of = taken.by.entry(network).or_default();
        if *of >= self.per_address {
            let text = format!("this address watches {} times: end one before", self.per_address);
            return Err(Error::new(Code::RateLimited, text));
        }
        *of += 1;
        taken.all += 1;
        Ok(Seat { network, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by.get_mut(&self.network).map_or(0, |of| {
            *of = of.saturating_sub(1);
            *of
        });
        if left == 0 {
            taken.by.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_takes_its_share_and_gives_it_back() {
        let seats = Seats::new(3, 2);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let code = |text: &str| seats.take(address(text)).err().map(|e| e.code);
        let first = seats.take(address("2001:db8:1::1")).expect("free");
        let second = seats.take(address("2001:db8:1:2::1")).expect("free");
        assert_eq!(code("2001:db8:1:3::1"), Some(Code::RateLimited), "one network is one client");
        let other = seats.take(address("10.0.0.1")).expect("free");
        assert_eq!(code("10.0.0.2"), Some(Code::Unavailable));
        drop((first, other));
        assert!(seats.take(address("2001:db8:1::1")).is_ok());
        drop(second);
        assert!(seats.taken.lock().expect("free").by.is_empty());
    }
}
