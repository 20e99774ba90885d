//! The bootstrap's roles as a bootstrap makes them, and what they may do on the whole blueprint.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_env::SdkConfig;
use aws_iam::Role;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sqs::Queues;
use blueprint::bootstrap::{self, BootstrapRoles, Documents, Repository};
use end_to_end::{DEFAULTS, Local};
use engine::{Approved, InMemory, Mode, Report};
use headwater::{
    Run,
    cli::Target,
    commands::{bootstrap::documents, deploy, replay},
    load,
    packages::Packages,
    progress::Silent,
    session::Session,
    workbench::Workbench,
};
use journal::ReadOptions;
use resource::{Family, Graph, PolicyDocument, Statement};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{show, widened};

/// The environment of `local` as whoever has these credentials sees it.
pub(crate) async fn bench_as(local: &Local, sdk: SdkConfig) -> Result<Workbench> {
    let session = Session { sdk, ..local.bench.session.clone() };
    let bench = Workbench::of(session, &Packages::load(local.target.packages.as_deref())?).await?;
    without_tls(bench)
}

/// The emulator has no TLS, without which the queues' policies deny everything.
pub(crate) fn without_tls(mut bench: Workbench) -> Result<Workbench> {
    let nodes = bench.graph.nodes().cloned().map(|mut node| {
        if node.kind == <Queues as Family>::KIND {
            node.spec["policy"] = Value::Null;
        }
        node
    });
    bench.graph = Graph::new(bench.graph.scope.clone(), bench.graph.packages.clone(), nodes)?;
    Ok(bench)
}

/// Plans and applies, as the command does.
pub(crate) async fn apply(bench: &Workbench, target: &Target, mode: Mode) -> Result<Report> {
    let approved = Approved::Proposed(bench.propose(mode).await?);
    let run = Run { target: target.clone(), json: false, stop: CancellationToken::new() };
    let report = deploy::execute_with(bench, &run, approved, Arc::new(Silent)).await?;
    let failed: Vec<_> =
        report.failures().map(|(step, error)| format!("{}: {}", step.key, deploy::chain(error))).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(report)
}

