//! What a door bears of its clients.

use std::time::Duration;

/// What a door bears of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// Connections at once; `None`: half of the descriptors that the process may have, 2,048 at most.
    pub max_connections: Option<usize>,
    /// Of those, what one client may have; `None`: three quarters.
    pub max_connections_per_client: Option<usize>,
    /// From the first byte of a request to the end of its head, and the longest pause within a body, 10 s.
    pub header_timeout: Duration,
    /// For a whole body, 60 s.
    pub body_timeout: Duration,
    /// Between two requests, 60 s.
    pub idle_timeout: Duration,
    /// Without progress in an answer, 30 s.
    pub write_timeout: Duration,
}

impl Default for DoorLimits {
    fn default() -> DoorLimits {
        DoorLimits {
            max_connections: None,
            max_connections_per_client: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
        }
    }
}

impl DoorLimits {
    /// Connections in all and of one client.
    pub(crate) fn connections(&self) -> (usize, usize) {
        const MOST: usize = 2048;
        let most = self.max_connections.unwrap_or_else(|| (descriptors() / 2).min(MOST)).max(1);
        (most, self.max_connections_per_client.unwrap_or(most - most / 4).clamp(1, most))
    }
}

/// How many descriptors this process may have, as far as can be told.
fn descriptors() -> usize {
    const USUAL: usize = 1024;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") => usize::MAX,
        soft => soft.and_then(|soft| soft.parse().ok()).unwrap_or(USUAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_shards() {
        let usual = DoorLimits::default();
        let (most, most_of_client) = usual.connections();
        assert!(most * 2 <= descriptors() && most <= 2048, "{most}");
        assert_eq!(most_of_client, most - most / 4);
        let small = DoorLimits { max_connections: Some(1), ..usual };
        assert_eq!(small.connections(), (1, 1));
    }
}
