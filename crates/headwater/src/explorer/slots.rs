//! Places for what was read, so that many who look at the same cost as one.

use std::sync::{Arc, Mutex, PoisonError};

/// What was read by `K`: the last few. Who has a place's lock reads for all who wait for it.
#[derive(Debug)]
pub(super) struct Slots<K, V> {
    most: usize,
    slots: Mutex<Vec<(K, Slot<V>)>>,
}

/// One place.
pub(super) type Slot<V> = Arc<tokio::sync::Mutex<Option<V>>>;

impl<K: PartialEq + Clone, V> Slots<K, V> {
    /// At most so many places; that which was asked for longest ago goes first.
    pub(super) fn new(most: usize) -> Self {
        Self { most, slots: Mutex::default() }
    }

    /// The place of `key`, empty at first.
    pub(super) fn of(&self, key: &K) -> Slot<V> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slots.iter().position(|(other, _)| other == key).map(|index| slots.remove(index).1);
        let slot = known.unwrap_or_default();
        slots.push((key.clone(), Arc::clone(&slot)));
        if slots.len() > self.most {
            slots.remove(0);
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_asked_for_longest_ago_goes_first() {
        let slots = Slots::<&str, u8>::new(2);
        for (key, value) in [("a", 1), ("b", 2)] {
            *slots.of(&key).lock().await = Some(value);
        }
        assert_eq!(*slots.of(&"a").lock().await, Some(1));
        assert_eq!(*slots.of(&"c").lock().await, None);
        assert_eq!(*slots.of(&"a").lock().await, Some(1));
        assert_eq!(*slots.of(&"b").lock().await, None);
    }
}
