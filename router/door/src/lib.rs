//! The door that the HTTP services of router and scaler have in common: who may come in, and for how long.
//!
//! Connections have places, of which there is a limit; every wait for a client has an end; and a request must name one
//! of the service's own names.

mod client;
mod events;
mod guard;
mod hosts;
mod limits;
mod places;
pub mod sites;
mod wire;

use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use warp::Buf;
use warp::filters::BoxedFilter;
use warp::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use warp::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};

pub use crate::client::Client;
pub use crate::events::{EndReason, Event, RefusalReason};
use crate::guard::Guard;
pub use crate::hosts::Hosts;
pub use crate::limits::DoorLimits;
use crate::places::{NoRoom, Phase, Place, Places};
use crate::wire::Wire;

/// What is read of a request before it is looked at, and the room of a connection for what comes next.
const MOST_HEAD_BYTES: usize = 16 << 10;

/// What may be asked under any name: it tells nothing, and whoever probes a service may not know its names.
const OPEN_PATHS: [&str; 2] = ["/health", "/ready"];

/// How long to wait for a descriptor after there was none.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(50);

/// Said to whom there is no room for. It has sent nothing yet.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-type: application/json\r\ncontent-length: 102\r\n\r\n\
    {\"error\":{\"code\":\"overloaded\",\"message\":\"too many connections at once (limits.max_http_connections)\"}}";

/// See the module.
pub struct Door {
    pub limits: DoorLimits,
    pub hosts: Hosts,
    pub on_event: Box<dyn Fn(Event) + Send + Sync>,
}

/// Lets clients in and answers their requests until `shutdown`; what is under way then is finished. Requests carry a
/// [`Caller`] as their extension.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    requests: BoxedFilter<(warp::reply::Response,)>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (most, most_of_client) = door.limits.connections();
    let places = Places::new(most, most_of_client);
    let guard = Arc::new(Guard {
        listens_anywhere: listener.local_addr().is_ok_and(|address| address.ip().is_unspecified()),
        limits: door.limits,
        hosts: door.hosts,
        on_event: door.on_event,
    });
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Some((stream, place)) = let_in(stream, address, &places, &guard) {
                    connections.spawn(serve_connection(
                        stream,
                        place,
                        guard.clone(),
                        requests.clone(),
                        stopping.clone(),
                    ));
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                guard.report(Event::Refused(RefusalReason::NoDescriptor));
                if places.make_room() {
                    guard.report(Event::Ended(EndReason::Displaced));
                }
                tokio::select! {
                    () = &mut shutdown => break,
                    () = tokio::time::sleep(DESCRIPTOR_WAIT) => {}
                }
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// Errors of `accept` that say nothing about the next connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn let_in(stream: TcpStream, address: SocketAddr, places: &Arc<Places>, guard: &Guard) -> Option<(TcpStream, Place)> {
    match places.take(address) {
        Ok(admitted) => {
            if admitted.displaced {
                guard.report(Event::Ended(EndReason::Displaced));
            }
            Some((stream, admitted.place))
        }
        Err(no_room) => {
            guard.report(Event::Refused(match no_room {
                NoRoom::InAll => RefusalReason::Full,
                NoRoom::OfClient => RefusalReason::ClientShare,
            }));
            // There is room for it in a new socket, and nobody waits for one who has no place.
            if let Ok(mut stream) = stream.into_std() {
                let _ = stream.write_all(NO_ROOM);
            }
            None
        }
    }
}

/// One connection, to its end.
async fn serve_connection(
    stream: TcpStream,
    place: Place,
    guard: Arc<Guard>,
    requests: BoxedFilter<(warp::reply::Response,)>,
    mut stopping: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else { return };
    // An answer of several pieces must not wait for the acknowledgement of its first.
    let _ = stream.set_nodelay(true);
    guard.report(Event::Opened);
    let place = Arc::new(place);
    let wire = Wire::new(stream, place.clone(), guard.clone());
    let requests = TowerToHyperService::new(warp::service(requests));
    let inside = ConnectionService { caller: Caller { place: place.clone(), guard: guard.clone(), local }, requests };
    let connection = http1::Builder::new()
        // The wire has time limits of its own, which tell an idle client from one that is sending.
        .header_read_timeout(None)
        .max_header_size(MOST_HEAD_BYTES)
        .max_buf_size(MOST_HEAD_BYTES)
        .serve_connection(TokioIo::new(wire), inside);
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            biased;
            () = place.given_way() => break,
            // Broken connections and bad requests are their clients' business.
            _ = connection.as_mut() => break,
            _ = stopping.wait_for(|stop| *stop), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
    guard.report(Event::Closed);
}

/// Whom a request comes from, and by what connection.
#[derive(Clone)]
pub struct Caller {
    place: Arc<Place>,
    guard: Arc<Guard>,
    local: SocketAddr,
}

/// Why a body could not be read.
#[derive(Debug)]
pub enum BodyError<E> {
    TooLarge,
    /// It was not there within the time, or there was a long pause in it.
    Late(String),
    BrokeOff(String),
    /// There is no room for it.
    NoRoom(E),
}

impl Caller {
    pub fn client(&self) -> Client {
        self.place.client()
    }

    /// Reads a body of `most` bytes at most. Before bytes are held, `make_room` is asked for as many more.
    pub async fn read_body<E>(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<impl Buf, warp::Error>>,
        most: u64,
        make_room: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<u8>, BodyError<E>> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|declared| declared > most) {
            return Err(BodyError::TooLarge);
        }
        // It may have given way, and then whatever was sent must not run.
        let gone = || BodyError::BrokeOff("too many connections waited for their clients".to_owned());
        if !self.place.enter(Phase::Body) {
            return Err(gone());
        }
        let read = self.read_to_the_end(declared.unwrap_or(most), body, most, make_room).await;
        if matches!(read, Err(BodyError::Late(_))) {
            self.guard.report(Event::Ended(EndReason::Body));
        }
        if !self.place.enter(Phase::Running) {
            return Err(gone());
        }
        if read.is_ok() {
            self.place.set_unread_body(false);
        }
        read
    }

    async fn read_to_the_end<E>(
        &self,
        expected: u64,
        body: impl Stream<Item = Result<impl Buf, warp::Error>>,
        most: u64,
        mut make_room: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<u8>, BodyError<E>> {
        let limits = &self.guard.limits;
        let end = Instant::now() + limits.body_timeout;
        let mut body = pin!(body);
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let pause_end = Instant::now() + limits.header_timeout;
            let Ok(piece) = tokio::time::timeout_at(end.min(pause_end), body.next()).await else {
                return Err(BodyError::Late(match pause_end < end {
                    true => {
                        let most = limits.header_timeout.as_millis();
                        format!("nothing more of the body came for {most} ms (limits.header_timeout_ms)")
                    }
                    false => {
                        let most = limits.body_timeout.as_millis();
                        format!("the body did not come within {most} ms (limits.body_timeout_ms)")
                    }
                }));
            };
            let Some(piece) = piece else { return Ok(bytes) };
            let mut piece = piece.map_err(|error| BodyError::BrokeOff(error.to_string()))?;
            let length = bytes.len() + piece.remaining();
            if length as u64 > most {
                return Err(BodyError::TooLarge);
            }
            if length > bytes.capacity() {
                // Room is made for what has come, not for what is announced.
                let capacity = (2 * bytes.capacity()).min(expected as usize).max(length);
                make_room(capacity - bytes.capacity()).map_err(BodyError::NoRoom)?;
                bytes.reserve_exact(capacity - bytes.len());
            }
            while piece.has_remaining() {
                let chunk = piece.chunk();
                bytes.extend_from_slice(chunk);
                let length = chunk.len();
                piece.advance(length);
            }
        }
    }

    /// Whether the request names a host of ours only.
    fn check_host<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        if OPEN_PATHS.contains(&request.uri().path()) {
            return Ok(());
        }
        let named = request.headers().get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let mut hosts = named.chain(request.uri().authority().map(|authority| authority.as_str())).peekable();
        if hosts.peek().is_none() && request.version() > Version::HTTP_10 {
            return Err(Refusal {
                status: StatusCode::BAD_REQUEST,
                code: "bad_request",
                message: "the request has no Host".to_owned(),
                hint: "send the name or the address under which you reach the service",
            });
        }
        let Guard { hosts: ours, listens_anywhere, .. } = &*self.guard;
        match hosts.find(|host| !ours.are_ours(host, self.local, *listens_anywhere)) {
            None => Ok(()),
            Some(other) => {
                self.guard.report(Event::Misdirected);
                Err(Refusal {
                    status: StatusCode::MISDIRECTED_REQUEST,
                    code: "misdirected",
                    message: format!("the request is for `{other}`, which is no name of this service"),
                    hint: "ask for its address or localhost, or add the name to `hosts` in its configuration",
                })
            }
        }
    }
}

