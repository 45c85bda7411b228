//! Where the name of a peer leads: what people approved is a name, and whoever runs it may let it lead elsewhere later.
//!
//! The peer is known by its key of TLS, or by an authority's certificate for its name, wherever that is. Besides, a name
//! leads to nobody on this machine or its own network segment; who means that writes the address, or `localhost`.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::lookup_host;

/// The addresses of a host that may be tried.
pub(super) async fn of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    usable(host, lookup_host((host, port)).await?)
}

fn usable(host: &str, found: impl Iterator<Item = SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let meant = host.parse::<IpAddr>().is_ok() || host == "localhost";
    let far: Vec<SocketAddr> = found.filter(|address| meant || !is_near(address.ip())).collect();
    if far.is_empty() {
        let text = "its name leads to this machine or its own network segment: record the address instead";
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
    }
    Ok(far)
}

/// Loopback, link-local (RFC 3927; RFC 4291, 2.5.6), and what is nobody's address.
fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_link_local()
                || ip.octets()[0] == 0
                || ip.is_broadcast()
                || ip.is_multicast()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|ip| SocketAddr::new(ip.parse().expect("an address"), 443)).collect()
    }

    fn left(host: &str, found: &[&str]) -> Option<Vec<SocketAddr>> {
        usable(host, addresses(found).into_iter()).ok()
    }

    #[test]
    fn a_name_that_is_bound_anew_leads_neither_to_this_machine_nor_to_its_segment() {
        let name = "trust.fi.example";
        for near in [
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert_eq!(left(name, &[near]), None, "{near}");
            let both = [near, "198.51.100.7"];
            assert_eq!(left(name, &both), Some(addresses(&both[1..])), "the others are tried");
        }
        assert_eq!(left(name, &[]), None);
        for far in ["198.51.100.7", "10.1.2.3", "2001:db8::1", "fd00::1"] {
            assert_eq!(left(name, &[far]), Some(addresses(&[far])), "{far}");
        }
    }

    #[test]
    fn an_address_that_was_written_is_meant() {
        for (host, address) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("localhost", "127.0.0.1")] {
            assert_eq!(left(host, &[address]), Some(addresses(&[address])), "{host}");
        }
        assert_eq!(left("localhost.example", &["127.0.0.1"]), None);
    }
}
