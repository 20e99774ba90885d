//! The containers backend: LocalStack, or an image that answers as it does, on a Docker network of its own.
//!
//! What is said of LocalStack here, read in its source and documentation:
//!
//! - 4.14.0 is the last release that runs without an auth token: <https://blog.localstack.cloud/the-road-ahead-for-localstack/>.
//!   Releases are named by year and month after it: <https://docs.localstack.cloud/aws/changelog/>. One without a token ends
//!   with exit code 55 and names `LOCALSTACK_AUTH_TOKEN` in its log.
//! - Its Lambda runs each function in a container of its own, which it starts through the Docker socket and joins to
//!   `LAMBDA_DOCKER_NETWORK`. Whoever may write to that socket may do on this machine what root may.
//! - It writes `Ready.` once it serves, and `/_localstack/health` answers 200. MiniStack answers that path too, and writes
//!   `Ready — …`.
//!
//! MiniStack in a container runs functions as it does without one, as processes beside it, and tasks of ECS as containers on
//! its own container's first network.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use testcontainers::core::{IntoContainerPort, Mount};
use testcontainers::{CopyDataSource, CopyTargetOptions, ImageExt};
use tokio::time::{Instant, sleep, timeout};

use crate::docker::{Container, Docker, Waiting};
use crate::network::{self, Owned, Publish};
use crate::removal::EMULATOR;
use crate::{ACCOUNT, CREDENTIALS, Error, LoopbackUrl, Progress, REGION, Stack, health, loopback, removal};

/// The last release that needs no token.
const FREE_IMAGE: &str = "localstack/localstack:4.14.0";
/// The release that is used with a token.
const LICENSED_IMAGE: &str = "localstack/localstack:2026.07.0";

/// The port that LocalStack serves on, <https://docs.localstack.cloud/aws/capabilities/networking/external-port-range/>.
const GATEWAY: u16 = 4566;

/// What the container imports before anything else, where it is Python: MiniStack's mends.
const IMPORTED: [(&str, &str); 4] = [
    ("/opt/headwater/ministack_mends.py", include_str!("../ministack_mends.py")),
    ("/opt/headwater/ministack_tasks.py", include_str!("../ministack_tasks.py")),
    ("/opt/headwater/ministack_volumes.py", include_str!("../ministack_volumes.py")),
    ("/opt/headwater/sitecustomize.py", include_str!("../sitecustomize.py")),
];

/// How long an image that writes no line we know may take after its first answer: its health alone is then believed.
const STEADY: Duration = Duration::from_secs(10);

/// LocalStack in a container, and how to run it.
#[derive(Clone, Debug)]
pub struct Containers {
    /// Where logs are kept; see [`home`](crate::home).
    pub home: PathBuf,
    /// The port on 127.0.0.1; a free one when unset.
    pub port: Option<u16>,
    /// The image: LocalStack's, a mirror's, or another that answers as LocalStack does.
    pub image: String,
    /// LocalStack's auth token, passed into the container.
    pub auth_token: Option<AuthToken>,
    /// Whether IAM policies are evaluated, where the image can: MiniStack does, LocalStack with a paid plan.
    pub auth: bool,
    /// How long it may take from its start to its first answer, after the image is there.
    pub answer_within: Duration,
}

/// LocalStack's auth token. `Debug` does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthToken(String);

impl AuthToken {
    /// Takes the token's text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for AuthToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AuthToken(…)")
    }
}

impl Containers {
    /// The defaults, with what `HEADWATER_LOCALSTACK_IMAGE` and `LOCALSTACK_AUTH_TOKEN` say.
    #[must_use]
    pub fn new(home: PathBuf) -> Self {
        Self::from_variables(home, |name| std::env::var_os(name))
    }