/// Credentials of the role.
pub(crate) async fn assume(sdk: &SdkConfig, role_arn: &str) -> Result<SdkConfig> {
    let assume = aws_sdk_sts::Client::new(sdk).assume_role().role_arn(role_arn).role_session_name("test");
    let given = assume.send().await?.credentials.context("STS gave no credentials")?;
    let (id, secret, token) = (given.access_key_id, given.secret_access_key, given.session_token);
    let credentials = Credentials::new(id, secret, Some(token), None, "AssumedByTest");
    Ok(sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}

/// Credentials of a role of the account that has these policies and no more.
pub(crate) async fn with_policies(
    local: &Local,
    name: &str,
    documents: &[PolicyDocument],
) -> Result<SdkConfig> {
    let sdk = &local.bench.session.sdk;
    let iam = aws_sdk_iam::Client::new(sdk);
    let role = iam.create_role().role_name(name).assume_role_policy_document(trust_of_account(local)?);
    let arn = role.send().await?.role.context("IAM gave no role")?.arn;
    for (number, document) in documents.iter().enumerate() {
        let put = iam.put_role_policy().role_name(name).policy_name(format!("policy-{number}"));
        put.policy_document(serde_json::to_string(document)?).send().await?;
    }
    assume(sdk, &arn).await
}

/// The boundary that a bootstrap makes.
pub(crate) async fn make_boundary(local: &Local) -> Result<()> {
    let session = &local.bench.session;
    let scope = session.scope.bootstrap();
    let made = aws_sdk_iam::Client::new(&session.sdk).create_policy().path(scope.path());
    let made = made.policy_name(bootstrap::boundary(&session.scope).name());
    made.policy_document(serde_json::to_string(&documents(session)?.boundary)?).send().await?;
    Ok(())
}

/// What lets the account itself assume a role. GitHub's tokens cannot be had here.
pub(crate) fn trust_of_account(local: &Local) -> Result<String> {
    let trust = Statement::allow("", ["sts:AssumeRole"], [""; 0]);
    let trust = trust.principal("AWS", local.bench.session.scope.iam_arn("root"));
    Ok(serde_json::to_string(&PolicyDocument::new(vec![trust]))?)
}

/// An emulator with the bootstrap of its environment, made by the engine, with policies that it can evaluate.
async fn bootstrapped() -> Result<(Local, BootstrapRoles)> {
    let mut local = Local::start_with_auth(DEFAULTS).await?;
    let session = local.bench.session.clone();
    let Documents { boundary, plan, deploy } = documents(&session)?;
    let documents = Documents { boundary, plan: widened::widen(&plan), deploy: widened::widen(&deploy) };
    let (owner, name, branch) = ("octo-org".to_owned(), "events".to_owned(), "main".to_owned());
    let repository = Repository { owner, owner_id: 65, name, id: 123_456, branch };
    let graph = bootstrap::bootstrap(&session.environment, &repository, &documents)?;
    let families = session.bootstrap_families();
    let session = Session { scope: graph.scope.clone(), ..session };
    let deployments = Arc::new(InMemory::default());
    let bench = Workbench { session, graph, families, deployments, left_out: Vec::new() };
    apply(&bench, &local.target, Mode::Deploy).await?;

    let (iam, roles) =
        (aws_sdk_iam::Client::new(&local.bench.session.sdk), bootstrap::roles(&local.bench.session.scope));
    for role in [&roles.plan, &roles.deploy] {
        let trust = iam.update_assume_role_policy().role_name(role.name());
        trust.policy_document(trust_of_account(&local)?).send().await?;
    }
    local.reconfigure(DEFAULTS).await?;
    Ok((local, roles))
}

async fn role(local: &Local, role: &Role) -> Result<Workbench> {
    bench_as(local, assume(&local.bench.session.sdk, &role.arn()).await?).await
}

#[tokio::test]
async fn the_deploy_role_deploys_replays_updates_repairs_and_destroys_the_whole_blueprint() -> Result<()> {
    let (local, roles) = bootstrapped().await?;
    show(&widened::report())?;
    let mut bench = role(&local, &roles.deploy).await?;
    let steps = apply(&bench, &local.target, Mode::Deploy).await?.steps.len();
    assert_eq!(steps, bench.graph.nodes().count());
    local.task.follow(&local.bench).await?;
    // The functions do their work within the boundary.
    let messages: Vec<_> = load::messages(10).collect();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;
    local.expect_relayed().await?;
    replay::replay(&bench.session, &ReadOptions::default(), |_| ()).await?;
    let granted = widened::widen(&documents(&local.bench.session)?.deploy);
    for (number, action) in ["dynamodb:Scan", "lambda:InvokeFunction"].into_iter().enumerate() {
        let without = widened::without(&granted, action);
        let sdk = with_policies(&local, &format!("without-{number}"), &without).await?;
        let session = Session { sdk, ..local.bench.session.clone() };
        let said = replay::replay(&session, &ReadOptions::default(), |_| ()).await.err();
        let said = format!("{:#}", said.with_context(|| format!("{action} is there for nothing"))?);
        ensure!(said.contains(action), "{said}");
    }
    assert!(bench.plan(Mode::Deploy).await?.is_converged());

    // Somebody changes what is there; the next version of the code wants something else.
    let queue = local.queue().await?;
    let sqs = aws_sdk_sqs::Client::new(&local.bench.session.sdk);
    let attribute = aws_sdk_sqs::types::QueueAttributeName::DelaySeconds;
    sqs.set_queue_attributes().queue_url(queue.url()).attributes(attribute, "7").send().await?;
    let nodes = bench.graph.nodes().cloned().map(|mut node| {
        if node.key.as_str() == "ingest/function" {
            node.spec["memorySizeMiB"] = json!(512);
        }
        node
    });
    bench.graph = Graph::new(bench.graph.scope.clone(), bench.graph.packages.clone(), nodes)?;
    let changed: Vec<_> =
        bench.plan(Mode::Deploy).await?.steps.iter().map(|step| step.key.to_string()).collect();
    assert_eq!(changed, ["ingest/function", "stateful/queue"]);
    apply(&bench, &local.target, Mode::Deploy).await?;
    assert!(bench.plan(Mode::Deploy).await?.is_converged());

    apply(&bench, &local.target, Mode::Destroy { include_stateful: true }).await?;
    assert_eq!(local.keys().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn the_plan_role_plans_the_whole_blueprint_and_reads_no_data_and_changes_nothing() -> Result<()> {
    let (local, roles) = bootstrapped().await?;
    let whole = without_tls(
        Workbench::of(local.bench.session.clone(), &Packages::load(local.target.packages.as_deref())?)
            .await?,
    )?;
    let bench = role(&local, &roles.plan).await?;
    assert_eq!(bench.plan(Mode::Deploy).await?.steps.len(), bench.graph.nodes().count());
    apply(&whole, &local.target, Mode::Deploy).await?;
    assert!(bench.plan(Mode::Deploy).await?.is_converged());
    let all = Mode::Destroy { include_stateful: true };
    assert_eq!(bench.plan(all).await?.steps.len(), whole.plan(all).await?.steps.len());
    assert!(bench.deployments.history(5).await?.iter().any(|run| !run.steps.is_empty()));

    let sdk = &bench.session.sdk;
    let secrets = aws_sdk_secretsmanager::Client::new(sdk);
    let secret = local.id("stateful/eventstore-admin-password").await?;
    denied(secrets.get_secret_value().secret_id(secret).send().await)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
    let journal = local.journal().table().to_owned();
    denied(dynamodb.scan().table_name(&journal).send().await)?;
    denied(dynamodb.delete_table().table_name(&journal).send().await)?;
    denied(
        dynamodb
            .put_item()
            .table_name(local.name("deployments"))
            .item("recordType", aws_sdk_dynamodb::types::AttributeValue::S("x".into()))
            .send()
            .await,
    )?;
    let sqs = aws_sdk_sqs::Client::new(sdk);
    let queue = local.queue().await?;
    denied(sqs.receive_message().queue_url(queue.url()).send().await)?;
    denied(sqs.send_message().queue_url(queue.url()).message_body("x").send().await)?;
    denied(
        aws_sdk_lambda::Client::new(sdk).invoke().function_name(local.name(blueprint::RELAY)).send().await,
    )?;

    // All that a destroy would do is refused, step by step; what is there stays as it is.
    let error = match apply(&bench, &local.target, Mode::Destroy { include_stateful: true }).await {
        Ok(_) => bail!("the plan role destroys"),
        Err(error) => format!("{error:#}"),
    };
    assert!(error.contains("was denied"), "{error}");
    assert!(bench.plan(Mode::Deploy).await?.is_converged());
    Ok(())
}

#[tokio::test]
async fn the_deploy_role_gives_no_rights_to_a_role_without_the_boundary() -> Result<()> {
    const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    let (local, roles) = bootstrapped().await?;
    let scope = local.bench.session.scope.clone();
    let (root, path) = (aws_sdk_iam::Client::new(&local.bench.session.sdk), scope.path());
    let iam = aws_sdk_iam::Client::new(&assume(&local.bench.session.sdk, &roles.deploy.arn()).await?);
    let (trust, boundary) = (trust_of_account(&local)?, bootstrap::boundary(&scope).arn());
    let make = |path: &str, boundary: Option<&str>| {
        let role = iam.create_role().role_name(scope.physical_name("x")).path(path);
        role.assume_role_policy_document(&trust).set_permissions_boundary(boundary.map(str::to_owned)).send()
    };
    denied(make(&path, None).await)?;
    denied(make(&path, Some(ADMINISTRATOR)).await)?;
    denied(make("/", Some(&boundary)).await)?;
    denied(make(&scope.bootstrap().path(), Some(&boundary)).await)?;
    make(&path, Some(&boundary)).await?;
    let bounded = scope.physical_name("x");
    iam.attach_role_policy().role_name(&bounded).policy_arn(ADMINISTRATOR).send().await?;
    denied(
        iam.put_role_permissions_boundary()
            .role_name(&bounded)
            .permissions_boundary(ADMINISTRATOR)
            .send()
            .await,
    )?;
    denied(iam.delete_role_permissions_boundary().role_name(&bounded).send().await)?;
    // Whatever it is given: no more than the boundary.
    let escaped = assume(&local.bench.session.sdk, &scope.iam_arn(&format!("role{path}{bounded}"))).await?;
    denied(aws_sdk_iam::Client::new(&escaped).list_roles().send().await)?;
    denied(aws_sdk_sqs::Client::new(&escaped).create_queue().queue_name(local.name("x")).send().await)?;

    let old = scope.physical_name("old");
    root.create_role().role_name(&old).path(&path).assume_role_policy_document(&trust).send().await?;
    denied(iam.attach_role_policy().role_name(&old).policy_arn(ADMINISTRATOR).send().await)?;
    denied(iam.put_role_policy().role_name(&old).policy_name("x").policy_document(&trust).send().await)?;
    denied(iam.update_assume_role_policy().role_name(&old).policy_document(&trust).send().await)?;
    iam.put_role_permissions_boundary().role_name(&old).permissions_boundary(&boundary).send().await?;
    iam.attach_role_policy().role_name(&old).policy_arn(ADMINISTRATOR).send().await?;
    let service = iam.create_service_linked_role().aws_service_name("eks.amazonaws.com").send();
    denied(service.await)?;
    Ok(())
}

#[tokio::test]
async fn the_deploy_role_changes_neither_the_bootstrap_nor_what_is_not_of_its_environment() -> Result<()> {
    let (local, roles) = bootstrapped().await?;
    let scope = local.bench.session.scope.clone();
    let sdk = assume(&local.bench.session.sdk, &roles.deploy.arn()).await?;
    let iam = aws_sdk_iam::Client::new(&sdk);
    let trust = trust_of_account(&local)?;
    let boundary = bootstrap::boundary(&scope).arn();
    for name in [roles.plan.name(), roles.deploy.name()] {
        let everything =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        denied(
            iam.put_role_policy().role_name(name).policy_name("x").policy_document(everything).send().await,
        )?;
        denied(
            iam.attach_role_policy()
                .role_name(name)
                .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
                .send()
                .await,
        )?;
        denied(iam.update_assume_role_policy().role_name(name).policy_document(&trust).send().await)?;
        denied(iam.delete_role().role_name(name).send().await)?;
        denied(
            iam.put_role_permissions_boundary().role_name(name).permissions_boundary(&boundary).send().await,
        )?;
    }
    denied(iam.create_policy_version().policy_arn(&boundary).policy_document(&trust).send().await)?;
    denied(iam.delete_policy().policy_arn(&boundary).send().await)?;
    denied(iam.create_policy().policy_name("x").policy_document(&trust).send().await)?;
    denied(iam.create_user().user_name("x").send().await)?;
    denied(iam.create_role().role_name("somebodys").assume_role_policy_document(&trust).send().await)?;
    denied(
        iam.delete_role_permissions_boundary()
            .role_name(format!("{}ingest", scope.name_prefix()))
            .send()
            .await,
    )?;

    let sqs = aws_sdk_sqs::Client::new(&sdk);
    denied(sqs.create_queue().queue_name("headwater-prod-event-queue").send().await)?;
    // A name that begins as ours do, with the tags of another environment.
    let root = aws_sdk_sqs::Client::new(&local.bench.session.sdk);
    let others = format!("{}2-queue", scope.name_prefix());
    let made = root
        .create_queue()
        .queue_name(&others)
        .tags("headwater:project", "headwater")
        .tags("headwater:env", "local-2");
    let url = made.send().await?.queue_url.context("SQS gave no URL")?;
    denied(sqs.delete_queue().queue_url(&url).send().await)?;
    denied(sqs.tag_queue().queue_url(&url).tags("headwater:env", "local").send().await)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    denied(dynamodb.delete_table().table_name("somebodys").send().await)?;
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
    denied(secrets.create_secret().name("headwater/prod/x").secret_string("x").send().await)?;
    Ok(())
}

fn denied<T, E: ProvideErrorMetadata>(answer: Result<T, E>) -> Result<()> {
    let code = answer.err().context("it is allowed")?.meta().code().map(str::to_owned);
    ensure!(code.as_deref().is_some_and(|code| code.contains("AccessDenied")), "{code:?}");
    Ok(())
}
