//! A router over HTTP, and a client of the HTTP front doors.

use std::sync::Arc;

use door::Hosts;
use router::Router;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;

/// Lets a router answer as long as this process runs; returns its address.
pub async fn serve(router: &Arc<Router>) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(router::doors::http::serve(listener, router.clone(), Hosts::default(), std::future::pending()));
    Ok(address)
}

/// A kept HTTP connection that costs little itself.
pub struct Http {
    stream: BufReader<TcpStream>,
    pub body: Vec<u8>,
}

impl Http {
    pub async fn connect(address: &str) -> Outcome<Http> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Http { stream: BufReader::new(stream), body: Vec::new() })
    }

    /// Sends a query, reads the whole answer, returns its status.
    pub async fn query(&mut self, sql: &str) -> Outcome<u16> {
        self.request("POST /query", &serde_json::json!({ "query": sql }).to_string()).await
    }

    /// Sends a request such as `GET /shards`; the answer's body is then in `body`.
    pub async fn request(&mut self, what: &str, body: &str) -> Outcome<u16> {
        let request = format!("{what} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("not HTTP")?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(status)
    }
}
