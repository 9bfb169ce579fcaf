//! What ARCHITECTURE.md says is true.

mod circles;

use std::path::Path;
use std::process::Command;

use self::circles::Modules;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named: Vec<&str> =
        text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs") && word.contains('/')).collect();
    assert!(named.len() > 30, "{named:?}");
    for file in named {
        assert!(root().join(file).exists(), "ARCHITECTURE.md names {file}");
    }
}

/// The crates of the workspace and their folders, but for the one that only tests use.
const CRATES: [(&str, &str); 7] = [
    ("keyspace", "router/keyspace"),
    ("door", "router/door"),
    ("router", "router"),
    ("backends", "backends"),
    ("moves", "scaler/moves"),
    ("scaler", "scaler"),
    ("cli", "scaler/cli"),
];

#[test]
fn crates_know_only_what_they_may() {
    let may = |name: &str| -> &[&str] {
        match name {
            "router" => &["keyspace", "door"],
            "moves" => &["keyspace"],
            "scaler" => &["keyspace", "door", "moves", "backends"],
            "cli" => &["keyspace", "door", "router", "moves", "scaler", "backends"],
            _ => &[],
        }
    };
    for (name, _) in CRATES {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", name])
            .current_dir(root())
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.starts_with(name), "{}", String::from_utf8_lossy(&output.stderr));
        for (other, _) in CRATES {
            let depends = tree.lines().skip(1).any(|line| line.starts_with(&format!("{other} v0.1.0 (")));
            assert!(!depends || may(name).contains(&other), "{name} depends on {other}");
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let crates = CRATES.map(|(name, folder)| (name.to_owned(), root().join(folder).join("src")));
    let circles = Modules::read(&crates).circles();
    assert!(circles.is_empty(), "these imports run in circles:\n{}", circles.join("\n"));
}

/// On a statement's path one module knows the client library, so that another one can take its place. What looks at
/// shards beside that path asks by the keyspace's functions, which take a session of that library.
#[test]
fn one_module_of_the_router_knows_the_client_library() {
    let source = root().join("router/src");
    let mut knowing = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") && std::fs::read_to_string(&path).unwrap().contains("sqlx::") {
                knowing.push(path.strip_prefix(&source).unwrap().display().to_string());
            }
        }
    }
    knowing.sort();
    let may = ["logins.rs", "shards/client.rs", "shards/client/columns.rs", "watch/look.rs", "watch/tables.rs"];
    assert_eq!(knowing, may);
}
