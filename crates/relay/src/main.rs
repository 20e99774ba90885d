//! The Lambda function's process: `bootstrap` in its package.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use function::{Deadline, logging};
use journal::replay;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use relay::{Clients, Configuration, EventStoreDb, FailureQueue, Invocation, Payload, Relay, Secrets, Trust};

fn main() -> ExitCode {
    logging::start("relay");
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = logging::with_causes(&*error), "the function cannot run");
            ExitCode::FAILURE
        }
    }
}

/// One thread serves: a function has one invocation at a time, and up to 1,769 MB of memory one processor.
fn run() -> Result<(), lambda_runtime::Error> {
    let configuration = Configuration::from_env()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(configuration))
}

async fn serve(configuration: Configuration) -> Result<(), lambda_runtime::Error> {
    if configuration.eventstore.tls.as_ref().is_some_and(|tls| tls.trust == Trust::Nobody) {
        tracing::warn!("EventStoreDB is not authenticated: whoever answers gets the events and the password");
    }
    let clients = Clients::new(&configuration);
    let store = EventStoreDb::new(configuration.eventstore.clone(), Secrets::new(clients.secrets));
    let failures = FailureQueue::new(clients.sqs, &configuration.failure_queue_url);
    let relay = Relay::new(store, failures, configuration.max_append_bytes);
    let handler = service_fn(|event| handle(&relay, &configuration, event));
    Runtime::new(handler).run().await
}

/// A replay is answered with its report. A batch is answered with nothing: Lambda takes that for success.
async fn handle(
    relay: &Relay<EventStoreDb>,
    configuration: &Configuration,
    event: LambdaEvent<Payload>,
) -> Result<Option<replay::Report>, Diagnostic> {
    let (payload, context) = event.into_parts();
    let deadline = Deadline::before(context.deadline(), SystemTime::now());
    let invocation = Invocation::try_from(payload)
        .map_err(|error| diagnostic("UnknownPayload", logging::with_causes(&error)))?;
    let is_replay = invocation.is_replay;
    let report = relay.handle(invocation, deadline).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    // The records are what they are: metrics that cannot be written must not make them come again.
    let _ = report.metrics.write(configuration, &context.request_id, now, std::io::stdout().lock());
    match report.result {
        Ok(answer) => Ok(is_replay.then_some(answer)),
        Err(failure) => Err(diagnostic(failure.name(), logging::with_causes(&failure))),
    }
}

fn diagnostic(error_type: &str, error_message: String) -> Diagnostic {
    Diagnostic { error_type: error_type.to_owned(), error_message }
}
