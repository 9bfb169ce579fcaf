//! A point of a move at which it stands still until the test lets it go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keyspace::faults::Faults;
use moves::faults::Point;
use tokio::sync::{Notify, mpsc};

/// Holds a move up at one point.
pub struct Trap {
    point: Point,
    /// At which passage.
    left: AtomicU32,
    reached: mpsc::UnboundedSender<()>,
    release: Notify,
}

impl Trap {
    /// At its so-manieth passage of a point; the receiver hears when the move stands there.
    pub fn set(point: Point, passage: u32) -> (Arc<Trap>, mpsc::UnboundedReceiver<()>) {
        let (reached, receiver) = mpsc::unbounded_channel();
        (Arc::new(Trap { point, left: AtomicU32::new(passage), reached, release: Notify::new() }), receiver)
    }

    /// For the settings of the move.
    pub fn faults(self: &Arc<Trap>) -> Faults<Point> {
        let trap = self.clone();
        Faults::hook(move |point| {
            let trap = trap.clone();
            Box::pin(async move {
                if point == trap.point && trap.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    // The test may have given up.
                    let _ = trap.reached.send(());
                    trap.release.notified().await;
                }
            })
        })
    }

    /// Lets the move go on.
    pub fn release(&self) {
        self.release.notify_one();
    }
}
