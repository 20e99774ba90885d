//! The functions with the roles that we gave them and nothing else: the emulator evaluates IAM's policies here.

use anyhow::{Context, Result};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_env::SdkConfig;
use aws_iam::{Role, RoleSpec, Roles};
use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue};
use aws_sqs::Queues;
use end_to_end::Local;
use event::dead_letter::DeadLetter;
use headwater::load;
use resource::{Family, Graph, PolicyDocument, Statement};
use serde_json::Value;

use crate::{DEFAULTS, message};

const SEND: &str = "sqs:SendMessage";

#[tokio::test]
async fn the_ingest_functions_role_lets_it_do_its_work_and_nothing_beyond() -> Result<()> {
    let mut local = Local::start_with_auth(DEFAULTS).await?;
    let blueprint = fit_to_emulator(&mut local)?;
    local.deploy().await?;
    let good: Vec<_> = load::messages(30).collect();
    let poison = message("not an event");
    local.send(&good).await?;
    local.send(std::slice::from_ref(&poison)).await?;
    local.expect_stored(&good).await?;
    let dead = local.expect_dead(1).await?;
    let letter = DeadLetter::from_message(&dead[0].message)?.context("the dead letter has no reason")?;
    assert_eq!(letter.original, poison);

    let function = as_function(&local, blueprint::INGEST).await?;
    let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(&function), aws_sdk_sqs::Client::new(&function));
    let table = local.journal().table().to_owned();
    let scan = dynamodb.scan().table_name(&table).send().await.err().context("it may scan the journal")?;
    let delete = dynamodb.delete_table().table_name(&table).send().await;
    let delete = delete.err().context("it may delete the journal")?;
    let queue = local.queue().await?;
    let purge = sqs.delete_queue().queue_url(queue.url()).send().await;
    let purge = purge.err().context("it may delete the queue")?;
    let send = sqs.send_message().queue_url(queue.url()).message_body("x").send().await;
    let send = send.err().context("it may send to the event queue")?;
    for code in [scan.code(), delete.code(), purge.code(), send.code()] {
        assert!(code.is_some_and(|code| code.contains("AccessDenied")), "{code:?}");
    }
    let dead = local.dead_letter_queue().await?;
    sqs.send_message().queue_url(dead.url()).message_body("x").send().await?;

    // With its policy, a queue takes nothing from anybody without TLS.
    local.bench.graph = blueprint;
    let denied = local.deploy().await.err().context("a queue can be had without TLS")?;
    assert!(denied.to_string().contains("was denied"), "{denied:#}");
    assert!(dead.send(&[poison]).await.is_err());
    Ok(())
}

#[tokio::test]
async fn the_relay_functions_role_lets_it_do_its_work_and_nothing_beyond() -> Result<()> {
    let mut local = Local::start_with_auth(DEFAULTS).await?;
    fit_to_emulator(&mut local)?;
    local.deploy().await?;
    let messages: Vec<_> = load::messages(10).collect();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;
    local.expect_relayed().await?;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = aws_sdk_dynamodb::Client::new(&local.bench.session.sdk).put_item();
    let put = put.table_name(local.journal().table()).item("RequestId", text("somebody's"));
    put.item("EventKey", text("1")).send().await?;
    local.expect_failed(1).await?;

    let relay = as_function(&local, blueprint::RELAY).await?;
    let secrets = aws_sdk_secretsmanager::Client::new(&relay);
    for (secret, is_allowed) in [
        ("stateful/eventstore-admin-password", true),
        ("stateful/eventstore-trust", true),
        ("stateful/eventstore-ops-password", false),
        ("stateful/eventstore-certificate", false),
    ] {
        let read = secrets.get_secret_value().secret_id(local.id(secret).await?).send().await;
        assert_eq!(read.is_ok(), is_allowed, "{secret}");
    }
    let scan = aws_sdk_dynamodb::Client::new(&relay).scan().table_name(local.journal().table());
    assert!(scan.send().await.is_err(), "it may scan the journal");
    let queue = local.queue().await?;
    let send = aws_sdk_sqs::Client::new(&relay).send_message().queue_url(queue.url()).message_body("x");
    assert!(send.send().await.is_err(), "it may send to the event queue");
    Ok(())
}

/// Fits the blueprint to what the emulator knows of IAM, and returns it as it was.
///
/// - It has no TLS, without which the queues' policies deny everything.
/// - It asks for `sqs:SendMessageBatch`, which on AWS `sqs:SendMessage` allows (SQS developer guide, "SQS API permissions").
fn fit_to_emulator(local: &mut Local) -> Result<Graph> {
    let graph = local.bench.graph.clone();
    let nodes = graph.nodes().cloned().map(|mut node| {
        if node.kind == <Queues as Family>::KIND {
            node.spec["policy"] = Value::Null;
        }
        if node.kind == <Roles as Family>::KIND {
            let mut role: RoleSpec = serde_json::from_value(node.spec)?;
            let policies = role.policies.values_mut().flat_map(|policy| &mut policy.statement);
            for statement in policies.filter(|statement| statement.action.contains(&SEND.to_owned())) {
                statement.action.push(format!("{SEND}Batch"));
            }
            node.spec = serde_json::to_value(role)?;
        }
        Ok(node)
    });
    let nodes: Vec<_> = nodes.collect::<Result<_>>()?;
    local.bench.graph = Graph::new(graph.scope.clone(), graph.packages.clone(), nodes)?;
    Ok(graph)
}

/// The SDK's configuration with a function's own rights. Only Lambda may assume the role, so that the account is let
/// in first; what the role may do stays as it is.
async fn as_function(local: &Local, function: &str) -> Result<SdkConfig> {
    let (sdk, scope) = (&local.bench.session.sdk, &local.bench.session.scope);
    let role = Role::new(scope, function);
    let trust = PolicyDocument::new(vec![
        Statement::allow("", ["sts:AssumeRole"], [""; 0]).principal("AWS", scope.iam_arn("root")),
    ]);
    let trust = serde_json::to_string(&trust)?;
    let iam = aws_sdk_iam::Client::new(sdk);
    iam.update_assume_role_policy().role_name(role.name()).policy_document(trust).send().await?;
    let assume =
        aws_sdk_sts::Client::new(sdk).assume_role().role_arn(role.arn()).role_session_name("function");
    let given = assume.send().await?.credentials.context("STS gave no credentials")?;
    let (id, secret, token) = (given.access_key_id, given.secret_access_key, given.session_token);
    let credentials = Credentials::new(id, secret, Some(token), None, "AssumedByTest");
    Ok(sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}
