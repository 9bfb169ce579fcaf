//! The whole loop with the real program: `demo` scales from one shard to three and verifies every row.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::up::has_programs;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_passes_and_leaves_nothing_behind() {
    if !has_programs() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sql-autoscaler"));
    // The demo's scratch folder and its servers' files go below TMPDIR.
    command.arg("demo").env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(280), command.output()).await.unwrap().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}\n{stdout}");
    assert!(stdout.starts_with("passed"), "{stdout}");
    assert!(stderr.contains("shard-3 serves") && stderr.contains(" 0 failed"), "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files are left");
}
