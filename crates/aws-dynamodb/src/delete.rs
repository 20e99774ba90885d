//! Deleting a table.

use aws_env::{At, retry_while, wait_until};
use resource::{Class, Observed, Progress, Result};

use crate::{
    TableSpec, Tables,
    ensure::{SETTLE, is_busy},
};

const WAITS_FOR: &str = "DynamoDB to end what it does with the table";

impl Tables {
    /// Takes the deletion protection off, deletes the table, and waits until it is gone.
    pub(crate) async fn delete_and_wait(
        &self,
        observed: &Observed<TableSpec>,
        progress: &Progress,
    ) -> Result<()> {
        match self.start_deletion(observed, progress).await {
            Err(error) if error.class != Class::NotFound => return Err(error),
            _ => {}
        }
        let name = observed.id.as_str();
        wait_until(&SETTLE, progress, "dynamodb:DescribeTable", name, "the table to be gone", || async {
            Ok(self.table(name).await?.is_none().then_some(()))
        })
        .await
    }

    async fn start_deletion(&self, observed: &Observed<TableSpec>, progress: &Progress) -> Result<()> {
        let name = observed.id.as_str();
        let protected = observed.spec.deletion_protection_enabled;
        if protected {
            retry_while(&SETTLE, progress, WAITS_FOR, is_busy, || async {
                let update = self.client.update_table().table_name(name).deletion_protection_enabled(false);
                update.send().await.at("dynamodb:UpdateTable", name)
            })
            .await?;
        }
        // DynamoDB may not know at once that the protection was taken off.
        let passes = |error: &_| is_busy(error) || (protected && error.says("protect"));
        retry_while(&SETTLE, progress, WAITS_FOR, passes, || async {
            self.client.delete_table().table_name(name).send().await.at("dynamodb:DeleteTable", name)
        })
        .await?;
        Ok(())
    }
}
