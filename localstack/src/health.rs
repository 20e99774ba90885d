//! Asking an endpoint whether it answers: one HTTP request on a plain connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::LoopbackUrl;

/// Connects and hangs up again.
pub(crate) async fn connect(endpoint: &LoopbackUrl, within: Duration) -> io::Result<()> {
    tokio::time::timeout(within, TcpStream::connect((endpoint.host(), endpoint.port()))).await??;
    Ok(())
}

/// Sends `GET path` and returns the status of the answer.
pub(crate) async fn get(endpoint: &LoopbackUrl, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect((endpoint.host(), endpoint.port())).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n\r\n",
        endpoint.host(),
        endpoint.port()
    );
    stream.write_all(request.as_bytes()).await?;
    // "HTTP/1.1 200": the status line's first twelve bytes are all that is asked for.
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    std::str::from_utf8(&head)
        .ok()
        .and_then(|head| head.strip_prefix("HTTP/1.1 "))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}
