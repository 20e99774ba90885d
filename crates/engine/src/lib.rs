//! Planner (pure, synchronous) and executor (apply, lease, history).
