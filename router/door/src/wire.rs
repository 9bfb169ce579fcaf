//! The bytes of one connection, with an end to every wait for its client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::events::{EndReason, Event};
use crate::guard::Guard;
use crate::places::{Phase, Place};

/// A client that is cut off while it sends has this long to hear why.
const LINGER: Duration = Duration::from_secs(1);

/// Who reads slower than this within a write timeout does not read.
const LEAST_READ: usize = 16 << 10;

pub(crate) struct Wire {
    stream: TcpStream,
    place: Arc<Place>,
    guard: Arc<Guard>,
    /// Wakes the connection when a wait may be over. Set again only when it went off: most waits are short.
    alarm: Pin<Box<Sleep>>,
    writing: Option<Writing>,
    lingers_until: Option<Instant>,
}

/// An answer that the client has not read yet.
#[derive(Clone, Copy)]
struct Writing {
    until: Instant,
    /// Bytes that it took in this while.
    taken: usize,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, place: Arc<Place>, guard: Arc<Guard>) -> Wire {
        let alarm = Box::pin(sleep_until(Instant::now() + guard.limits.header_timeout));
        Wire { stream, place, guard, alarm, writing: None, lingers_until: None }
    }

    /// Why nothing more may be waited for, if so; else the connection is woken when that can have changed.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<EndReason> {
        loop {
            let (phase, since) = self.place.phase();
            let since = Instant::from_std(since);
            let limits = &self.guard.limits;
            let wait = match phase {
                Phase::Idle => Some((since + limits.idle_timeout, EndReason::Idle)),
                Phase::Head => Some((since + limits.header_timeout, EndReason::Header)),
                // Whoever reads a body or answers a request has limits of its own.
                Phase::Body | Phase::Running | Phase::Left => None,
            };
            let write = self.writing.map(|writing| (writing.until, EndReason::Write));
            let next = wait.into_iter().chain(write).min_by_key(|(until, _)| *until);
            if let Some((_, why)) = next.filter(|(until, _)| *until <= Instant::now()) {
                match &mut self.writing {
                    Some(writing) if why == EndReason::Write && writing.taken >= LEAST_READ => {
                        *writing = Writing { until: Instant::now() + limits.write_timeout, taken: 0 };
                    }
                    _ => return Poll::Ready(why),
                }
                continue;
            }
            // When a request has been answered and its client is waited for again, nobody asks here: look then.
            let until = next.map_or_else(|| Instant::now() + limits.idle_timeout, |(until, _)| until);
            if self.alarm.is_elapsed() || self.alarm.deadline() > until {
                self.alarm.as_mut().reset(until);
            }
            ready!(self.alarm.as_mut().poll(cx));
        }
    }

    fn or_lost_patience<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let why = ready!(self.poll_patience(cx));
        self.guard.report(Event::Ended(why));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn wrote(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => {
                if self.writing.is_none() {
                    let until = Instant::now() + self.guard.limits.write_timeout;
                    self.writing = Some(Writing { until, taken: 0 });
                    self.place.set_writing(true);
                }
                self.or_lost_patience(cx)
            }
            Poll::Ready(Ok(bytes)) => {
                if let Some(writing) = &mut self.writing {
                    writing.taken += bytes;
                }
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => self.or_lost_patience(cx),
            Poll::Ready(Ok(())) => {
                if buffer.filled().len() > before {
                    self.place.note_bytes();
                }
                Poll::Ready(Ok(()))
            }
            failed => failed,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when nothing is left to be written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writing.take().is_some() {
            self.place.set_writing(false);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if !self.place.has_unread_body() {
            return Poll::Ready(Ok(()));
        }
        // A socket that is closed with unread bytes in it resets the connection, and that overtakes the answer.
        let until = *self.lingers_until.get_or_insert_with(|| Instant::now() + LINGER);
        let mut waste = [0; 4096];
        while Instant::now() < until {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    self.alarm.as_mut().reset(until);
                    ready!(self.alarm.as_mut().poll(cx));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
