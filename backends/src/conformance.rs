//! What every provisioner must do, as tests that run against any of them.
//!
//! A check that fails panics and says what was expected. Instances are destroyed at the end of
//! each check; after a panic the caller of [`run`] cleans up with [`clean_up`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::{
    DataFate, ErrorClass, Instance, InstanceId, InstanceSpec, InstanceState, Limits, OperationId, Owner,
    ProvisionError, Provisioner,
};

/// A way of running databases that is put to the test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A provisioner for this owner as a program that has just started makes one. All of them
    /// look at the same machine.
    fn provisioner(&self, owner: &Owner) -> Arc<dyn Provisioner>;

    /// Differs between runs that look at the same machine at the same time.
    fn owner(&self) -> Owner {
        Owner::new("conformance").expect("a valid owner")
    }

    /// Kills the server of an instance without warning, from outside.
    async fn crash(&self, instance: &Instance);
}

/// Runs all checks, one after the other.
pub async fn run(subject: &dyn Subject) {
    creating_twice_with_one_operation_makes_one_instance(subject).await;
    a_name_is_taken_by_its_operation(subject).await;
    only_the_owner_lists_and_changes_an_instance(subject).await;
    destroying_is_repeatable_and_frees_the_name(subject).await;
    an_instance_is_found_again_by_a_new_provisioner(subject).await;
    usage_is_plausible(subject).await;
    if subject.provisioner(&subject.owner()).info().capabilities.controls_servers {
        stopping_and_starting_keeps_data_and_address(subject).await;
        a_crashed_server_is_seen_and_revived(subject).await;
    }
}

/// Destroys whatever a run left behind.
pub async fn clean_up(subject: &dyn Subject) {
    for owner in [subject.owner(), stranger_of(&subject.owner())] {
        let provisioner = subject.provisioner(&owner);
        for instance in provisioner.list(&owner).await.unwrap_or_default() {
            let _ = provisioner.destroy(&operation("clean-up"), &instance.id, DataFate::Remove).await;
        }
    }
}

async fn creating_twice_with_one_operation_makes_one_instance(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let (operation, spec) = (operation("create-1"), spec(subject, "shard-1"));
    provisioner.preflight(&spec).await.expect("the name is free");
    let began = Instant::now();
    // At once, as two programs would after a mistaken failover.
    let other = subject.provisioner(&subject.owner());
    let (first, second) = tokio::join!(provisioner.create(&operation, &spec), other.create(&operation, &spec));
    tracing::info!(kind = provisioner.info().kind, elapsed = ?began.elapsed(), "created one instance twice");
    let (first, second) = (first.expect("create"), second.expect("create at once"));
    let third = provisioner.create(&operation, &spec).await.expect("create again");
    assert_eq!(first, second, "one operation, one instance");
    assert_eq!(first, third, "one operation, one instance");
    assert_eq!(first.state, InstanceState::Ready);
    assert_eq!((&first.owner, &first.name), (&spec.owner, &spec.name));
    assert_eq!(first.operation, operation);
    assert!(first.server_version.is_some(), "a ready server has a version");
    let listed = provisioner.list(&subject.owner()).await.expect("list");
    assert_eq!(listed, vec![first.clone()], "one instance is listed");
    execute(&*provisioner, &first, "CREATE TABLE proof (id INT PRIMARY KEY)").await;

    let changed = InstanceSpec { database: "other".to_owned(), ..spec };
    let error = provisioner.create(&operation, &changed).await.expect_err("a changed spec");
    assert_eq!(error.class(), ErrorClass::Conflict, "{error}");
    destroy(&*provisioner, &first.id).await;
}

async fn a_name_is_taken_by_its_operation(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let spec = spec(subject, "shard-1");
    let instance = create(subject, &*provisioner, "create-a", "shard-1").await;
    let error = provisioner.create(&operation("create-b"), &spec).await.expect_err("a taken name");
    assert_eq!(error.class(), ErrorClass::Conflict, "{error}");
    let error = provisioner.preflight(&spec).await.expect_err("a taken name");
    assert_eq!(error.class(), ErrorClass::Conflict, "{error}");

    let second = create(subject, &*provisioner, "create-b", "shard-2").await;
    assert_ne!(instance.id, second.id);
    assert_ne!(instance.address, second.address);
    assert_ne!(instance.login.password, second.login.password);
    let names: Vec<String> = provisioner
        .list(&subject.owner())
        .await
        .expect("list")
        .iter()
        .map(|instance| instance.name.to_string())
        .collect();
    assert_eq!(names, ["shard-1", "shard-2"]);
    destroy(&*provisioner, &instance.id).await;
    destroy(&*provisioner, &second.id).await;
}

