//! The Lambda function's process: `bootstrap` in its package.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use function::{DeadLetterQueue, Deadline, logging};
use ingest::{Clients, Configuration, Ingest};
use journal::Journal;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};

fn main() -> ExitCode {
    logging::start("ingest");
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
    let clients = Clients::new(&configuration);
    let journal = Journal::new(clients.dynamodb, configuration.table.as_str(), configuration.index_shards);
    let dead_letters = DeadLetterQueue::new(clients.sqs, &configuration.dead_letter_queue_url);
    let ingest = Ingest::new(journal, dead_letters, configuration.max_receive_count);
    let handler = service_fn(|event| handle(&ingest, &configuration, event));
    Runtime::new(handler).run().await
}

async fn handle(
    ingest: &Ingest,
    configuration: &Configuration,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Diagnostic> {
    let (batch, context) = event.into_parts();
    let deadline = Deadline::before(context.deadline(), SystemTime::now());
    let report = ingest.handle(batch, deadline).await.map_err(|error| Diagnostic {
        error_type: "MissingMessageId".to_owned(),
        error_message: error.to_string(),
    })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    // The records are what they are: metrics that cannot be written must not make them come again.
    let _ = report.metrics.write(configuration, &context.request_id, now, std::io::stdout().lock());
    Ok(report.response)
}
