//! The sockets that are listened at. A server that takes another's place in the same process takes them over: at no moment
//! is a connection refused.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use tokio::net::TcpSocket;

/// Connections that wait to be accepted, on each.
const WAITING: u32 = 1_024;

/// By the address that the configuration names, which may leave the port to the system.
#[derive(Debug, Default)]
pub struct Sockets(Vec<(SocketAddr, TcpListener)>);

impl Sockets {
    /// The same sockets, once more.
    pub fn shared(&self) -> io::Result<Self> {
        let share = |(address, socket): &(SocketAddr, TcpListener)| Ok((*address, socket.try_clone()?));
        Ok(Self(self.0.iter().map(share).collect::<io::Result<_>>()?))
    }

    /// Takes the one at an address out, or opens it.
    pub fn take(&mut self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.0.iter().position(|(known, _)| *known == address) {
            Some(found) => Ok(self.0.remove(found).1),
            None => open(address),
        }
    }

    /// Keeps one for who comes next.
    pub fn keep(&mut self, address: SocketAddr, socket: &TcpListener) -> io::Result<()> {
        self.0.push((address, socket.try_clone()?));
        Ok(())
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)?.into_std()
}
