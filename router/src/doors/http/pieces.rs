//! Bodies of answers, which count against the memory budget until their client has them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use warp::Reply;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use warp::http::{HeaderValue, StatusCode};
use warp::reply::Response;

use crate::budget::Held;

pub const JSON: &str = "application/json";

pub fn json_response(status: StatusCode, value: &Value) -> Response {
    Pieces::from(value.to_string().into_bytes()).into_response(status, JSON)
}

/// A body in pieces: what was written to the client is given back while the rest waits.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Vec<u8>>,
    /// Room for all of them; small bodies have none.
    pub(super) held: Option<Held>,
}

/// A piece on its way; the others share its room.
struct Piece {
    bytes: Vec<u8>,
    room: Arc<Mutex<Held>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut held = self.room.lock().expect("no holder of this lock panics");
        let rest = held.bytes().saturating_sub(self.bytes.capacity());
        held.shrink_to(rest);
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(body: Vec<u8>) -> Pieces {
        Pieces { pieces: vec![body], held: None }
    }
}

impl Pieces {
    pub(super) fn into_response(self, status: StatusCode, content_type: &'static str) -> warp::reply::Response {
        let length: usize = self.pieces.iter().map(Vec::len).sum();
        let mut pieces: Vec<Bytes> = match self.held {
            None => self.pieces.into_iter().map(Bytes::from).collect(),
            Some(held) => {
                let room = Arc::new(Mutex::new(held));
                let piece = |bytes| Bytes::from_owner(Piece { bytes, room: room.clone() });
                self.pieces.into_iter().map(piece).collect()
            }
        };
        let mut response = match pieces.len() {
            0 | 1 => warp::reply::Response::new(pieces.pop().into()),
            _ => {
                let pieces = stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
                let mut response = warp::reply::stream(pieces).into_response();
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
                response
            }
        };
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Kind};
    use door::Client;

    #[test]
    fn each_piece_that_is_gone_makes_room() {
        let budget = Budget::new(10_000);
        let held = budget.take(Client::default(), Kind::Answers, 3_000).unwrap();
        let pieces = Pieces { pieces: vec![vec![0; 1_000], vec![0; 1_500]], held: Some(held) };
        let holds = || budget.usage()[Kind::Answers as usize].1.held_bytes;
        let response = pieces.into_response(StatusCode::OK, "application/json");
        assert_eq!(response.headers()[CONTENT_LENGTH], "2500");
        assert_eq!(holds(), 3_000);
        drop(response);
        assert_eq!(holds(), 0);
    }
}
