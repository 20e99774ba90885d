//! A dashboard's body in one normal form, so that two that mean the same compare equal.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// What a dashboard shows, as CloudWatch's JSON: `{"widgets": […]}`.
///
/// Numbers are as short as they can be (`60.0` is `60`), whoever wrote them.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct DashboardBody(Value);

impl DashboardBody {
    /// The body that CloudWatch tells. One that is no JSON is kept as a text, which differs from any that we set.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())).into()
    }
}

impl From<Value> for DashboardBody {
    fn from(value: Value) -> Self {
        Self(normal(value))
    }
}

impl From<DashboardBody> for Value {
    fn from(body: DashboardBody) -> Self {
        body.0
    }
}

impl fmt::Display for DashboardBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(shortest(number)),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, normal(value))).collect(),
        other => other,
    }
}

/// A whole number without a fraction part, any other as the double that it is.
fn shortest(number: Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        _ if number.is_i64() || number.is_u64() => number,
        Some(double) if double.fract() == 0.0 && double.abs() < EXACT => Number::from(double as i64),
        Some(double) => Number::from_f64(double).unwrap_or(number),
        None => number,
    }
}
