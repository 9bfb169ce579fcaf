//! What the connections of one door have in common.

use crate::events::Event;
use crate::hosts::Hosts;
use crate::limits::DoorLimits;

/// What all connections of a door go by.
pub(crate) struct Guard {
    pub(crate) limits: DoorLimits,
    pub(crate) hosts: Hosts,
    pub(crate) on_event: Box<dyn Fn(Event) + Send + Sync>,
    /// The listener takes connections to any address of this machine.
    pub(crate) listens_anywhere: bool,
}

impl Guard {
    pub(crate) fn report(&self, event: Event) {
        (self.on_event)(event);
    }
}
