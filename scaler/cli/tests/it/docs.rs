//! Documents that are made from the code, and that the others name what exists.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use keyspace::description::Description;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap().to_owned()
}

fn section(text: &mut String, heading: &str, descriptions: &[Description]) {
    write!(text, "\n## {heading}\n\n| metric | kind | labels | what it is |\n|---|---|---|---|\n").unwrap();
    for Description { name, kind, labels, help } in descriptions {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(text, "| `{name}` | {kind} | {} | {} |", labels.join(" "), help.trim_end_matches('.')).unwrap();
    }
}

fn metrics_document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Made from the registries of both services (`scaler/cli/tests/it/docs.rs`), and checked to be current. All labels have \
         few\nvalues: never SQL, tables only where rows are counted, a move only until it ends. A series that is\nabsent is a \
         value that is not known; 0 is zero.\nDashboards are in `dashboards/`, rules and alerts in `compose/prometheus/rules/`.\n",
    );
    section(&mut text, "Router", router::Metrics::new().unwrap().descriptions());
    section(&mut text, "Scaler", scaler::metrics::Metrics::new().descriptions());
    text.push_str(
        "\nEvery series of the scaler carries `cluster` as well, and Prometheus attaches it to the router's and the \
         exporter's\nthrough the scaler's service discovery, with `shard` and `role` to the latter.\n\n\
         ## Not ours\n\n\
         `sql_autoscaler_backup_last_success_timestamp_seconds{shard}` is for your backup job to write, for the alert \
         BackupAbsent:\nsee [operating](operating.md).\n",
    );
    text
}

/// Holds a text to what is kept in a file; `UPDATE_DOCS=1` writes that anew.
pub fn check_kept(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let new = expected.lines().find(|line| !kept.lines().any(|kept| kept == *line)).unwrap_or("a line is gone");
    assert!(kept == expected, "{} is not current, UPDATE_DOCS=1 cargo test writes it anew: {new}", path.display());
}

#[test]
fn the_metrics_reference_is_that_of_the_registries() {
    check_kept(&root().join("docs/metrics.md"), &metrics_document());
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = root();
    let mut documents = vec![root.join("README.md"), root.join("ARCHITECTURE.md"), root.join("CONTRIBUTING.md")];
    documents.push(root.join("dashboards/README.md"));
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        documents.push(entry.unwrap().path());
    }
    let mut links = 0;
    for document in documents.iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if target.contains("://") {
                continue;
            }
            links += 1;
            let named = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            assert!(named.exists(), "{} links to {target}", document.display());
            if !anchor.is_empty() {
                let headings = std::fs::read_to_string(&named).unwrap();
                let is_there =
                    headings.lines().filter(|line| line.starts_with('#')).any(|line| anchor_of(line) == anchor);
                assert!(is_there, "{} links to {target}", document.display());
            }
        }
    }
    assert!(links > 5, "{links}");
}

/// As GitHub makes it from a heading.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}
