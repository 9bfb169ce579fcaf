use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tempfile::TempDir;

use super::*;

async fn open() -> (TempDir, Catalogue) {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(folder.path().join("deep/er/catalogue.db")).await.unwrap();
    (folder, catalogue)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn scale_out(id: &str) -> NewAction {
    NewAction {
        id: id.to_owned(),
        kind: "scale_out".to_owned(),
        phase: "provision".to_owned(),
        inputs: json!({"shard": "shard-2"}),
    }
}

#[tokio::test]
async fn equal_decisions_in_a_row_are_one_record() {
    let (_folder, catalogue) = open().await;
    for (second, summary) in [(1, "all calm"), (2, "all calm"), (3, "cooling down"), (4, "all calm")] {
        catalogue.record_decision(at(second), "hold", summary, &json!({ "second": second })).await.unwrap();
    }
    catalogue.record_decision(at(5), "scale_out", "all calm", &json!(null)).await.unwrap();
    let records = catalogue.decisions(10).await.unwrap();
    let seen: Vec<_> =
        records.iter().map(|record| (record.kind.as_str(), record.summary.as_str(), record.count)).collect();
    assert_eq!(
        seen,
        [("scale_out", "all calm", 1), ("hold", "all calm", 1), ("hold", "cooling down", 1), ("hold", "all calm", 2)]
    );
    let run = &records[3];
    assert_eq!((run.first_at, run.last_at, &run.detail), (at(1), at(2), &json!({"second": 2})));
    assert_eq!(catalogue.decisions(1).await.unwrap(), records[..1]);
}

#[tokio::test]
async fn only_the_newest_decisions_are_kept() {
    let (_folder, catalogue) = open().await;
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
         INSERT INTO decisions (first_at, last_at, count, kind, summary, detail) \
         SELECT '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 1, 'hold', 'old ' || i, 'null' FROM n",
    )
    .execute(&catalogue.pool)
    .await
    .unwrap();
    for new in ["new 1", "new 2", "new 3"] {
        catalogue.record_decision(at(1), "hold", new, &json!(null)).await.unwrap();
    }
    let records = catalogue.decisions(20_000).await.unwrap();
    assert_eq!(records.len(), 10_000);
    assert_eq!((records[0].summary.as_str(), records[9_999].summary.as_str()), ("new 3", "old 4"));
}

#[tokio::test]
async fn an_action_in_progress_is_found_by_the_next_process() {
    let (folder, catalogue) = open().await;
    let path = folder.path().join("deep/er/catalogue.db");
    catalogue.begin_action(&scale_out("a1"), at(1)).await.unwrap();
    catalogue.begin_action(&scale_out("a2"), at(2)).await.unwrap();
    catalogue.advance_action("a2", "join", &json!({"port": 3307})).await.unwrap();
    catalogue.finish_action("a1", Outcome::Undone, "no port was free", at(3)).await.unwrap();
    drop(catalogue);

    let catalogue = Catalogue::open(&path).await.unwrap();
    let open = catalogue.open_actions().await.unwrap();
    let [action] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!((action.id.as_str(), action.phase.as_str()), ("a2", "join"));
    assert_eq!((&action.inputs, &action.detail), (&json!({"shard": "shard-2"}), &json!({"port": 3307})));
    assert_eq!((action.outcome, action.started_at, action.finished_at), (None, at(2), None));

    let all = catalogue.actions(10).await.unwrap();
    assert_eq!(all.iter().map(|action| action.id.as_str()).collect::<Vec<_>>(), ["a2", "a1"]);
    assert_eq!((all[1].outcome, all[1].message.as_deref()), (Some(Outcome::Undone), Some("no port was free")));
    assert_eq!(all[1].finished_at, Some(at(3)));
}

#[tokio::test]
async fn an_action_ends_once() {
    let (_folder, catalogue) = open().await;
    catalogue.begin_action(&scale_out("a1"), at(1)).await.unwrap();
    assert!(catalogue.begin_action(&scale_out("a1"), at(1)).await.is_err());
    catalogue.finish_action("a1", Outcome::Succeeded, "", at(2)).await.unwrap();
    let refused = |result| matches!(result, Err(CatalogueError::NoOpenAction(id)) if id == "a1");
    assert!(refused(catalogue.finish_action("a1", Outcome::Failed, "", at(3)).await));
    assert!(refused(catalogue.advance_action("a1", "join", &json!(null)).await));
}

#[tokio::test]
async fn state_and_moves_are_replaced_by_key() {
    let (_folder, catalogue) = open().await;
    assert_eq!(catalogue.load_state::<u32>("cooldown").await.unwrap(), None);
    catalogue.save_state("cooldown", &1).await.unwrap();
    catalogue.save_state("cooldown", &2).await.unwrap();
    assert_eq!(catalogue.load_state::<u32>("cooldown").await.unwrap(), Some(2));
    let misread = catalogue.load_state::<Vec<String>>("cooldown").await.unwrap_err();
    assert_eq!(misread.to_string(), "the catalogue's entry `cooldown` is not what this scaler writes");

    for (id, phase) in [("m2-1", "copying"), ("m3-1", "copying"), ("m2-1", "done")] {
        catalogue.record_move(id, &json!([id, phase]), at(1)).await.unwrap();
    }
    assert_eq!(catalogue.moves(9).await.unwrap(), [json!(["m3-1", "copying"]), json!(["m2-1", "done"])]);
}

#[tokio::test]
async fn a_second_scaler_is_refused_until_the_first_is_gone() {
    let (folder, catalogue) = open().await;
    let path = folder.path().join("deep/er/catalogue.db");
    let refused = Catalogue::open(&path).await.err().unwrap();
    assert_eq!(
        refused.to_string(),
        format!("another scaler is running with the catalogue {}: stop it first", path.display())
    );
    drop(catalogue);
    Catalogue::open(&path).await.unwrap();
}

#[tokio::test]
async fn only_this_user_reads_the_files() {
    let (folder, catalogue) = open().await;
    catalogue.save_state("k", "v").await.unwrap();
    let path = folder.path().join("deep/er");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = path.read_dir().unwrap().map(|entry| entry.unwrap()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_catalogue_of_a_newer_scaler_is_left_alone() {
    let (folder, catalogue) = open().await;
    sqlx::query("PRAGMA user_version = 99").execute(&catalogue.pool).await.unwrap();
    drop(catalogue);
    let refused = Catalogue::open(folder.path().join("deep/er/catalogue.db")).await.err().unwrap();
    assert!(matches!(refused, CatalogueError::Newer { found: 99, .. }), "{refused}");
}
