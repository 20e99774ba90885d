//! The payload of a CloudEvent, and how our `data`, which is an object, holds it.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::attribute;
use crate::rejection::{Problem, Rejection};
use crate::{Event, check};

/// Our field that says `data` is a wrapper. No attribute of a CloudEvent can have such a name.
pub(super) const WRAPPED: &str = "cloudEventDataWrapped";

/// What a CloudEvent carries.
pub(super) enum Payload {
    /// Neither `data` nor `data_base64`.
    None,
    /// `data`, an object.
    Object(Map<String, Value>),
    /// `data` of another JSON type: `{"data": …}` in our form.
    Other(Value),
    /// `data_base64`: `{"data_base64": …}` in our form.
    Base64(Value),
}

impl Payload {
    /// Takes it from the members of a CloudEvent, and checks it.
    pub(super) fn take(members: &mut Map<String, Value>) -> Result<Self, Rejection> {
        let payload = match (members.remove("data"), members.remove("data_base64")) {
            (None, None) => Self::None,
            (Some(Value::Object(object)), None) => Self::Object(object),
            (Some(other), None) => Self::Other(other),
            (None, Some(base64)) if is_base64(&base64) => Self::Base64(base64),
            (None, Some(Value::String(_))) => {
                return Err(Rejection::at_field("data_base64", Problem::NotBase64));
            }
            (None, Some(other)) => {
                return Err(Rejection::at_field("data_base64", check::wrong_type("a string", &other)));
            }
            (Some(_), Some(_)) => return Err(Rejection::at_field("data_base64", Problem::TwoPayloads)),
        };
        match members.get("datacontenttype") {
            Some(content_type) if !payload.may_be_of(content_type) => {
                Err(Rejection::at_field("data", Problem::NotText))
            }
            _ => Ok(payload),
        }
    }

    /// The payload of an event.
    pub(super) fn of(event: &Event) -> Self {
        let data = event.data();
        let only = |name: &str| data.get(name).filter(|_| data.len() == 1);
        if event.extensions().get(WRAPPED) == Some(&Value::Bool(true)) {
            match (only("data"), only("data_base64")) {
                (Some(other), _) if !other.is_object() => return Self::Other(other.clone()),
                (_, Some(base64)) if is_base64(base64) => return Self::Base64(base64.clone()),
                _ if data.is_empty() => return Self::None,
                _ => {}
            }
        }
        Self::Object(data.clone())
    }

    /// Whether our `data` is a wrapper.
    pub(super) fn is_wrapped(&self) -> bool {
        !matches!(self, Self::Object(_))
    }

    /// Whether it may have this content type: if that is not JSON, `data` is text (JSON Event Format, 3.1).
    pub(super) fn may_be_of(&self, content_type: &Value) -> bool {
        let is_text_or_bytes = matches!(self, Self::None | Self::Other(Value::String(_)) | Self::Base64(_));
        is_text_or_bytes || content_type.as_str().is_none_or(attribute::is_json)
    }

    /// Writes the members of the CloudEvent.
    pub(super) fn write(self, members: &mut Map<String, Value>) {
        let (name, value) = match self {
            Self::None => return,
            Self::Object(object) => ("data", object.into()),
            Self::Other(other) => ("data", other),
            Self::Base64(base64) => ("data_base64", base64),
        };
        members.insert(name.to_owned(), value);
    }

    /// Puts it into our fields.
    pub(super) fn put(self, fields: &mut Map<String, Value>) {
        let data = match self {
            Self::Object(object) => object,
            other => {
                let mut wrapper = Map::new();
                other.write(&mut wrapper);
                fields.insert(WRAPPED.to_owned(), true.into());
                wrapper
            }
        };
        fields.insert("data".to_owned(), data.into());
    }
}

/// RFC 4648, section 4, with its padding.
fn is_base64(value: &Value) -> bool {
    value.as_str().is_some_and(|text| STANDARD.decode(text).is_ok())
}
