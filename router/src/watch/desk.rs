//! Work that one task does for everybody who asks for it.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

/// Those who ask at one time; more come next.
const MOST_AT_ONCE: usize = 64;

/// Where work is asked for. Whoever asks waits for work that begins after that, shares it with all who ask meanwhile,
/// and may give up: the work goes on for the others.
pub(super) struct Desk<W, A> {
    requests: mpsc::UnboundedSender<Request<W, A>>,
}

/// What is asked for, for the task that does it.
pub(super) struct Requests<W, A> {
    waiting: mpsc::UnboundedReceiver<Request<W, A>>,
}

pub(super) struct Request<W, A> {
    pub wanted: W,
    answer: oneshot::Sender<A>,
}

impl<W, A> Desk<W, A> {
    pub fn new() -> (Desk<W, A>, Requests<W, A>) {
        let (requests, waiting) = mpsc::unbounded_channel();
        (Desk { requests }, Requests { waiting })
    }

    /// `None`: there is no answer by the deadline.
    pub async fn ask(&self, wanted: W, deadline: Instant) -> Option<A> {
        let answered = self.order(wanted);
        tokio::time::timeout_at(deadline.into(), answered).await.ok()?.ok()
    }

    /// Asks for work, whether somebody then waits for it or not.
    pub fn order(&self, wanted: W) -> oneshot::Receiver<A> {
        let (answer, answered) = oneshot::channel();
        // If nobody works any more, the dropped sender says so.
        let _ = self.requests.send(Request { wanted, answer });
        answered
    }
}

impl<W, A> Requests<W, A> {
    /// What is asked for now, once there is anything; empty if nobody can ask any more.
    pub async fn next(&mut self) -> Vec<Request<W, A>> {
        let mut requests = Vec::new();
        self.waiting.recv_many(&mut requests, MOST_AT_ONCE).await;
        requests
    }

    /// As [`Requests::next`], but empty also if nothing is asked for in that time.
    pub async fn next_within(&mut self, interval: Duration) -> Vec<Request<W, A>> {
        tokio::time::timeout(interval, self.next()).await.unwrap_or_default()
    }
}

impl<W, A> Request<W, A> {
    pub fn answer(self, answer: A) {
        // Whoever asked may have given up.
        let _ = self.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_while_work_is_done_is_answered_by_the_next() {
        let (desk, mut requests) = Desk::<u8, &str>::new();
        let one = desk.order(1);
        let first = requests.next().await;
        let (two, three) = (desk.order(2), desk.order(3));
        first.into_iter().for_each(|request| request.answer("first"));
        assert_eq!(one.await, Ok("first"));
        let second = requests.next().await;
        assert_eq!(second.iter().map(|request| request.wanted).collect::<Vec<_>>(), [2, 3]);
        second.into_iter().for_each(|request| request.answer("second"));
        assert_eq!((two.await, three.await), (Ok("second"), Ok("second")));
    }

    #[tokio::test]
    async fn nobody_waits_beyond_a_deadline_or_for_nobody() {
        let (desk, requests) = Desk::<u8, ()>::new();
        assert_eq!(desk.ask(1, Instant::now()).await, None);
        drop(requests);
        assert_eq!(desk.ask(2, Instant::now() + Duration::from_secs(3600)).await, None);
    }
}
