//! Who is one client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Whoever sends requests, told by the address; all that come without one are one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client(Option<IpAddr>);

impl Client {
    /// An IPv6 client owns a network of 64 bits at least: all its addresses are one client.
    pub fn at(address: IpAddr) -> Client {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        };
        Client(Some(address))
    }
}

impl From<SocketAddr> for Client {
    fn from(address: SocketAddr) -> Client {
        Client::at(address.ip())
    }
}
