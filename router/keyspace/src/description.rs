//! Metric families as their documentation lists them.

use prometheus::core::Collector;

/// What is to be known about a family, for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    pub labels: Vec<String>,
    pub help: String,
}

impl Description {
    pub fn of(kind: &'static str, family: &impl Collector) -> Description {
        let described = family.desc();
        let one = described.first().expect("a family describes itself");
        Description { name: one.fq_name.clone(), kind, labels: one.variable_labels.clone(), help: one.help.clone() }
    }
}