async fn only_the_owner_lists_and_changes_an_instance(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let stranger = subject.provisioner(&stranger_of(&subject.owner()));
    let instance = create(subject, &*provisioner, "create-1", "shard-1").await;
    assert_eq!(stranger.list(&stranger_of(&subject.owner())).await.expect("list"), vec![]);
    let refused = |result: Result<(), ProvisionError>| {
        let error = result.expect_err("it belongs to somebody else");
        assert!(matches!(error, ProvisionError::Foreign { .. }), "{error}");
    };
    refused(stranger.destroy(&operation("rob"), &instance.id, DataFate::Remove).await);
    refused(stranger.stop(&instance.id).await);
    refused(stranger.start(&instance.id).await.map(drop));
    refused(stranger.create(&operation("create-1"), &spec(subject, "shard-1")).await.map(drop));
    assert_eq!(provisioner.inspect(&instance.id).await.expect("inspect"), instance);
    destroy(&*provisioner, &instance.id).await;
}

async fn stopping_and_starting_keeps_data_and_address(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let created = create(subject, &*provisioner, "create-1", "shard-1").await;
    put_row(&*provisioner, &created).await;
    for _ in 0..2 {
        provisioner.stop(&created.id).await.expect("stop, also a stopped one");
        let stopped = provisioner.inspect(&created.id).await.expect("inspect");
        assert_eq!(stopped.state, InstanceState::Stopped);
        assert_eq!(stopped.pid, None);
    }
    for _ in 0..2 {
        let started = provisioner.start(&created.id).await.expect("start, also a running one");
        assert_eq!(started.state, InstanceState::Ready);
        assert_eq!((&started.address, &started.login), (&created.address, &created.login));
        check_row(&*provisioner, &started).await;
    }
    // A create that is repeated after its instance was stopped starts it.
    provisioner.stop(&created.id).await.expect("stop");
    let again = create(subject, &*provisioner, "create-1", "shard-1").await;
    assert_eq!((again.state, &again.id), (InstanceState::Ready, &created.id));
    check_row(&*provisioner, &again).await;
    destroy(&*provisioner, &created.id).await;
}

async fn destroying_is_repeatable_and_frees_the_name(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let missing = InstanceId::new("nobody.nothing").expect("a valid id");
    destroy(&*provisioner, &missing).await;
    for result in [
        provisioner.inspect(&missing).await.map(drop),
        provisioner.start(&missing).await.map(drop),
        provisioner.stop(&missing).await,
        provisioner.usage(&missing).await.map(drop),
    ] {
        let error = result.expect_err("there is no such instance");
        assert!(matches!(error, ProvisionError::NotFound { .. }), "{error}");
    }

    let first = create(subject, &*provisioner, "create-1", "shard-1").await;
    put_row(&*provisioner, &first).await;
    for fate in [DataFate::Keep, DataFate::Remove] {
        let result = provisioner.destroy(&operation("destroy-1"), &first.id, fate).await;
        result.expect("destroy, also a destroyed one");
        assert_eq!(provisioner.list(&subject.owner()).await.expect("list"), vec![]);
    }
    // The name is free for a new instance, which has nothing of the old one.
    let second = create(subject, &*provisioner, "create-2", "shard-1").await;
    if provisioner.info().capabilities.controls_servers {
        assert_ne!(first.login.password, second.login.password);
    }
    execute(&*provisioner, &second, "CREATE TABLE proof (id INT PRIMARY KEY)").await;
    destroy(&*provisioner, &second.id).await;
}

async fn an_instance_is_found_again_by_a_new_provisioner(subject: &dyn Subject) {
    let created = create(subject, &*subject.provisioner(&subject.owner()), "create-1", "shard-1").await;
    let provisioner = subject.provisioner(&subject.owner());
    assert_eq!(provisioner.list(&subject.owner()).await.expect("list"), vec![created.clone()]);
    assert_eq!(provisioner.inspect(&created.id).await.expect("inspect"), created);
    assert_eq!(create(subject, &*provisioner, "create-1", "shard-1").await, created);
    if provisioner.info().capabilities.controls_servers {
        provisioner.stop(&created.id).await.expect("stop what another one started");
        let provisioner = subject.provisioner(&subject.owner());
        let listed = provisioner.list(&subject.owner()).await.expect("list");
        assert_eq!(listed[0].state, InstanceState::Stopped, "stopped ones are listed too");
    }
    destroy(&*provisioner, &created.id).await;
}

