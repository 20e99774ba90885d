//! Words that ECS chooses from, each spelled in one place.

use serde::{Deserialize, Serialize};

/// A word of ECS's that we do not know.
#[derive(Debug, thiserror::Error)]
#[error("ECS says `{word}`, which is no {what} that Headwater knows")]
pub(crate) struct Unknown {
    what: &'static str,
    word: String,
}

impl Unknown {
    pub(crate) fn new(what: &'static str, word: &str) -> Self {
        Self { what, word: word.to_owned() }
    }
}

/// Makes an enum of words that is written and read as ECS spells them.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn read(word: &str) -> Result<Self, $crate::words::Unknown> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err($crate::words::Unknown::new(stringify!($name), other)),
                }
            }
        }
    };
}
pub(crate) use words;

/// What ECS calls `ENABLED` or `DISABLED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Switch {
    /// It is on.
    Enabled,
    /// It is off, as it is where nothing is said of it.
    Disabled,
}

impl Switch {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }

    /// What is not said to be on is off.
    pub(crate) fn read(word: Option<&str>) -> Self {
        if word == Some(Self::Enabled.as_str()) { Self::Enabled } else { Self::Disabled }
    }
}
