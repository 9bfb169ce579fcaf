//! Named points at which a test stops the process, or something around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;

/// What work that must survive an end at any moment passes through.
pub trait FaultPoint: Copy + Eq + Send + Sync + 'static {
    /// In the order in which they are passed.
    const ALL: &'static [Self];
    /// The environment variable of [`Faults::from_env`].
    const VARIABLE: &'static str;

    /// The name in the environment variable.
    fn as_str(self) -> &'static str;
}

type Hook<P> = Arc<dyn Fn(P) -> BoxFuture<'static, ()> + Send + Sync>;

/// What happens at the points: nothing, unless a test wants it.
pub struct Faults<P>(Option<Hook<P>>);

impl<P: FaultPoint> Faults<P> {
    /// Runs `hook` at every point, and goes on when it returns.
    pub fn hook(hook: impl Fn(P) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Faults<P> {
        Faults(Some(Arc::new(hook)))
    }

    /// `SQL_AUTOSCALER_FAULT=prepared:3` ends the process, as `kill -9` would, when it passes that point for the third
    /// time. The variable is [`FaultPoint::VARIABLE`].
    pub fn from_env() -> Faults<P> {
        let Ok(fault) = std::env::var(P::VARIABLE) else { return Faults::default() };
        let (name, count) = fault.split_once(':').unwrap_or((&fault, "1"));
        let point = P::ALL.iter().copied().find(|point| point.as_str() == name);
        let (Some(fatal), Ok(count)) = (point, count.parse::<u32>()) else {
            tracing::warn!(fault, variable = P::VARIABLE, "names no point: nothing will happen");
            return Faults::default();
        };
        tracing::warn!(fault, variable = P::VARIABLE, "this process will end itself");
        let left = AtomicU32::new(count);
        Faults::hook(move |point| {
            if point == fatal && left.fetch_sub(1, Ordering::Relaxed) == 1 {
                std::process::abort();
            }
            Box::pin(std::future::ready(()))
        })
    }

    /// Lets happen what a test wants at this point.
    pub async fn reach(&self, point: P) {
        if let Some(hook) = &self.0 {
            hook(point).await;
        }
    }
}

impl<P> Clone for Faults<P> {
    fn clone(&self) -> Faults<P> {
        Faults(self.0.clone())
    }
}

impl<P> Default for Faults<P> {
    fn default() -> Faults<P> {
        Faults(None)
    }
}

impl<P> std::fmt::Debug for Faults<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(set)" } else { "Faults(none)" })
    }
}
