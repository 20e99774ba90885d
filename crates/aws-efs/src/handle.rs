//! A file system and its access points as others speak of them: references, the policy, and the permission to mount.

use resource::{Grantee, Key, PolicyDocument, Reference, Scope, Statement};

/// What a client may be allowed to do with a file system:
/// <https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html>
const MOUNT: &str = "elasticfilesystem:ClientMount";
const WRITE: &str = "elasticfilesystem:ClientWrite";
const ROOT: &str = "elasticfilesystem:ClientRootAccess";

const VIA_MOUNT_TARGET: &str = "elasticfilesystem:AccessedViaMountTarget";

/// A file system of an environment. EFS makes its id, so all that is said of it is references to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    scope: Scope,
    key: Key,
}

/// An access point of an environment. EFS makes its id, so all that is said of it is references to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoint {
    key: Key,
}

/// The key of the mount targets of the file system with this key: `stateful/file-system` has
/// `stateful/file-system-mount-targets`. Mount targets carry no tags, so their key is known by the file system's.
pub fn mount_targets_key(file_system: &Key) -> Key {
    // A key with letters and hyphens after it is a key, so the other branch is never taken.
    format!("{file_system}-mount-targets").parse().unwrap_or_else(|_| file_system.clone())
}

impl FileSystem {
    /// The file system with that key.
    pub fn new(scope: &Scope, key: &Key) -> Self {
        Self { scope: scope.clone(), key: key.clone() }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The key of its mount targets. What mounts the file system waits for them.
    pub fn mount_targets_key(&self) -> Key {
        mount_targets_key(&self.key)
    }

    /// A reference to its id.
    pub fn id(&self) -> String {
        Reference::id(&self.key).to_string()
    }

    /// A reference to its ARN.
    pub fn arn(&self) -> String {
        Reference::output(&self.key, "arn").to_string()
    }

    /// The policy by which nobody uses it over plain transport, as root, or past its mount targets, and nobody at all but
    /// whom the account's IAM allows to. Without a policy EFS lets in whoever reaches a mount target; this one grants
    /// nothing to anonymous clients: its one `Allow` leaves it to IAM, which says it for each role.
    ///
    /// Source: <https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html>
    pub fn policy(&self) -> PolicyDocument {
        let nothing: [&str; 0] = [];
        let deny = |sid, actions: &[&str]| {
            Statement::allow(sid, actions.iter().copied(), nothing).deny().principal("AWS", "*")
        };
        let client = [MOUNT, ROOT, WRITE];
        PolicyDocument::new(vec![
            Statement::allow("WhomIamAllows", [MOUNT, WRITE], nothing)
                .principal("AWS", self.scope.iam_arn("root"))
                .when("Bool", VIA_MOUNT_TARGET, "true"),
            deny("NoPlainTransport", &client).when("Bool", "aws:SecureTransport", "false"),
            deny("NoRoot", &[ROOT]),
            // A request that does not say how it came did not come through a mount target.
            deny("NoOtherWay", &client).when("BoolIfExists", VIA_MOUNT_TARGET, "false"),
        ])
    }

    /// Lets the grantee mount and write the file system, through these access points and no other way; through none where
    /// there is none.
    ///
    /// Source: <https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html>
    pub fn grant_mount(&self, access_points: &[&AccessPoint], grantee: &mut impl Grantee) {
        if access_points.is_empty() {
            return;
        }
        let statement = Statement::allow("", [MOUNT, WRITE], [self.arn()]);
        let through = |statement: Statement, point: &&AccessPoint| {
            statement.when("StringEquals", "elasticfilesystem:AccessPointArn", point.arn())
        };
        grantee.grant(access_points.iter().fold(statement, through));
    }
}

impl AccessPoint {
    /// The access point with that key.
    pub fn new(key: &Key) -> Self {
        Self { key: key.clone() }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// A reference to its id.
    pub fn id(&self) -> String {
        Reference::id(&self.key).to_string()
    }

    /// A reference to its ARN.
    pub fn arn(&self) -> String {
        Reference::output(&self.key, "arn").to_string()
    }
}
