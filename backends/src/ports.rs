//! Choosing ports for servers.

use std::collections::HashSet;
use std::net::{IpAddr, TcpListener};
use std::ops::RangeInclusive;

use rand::Rng;

use crate::ProvisionError;

/// Below the range from which Linux gives ports to outgoing connections (32768 and up), so that
/// a stopped server's port is not lost to somebody's connection.
pub(crate) const DEFAULT_RANGE: RangeInclusive<u16> = 20_000..=29_999;

pub(crate) fn is_free(address: IpAddr, port: u16) -> bool {
    TcpListener::bind((address, port)).is_ok()
}

/// A free port that no instance has on record, from a random place on, so that two choosing at
/// once seldom meet. Whether it is free is seen on `address`, if that is one of this machine.
pub(crate) fn choose(
    range: &RangeInclusive<u16>,
    on_record: &HashSet<u16>,
    address: Option<IpAddr>,
) -> Result<u16, ProvisionError> {
    let (first, last) = (*range.start(), *range.end());
    let no_free_port = ProvisionError::NoFreePort { first, last };
    if range.is_empty() {
        return Err(no_free_port);
    }
    let from = rand::rng().random_range(range.clone());
    let is_free = |port: u16| address.is_none_or(|address| is_free(address, port));
    (from..=last).chain(first..from).find(|port| !on_record.contains(port) && is_free(*port)).ok_or(no_free_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_port_in_use_or_on_record_is_not_chosen() {
        let taken = TcpListener::bind((HERE, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose(&(port..=port), &HashSet::new(), Some(HERE)).unwrap_err();
        assert_eq!(error.to_string(), format!("no free port between {port} and {port}"));
        drop(taken);
        assert_eq!(choose(&(port..=port), &HashSet::new(), Some(HERE)).unwrap(), port);
        assert!(choose(&(port..=port), &HashSet::from([port]), None).is_err());
    }
}
