//! What happens at a door, for metrics.

/// What happens at a door, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Opened,
    Closed,
    Refused(Refused),
    Ended(Ended),
    /// A request named a host that is none of ours.
    Misdirected,
}

/// Why a connection was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    /// The client has its share.
    ClientShare,
    /// The process has no descriptor for it.
    NoDescriptor,
}

impl Refused {
    pub const ALL: [Refused; 3] = [Refused::Full, Refused::ClientShare, Refused::NoDescriptor];

    pub fn as_str(self) -> &'static str {
        match self {
            Refused::Full => "full",
            Refused::ClientShare => "client_share",
            Refused::NoDescriptor => "no_descriptor",
        }
    }
}

/// Why a connection was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Header,
    Body,
    Idle,
    Write,
    /// It waited for its client the longest when another one needed its place.
    Displaced,
}

impl Ended {
    pub const ALL: [Ended; 5] = [Ended::Header, Ended::Body, Ended::Idle, Ended::Write, Ended::Displaced];

    pub fn as_str(self) -> &'static str {
        match self {
            Ended::Header => "header_timeout",
            Ended::Body => "body_timeout",
            Ended::Idle => "idle_timeout",
            Ended::Write => "write_timeout",
            Ended::Displaced => "displaced",
        }
    }
}
