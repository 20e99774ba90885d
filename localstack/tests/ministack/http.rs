//! Talking to an emulator in plain HTTP.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use localstack::LoopbackUrl;
use serde_json::Value;

/// Sends one request and returns the status and the body of its answer.
pub(crate) fn send(
    endpoint: &LoopbackUrl,
    head: &str,
    headers: &str,
    body: &str,
) -> Result<(u16, String), Box<dyn Error>> {
    let mut stream = TcpStream::connect((endpoint.host(), endpoint.port()))?;
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        endpoint.host(),
        endpoint.port(),
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of the headers")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// Calls an operation of SQS.
pub(crate) fn sqs(endpoint: &LoopbackUrl, operation: &str, input: &Value) -> Result<Value, Box<dyn Error>> {
    let headers =
        format!("X-Amz-Target: AmazonSQS.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n");
    let (status, body) = send(endpoint, "POST /", &headers, &input.to_string())?;
    if status != 200 {
        return Err(format!("{operation}: {status} {body}").into());
    }
    Ok(serde_json::from_str(&body)?)
}

/// Whether anything listens there.
pub(crate) fn answers(endpoint: &LoopbackUrl) -> bool {
    TcpStream::connect((endpoint.host(), endpoint.port())).is_ok()
}
