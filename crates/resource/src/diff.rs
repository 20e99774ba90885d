//! Comparing what is wanted with what is there: pure, field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What it takes to change a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// It is changed in place.
    Update,
    /// AWS cannot change it: the resource is deleted and made anew.
    Replace,
    /// It must not be changed, for this reason; the plan is refused.
    Refuse(String),
}

/// One field in which the two differ. A side that has no such field is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The field, as in `visibilityTimeoutSeconds` or `environment.HEADWATER_TABLE`.
    pub field: String,
    /// What AWS has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What the blueprint wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// What it takes.
    pub effect: Effect,
}

impl FieldChange {
    /// The spec's own field that this change lies in: `environment` for `environment.HEADWATER_TABLE`.
    pub fn top(&self) -> &str {
        self.field.split_once('.').map_or(&self.field, |(top, _)| top)
    }
}

/// The fields in which `observed` differs from `desired`, in the order of their names. Objects are compared by
/// member, all else as a whole; `null` and absent are the same. `effect` is asked for each changed field.
pub fn diff(
    observed: &Value,
    desired: &Value,
    effect: impl Fn(&str, &Value, &Value) -> Effect,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", observed, desired, &mut changes);
    for change in &mut changes {
        let side = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
        change.effect = effect(&change.field, &side(&change.from), &side(&change.to));
    }
    changes
}

fn compare(path: &str, observed: &Value, desired: &Value, changes: &mut Vec<FieldChange>) {
    match (observed, desired) {
        (Value::Object(observed), Value::Object(desired)) => {
            let mut names: Vec<_> = observed.keys().chain(desired.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let member = |object: &serde_json::Map<String, Value>| {
                    object.get(name).cloned().unwrap_or(Value::Null)
                };
                compare(&path, &member(observed), &member(desired), changes);
            }
        }
        (observed, desired) if observed == desired => {}
        (observed, desired) => {
            let side = |value: &Value| (!value.is_null()).then(|| value.clone());
            let (from, to) = (side(observed), side(desired));
            changes.push(FieldChange { field: path.to_owned(), from, to, effect: Effect::Update });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn update(_: &str, _: &Value, _: &Value) -> Effect {
        Effect::Update
    }

    #[test]
    fn nested_fields_are_named_by_their_path_and_absent_is_null() {
        let observed = json!({"retention": 60, "environment": {"A": "1", "B": "2"}, "kms": null});
        let desired = json!({"retention": 60, "environment": {"A": "9", "C": "3"}});
        let fields: Vec<_> = diff(&observed, &desired, update).into_iter().map(|c| c.field).collect();
        assert_eq!(fields, ["environment.A", "environment.B", "environment.C"]);
    }

    #[test]
    fn the_effect_is_asked_for_with_both_sides() {
        let shrink = |field: &str, from: &Value, to: &Value| match field {
            "shards" if to.as_u64() < from.as_u64() => Effect::Refuse("never shrinks".into()),
            _ => Effect::Replace,
        };
        let changes = diff(&json!({"shards": 8}), &json!({"shards": 4}), shrink);
        assert_eq!(changes[0].effect, Effect::Refuse("never shrinks".into()));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), any::<i32>().prop_map(Value::from)];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| map.into_iter().collect())
        })
    }

    proptest! {
        #[test]
        fn only_equal_values_have_no_difference(a in json_value(), b in json_value()) {
            prop_assert!(diff(&a, &a, update).is_empty());
            if diff(&a, &b, update).is_empty() {
                // An empty object and an absent one are told apart, so nothing but equality is left.
                prop_assert_eq!(a, b);
            }
        }
    }
}
