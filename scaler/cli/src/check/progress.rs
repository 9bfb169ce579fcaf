//! What a long check says while it runs, on standard error.

use std::time::Duration;

use tokio::time::Instant;

use crate::output::tell;

/// Shorter checks say nothing.
const SILENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Progress {
    next: Instant,
}

impl Progress {
    pub fn new() -> Progress {
        Progress { next: Instant::now() + SILENCE }
    }

    /// Says it if the last line is a second old.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if Instant::now() >= self.next {
            self.next = Instant::now() + PAUSE;
            tell(line());
        }
    }
}
