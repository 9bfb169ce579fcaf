//! Ports: taken, free, and by whom they are held.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::error::UpError;
use super::holder::PortHolder;

/// Listens on an address; where it is in use, tells by whom.
pub async fn bind(what: &'static str, address: SocketAddr) -> Result<tokio::net::TcpListener, UpError> {
    tokio::net::TcpListener::bind(address).await.map_err(|source| failure(what, address, source))
}

/// Fails if another program could not listen on the address now.
pub(super) fn check_free(what: &'static str, address: SocketAddr) -> Result<(), UpError> {
    TcpListener::bind(address).map(drop).map_err(|source| failure(what, address, source))
}

/// A loopback port that nobody listens on. Another program may take it before its user does.
pub fn find_free(what: &'static str) -> Result<SocketAddr, UpError> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    TcpListener::bind(any).and_then(|listener| listener.local_addr()).map_err(|source| UpError::Listen {
        what,
        address: any,
        source,
    })
}

pub(super) fn in_use(what: &'static str, address: SocketAddr) -> UpError {
    UpError::PortInUse { what, address, holder: holder_of(address.port()) }
}

fn failure(what: &'static str, address: SocketAddr, source: io::Error) -> UpError {
    match source.kind() {
        io::ErrorKind::AddrInUse => in_use(what, address),
        _ => UpError::Listen { what, address, source },
    }
}

/// The process that listens on a port of this machine. `None` if it is another user's.
fn holder_of(port: u16) -> Option<PortHolder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|sockets| listening_inodes(&sockets, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let pids = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| inodes.iter().any(|inode| link.as_os_str() == inode.as_str()))
    })
    .map(PortHolder::of)
    .next()
}

/// From the text of `/proc/net/tcp` (proc_pid_net(5)): local address, remote address and state are the second to
/// fourth columns, the inode is the tenth, and state 0A is LISTEN.
fn listening_inodes(sockets: &str, port: u16) -> Vec<String> {
    let ending = format!(":{port:04X}");
    let inode = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let listens = columns.get(1)?.ends_with(&ending) && *columns.get(3)? == "0A";
        listens.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
    };
    sockets.lines().skip(1).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_holder_of_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let refused = bind("router", address).await.unwrap_err().to_string();
        assert!(refused.starts_with(&format!("the address {address} for the router is in use by ")), "{refused}");
        assert!(refused.ends_with(&format!("(pid {})", std::process::id())), "{refused}");
        assert!(check_free("prometheus", address).is_err());
        drop(listener);
        check_free("prometheus", address).unwrap();
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let sockets = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0\n\
             1: 0100007F:2382 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0\n\
             2: 0100007F:2383 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0\n";
        assert_eq!(listening_inodes(sockets, 9090), ["111"]);
    }
}
