//! The gateway's process: a reverse proxy that tells the queue of each call.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use aws_smithy_http_client::{Builder, tls};
use clap::Parser;
use gateway::proxy::{self, Configuration, Drained, Proxy};
use gateway::{Delivery, Flushed, Producer, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Wrong usage, as sysexits.h has it.
const USAGE: u8 = 64;
/// Ended by a second signal: 128 and SIGINT.
const INTERRUPTED: u8 = 130;

/// A reverse proxy that sends an event for each request before and after it goes to its service.
///
/// It ends in good order on SIGTERM and SIGINT, and at once on a second one. Region, endpoint and credentials of the queue are
/// the AWS SDK's: AWS_REGION, AWS_ENDPOINT_URL and so on. Log events go to standard error, by HEADWATER_LOG.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
struct Arguments {
    /// The configuration
    #[arg(default_value = "gateway.toml")]
    file: PathBuf,
    /// Check the configuration and end
    #[arg(long)]
    check: bool,
    /// Print every key of the configuration and end
    #[arg(long)]
    reference: bool,
    /// The queue that events go to; it comes before the file's
    #[arg(long, env = "HEADWATER_QUEUE_URL", value_name = "URL")]
    queue_url: Option<String>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // A closed terminal is all that can go wrong here, and then nobody reads it.
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { USAGE } else { 0 });
        }
    };
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let chain = std::iter::successors(Some(&*error), |error| (*error).source());
            let chain: Vec<String> = chain.map(ToString::to_string).collect();
            let _ = writeln!(io::stderr(), "error: {}", chain.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    if arguments.reference {
        write!(io::stdout(), "{}", proxy::configuration::reference())?;
        return Ok(ExitCode::SUCCESS);
    }
    let configuration = Configuration::load(&arguments.file)?;
    let given = arguments.queue_url.as_deref().filter(|url| !url.is_empty());
    if let Some(url) = given {
        let check = proxy::configuration::check_queue_url(url);
        check.map_err(|accepts| format!("HEADWATER_QUEUE_URL or --queue-url is {url:?}; write {accepts}"))?;
    }
    if arguments.check {
        writeln!(io::stdout(), "{} is in order: {}", arguments.file.display(), sum(&configuration))?;
        return Ok(ExitCode::SUCCESS);
    }
    let queue_url = given.or(configuration.events.queue_url.as_deref()).map(str::to_owned);
    let queue_url = queue_url.ok_or_else(|| {
        let file = Path::display(&arguments.file);
        format!("no queue is given: set HEADWATER_QUEUE_URL, or `queue_url` in [events] of {file}")
    })?;
    start_logs();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(configuration, queue_url))
}

/// What a configuration comes to, in a few words.
fn sum(configuration: &Configuration) -> String {
    let routes = &configuration.routes;
    let upstreams: usize = routes.iter().map(|route| route.upstreams.len()).sum();
    let counted =
        |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    format!("{} to {}", counted(routes.len(), "route"), counted(upstreams, "upstream"))
}

/// On standard error, since standard output says where the proxy listens.
fn start_logs() {
    let levels =
        EnvFilter::try_from_env("HEADWATER_LOG").unwrap_or_else(|_| EnvFilter::new("warn,gateway=info"));
    let logs = tracing_subscriber::fmt().with_env_filter(levels).with_writer(io::stderr);
    match io::stderr().is_terminal() {
        true => logs.init(),
        false => logs.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
}

async fn serve(configuration: Configuration, queue_url: String) -> Result<ExitCode, Box<dyn Error>> {
    // Heard from here on, so that none ends the process before it could end in good order.
    let mut signals = Signals::new()?;
    let metrics = proxy::install_metrics()?;
    let flush = configuration.timeouts.flush;
    let (producer, delivery) = producer(&configuration, queue_url).await?;
    let proxy = Proxy::bind(configuration, producer, Some(metrics)).await?;
    announce(&proxy)?;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let stop_on_signal = async {
        signals.next().await;
        drop(stop);
        signals.next().await;
    };
    let in_order = async {
        let drained = proxy.run(async { _ = (&mut stopped).await }).await;
        ended(drained, delivery, flush).await
    };
    tokio::select! {
        () = in_order => Ok(ExitCode::SUCCESS),
        () = stop_on_signal => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn producer(
    configuration: &Configuration,
    queue_url: String,
) -> Result<(Producer, Delivery), Box<dyn Error>> {
    let mode = tls::rustls_provider::CryptoMode::Ring;
    let http = Builder::new().tls_provider(tls::Provider::Rustls(mode)).build_https();
    let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let settings = Settings {
        durability: configuration.events.durability.clone(),
        ..Settings::new(&configuration.events.source, queue_url)
    };
    Ok(Producer::start(settings, aws_sdk_sqs::Client::new(&sdk))?)
}

/// Tells where the proxy listens, as a line of JSON: whoever started it with port 0 waits for that.
fn announce(proxy: &Proxy) -> io::Result<()> {
    let (listen, admin) = (proxy.listen_address()?, proxy.admin_address()?);
    tracing::info!(%listen, %admin, "listening");
    writeln!(io::stdout(), "{}", serde_json::json!({ "listen": listen, "admin": admin }))
}

async fn ended(drained: Drained, delivery: Delivery, flush: std::time::Duration) {
    let Drained { finished, cut_off } = drained;
    let Flushed { sent, left } = delivery.shutdown(flush).await;
    if cut_off > 0 || left > 0 {
        tracing::warn!(
            finished,
            cut_off,
            events_sent = sent,
            events_left = left,
            "ended before all was done"
        );
    } else {
        tracing::info!(finished, events_sent = sent, "ended");
    }
}

/// The signals that end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
