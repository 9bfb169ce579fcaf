//! Under which names a service is asked. Pure.
//!
//! A web page can let a name of its own lead to any address, also to one that only its visitor reaches, and its requests
//! then count as that page's own. What gives them away is the name, which the browser sends as `Host`.

use std::net::{IpAddr, SocketAddr};

/// The names that a service answers to, besides addresses and `localhost`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Names or addresses, each with or without a port, which means nothing.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Hosts {
        Hosts(names.into_iter().map(|name| plain(name).to_ascii_lowercase()).collect())
    }

    /// Whether a request for `host` that arrived at `local` is for this service.
    ///
    /// An address is that of the connection; where the listener takes any (`listens_anywhere`), which may be published
    /// under others, it may be any: only names lead elsewhere than they say. For the same reason ports are not compared:
    /// whoever publishes a service under another one would have to say so, and a page gains nothing by it.
    pub fn are_ours(&self, host: &str, local: SocketAddr, listens_anywhere: bool) -> bool {
        let host = plain(host);
        if host.eq_ignore_ascii_case("localhost") || self.0.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            return true;
        }
        let Ok(address) = host.parse::<IpAddr>() else { return false };
        let (address, local) = (address.to_canonical(), local.ip().to_canonical());
        listens_anywhere || address == local || address.is_loopback() && local.is_loopback()
    }
}

/// Without port, brackets and the dot of a name that is complete.
fn plain(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    // An IPv6 address without brackets has no port.
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], local: &str, listens_anywhere: bool, ours: &[&str], others: &[&str]) {
        let hosts = Hosts::new(names.iter().copied());
        let local = local.parse().unwrap();
        for host in ours {
            assert!(hosts.are_ours(host, local, listens_anywhere), "{host}");
        }
        for host in others {
            assert!(!hosts.are_ours(host, local, listens_anywhere), "{host}");
        }
    }

    #[test]
    fn a_laptop_answers_to_its_loopback_addresses_only() {
        let ours = ["127.0.0.1:8080", "127.0.0.1", "localhost:3000", "LOCALHOST", "localhost.", "[::1]:8080", "::1"];
        let others = [
            "shop.example",
            "shop.example:8080",
            "localhost.shop.example",
            "127.0.0.1.shop.example",
            "localhost@shop.example",
            "shop.example:localhost",
            "192.168.1.5:8080",
            "0.0.0.0:8080",
            "2130706433",
            "",
            ":8080",
            "[",
            "[]:8080",
        ];
        check(&[], "127.0.0.1:8080", false, &ours, &others);
    }

    #[test]
    fn a_container_answers_to_the_addresses_under_which_it_is_published() {
        let ours = ["192.168.1.5:80", "172.18.0.3:8080", "[2001:db8::1]:8080", "router:8080", "Router.", "router"];
        check(&["router"], "172.18.0.3:8080", true, &ours, &["routers", "router.shop.example", "my-router"]);
    }

    #[test]
    fn a_listener_with_an_address_answers_to_that_one() {
        check(&[], "10.0.0.5:8080", false, &["10.0.0.5", "[::ffff:10.0.0.5]:1"], &["10.0.0.6", "127.0.0.1:8080"]);
        check(
            &["203.0.113.9:80", "db.example.org:443"],
            "10.0.0.5:8080",
            false,
            &["203.0.113.9", "DB.example.org"],
            &[],
        );
    }
}
