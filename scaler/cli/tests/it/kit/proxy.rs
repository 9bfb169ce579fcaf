//! A proxy before a server, by which a test cuts the network between the two.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::kit::servers::free_port;

/// What becomes of bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// What goes in that direction is held, also the end of a connection, and flows on later. Connections stay open, and
    /// new ones are taken.
    Stall(Direction),
    /// Open connections are reset, and so is every new one.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
    Both,
}

/// One way of a connection.
#[derive(Clone, Copy)]
enum Way {
    ToServer,
    ToClient,
}

impl Mode {
    fn holds(self, way: Way) -> bool {
        match (self, way) {
            (Mode::Pass | Mode::Reset, _) => false,
            (Mode::Stall(Direction::Both), _) => true,
            (Mode::Stall(Direction::ToServer), way) => matches!(way, Way::ToServer),
            (Mode::Stall(Direction::ToClient), way) => matches!(way, Way::ToClient),
        }
    }
}

/// Listens on a port of its own until it is dropped; then its connections are closed.
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    held: Arc<AtomicUsize>,
    listening: AbortHandle,
}

/// One connection on which bytes are held.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn new(count: &'a AtomicUsize) -> Held<'a> {
        count.fetch_add(1, Ordering::SeqCst);
        Held(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Proxy {
    pub async fn start(upstream: SocketAddr) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mode, watched) = watch::channel(Mode::Pass);
        let held = Arc::new(AtomicUsize::new(0));
        let listening = tokio::spawn(listen(listener, upstream, watched, held.clone())).abort_handle();
        Proxy { port, mode, held, listening }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// On how many connections bytes are held, for each direction.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// From now on; a connection that is open follows.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, upstream: SocketAddr, mode: watch::Receiver<Mode>, held: Arc<AtomicUsize>) {
    // They end with the listener: the set goes with this task.
    let mut relays = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        relays.spawn(relay(client, upstream, mode.clone(), held.clone()));
        while relays.try_join_next().is_some() {}
    }
}

/// Carries bytes between a client and the server until both have ended, one broke, or the mode says so.
async fn relay(mut client: TcpStream, upstream: SocketAddr, mut mode: watch::Receiver<Mode>, held: Arc<AtomicUsize>) {
    if *mode.borrow_and_update() == Mode::Reset {
        return reset(&client);
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else { return reset(&client) };
    // A statement must not wait for the acknowledgement of the one before.
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let is_ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let ways = (
            carry(from_client, to_server, Way::ToServer, mode.clone(), &held),
            carry(from_server, to_client, Way::ToClient, mode.clone(), &held),
        );
        tokio::select! {
            ended = async { tokio::try_join!(ways.0, ways.1) } => ended.is_ok(),
            _ = mode.wait_for(|mode| *mode == Mode::Reset) => false,
        }
    };
    if !is_ended {
        reset(&client);
        reset(&server);
    }
}

/// Carries bytes one way until their end, which it passes on.
async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    mut mode: watch::Receiver<Mode>,
    held: &AtomicUsize,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut bytes).await?;
        let is_held = (count > 0 && mode.borrow().holds(way)).then(|| Held::new(held));
        // The proxy is gone if it cannot say.
        let passes = *mode.wait_for(|mode| !mode.holds(way)).await.map_err(std::io::Error::other)?;
        if passes == Mode::Reset {
            // The relay may not have heard yet.
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        drop(is_held);
        match count {
            0 => return to.shutdown().await,
            count => to.write_all(&bytes[..count]).await?,
        }
    }
}

/// Closing it from now on tells the other side at once that the connection is broken.
fn reset(stream: &TcpStream) {
    // It may be broken already.
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::mysql::MySqlConnection;
    use sqlx::{AssertSqlSafe, Connection, Executor};

    use super::*;
    use crate::kit::servers::{DATABASE, Server, innodb_rows, number, run, wait_until};

    /// Long beside what an answer takes, short for a test.
    const A_WHILE: Duration = Duration::from_millis(300);

    /// Whether a statement is answered within a while; what is not answered goes on.
    async fn answers(statement: &mut (impl Future<Output = Result<u64, sqlx::Error>> + Unpin)) -> bool {
        tokio::time::timeout(A_WHILE, statement).await.is_ok_and(|answer| answer.unwrap() < 2)
    }

    async fn insert(connection: &mut MySqlConnection, row: u64) -> Result<u64, sqlx::Error> {
        let sql = format!("INSERT INTO t VALUES ({row})");
        Ok(connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?.rows_affected())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_proxy_stalls_and_resets() {
        let Some(server) = Server::start().await else { return };
        let mut witness = server.connect().await;
        run(&mut witness, "CREATE TABLE t (id BIGINT PRIMARY KEY)").await;
        let proxy = Proxy::start(server.address()).await;
        let endpoint = server.endpoint_through(&proxy, DATABASE);
        let mut client = keyspace::mysql::connect(&endpoint).await.unwrap();
        assert!(answers(&mut Box::pin(insert(&mut client, 1))).await);
        let mut count = async |row: u64| number(&mut witness, &format!("SELECT COUNT(*) FROM t WHERE id={row}")).await;

        // (what stalls, whether the statement arrives all the same)
        let stalls = [(Direction::ToServer, false), (Direction::ToClient, true), (Direction::Both, false)];
        for (row, (direction, arrives)) in (2..).zip(stalls) {
            proxy.set(Mode::Stall(direction));
            let mut inserted = Box::pin(insert(&mut client, row));
            assert!(!answers(&mut inserted).await, "{direction:?}");
            assert_eq!(proxy.held(), 1, "{direction:?}");
            assert_eq!(count(row).await, u64::from(arrives), "{direction:?}");
            // Nobody is greeted; but nobody is turned away.
            let mut connected = Box::pin(keyspace::mysql::connect(&endpoint));
            assert!(tokio::time::timeout(A_WHILE, &mut connected).await.is_err(), "{direction:?}");
            proxy.set(Mode::Pass);
            assert_eq!(inserted.await.unwrap(), 1, "{direction:?}");
            assert_eq!(count(row).await, 1, "{direction:?}");
            assert!(connected.await.unwrap().ping().await.is_ok(), "{direction:?}");
        }

        // What was sent before its client went away arrives, as it does from a network.
        proxy.set(Mode::Stall(Direction::ToServer));
        assert!(!answers(&mut Box::pin(insert(&mut client, 10))).await);
        drop(client);
        proxy.set(Mode::Pass);
        wait_until("the statement has arrived", || async {
            number(&mut server.connect().await, "SELECT COUNT(*) FROM t WHERE id=10").await == 1
        })
        .await;

        let mut client = keyspace::mysql::connect(&endpoint).await.unwrap();
        run(&mut client, "BEGIN; INSERT INTO t VALUES (11)").await;
        proxy.set(Mode::Reset);
        let broken = client.ping().await.unwrap_err();
        assert!(matches!(broken, sqlx::Error::Io(_)), "{broken:?}");
        assert!(keyspace::mysql::connect(&endpoint).await.is_err());
        wait_until("the server has noticed", || async {
            innodb_rows(&server, "SELECT trx_id FROM information_schema.INNODB_TRX").await.is_empty()
        })
        .await;
        proxy.set(Mode::Pass);
        assert!(keyspace::mysql::connect(&endpoint).await.is_ok());
    }
}
