//! Stackful coroutines with Python's semantics.
