//! What ARCHITECTURE.md says is true.

use std::path::Path;
use std::process::Command;

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

#[test]
fn router_and_backends_depend_on_no_crate_of_ours() {
    for crate_name in ["router", "backends"] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", crate_name])
            .current_dir(root())
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.starts_with(crate_name), "{}", String::from_utf8_lossy(&output.stderr));
        let ours = |line: &&str| ["router v", "backends v", "scaler v"].iter().any(|name| line.starts_with(name));
        assert_eq!(tree.lines().skip(1).find(ours), None, "{crate_name}");
    }
}