    /// The same with variables from elsewhere. One that is empty counts as unset.
    fn from_variables(home: PathBuf, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| {
            variable(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
        };
        let auth_token = set("LOCALSTACK_AUTH_TOKEN").map(AuthToken);
        let default = if auth_token.is_some() { LICENSED_IMAGE } else { FREE_IMAGE };
        Self {
            home,
            port: None,
            image: set("HEADWATER_LOCALSTACK_IMAGE").unwrap_or_else(|| default.to_owned()),
            auth_token,
            auth: false,
            answer_within: Duration::from_secs(120),
        }
    }

    pub(crate) async fn start(&self, progress: Progress<'_>) -> Result<Stack, Error> {
        if let Some(port) = self.port {
            loopback::free(port)?;
        }
        let docker = Docker::connect().await?;
        removal::sweep(&docker, &self.home, progress).await?;
        docker.have_image(&self.image, progress).await?;
        progress(&format!("starting {}", self.image));
        let network = Owned::create(docker, &self.home).await?;
        // From here on dropping `network` removes all that is on it, whichever way this function is left.
        let container = self.run(&network).await?;
        let port = container.port(GATEWAY).await.map_err(|error| self.why(error))?;
        let stack = Stack::new(network, container, LoopbackUrl::of_port(port));
        self.wait_until_ready(&stack).await?;
        Ok(stack)
    }

    async fn run(&self, network: &Owned) -> Result<Container, Error> {
        let mut request = network::image(&self.image)
            .with_exposed_port(GATEWAY.tcp())
            .with_mount(Mount::bind_mount(network.docker().socket_to_mount(), "/var/run/docker.sock"));
        for (name, value) in self.settings(network.name()) {
            request = request.with_env_var(name, value);
        }
        for (path, text) in IMPORTED {
            let source = CopyDataSource::Data(text.as_bytes().to_vec());
            request = request.with_copy_to(CopyTargetOptions::new(path).with_mode(0o444), source);
        }
        let publish = Publish { port: GATEWAY, on: self.port };
        network.run(EMULATOR, &self.image, request, publish, None).await
    }

    /// The settings of LocalStack and of MiniStack: neither minds the other's, so nobody has to know which it is.
    fn settings(&self, network: &str) -> BTreeMap<&'static str, String> {
        let mut settings: BTreeMap<&'static str, String> = [
            ("AUTH", self.auth.to_string()),
            ("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key_id.into()),
            ("AWS_DEFAULT_REGION", REGION.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            // What MiniStack's functions, which run beside it, call. LocalStack gives its functions one of its own.
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{GATEWAY}")),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_access_key.into()),
            ("DEBUG", "0".into()),
            ("DISABLE_EVENTS", "1".into()),
            ("DOCKER_HOST", "unix:///var/run/docker.sock".into()),
            ("DOCKER_NETWORK", network.into()),
            ("EAGER_SERVICE_LOADING", "0".into()),
            ("ENFORCE_IAM", u8::from(self.auth).to_string()),
            ("GATEWAY_PORT", GATEWAY.to_string()),
            ("IOT_MTLS_ENABLED", "0".into()),
            ("LAMBDA_DOCKER_NETWORK", network.into()),
            ("LAMBDA_EXECUTOR", "local".into()),
            // The zips are this machine's, whichever processor the environment names.
            ("LAMBDA_IGNORE_ARCHITECTURE", "1".into()),
            ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
            ("MINISTACK_REGION", REGION.into()),
            ("PERSISTENCE", "0".into()),
            ("PERSIST_STATE", "0".into()),
            ("PYTHONPATH", "/opt/headwater".into()),
            ("SFTP_ENABLED", "0".into()),
            ("SKIP_SSL_CERT_DOWNLOAD", "1".into()),
        ]
        .into();
        if let Some(AuthToken(token)) = &self.auth_token {
            settings.insert("LOCALSTACK_AUTH_TOKEN", token.clone());
        }
        settings
    }

    async fn wait_until_ready(&self, stack: &Stack) -> Result<(), Error> {
        let container = stack.container();
        let waiting = Waiting::of(container, self.answer_within);
        let mut answered: Option<Instant> = None;
        loop {
            if let Some(error) = container.ended().await? {
                return Err(self.why(error));
            }
            let health =
                timeout(Duration::from_secs(5), health::get(stack.endpoint(), "/_localstack/health"));
            if matches!(health.await, Ok(Ok(200))) {
                let steady = answered.get_or_insert_with(Instant::now).elapsed() >= STEADY;
                let log = fs::read_to_string(container.log()).unwrap_or_default();
                if steady || log.lines().any(says_ready) {
                    return Ok(());
                }
            }
            waiting.check()?;
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// What an end means that LocalStack's log gives the token as the reason of.
    fn why(&self, error: Error) -> Error {
        match error {
            Error::Died { log, .. }
                if log.says("LOCALSTACK_AUTH_TOKEN") || log.says("license activation failed") =>
            {
                Error::Token { image: self.image.clone(), given: self.auth_token.is_some(), log }
            }
            error => error,
        }
    }
}

/// The line that LocalStack writes once it serves, and MiniStack's.
fn says_ready(line: &str) -> bool {
    line.trim_end() == "Ready." || line.contains("] Ready — ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Containers {
        Containers::from_variables("/home".into(), |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn without_a_token_the_image_is_the_last_that_needs_none() {
        assert_eq!(from(&[]).image, "localstack/localstack:4.14.0");
        assert_eq!(from(&[("LOCALSTACK_AUTH_TOKEN", "")]).image, "localstack/localstack:4.14.0");
        assert!(!from(&[]).settings("n").contains_key("LOCALSTACK_AUTH_TOKEN"));
    }

    #[test]
    fn a_token_chooses_a_newer_image_goes_into_the_container_and_is_told_nobody_else() {
        let containers = from(&[("LOCALSTACK_AUTH_TOKEN", "ls-secret")]);
        assert_eq!(containers.image, "localstack/localstack:2026.07.0");
        assert_eq!(containers.settings("n")["LOCALSTACK_AUTH_TOKEN"], "ls-secret");
        assert!(!format!("{containers:?}").contains("secret"));
    }

    #[test]
    fn an_image_that_is_named_is_used_with_and_without_a_token() {
        let image = ("HEADWATER_LOCALSTACK_IMAGE", "mirror.example:5000/localstack:4.14.0");
        assert_eq!(from(&[image]).image, image.1);
        assert_eq!(from(&[image, ("LOCALSTACK_AUTH_TOKEN", "t")]).image, image.1);
    }

    #[test]
    fn nothing_of_the_users_aws_configuration_goes_into_the_container() {
        let settings = from(&[("AWS_PROFILE", "prod"), ("AWS_ACCESS_KEY_ID", "AKIA")]).settings("n");
        assert_eq!((settings["AWS_ACCESS_KEY_ID"].as_str(), settings.get("AWS_PROFILE")), ("test", None));
    }

    #[test]
    fn every_mend_is_copied_into_the_container() -> std::io::Result<()> {
        for file in fs::read_dir(env!("CARGO_MANIFEST_DIR"))? {
            let name = file?.file_name().display().to_string();
            if name.starts_with("ministack_") && name.ends_with(".py") {
                assert!(IMPORTED.iter().any(|(path, _)| path.ends_with(&name)), "{name}");
            }
        }
        Ok(())
    }

    #[test]
    fn both_emulators_say_when_they_are_ready() {
        assert!(says_ready("Ready.\r"));
        assert!(says_ready(
            "2026-11-23 01:21:42 INFO [ministack] Ready — 91 services available on port 4566."
        ));
        assert!(!says_ready("Getting Ready. Soon"));
    }
}