async fn a_crashed_server_is_seen_and_revived(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let created = create(subject, &*provisioner, "create-1", "shard-1").await;
    put_row(&*provisioner, &created).await;
    subject.crash(&created).await;
    wait_until("the crash is seen", || async {
        let seen = provisioner.inspect(&created.id).await.expect("inspect");
        matches!(seen.state, InstanceState::Failed | InstanceState::Stopped)
    })
    .await;
    let revived = provisioner.start(&created.id).await.expect("start a crashed one");
    assert_eq!(revived.state, InstanceState::Ready);
    assert_eq!((&revived.address, &revived.login), (&created.address, &created.login));
    check_row(&*provisioner, &revived).await;
    subject.crash(&revived).await;
    destroy(&*provisioner, &created.id).await;
}

async fn usage_is_plausible(subject: &dyn Subject) {
    let provisioner = subject.provisioner(&subject.owner());
    let limited = InstanceSpec {
        limits: Limits { cpu_cores: Some(0.5), memory_bytes: Some(512 << 20) },
        ..spec(subject, "shard-1")
    };
    let instance = provisioner.create(&operation("create-1"), &limited).await.expect("create");
    assert_eq!(instance.limits, limited.limits);
    let before = provisioner.usage(&instance.id).await.expect("usage");
    assert_eq!(before.cpu_limit_cores, Some(0.5));
    assert_eq!(before.memory_limit_bytes, Some(512 << 20));
    let (used, capacity) = (before.disk_used_bytes, before.disk_capacity_bytes);
    if let (Some(used), Some(capacity)) = (used, capacity) {
        assert!(0 < used && used < capacity, "{used} of {capacity} bytes");
    }
    if !provisioner.info().capabilities.controls_servers {
        // Nobody sees the process of somebody else's server.
        destroy(&*provisioner, &instance.id).await;
        return;
    }
    let memory = before.resident_memory_bytes.expect("a running server has memory");
    assert!(memory > 1 << 20, "{memory} bytes resident");
    execute(&*provisioner, &instance, "DO BENCHMARK(1000000, SHA2('work', 256))").await;
    let after = provisioner.usage(&instance.id).await.expect("usage");
    let (before, after) = (before.cpu_seconds, after.cpu_seconds);
    let (before, after) = (before.expect("CPU time"), after.expect("CPU time"));
    assert!(0.0 < before && before <= after, "{before} s, then {after} s of CPU time");
    if provisioner.info().capabilities.runs_servers {
        assert!(before < after, "work takes CPU time: {before} s, then {after} s");
    }
    destroy(&*provisioner, &instance.id).await;
}

fn stranger_of(owner: &Owner) -> Owner {
    Owner::new(format!("{owner}-stranger")).expect("a valid owner")
}

fn operation(id: &str) -> OperationId {
    OperationId::new(id).expect("a valid operation id")
}

fn spec(subject: &dyn Subject, name: &str) -> InstanceSpec {
    InstanceSpec {
        owner: subject.owner(),
        name: name.parse().expect("a valid name"),
        database: "app".to_owned(),
        limits: Limits::default(),
    }
}

async fn create(subject: &dyn Subject, provisioner: &dyn Provisioner, operation_id: &str, name: &str) -> Instance {
    let created = provisioner.create(&operation(operation_id), &spec(subject, name)).await;
    created.expect("create")
}

async fn destroy(provisioner: &dyn Provisioner, id: &InstanceId) {
    let destroyed = provisioner.destroy(&operation("destroy"), id, DataFate::Remove).await;
    destroyed.expect("destroy");
}

async fn put_row(provisioner: &dyn Provisioner, instance: &Instance) {
    execute(provisioner, instance, "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(9))").await;
    execute(provisioner, instance, "INSERT INTO t VALUES (1, 'ödipus')").await;
}

async fn check_row(provisioner: &dyn Provisioner, instance: &Instance) {
    if let Some(mut connection) = log_in(provisioner, instance).await {
        let rows: Vec<(i32, String)> =
            sqlx::query_as("SELECT id, name FROM t").fetch_all(&mut connection).await.expect("the table is there");
        assert_eq!(rows, [(1, "ödipus".to_owned())]);
    }
}

async fn execute(provisioner: &dyn Provisioner, instance: &Instance, sql: &str) {
    if let Some(mut connection) = log_in(provisioner, instance).await {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        connection.execute(statement).await.expect(sql);
        connection.close().await.expect("say good-bye");
    }
}

/// A connection over TCP as the instance describes it; `None` where there are no servers.
async fn log_in(provisioner: &dyn Provisioner, instance: &Instance) -> Option<MySqlConnection> {
    if !provisioner.info().capabilities.runs_servers {
        return None;
    }
    let address = instance.address.as_ref().expect("a ready instance has an address");
    let options = MySqlConnectOptions::new()
        .host(&address.host)
        .port(address.port)
        .username(&instance.login.user)
        .password(instance.login.password.expose())
        .database(&instance.database)
        .ssl_mode(MySqlSslMode::Preferred)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(true);
    Some(options.connect().await.expect("a ready instance lets us in"))
}

async fn wait_until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
