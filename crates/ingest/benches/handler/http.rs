//! The least HTTP/1.1 server that serves the function: keep-alive, a thread a connection, bodies with a length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// A request. The body is lent from the connection's buffer.
pub struct Request<'a> {
    /// `GET /path`.
    pub line: &'a str,
    pub body: &'a [u8],
}

/// What comes back: header lines, each ended by CRLF, and a body.
pub struct Response {
    pub headers: String,
    pub body: Arc<[u8]>,
}

/// Serves on a free port of 127.0.0.1 until the process ends. `answer` is called on the connection's own thread.
pub fn serve(answer: impl Fn(Request<'_>) -> Response + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A connection ends in an error when the function is killed: that is its normal end here.
            std::thread::spawn(move || converse(connection, &*answer));
        }
    });
    Ok(address)
}

fn converse(connection: TcpStream, answer: &impl Fn(Request<'_>) -> Response) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut writer = connection.try_clone()?;
    let mut reader = BufReader::with_capacity(64 * 1024, connection);
    let (mut line, mut header, mut body, mut head) = (String::new(), String::new(), Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            header.clear();
            reader.read_line(&mut header)?;
            let text = header.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let line = line.trim_end().trim_end_matches(" HTTP/1.1");
        let response = answer(Request { line, body: &body });
        head.clear();
        write!(
            head,
            "HTTP/1.1 200 OK\r\n{}content-length: {}\r\n\r\n",
            response.headers,
            response.body.len()
        )?;
        head.extend_from_slice(&response.body);
        writer.write_all(&head)?;
    }
}
