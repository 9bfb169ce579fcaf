//! Waiting for a server in a container: until a real login over TCP works, or its container has ended.
//!
//! Neither the engine's health nor the server's log is proof: while an image fills its data folder, a server that
//! listens on its socket only says that it is ready.

use std::time::{Duration, Instant};

use super::engine::{Engine, found};
use super::logs;
use crate::sql_server::{self, Greeting};
use crate::{Address, InstanceId, Login, ProvisionError};

const POLL: Duration = Duration::from_millis(25);
/// A look at the container costs more than a refused connection.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Returns what the server says about itself once `login` works on `address`. A server that refuses the login has
/// answered too: that is [`ProvisionError::LoginRefused`] at once.
pub(super) async fn until_it_answers(
    engine: &Engine,
    id: &InstanceId,
    container: &str,
    address: &Address,
    login: &Login,
    deadline: Duration,
) -> Result<Greeting, ProvisionError> {
    let began = Instant::now();
    let mut looked = began;
    loop {
        let error = match sql_server::greet(address, login).await {
            Ok(greeting) => return Ok(greeting),
            Err(error) => error,
        };
        let waited = began.elapsed();
        if sql_server::is_refusal(&error) {
            return Err(ProvisionError::LoginRefused { id: id.clone(), source: error });
        }
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            check_it_runs(engine, id, container).await?;
        }
        if waited >= deadline {
            let log_tail = logs::tail(engine, container).await;
            return Err(ProvisionError::NotReady { id: id.clone(), waited, log_tail, source: Some(error) });
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn check_it_runs(engine: &Engine, id: &InstanceId, container: &str) -> Result<(), ProvisionError> {
    let looked = engine.client().await?.inspect_container(container, None).await;
    let inspected = found(looked).map_err(engine.failed("look at a container"))?;
    let state = inspected.as_ref().and_then(|inspected| inspected.state.as_ref());
    if state.is_some_and(|state| state.running == Some(true) && state.restarting != Some(true)) {
        return Ok(());
    }
    let log_tail = match &inspected {
        Some(_) => logs::tail(engine, container).await,
        None => "(somebody removed its container)".to_owned(),
    };
    if state.and_then(|state| state.oom_killed) == Some(true) {
        return Err(ProvisionError::OutOfMemory { id: id.clone(), log_tail });
    }
    let class = sql_server::class_of_log(&log_tail);
    Err(ProvisionError::ServerStopped { id: id.clone(), class, log_tail })
}
