//! The end of a container's log, for messages: the container may be gone when they are read.

use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;

use super::engine::Engine;
use crate::sql_server::LOG_TAIL_LINES;

/// The last lines, or why there are none.
pub(super) async fn tail(engine: &Engine, container: &str) -> String {
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&LOG_TAIL_LINES.to_string()).build();
    let client = match engine.client().await {
        Ok(client) => client,
        Err(error) => return format!("(its log cannot be read: {error})"),
    };
    let mut text = String::new();
    let mut pieces = std::pin::pin!(client.logs(container, Some(options)));
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => text += &piece.to_string(),
            Err(error) => {
                text += &format!("(the rest of its log cannot be read: {error})");
                break;
            }
        }
    }
    text.trim_end().to_owned()
}
