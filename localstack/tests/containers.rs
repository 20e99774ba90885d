//! Local AWS in containers, on the Docker of this machine. Where that or the image is missing, the error that says so is what
//! is tested.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests"
)]

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use localstack::{Backend, Containers, Definition, Emulator, Error, File, LoopbackUrl};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What `cargo xtask image` and a mirror may have under another name.
const USUAL_IMAGE: &str = "headwater/ministack:1.5.33";

fn docker(arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where logs go, and an image that is here.
struct Here {
    home: TempDir,
    image: Option<String>,
}

impl Here {
    fn new() -> Self {
        let named = std::env::var("HEADWATER_LOCALSTACK_IMAGE").ok().filter(|name| !name.is_empty());
        let image = Some(named.unwrap_or_else(|| USUAL_IMAGE.to_owned()));
        let image = image.filter(|image| docker(&["image", "inspect", image]).is_some());
        Self { home: tempfile::tempdir().unwrap(), image }
    }

    fn containers(&self) -> Containers {
        let mut containers = Containers::new(self.home.path().to_owned());
        containers.image = self.image.clone().unwrap_or_else(|| "headwater.invalid/none:1".into());
        containers
    }

    /// The emulator, or none where it cannot run and says so as it should.
    async fn start(&self) -> Result<Option<Emulator>, Error> {
        self.start_with(|_| ()).await
    }

    async fn start_with(&self, change: impl FnOnce(&mut Containers)) -> Result<Option<Emulator>, Error> {
        let mut containers = self.containers();
        change(&mut containers);
        match Emulator::start(Backend::LocalStack(containers), &|_| ()).await {
            Ok(emulator) => Ok(Some(emulator)),
            Err(Error::NoDocker { .. } | Error::Image { .. }) if self.image.is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn network(emulator: &Emulator) -> String {
    emulator.containers().unwrap().network().to_owned()
}

/// What there is of a network: itself, its containers and its volumes.
fn left(network: &str) -> Vec<String> {
    let label = format!("label=dev.headwater.network={network}");
    let (of_network, name) = (format!("network={network}"), format!("name={network}"));
    [
        docker(&["network", "ls", "-q", "--filter", &name]),
        docker(&["ps", "-aq", "--filter", &label]),
        docker(&["ps", "-aq", "--filter", &of_network]),
        docker(&["volume", "ls", "-q", "--filter", &name]),
    ]
    .into_iter()
    .flatten()
    .filter(|ids| !ids.is_empty())
    .collect()
}

fn status(endpoint: &LoopbackUrl, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((endpoint.host(), endpoint.port())).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", endpoint.host()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1).map(str::to_owned)
}

/// Waits for a condition, at most 60 s.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let by = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < by, "not within 60 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The chain of an error and its help.
fn in_words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!("\ncaused by: {cause}");
        source = cause.source();
    }
    text + &format!("\nhelp: {}", error.help().unwrap_or_default())
}

#[tokio::test]
async fn it_answers_on_this_machine_alone_and_nothing_but_its_log_is_left_of_it() -> Outcome {
    let here = Here::new();
    let Some(emulator) = here.start().await? else { return Ok(()) };
    let (network, log) = (network(&emulator), emulator.log().unwrap().to_owned());
    assert_eq!(emulator.endpoint().host(), "127.0.0.1");
    assert_eq!(status(emulator.endpoint(), "/_localstack/health").as_deref(), Some("200"));
    let container = docker(&["ps", "-q", "--filter", &format!("network={network}")]).unwrap();
    assert_eq!(
        docker(&["port", &container]).unwrap().lines().filter(|line| !line.contains("127.0.0.1")).count(),
        0
    );
    emulator.check()?;
    assert!(emulator.process_id().is_none() && emulator.function_processes()?.is_empty());
    // What joins the network, by whomever it was started, goes with it.
    docker(&["run", "-d", "--network", &network, here.image.as_deref().unwrap(), "sleep", "1000"]).unwrap();
    docker(&["create", "--network", &network, "-v", "/data", here.image.as_deref().unwrap()]).unwrap();
    docker(&["volume", "create", &format!("{network}-fs")]).unwrap();
    emulator.stop().await?;
    assert_eq!(left(&network), Vec::<String>::new());
    assert!(std::fs::read_to_string(log)?.contains("Ready"));
    let logs = std::fs::read_dir(here.home.path().join("logs"))?.count();
    assert_eq!(logs, 3, "a log for each container");
    Ok(())
}

#[tokio::test]
async fn one_that_ends_by_itself_says_how() -> Outcome {
    let here = Here::new();
    let Some(emulator) = here.start().await? else { return Ok(()) };
    emulator.check()?;
    let of_network = format!("network={}", network(&emulator));
    let container = docker(&["ps", "-q", "--filter", &of_network]).unwrap();
    docker(&["kill", &container]).unwrap();
    let error = emulator.died().await;
    assert!(error.to_string().contains("ended by itself (exit code 137); the end of its log:\n"), "{error}");
    assert!(emulator.check().is_err());
    Ok(emulator.stop().await?)
}

#[test]
fn a_panic_removes_it() {
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let here = Here::new();
        let Some(emulator) = runtime.block_on(here.start()).unwrap() else { return };
        tell.send(network(&emulator)).unwrap();
        panic!("the test's own panic, on purpose");
    });
    if let Ok(network) = told.recv() {
        assert!(panicked.join().is_err());
        assert_eq!(left(&network), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() -> Outcome {
    let here = Here::new();
    if here.image.is_none() {
        return Ok(());
    }
    // Others run in this process too, so a process of its own is needed to see that nothing is left of one.
    for after in [0, 40, 80, 120, 200, 300, 450, 700] {
        let output = Command::new(std::env::current_exe()?)
            .args(["--exact", "gives_up_after_a_while", "--nocapture"])
            .env("HEADWATER_TEST_GIVE_UP_AFTER", after.to_string())
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let process = said.lines().find_map(|line| line.strip_prefix("process ")).unwrap().to_owned();
        let names = docker(&["network", "ls", "--format", "{{.Name}}"]).unwrap();
        let of_process = format!("-{process}-");
        assert!(!names.lines().any(|name| name.contains(&of_process)), "after {after} ms: {names}");
        let format = r#"{{.Label "dev.headwater.network"}}"#;
        let containers = docker(&["ps", "-a", "--format", format]).unwrap();
        assert!(!containers.contains(&of_process), "after {after} ms: {containers}");
    }
    Ok(())
}

/// Not a test by itself: the process that the test before starts.
#[tokio::test]
async fn gives_up_after_a_while() -> Outcome {
    let Ok(after) = std::env::var("HEADWATER_TEST_GIVE_UP_AFTER") else { return Ok(()) };
    println!("\nprocess {}", std::process::id());
    let here = Here::new();
    let _ = tokio::time::timeout(Duration::from_millis(after.parse()?), here.start()).await;
    Ok(())
}

/// Not a test by itself: the process that the next test kills.
#[tokio::test]
async fn a_process_that_holds_containers() -> Outcome {
    if std::env::var_os("HEADWATER_TEST_HOLD_CONTAINERS").is_none() {
        return Ok(());
    }
    let here = Here::new();
    let Some(emulator) = here.start().await? else { return Ok(()) };
    println!("\nholds {}", network(&emulator));
    std::future::pending().await
}

#[tokio::test]
async fn what_a_killed_process_left_the_next_start_removes() -> Outcome {
    let here = Here::new();
    if here.image.is_none() {
        return Ok(());
    }
    let mut holder = Command::new(std::env::current_exe()?)
        .args(["--exact", "a_process_that_holds_containers", "--nocapture"])
        .env("HEADWATER_TEST_HOLD_CONTAINERS", "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let network = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("holds ").map(str::to_owned));
    let network = network.ok_or("it ended without an emulator")?;
    // Some other test may start in between; while the holder lives nobody touches what it has.
    let other = here.start().await?.unwrap();
    assert!(!left(&network).is_empty());
    holder.kill()?;
    holder.wait()?;
    other.stop().await?;
    here.start().await?.unwrap().stop().await?;
    eventually("what the killed process had is gone", || left(&network).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_before_anything_is_started() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Here::new().start_with(|containers| containers.port = Some(port)).await.unwrap_err();
    assert!(matches!(error, Error::Port { port: named, .. } if named == port), "{error}");
}

#[tokio::test]
async fn a_port_that_was_asked_for_is_used() -> Outcome {
    let here = Here::new();
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let Some(emulator) = here.start_with(|containers| containers.port = Some(port)).await? else {
        return Ok(());
    };
    assert_eq!(emulator.endpoint().port(), port);
    Ok(emulator.stop().await?)
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_named_with_what_to_do() -> Outcome {
    let here = Here { home: tempfile::tempdir()?, image: Some("127.0.0.1:1/headwater/none:1".into()) };
    let error = match here.start().await {
        Err(Error::NoDocker { .. }) => return Ok(()),
        outcome => outcome.expect_err("there is no such image"),
    };
    assert!(
        matches!(&error, Error::Image { image, .. } if image == "127.0.0.1:1/headwater/none:1"),
        "{error}"
    );
    let words = in_words(&error);
    assert!(words.starts_with("the image 127.0.0.1:1/headwater/none:1 cannot be had: "), "{words}");
    assert!(words.contains("HEADWATER_LOCALSTACK_IMAGE"), "{words}");
    Ok(())
}

/// Not a test by itself: the program that the next tests run with variables of their own.
#[tokio::test]
async fn an_error_as_a_person_reads_it() -> Outcome {
    if std::env::var_os("HEADWATER_TEST_TELL").is_none() {
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let mut containers = Containers::new(home.path().to_owned());
    containers.answer_within = Duration::from_secs(20);
    let error = Emulator::start(Backend::LocalStack(containers), &|_| ()).await.expect_err("it cannot run");
    println!("\n<<{}>>", in_words(&error).replace(&home.path().display().to_string(), "<home>"));
    Ok(())
}

fn told_with(variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_error_as_a_person_reads_it", "--nocapture"])
        .env_remove("LOCALSTACK_AUTH_TOKEN")
        .env("HEADWATER_TEST_TELL", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    output.split("<<").nth(1).and_then(|rest| rest.split(">>").next()).unwrap_or(&output).to_owned()
}

#[test]
fn without_docker_it_is_said_where_it_was_looked_for_and_what_to_do() {
    insta::assert_snapshot!(told_with(&[("DOCKER_HOST", "unix:///nowhere/docker.sock")]));
}

#[test]
fn docker_on_another_machine_is_refused() {
    insta::assert_snapshot!(told_with(&[("DOCKER_HOST", "tcp://build.example:2376")]));
}

#[test]
fn a_docker_that_does_not_listen_is_told_from_one_that_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let told = told_with(&[("DOCKER_HOST", &format!("unix://{}", socket.display()))]);
    insta::assert_snapshot!(told.replace(&directory.path().display().to_string(), "<directory>"));
}

/// An image made of the one that is here, whose program does as it is told. It goes with the value.
struct FakeImage(String);

impl FakeImage {
    fn new(name: &str, of: &str, shell: &str) -> Option<Self> {
        let image = format!("headwater/test-{name}:{}", std::process::id());
        let container = docker(&["create", of, "sh", "-c", shell])?;
        let change = format!("CMD {}", serde_json::json!(["sh", "-c", shell]));
        docker(&["commit", "--change", &change, &container, &image])?;
        docker(&["rm", &container])?;
        Some(Self(image))
    }
}

impl Drop for FakeImage {
    fn drop(&mut self) {
        docker(&["image", "rm", "-f", &self.0]);
    }
}

/// What differs from run to run.
fn without_names(told: &str, image: &FakeImage) -> String {
    let told = told.replace(&image.0, "<image>");
    let (before, after) = told.split_once("logs/localstack-").unwrap_or((&told, ""));
    let after = after.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
    if after.is_empty() { told.clone() } else { format!("{before}logs/localstack-…{after}") }
}

#[test]
fn a_localstack_that_wants_a_token_says_where_to_get_one() {
    let Some(of) = Here::new().image else { return };
    let says = "echo 'Localstack returning with exit code 55. Reason:'; \
                echo 'The license activation failed for the following reason:'; \
                echo 'No credentials were found in the environment. Please set the LOCALSTACK_AUTH_TOKEN variable.'; \
                exit 55";
    let image = FakeImage::new("token", &of, says).unwrap();
    insta::assert_snapshot!(without_names(&told_with(&[("HEADWATER_LOCALSTACK_IMAGE", &image.0)]), &image));
    let given = [("HEADWATER_LOCALSTACK_IMAGE", image.0.as_str()), ("LOCALSTACK_AUTH_TOKEN", "ls-secret")];
    let told = told_with(&given);
    assert!(told.contains("does not take its auth token") && !told.contains("ls-secret"), "{told}");
}

#[test]
fn an_image_that_does_not_start_shows_the_end_of_its_log() {
    let Some(of) = Here::new().image else { return };
    let image = FakeImage::new("broken", &of, "echo 'ImportError: no module' >&2; exit 3").unwrap();
    insta::assert_snapshot!(without_names(&told_with(&[("HEADWATER_LOCALSTACK_IMAGE", &image.0)]), &image));
}

/// A server of one file in Python, which every image that is MiniStack or LocalStack has.
const SERVER: &str = "echo started >> /data/starts; wc -l < /data/starts; cd /data; echo 'IS LEADER'; \
                      trap 'exit 0' TERM; python3 -m http.server 2113 & wait";

#[tokio::test]
async fn a_service_keeps_its_address_and_data_until_they_are_lost() -> Outcome {
    let here = Here::new();
    let Some(emulator) = here.start().await? else { return Ok(()) };
    let network = network(&emulator);
    let mut service = emulator.containers().unwrap().reserve("eventstore")?;
    let definition = Definition {
        image: here.image.clone().unwrap(),
        entry_point: vec!["sh".into(), "-ec".into()],
        command: vec![SERVER.into()],
        environment: BTreeMap::from([("NAME".into(), "value".into())]),
        files: vec![File { path: "/etc/one/file".into(), content: b"content".to_vec(), mode: 0o400 }],
        volumes: BTreeMap::from([("data".into(), "/data".into())]),
        alias: Some("eventstore.headwater.internal".into()),
        port: 2113,
        ready: Some("IS LEADER".into()),
        health: vec!["CMD-SHELL".into(), "test \"$(cat /etc/one/file)\" = content".into()],
        ..Definition::default()
    };
    let starts = |service: &localstack::Service| std::fs::read_to_string(service.log().unwrap()).unwrap();
    let url: LoopbackUrl = format!("http://{}", service.address()).parse()?;
    assert!(!service.is_running().await? && status(&url, "/starts").is_none());
    for times in ["1\n", "2\n"] {
        service.start(&definition, &|_| ()).await?;
        assert!(service.is_running().await? && starts(&service).contains(times), "{}", starts(&service));
        eventually("it answers", || status(&url, "/starts").as_deref() == Some("200"));
        service.stop().await?;
        assert!(!service.is_running().await? && status(&url, "/starts").is_none());
    }
    service.lose_data().await?;
    service.start(&definition, &|_| ()).await?;
    assert!(starts(&service).contains("1\n"), "{}", starts(&service));
    eventually("it answers", || status(&url, "/starts").as_deref() == Some("200"));
    // Others on the network find it by its name.
    let from = docker(&[
        "ps",
        "-q",
        "--filter",
        "label=dev.headwater.role=localstack",
        "--filter",
        &format!("network={network}"),
    ])
    .unwrap();
    let ask = "import urllib.request as u; print(u.urlopen('http://eventstore.headwater.internal:2113/starts').status)";
    assert_eq!(docker(&["exec", &from, "python3", "-c", ask]).unwrap(), "200");
    drop(emulator);
    assert_eq!(left(&network), Vec::<String>::new());
    assert!(matches!(service.start(&definition, &|_| ()).await, Err(Error::Stopped)));
    Ok(())
}

#[tokio::test]
async fn a_service_that_does_not_start_shows_the_end_of_its_log_and_does_not_run() -> Outcome {
    let here = Here::new();
    let Some(emulator) = here.start().await? else { return Ok(()) };
    let mut service = emulator.containers().unwrap().reserve("eventstore")?;
    let definition = Definition {
        image: here.image.clone().unwrap(),
        command: vec!["sh".into(), "-c".into(), "echo 'no such option'; exit 2".into()],
        port: 2113,
        ready: Some("IS LEADER".into()),
        ..Definition::default()
    };
    let error = service.start(&definition, &|_| ()).await.unwrap_err().to_string();
    assert!(
        error.contains("ended by itself (exit code 2); the end of its log:\n    no such option"),
        "{error}"
    );
    assert!(!service.is_running().await?);
    Ok(emulator.stop().await?)
}

#[tokio::test]
async fn a_task_is_the_newest_container_on_the_network_with_its_name() -> Outcome {
    let here = Here::new();
    let Some(emulator) = here.start().await? else { return Ok(()) };
    let (stack, network) = (emulator.containers().unwrap(), network(&emulator));
    assert_eq!(stack.task("eventstore", 2113).await?, None);
    let label = "com.amazonaws.ecs.container-name=eventstore";
    let image = here.image.as_deref().unwrap();
    let run = |published: &str| {
        let network = ["run", "-d", "--network", &network];
        docker(&[&network[..], &["--label", label, "-p", published, image, "sleep", "1000"]].concat())
    };
    let container = run("127.0.0.1::2113").unwrap();
    let task = stack.task("eventstore", 2113).await?.unwrap();
    assert_eq!((task.container.as_str(), task.image.as_str()), (container.as_str(), image));
    assert_eq!(docker(&["port", &container, "2113"]).unwrap(), task.address.to_string());
    assert_eq!(stack.task("eventstore", 80).await?, None);
    docker(&["kill", &container]).unwrap();
    assert_eq!(stack.task("eventstore", 2113).await?, None);
    Ok(emulator.stop().await?)
}

/// Where the home cannot be written to, nothing is started.
#[tokio::test]
async fn a_home_that_cannot_be_written_to_is_named() -> Outcome {
    let here = Here::new();
    if here.image.is_none() {
        return Ok(());
    }
    let file = here.home.path().join("file");
    std::fs::write(&file, "")?;
    let error = here.start_with(|containers| containers.home = file.clone()).await.unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.starts_with(Path::new(&file))), "{error}");
    Ok(())
}
