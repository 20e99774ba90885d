//! The kinds of values that our knobs take beside those that every file's take.

pub(super) use settings_file::{Flag, Knob, Number, NumberOf, OneOf, Text, Texts};

use super::name::{AccountId, ProjectName, Region};

pub(super) const PROJECT_NAME: Text<ProjectName> = Text {
    accepts: ProjectName::ACCEPTS,
    read: ProjectName::new,
    show: |name| format!("{:?}", name.as_str()),
};
pub(super) const ACCOUNT_ID: Text<AccountId> =
    Text { accepts: AccountId::ACCEPTS, read: AccountId::new, show: |id| format!("{:?}", id.as_str()) };
pub(super) const REGION: Text<Region> =
    Text { accepts: Region::ACCEPTS, read: Region::new, show: |region| format!("{:?}", region.as_str()) };
