//! Deleting a table.

use aws_env::{At, retry_while, wait_until};
use resource::{Class, Error, Observed, Progress, Result};

use crate::{
    TableSpec, Tables,
    ensure::{SETTLE, is_busy},
};

impl Tables {
    /// Takes the deletion protection off, deletes the table, and waits until it is gone.
    pub(crate) async fn delete_and_wait(
        &self,
        observed: &Observed<TableSpec>,
        progress: &Progress,
    ) -> Result<()> {
        let name = observed.id.as_str();
        let waits_for = "DynamoDB to end what it does with the table";
        let protected = observed.spec.deletion_protection_enabled;
        // Right after the protection is taken off, DynamoDB may not know it yet.
        let passes = |error: &Error| is_busy(error) || (protected && error.says("protect"));
        let deleted = retry_while(&SETTLE, progress, waits_for, passes, || async {
            if protected {
                let update = self.client.update_table().table_name(name).deletion_protection_enabled(false);
                update.send().await.at("dynamodb:UpdateTable", name)?;
            }
            self.client.delete_table().table_name(name).send().await.at("dynamodb:DeleteTable", name)
        });
        match deleted.await {
            Err(error) if error.class != Class::NotFound => return Err(error),
            _ => {}
        }
        wait_until(&SETTLE, progress, "dynamodb:DescribeTable", name, "the table to be gone", || async {
            Ok(self.table(name).await?.is_none().then_some(()))
        })
        .await
    }
}
