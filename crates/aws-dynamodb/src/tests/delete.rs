//! Deleting.

use aws_env::scripted::Reply;
use resource::{Family, Progress};

use super::{
    bare_spec,
    cloud::{Dynamo, in_use, mutations},
    desired, full_spec, scope,
};
use crate::{TableSpec, Tables};

/// The changing calls of a delete with these faults. The table must then be gone.
async fn delete(spec: TableSpec, faults: Vec<(&'static str, Reply)>) -> Vec<String> {
    let (script, state) = Dynamo { busy_for: 3, ..Dynamo::default() }.script();
    let tables = Tables::new(&script.config());
    let silent = Progress::silent();
    let observed = tables.ensure(&scope(), &desired(spec), None, &silent).await.unwrap();
    let before = mutations(&script).len();
    state.lock().unwrap().faults = faults;
    tables.delete(&observed, &silent).await.unwrap();
    assert_eq!(state.lock().unwrap().table, None);
    let taken = mutations(&script).split_off(before);
    tables.delete(&observed, &silent).await.unwrap();
    taken
}

#[tokio::test(start_paused = true)]
async fn a_table_is_deleted_and_waited_for_and_one_that_is_gone_is_no_error() {
    assert_eq!(delete(bare_spec(), Vec::new()).await, ["DeleteTable"]);
}

#[tokio::test(start_paused = true)]
async fn deletion_protection_is_taken_off_once_and_what_does_not_know_it_yet_is_asked_again() {
    let stale = "Resource cannot be deleted as it is currently protected against deletion";
    let taken =
        delete(full_spec(), vec![("DeleteTable", Reply::error(400, "ValidationException", stale))]).await;
    assert_eq!(taken.iter().filter(|call| *call == "UpdateTable").count(), 1);
    assert_eq!((taken[0].as_str(), taken[1].as_str()), ("UpdateTable", "DeleteTable"));
}

#[tokio::test(start_paused = true)]
async fn a_change_under_way_is_waited_out() {
    let taken = delete(bare_spec(), vec![("DeleteTable", in_use()), ("DeleteTable", Reply::reset())]).await;
    assert_eq!(taken, ["DeleteTable", "DeleteTable", "DeleteTable"]);
}
