//! How families are registered and described.

use std::cell::RefCell;

use keyspace::description::Description;
use prometheus::core::Collector;
use prometheus::{Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, Opts, Registry};

const PREFIX: &str = "sql_autoscaler";

/// Registers families, and keeps what describes them.
pub(super) struct Registrar<'a> {
    registry: &'a Registry,
    descriptions: RefCell<Vec<Description>>,
}

impl Registrar<'_> {
    pub(super) fn new(registry: &Registry) -> Registrar<'_> {
        Registrar { registry, descriptions: RefCell::default() }
    }

    /// Of the families so far, in the order of their registration.
    pub(super) fn take_descriptions(&self) -> Vec<Description> {
        self.descriptions.take()
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.add("gauge", Gauge::with_opts(opts(name, help)))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.add("gauge", GaugeVec::new(opts(name, help), labels))
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Counter {
        self.add("counter", Counter::with_opts(opts(name, help)))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> CounterVec {
        self.add("counter", CounterVec::new(opts(name, help), labels))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.add("histogram", Histogram::with_opts(histogram_opts(name, help, buckets)))
    }

    pub(super) fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        self.add("histogram", HistogramVec::new(histogram_opts(name, help, buckets), labels))
    }

    fn add<F: Collector + Clone + 'static>(&self, kind: &'static str, family: prometheus::Result<F>) -> F {
        let family = family.expect("the names, labels and buckets in this folder are legal");
        self.registry.register(Box::new(family.clone())).expect("the names in this folder differ");
        self.descriptions.borrow_mut().push(Description::of(kind, &family));
        family
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}

fn histogram_opts(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).namespace(PREFIX).buckets(buckets.to_vec())
}
