//! Deleting.

use aws_env::scripted::Reply;
use resource::{Family, Progress};

use super::{
    ensure,
    fargate::{Fargate, bodies, mutations},
    spec, survey,
};
use crate::Services;

#[tokio::test(start_paused = true)]
async fn tasks_are_stopped_then_the_service_is_deleted_and_waited_for() {
    let (script, state) = Fargate { slowness: 4, ..Fargate::default() }.script();
    ensure(&script, spec(), None).await.unwrap();
    let found = survey(&script).await.remove(0);
    let services = Services::new(&script.config());
    services.delete(&found, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script), ["CreateService", "UpdateService", "DeleteService"]);
    assert_eq!(bodies(&script, "DeleteService")[0]["force"], true);
    let mut order = script.operations();
    order.retain(|call| ["DescribeTasks", "DeleteService"].contains(&call.as_str()));
    order.dedup();
    assert_eq!(order, ["DescribeTasks", "DeleteService", "DescribeTasks"]);
    assert_eq!(state.lock().unwrap().service()["status"], "INACTIVE");
    assert!(state.lock().unwrap().tasks.iter().all(|task| task["lastStatus"] == "STOPPED"));
    assert_eq!(survey(&script).await, []);
    // Again: it is inactive, which is gone.
    services.delete(&found, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_that_drains_is_waited_for_and_one_that_is_gone_is_no_error() {
    let (script, state) = Fargate::default().script();
    ensure(&script, spec(), None).await.unwrap();
    let found = survey(&script).await.remove(0);
    let services = Services::new(&script.config());
    state.lock().unwrap().service()["status"] = "DRAINING".into();
    state.lock().unwrap().tasks.clear();
    services.delete(&found, &Progress::silent()).await.unwrap();
    let gone = || Reply::error(400, "ClusterNotFoundException", "Cluster not found.");
    state.lock().unwrap().service = None;
    state.lock().unwrap().faults =
        ["DescribeServices", "DescribeServices", "DescribeServices", "ListTasks", "ListTasks"]
            .map(|call| (call, gone()))
            .into();
    services.delete(&found, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script), ["CreateService"]);
}
