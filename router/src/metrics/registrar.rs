//! How families are registered and described.

use std::cell::RefCell;

use keyspace::description::Description;
use prometheus::core::Collector;
use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Buckets from 100 µs to 30 s: a point read takes a few hundred microseconds, the default timeout is 30 s.
const SECONDS: [f64; 14] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Registers families, and keeps what describes them.
pub struct Registrar<'a> {
    registry: &'a Registry,
    descriptions: RefCell<Vec<Description>>,
}

impl Registrar<'_> {
    pub fn new(registry: &Registry) -> Registrar<'_> {
        Registrar { registry, descriptions: RefCell::default() }
    }

    /// Of the families, in the order of their registration.
    pub fn into_descriptions(self) -> Vec<Description> {
        self.descriptions.into_inner()
    }

    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.add("gauge", IntGauge::new(name, help)?)
    }

    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.add("gauge", IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.add("counter", IntCounter::new(name, help)?)
    }

    pub fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.add("counter", IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    pub fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> Result<HistogramVec, Error> {
        let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        self.add("histogram", HistogramVec::new(opts, labels)?)
    }

    fn add<F: Collector + Clone + 'static>(&self, kind: &'static str, family: F) -> Result<F, Error> {
        self.registry.register(Box::new(family.clone()))?;
        self.descriptions.borrow_mut().push(Description::of(kind, &family));
        Ok(family)
    }
}
