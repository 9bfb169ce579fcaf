//! What happens at a door, for metrics.

/// What happens at a door, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Opened,
    Closed,
    Refused(RefusalReason),
    Ended(EndReason),
    /// A request named a host that is none of ours.
    Misdirected,
}

/// Why a connection was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    Full,
    /// The client has its share.
    ClientShare,
    /// The process has no descriptor for it.
    NoDescriptor,
}

impl RefusalReason {
    pub const ALL: [RefusalReason; 3] = [RefusalReason::Full, RefusalReason::ClientShare, RefusalReason::NoDescriptor];

    pub fn as_str(self) -> &'static str {
        match self {
            RefusalReason::Full => "full",
            RefusalReason::ClientShare => "client_share",
            RefusalReason::NoDescriptor => "no_descriptor",
        }
    }
}

/// Why a connection was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    Header,
    Body,
    Idle,
    Write,
    /// It waited for its client the longest when another one needed its place.
    Displaced,
}

impl EndReason {
    pub const ALL: [EndReason; 5] =
        [EndReason::Header, EndReason::Body, EndReason::Idle, EndReason::Write, EndReason::Displaced];

    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Header => "header_timeout",
            EndReason::Body => "body_timeout",
            EndReason::Idle => "idle_timeout",
            EndReason::Write => "write_timeout",
            EndReason::Displaced => "displaced",
        }
    }
}
