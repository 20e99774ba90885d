//! What is said of a file system before it is there.

use resource::{Grantee, PolicyDocument, Statement};

use super::{handle, key};
use crate::{AccessPoint, mount_targets_key};

struct Role(Vec<Statement>);

impl Grantee for Role {
    fn grant(&mut self, statement: Statement) {
        self.0.push(statement);
    }
}

#[test]
fn ids_and_arns_are_references() {
    let point = AccessPoint::new(&"stateful/data".parse().unwrap());
    assert_eq!(
        (handle().id(), handle().arn()),
        ("${stateful/file-system}".into(), "${stateful/file-system.arn}".into())
    );
    assert_eq!((point.id(), point.arn()), ("${stateful/data}".into(), "${stateful/data.arn}".into()));
    assert_eq!(mount_targets_key(&key()).as_str(), "stateful/file-system-mount-targets");
    assert_eq!(handle().mount_targets_key(), mount_targets_key(&key()));
}

#[test]
fn a_grant_is_to_mount_and_write_through_the_access_points_alone() {
    let point = |key: &str| AccessPoint::new(&key.parse().unwrap());
    let mut role = Role(Vec::new());
    handle().grant_mount(&[&point("stateful/logs"), &point("stateful/data")], &mut role);
    insta::assert_json_snapshot!(PolicyDocument::new(role.0));
    let mut role = Role(Vec::new());
    handle().grant_mount(&[], &mut role);
    assert_eq!(role.0, []);
}
