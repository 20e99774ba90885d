//! The repository on GitHub, with the ids that GitHub's tokens name it by.

use std::{env, time::Duration};

use aws_env::{GetError, Got, get};
use blueprint::bootstrap::Repository;
use serde::Deserialize;

use crate::cli;

/// Where GitHub's API is, unless `GITHUB_API_URL` names another, as GitHub's own runners do.
const API: &str = "https://api.github.com";

const PATIENCE: Duration = Duration::from_secs(30);

/// What to do where GitHub is not to be asked.
const OPTIONS: &str = "or pass `--owner-id` and `--repository-id`";

/// Why the repository's ids are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum RepositoryError {
    /// GitHub knows none, or does not show it.
    #[error(
        "GitHub shows no repository {name}; correct `--repo`; if it is private, set GITHUB_TOKEN to a token that may read \
         it, {OPTIONS}"
    )]
    Absent {
        /// `OWNER/NAME`.
        name: String,
    },
    /// It has another name or owner now.
    #[error("{name} was renamed or moved on GitHub; pass the name that it has now with `--repo`")]
    Moved {
        /// `OWNER/NAME`.
        name: String,
    },
    /// GitHub answers no more for a while.
    #[error(
        "GitHub's rate limit for this address or token is used up; set GITHUB_TOKEN, wait an hour, {OPTIONS}"
    )]
    Limited,
    /// The token is none, or no longer.
    #[error(
        "GitHub does not accept the token in GITHUB_TOKEN or GH_TOKEN; set another or unset it, {OPTIONS}"
    )]
    Token,
    /// GitHub was not reached.
    #[error("GitHub was not asked for the ids of {name}; check the network, {OPTIONS}")]
    Unreached {
        /// `OWNER/NAME`.
        name: String,
        /// Why not.
        source: GetError,
    },
    /// GitHub said something else.
    #[error("GitHub answered with status {status} and no repository; try again, {OPTIONS}")]
    Odd {
        /// The HTTP status.
        status: u16,
    },
}

/// The repository that was named: by its ids where they were given, else as GitHub's API tells it.
pub(super) async fn find(args: &cli::Bootstrap) -> Result<Repository, RepositoryError> {
    let cli::OwnerAndName { owner, name } = &args.repo;
    let branch = args.branch.clone();
    if let (Some(owner_id), Some(id)) = (args.owner_id, args.repository_id) {
        return Ok(Repository { owner: owner.clone(), owner_id, name: name.clone(), id, branch });
    }
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let api = set("GITHUB_API_URL").unwrap_or_else(|| API.to_owned());
    let token = set("GITHUB_TOKEN").or_else(|| set("GH_TOKEN"));
    ask(&api, token.as_deref(), &args.repo, branch).await
}

/// GitHub's answer, as far as we need it: <https://docs.github.com/en/rest/repos/repos#get-a-repository>
#[derive(Deserialize)]
struct Told {
    id: u64,
    name: String,
    owner: Owner,
}

#[derive(Deserialize)]
struct Owner {
    id: u64,
    login: String,
}

async fn ask(
    api: &str,
    token: Option<&str>,
    named: &cli::OwnerAndName,
    branch: String,
) -> Result<Repository, RepositoryError> {
    let url = format!("{}/repos/{named}", api.trim_end_matches('/'));
    let mut headers = vec![
        ("accept", "application/vnd.github+json".to_owned()),
        ("user-agent", "headwater".to_owned()),
        ("x-github-api-version", "2022-11-28".to_owned()),
    ];
    headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
    let name = || named.to_string();
    let got = get(&url, &headers, PATIENCE).await;
    let got = got.map_err(|source| RepositoryError::Unreached { name: name(), source })?;
    match got.status {
        200 => {}
        301 | 302 | 307 | 308 => return Err(RepositoryError::Moved { name: name() }),
        401 => return Err(RepositoryError::Token),
        404 => return Err(RepositoryError::Absent { name: name() }),
        403 | 429 if is_limited(&got) => return Err(RepositoryError::Limited),
        status => return Err(RepositoryError::Odd { status }),
    }
    // GitHub takes a name in any case, and writes it into its tokens in one.
    let odd = |_| RepositoryError::Odd { status: got.status };
    let Told { id, name, owner } = serde_json::from_slice(&got.body).map_err(odd)?;
    Ok(Repository { owner: owner.login, owner_id: owner.id, name, id, branch })
}

/// Source: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
fn is_limited(got: &Got) -> bool {
    let used_up = got.headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    used_up || got.headers.contains_key("retry-after") || got.status == 429
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What comes of one answer, and the request that it was given to.
    async fn asked(status: &str, header: &str, body: &str) -> (String, Result<Repository, RepositoryError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let answer =
                format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let named = "octo-org/events".parse().unwrap();
        tokio::join!(server, ask(&api, Some("secret"), &named, "main".into()))
    }

    #[tokio::test]
    async fn the_ids_and_the_spelling_are_githubs() {
        let body = r#"{"id": 123456, "name": "Events", "full_name": "Octo-Org/Events", "private": true,
            "owner": {"login": "Octo-Org", "id": 65, "type": "Organization"}}"#;
        let (request, found) = asked("200 OK", "X: y", body).await;
        let request = request.to_lowercase();
        assert!(request.starts_with("get /repos/octo-org/events http/1.1"), "{request}");
        assert!(
            request.contains("authorization: bearer secret") && request.contains("user-agent: headwater")
        );
        let expected = Repository {
            owner: "Octo-Org".into(),
            owner_id: 65,
            name: "Events".into(),
            id: 123_456,
            branch: "main".into(),
        };
        assert_eq!(found.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_github_refuses_is_told_with_what_to_do() {
        let mut told = Vec::new();
        for (status, header) in [
            ("404 Not Found", "X: y"),
            ("301 Moved Permanently", "Location: https://api.github.com/repositories/1"),
            ("403 Forbidden", "X-RateLimit-Remaining: 0"),
            ("429 Too Many Requests", "X: y"),
            ("401 Unauthorized", "X: y"),
            ("403 Forbidden", "X: y"),
            ("200 OK", "X: y"),
        ] {
            let error = asked(status, header, "{}").await.1.unwrap_err();
            assert!(!format!("{error:?}").contains("secret"));
            told.push(error.to_string());
        }
        let nowhere = ask("http://127.0.0.1:1", None, &"a/b".parse().unwrap(), "main".into()).await;
        told.push(nowhere.unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n"));
    }
}
