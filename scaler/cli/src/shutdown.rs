//! When services stop, and how long that may take.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// How long open requests may take to end once everything stops.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Ends when the process is asked to stop: Ctrl-C or SIGTERM. The signals are watched from this call on.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
