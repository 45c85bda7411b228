//! Where the name of a peer leads: what people approved is a name, and whoever runs it may let it lead elsewhere later.
//!
//! The peer is known by its key of TLS, or by an authority's certificate for its name, wherever that is. Besides, a name
//! leads to nobody on this machine or its own network segment, nor to where a cloud tells its machines their secrets; who
//! means that writes the address, or `localhost`. A name is looked up once for a connection, which is made to an address
//! of that answer. Private addresses are usable: registries of one administration have them.

use std::{
    error::Error,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;

use super::held;

/// Addresses of a host name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The resolver of the operating system.
pub fn system_lookup() -> Lookup {
    Arc::new(|host| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|socket| socket.ip()).collect())
        })
    })
}

/// All that a name leads to is where no peer is.
#[derive(Debug, thiserror::Error)]
#[error(
    "its name leads to this machine, its network segment or its cloud's metadata: record the address instead"
)]
struct Near;

/// Whether it is for that that something failed.
pub(super) fn fault(error: &(dyn Error + 'static)) -> Option<String> {
    held::<Near>(error).map(ToString::to_string)
}

/// The addresses of a host that may be tried.
pub(super) async fn of(lookup: &Lookup, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let usable = match host.parse() {
        Ok(written) => vec![written],
        Err(_) => usable(host, lookup(host.to_owned()).await?)?,
    };
    Ok(usable.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

fn usable(host: &str, found: Vec<IpAddr>) -> io::Result<Vec<IpAddr>> {
    if host == "localhost" || found.is_empty() {
        return Ok(found);
    }
    let far: Vec<IpAddr> = found.into_iter().filter(|ip| !is_near(meant(*ip))).collect();
    if far.is_empty() {
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, Near));
    }
    Ok(far)
}

/// Whether a host may be asked that nobody recorded: a name, which leads where names may, or an address that is far.
pub(super) fn is_far(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().map_or(host != "localhost", |ip| !is_near(meant(ip)))
}

/// The IPv4 address that is within one of IPv6, where there is one: mapped or compatible (RFC 4291, 2.5.5), of a
/// translator (RFC 6052, 2.1) or of a relay (RFC 3056, 2).
fn meant(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip.to_canonical() else { return ip.to_canonical() };
    let v4 = |[a, b]: [u16; 2]| IpAddr::V4(Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => v4([a, b]),
        // `::` and `::1` are none of them.
        [0, 0, 0, 0, 0, 0, a, b] if a != 0 => v4([a, b]),
        _ => IpAddr::V6(v6),
    }
}

/// Where clouds tell a machine its secrets, besides 169.254.169.254: Amazon and Google by IPv6, Alibaba, Azure.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Loopback, link-local (RFC 3927; RFC 4291, 2.5.6), what is nobody's address, and metadata of clouds.
fn is_near(ip: IpAddr) -> bool {
    let special = match ip {
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
    };
    special || METADATA.contains(&ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|ip| ip.parse().expect("an address")).collect()
    }

    fn left(host: &str, found: &[&str]) -> Option<Vec<IpAddr>> {
        usable(host, addresses(found)).ok()
    }

    #[test]
    fn a_name_that_is_bound_anew_leads_neither_to_this_machine_nor_to_its_segment() {
        let name = "trust.fi.example";
        for near in [
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
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
        for far in
            ["198.51.100.7", "10.1.2.3", "2001:db8::1", "fd00::1", "64:ff9b::c633:6407", "2002:c633:6407::1"]
        {
            assert_eq!(left(name, &[far]), Some(addresses(&[far])), "{far}");
        }
        assert_eq!(left("localhost", &["127.0.0.1"]), Some(addresses(&["127.0.0.1"])), "it is meant");
        assert_eq!(left("localhost.example", &["127.0.0.1"]), None);
    }

    #[tokio::test]
    async fn an_address_that_was_written_is_meant_and_looked_up_nowhere() {
        let nowhere: Lookup = Arc::new(|_| Box::pin(async { Err(io::ErrorKind::NotFound.into()) }));
        for written in ["127.0.0.1", "::1", "169.254.1.1"] {
            let found = of(&nowhere, written, 443).await.expect("meant");
            assert_eq!(found, [SocketAddr::new(addresses(&[written])[0], 443)], "{written}");
        }
        of(&nowhere, "trust.fi.example", 443).await.expect_err("a name is looked up");
    }
}
