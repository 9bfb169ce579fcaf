//! Where servers of this machine listen.

use std::net::{IpAddr, Ipv4Addr};

pub(super) const HOST: &str = "127.0.0.1";
pub(super) const HOST_IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