/// What is said to clients that get no further than to the door.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: &'static str,
}

impl Refusal {
    fn into_response<B: From<String>>(self) -> Response<B> {
        let text = json!({ "error": { "code": self.code, "message": self.message, "hint": self.hint } }).to_string();
        let mut response = Response::new(B::from(text));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// What a connection leads to.
struct ConnectionService<S> {
    caller: Caller,
    requests: S,
}

/// The connection gave way just when the request came: nothing of it has run.
#[derive(Debug, thiserror::Error)]
#[error("the connection has given way to another one")]
struct GaveWay;

impl<S, B> Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: From<String> + Send + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = GaveWay;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, GaveWay>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let place = self.caller.place.clone();
        if !place.enter(Phase::Running) {
            return Box::pin(std::future::ready(Err(GaveWay)));
        }
        place.set_unread_body(!request.body().is_end_stream());
        let answered = Answered(place);
        if let Err(refusal) = self.caller.check_host(&request) {
            let response = refusal.into_response().map(|body| Answer { body, _answered: answered });
            return Box::pin(std::future::ready(Ok(response)));
        }
        request.extensions_mut().insert(self.caller.clone());
        let response = self.requests.call(request);
        Box::pin(async move {
            let Ok(response) = response.await;
            Ok(response.map(|body| Answer { body, _answered: answered }))
        })
    }
}

/// The body of an answer.
struct Answer<B> {
    body: B,
    _answered: Answered,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// When it goes, the connection has all of the answer and waits for its client again.
struct Answered(Arc<Place>);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_gets_a_whole_answer() {
        let text = std::str::from_utf8(NO_ROOM).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "overloaded");
    }
}
