//! Names that physical names are built of, and the account and region they belong to. Only a checked one exists.

use std::borrow::Cow;
use std::fmt;

/// Declares a string type that only a text of the right shape can become.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, default $default:literal, is $accepts:literal, by $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            pub(super) const DEFAULT: Self = Self(Cow::Borrowed($default));
            pub(super) const ACCEPTS: &'static str = $accepts;

            /// The value of that text, or nothing where the text has another shape.
            pub fn new(text: &str) -> Option<Self> {
                $check(text).then(|| Self(Cow::Owned(text.to_owned())))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text! {
    /// The project's name: 1 to 20 lower-case letters, digits and single hyphens, beginning with a letter.
    ///
    /// With an [`EnvironmentName`] and two hyphens it leaves 26 of the 64 characters that names of functions and roles
    /// may have (the tightest of AWS's limits among our names). AWS keeps names that begin with `aws` to itself; one that
    /// ends in `-bootstrap` is the project of another's bootstrap (`Scope::bootstrap`).
    ProjectName, default "headwater",
    is "a name of 1 to 20 lower-case letters, digits and single hyphens that begins with a letter but not with `aws`, and does not \
        end in `-bootstrap`",
    by is_project_name
}

checked_text! {
    /// An environment's name: 1 to 16 lower-case letters and digits, beginning with a letter.
    ///
    /// It has no hyphen, so that project `a-b` with environment `c` and project `a` with environment `b-c` cannot
    /// mean the same resources.
    EnvironmentName, default "local",
    is "a name of 1 to 16 lower-case letters and digits that begins with a letter",
    by is_environment_name
}

checked_text! {
    /// An AWS account's id: 12 digits.
    AccountId, default "000000000000", is "an account id of 12 digits", by is_account_id
}

checked_text! {
    /// An AWS region's name, by its shape; which regions there are only AWS knows.
    Region, default "us-east-1", is "a region's name, such as \"eu-central-1\"", by is_region
}

fn is_project_name(text: &str) -> bool {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 20
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.starts_with("aws")
        && !text.ends_with("-bootstrap")
        && text.split('-').all(|part| !part.is_empty() && part.chars().all(lower))
}

fn is_environment_name(text: &str) -> bool {
    text.len() <= 16
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

/// Such as `eu-central-1` or `us-gov-west-1`: at least two words and a number, joined by hyphens.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let word = |word: &str| word.len() >= 2 && word.chars().all(|c| c.is_ascii_lowercase());
    words.contains('-')
        && words.split('-').all(word)
        && (1..=2).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_fits_every_physical_name() {
        for good in ["headwater", "a", "a1-b2", "abcdefghijklmnopqrst"] {
            assert!(ProjectName::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "1a",
            "-a",
            "a-",
            "a--b",
            "A",
            "a_b",
            "aws",
            "aws-events",
            "ä",
            "abcdefghijklmnopqrstu",
            "a-bootstrap",
        ] {
            assert!(ProjectName::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_environment_name_has_no_hyphen() {
        assert!(EnvironmentName::new("pr123").is_some());
        for bad in ["", "pr-123", "1", "Dev", "abcdefghijklmnopq"] {
            assert!(EnvironmentName::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_account_id_is_12_digits() {
        assert!(AccountId::new("000000000001").is_some());
        for bad in ["", "11111111111", "1111111111111", "11111111111a"] {
            assert!(AccountId::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_region_is_words_and_a_number() {
        for good in ["eu-central-1", "us-gov-west-1", "ap-southeast-7", "eu-isoe-west-1", "cn-north-1"] {
            assert!(Region::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "eu",
            "eu-central",
            "eu-1",
            "eu-central-1a",
            "EU-CENTRAL-1",
            "eu--central-1",
            "eu-central-123",
        ] {
            assert!(Region::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_defaults_have_the_right_shape() {
        assert!(ProjectName::new(ProjectName::DEFAULT.as_str()).is_some());
        assert!(EnvironmentName::new(EnvironmentName::DEFAULT.as_str()).is_some());
        assert!(AccountId::new(AccountId::DEFAULT.as_str()).is_some());
        assert!(Region::new(Region::DEFAULT.as_str()).is_some());
    }
}
