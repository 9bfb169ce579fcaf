//! Which engine a new instance goes to. Pure.

use std::collections::BTreeMap;

/// What an engine has and what our instances on it may use.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) host: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) cores: f64,
    pub(super) memory_bytes: u64,
    /// Instances of ours on it, whatever their state.
    pub(super) instances: usize,
}

/// What an instance needs of its engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Needs {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) cores: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
}

/// The fitting engine with the fewest instances for its cores; the first of those that are alike.
///
/// # Errors
/// Why each of them does not fit.
pub(super) fn choose(candidates: &[Candidate], needs: &Needs) -> Result<usize, String> {
    let mut reasons = Vec::new();
    let mut best: Option<(f64, usize)> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        match unfit(candidate, needs) {
            Some(reason) => reasons.push(format!("{}: {reason}", candidate.host)),
            None => {
                let load = candidate.instances as f64 / candidate.cores.max(1.0);
                if best.is_none_or(|(least, _)| load < least) {
                    best = Some((load, index));
                }
            }
        }
    }
    best.map(|(_, index)| index).ok_or_else(|| reasons.join("; "))
}

fn unfit(candidate: &Candidate, needs: &Needs) -> Option<String> {
    let missing = needs.labels.iter().find(|(key, value)| candidate.labels.get(*key) != Some(*value));
    if let Some((key, value)) = missing {
        return Some(match candidate.labels.get(key) {
            Some(other) => format!("its label {key} is {other}, not {value}"),
            None => format!("it has no label {key}={value}"),
        });
    }
    if let Some(cores) = needs.cores.filter(|cores| *cores > candidate.cores) {
        return Some(format!("it has {} CPU cores, and the limit is {cores}", candidate.cores));
    }
    let memory_bytes = needs.memory_bytes.filter(|bytes| *bytes > candidate.memory_bytes)?;
    Some(format!("it has {} bytes of memory, and the limit is {memory_bytes}", candidate.memory_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(host: &str, cores: f64, instances: usize) -> Candidate {
        let labels = BTreeMap::from([("zone".to_owned(), host.to_owned())]);
        Candidate { host: host.to_owned(), labels, cores, memory_bytes: 8 << 30, instances }
    }

    #[test]
    fn the_least_loaded_engine_is_taken() {
        let candidates = [candidate("a", 4.0, 2), candidate("b", 8.0, 2), candidate("c", 8.0, 2)];
        assert_eq!(choose(&candidates, &Needs::default()), Ok(1));
    }

    #[test]
    fn labels_bind() {
        let candidates = [candidate("a", 4.0, 0), candidate("b", 4.0, 9)];
        let needs =
            |zone: &str| Needs { labels: BTreeMap::from([("zone".to_owned(), zone.to_owned())]), ..Needs::default() };
        assert_eq!(choose(&candidates, &needs("b")), Ok(1));
        insta::assert_snapshot!(
            choose(&candidates, &needs("c")).unwrap_err(),
            @"a: its label zone is a, not c; b: its label zone is b, not c"
        );
        assert_eq!(choose(&[], &Needs::default()), Err(String::new()));
    }

    #[test]
    fn a_limit_above_the_machine_is_refused_with_both_numbers() {
        let candidates = [candidate("a", 2.0, 0)];
        let cores = Needs { cores: Some(3.0), ..Needs::default() };
        insta::assert_snapshot!(choose(&candidates, &cores).unwrap_err(), @"a: it has 2 CPU cores, and the limit is 3");
        let memory = Needs { memory_bytes: Some(9 << 30), ..Needs::default() };
        insta::assert_snapshot!(
            choose(&candidates, &memory).unwrap_err(),
            @"a: it has 8589934592 bytes of memory, and the limit is 9663676416"
        );
    }
}
