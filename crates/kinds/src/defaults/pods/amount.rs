//! Amounts of resources as they stand in objects.

use serde_json::Value;
use stanchion_machinery::quantity::Quantity;

/// Reads an amount; what is none reads as nothing at all.
pub(crate) fn read(value: &Value) -> Option<Quantity> {
    Quantity::from_value(value).ok()
}
