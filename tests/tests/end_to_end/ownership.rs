//! A resource that has our name and is not ours.

use anyhow::Result;
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use end_to_end::Local;

use crate::{DEFAULTS, SEED, message, program::words};

#[tokio::test]
async fn a_queue_that_is_not_ours_stops_the_deploy_until_it_is_adopted_with_what_lies_in_it() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    let sqs = Client::new(&local.bench.session.sdk);
    let name = local.name(blueprint::EVENT_QUEUE);
    let create = sqs.create_queue().queue_name(&name).attributes(QueueAttributeName::VisibilityTimeout, "5");
    create.tags("Name", "somebody's").send().await?;
    local.send(&[message(SEED)]).await?;

    let refused = local.headwater(&["deploy", "--yes"]).await?.expect(1)?;
    insta::assert_snapshot!("deploy_where_a_queue_is_not_ours", words(&local, &refused.stderr));
    assert_eq!(local.keys().await?, [""; 0]);

    let pair = format!("stateful/queue={name}");
    let unasked = local.headwater(&["adopt", &pair]).await?.expect(1)?;
    insta::assert_snapshot!("adopt_with_nobody_to_ask", words(&local, &format!("{unasked}")));
    local.headwater(&["adopt", &pair, "--yes"]).await?.expect(0)?;
    assert_eq!(local.keys().await?, ["stateful/queue"]);
    local.headwater(&["deploy", "--yes"]).await?.expect(0)?;
    local.headwater(&["drift"]).await?.expect(0)?;
    local.expect_stored(&[message(SEED)]).await?;
    Ok(())
}
