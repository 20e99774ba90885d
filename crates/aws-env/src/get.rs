//! One GET of a server that is not AWS's, by the HTTP client that the SDK has anyway.

use std::{collections::BTreeMap, error::Error as StdError, time::Duration};

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{client::http::HttpConnector, client::orchestrator::HttpRequest, http::Request};
use aws_smithy_types::byte_stream::ByteStream;

/// What a server answered, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The HTTP status.
    pub status: u16,
    /// The headers, their names in lower case; those that are text.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// It can be no request.
    #[error("`{url}` cannot be asked for")]
    Request {
        /// The URL.
        url: String,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The connection failed, or broke.
    #[error("{url} was not reached")]
    Unreached {
        /// The URL.
        url: String,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Nothing came in time.
    #[error("{url} did not answer within {} s", .within.as_secs())]
    Late {
        /// The URL.
        url: String,
        /// How long it was waited for.
        within: Duration,
    },
}

/// Asks for `url` once, with these headers. Redirections are not followed, so no header goes to a server that the caller
/// did not name.
///
/// # Errors
/// [`GetError`] where no answer came `within` that time. An answer that tells of an error is an answer.
pub async fn get(url: &str, headers: &[(&'static str, String)], within: Duration) -> Result<Got, GetError> {
    let malformed =
        |source: Box<dyn StdError + Send + Sync>| GetError::Request { url: url.to_owned(), source };
    let mut request: HttpRequest = Request::get(url).map_err(|error| malformed(error.into()))?;
    for (name, value) in headers {
        let set = request.headers_mut().try_insert(*name, value.clone());
        set.map_err(|error| malformed(error.into()))?;
    }
    match tokio::time::timeout(within, send(request)).await {
        Ok(Ok(got)) => Ok(got),
        Ok(Err(source)) => Err(GetError::Unreached { url: url.to_owned(), source }),
        Err(_) => Err(GetError::Late { url: url.to_owned(), within }),
    }
}

async fn send(request: HttpRequest) -> Result<Got, Box<dyn StdError + Send + Sync>> {
    let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
    let mut response = connector.call(request).await?;
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let body = ByteStream::new(response.take_body()).collect().await?.to_vec();
    Ok(Got { status: response.status().as_u16(), headers, body })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn an_answer_is_read_whole_whatever_its_status_and_the_headers_were_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/repos/a/b", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let answer =
                "HTTP/1.1 404 Not Found\r\nX-RateLimit-Remaining: 0\r\nContent-Length: 4\r\n\r\nnone";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).to_lowercase()
        };
        let headers = [("authorization", "Bearer t".to_owned())];
        let (asked, got) = tokio::join!(server, get(&url, &headers, SOON));
        assert!(
            asked.starts_with("get /repos/a/b http/1.1\r\n") && asked.contains("authorization: bearer t")
        );
        let got = got.unwrap();
        assert_eq!((got.status, got.body.as_slice()), (404, b"none".as_slice()));
        assert_eq!(got.headers["x-ratelimit-remaining"], "0");
    }

    #[tokio::test]
    async fn where_nobody_listens_the_url_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = get(&url, &[], SOON).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{url} was not reached"));
        assert!(get("no url", &[], SOON).await.is_err());
    }
}
