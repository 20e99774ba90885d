//! The families against scripted AWS Backup: every race that an emulator does not show, and every field of the specs.

mod cloud;
mod plans;
mod vaults;

use resource::Scope;

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}
