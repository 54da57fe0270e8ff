//! Selectors of labels and fields: read or refused, and matched against anything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stanchion_machinery::field::Path;
use stanchion_machinery::selector::{Fields, Labels, validate_label_selector};

fuzz_target!(|text: &str| {
    if let Ok(labels) = Labels::parse(text) {
        let nothing = labels.matches(|_| None);
        let always = labels.matches(|_| Some("a"));
        assert!(!labels.is_everything() || nothing && always);
    }
    if let Ok(fields) = Fields::parse(text) {
        let matched = fields.matches(|_| "");
        assert!(!fields.is_everything() || matched);
        for term in fields.terms() {
            assert!(fields.exact(&term.field).is_some() || term.negated);
        }
    }
    if let Ok(object) = serde_json::from_str::<Value>(text) {
        let valid = validate_label_selector(&object, &Path::new("selector"));
        if let Ok(labels) = Labels::from_object(&object) {
            labels.matches(|_| Some("b"));
        }
        drop(valid);
    }
});
