//! Compiling all rules of a schema when a CRD is accepted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::structural::{ListType, Rule, Structural};

use crate::check::{Checked, Checker, MAX_REQUEST, Ty, declare, min_size};
use crate::syntax::Expr;
use crate::{ESTIMATE_LIMIT, SCHEMA_LIMIT, parser, path};

/// The rules of a schema, compiled.
#[derive(Debug, Default)]
pub struct Rules {
    pub(crate) root: Option<Node>,
}

/// The rules at one place of a schema and below it.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) rules: Vec<Compiled>,
    pub(crate) properties: BTreeMap<String, Node>,
    pub(crate) items: Option<Box<Node>>,
    pub(crate) additional: Option<Box<Node>>,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    pub(crate) program: Expr,
    pub(crate) message: Option<Expr>,
    pub(crate) uses_old: bool,
    pub(crate) field_path: String,
}

impl Rules {
    /// Compiles the rules of a schema that stands at `path` in its CRD.
    ///
    /// Refused are rules that cannot be read, that speak of what is not there, that are not true or false, and
    /// that could cost more than allowed when lists, maps and strings are as long as the schema lets them be.
    pub fn compile(schema: &Structural, path: &Path) -> Result<Self, FieldErrors> {
        if !schema.has_rules() {
            return Ok(Self::default());
        }
        let mut compiler = Compiler { errors: Vec::new(), total: 0, dearest: Vec::new() };
        let root = compiler.node(schema, true, path, &Place { count: Some(1), loose: None });
        if compiler.total > SCHEMA_LIMIT {
            let name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
            let errors = &mut compiler.errors;
            for place in &compiler.dearest {
                let why = "contributed to estimated rule & messageExpression cost total exceeding cost limit for entire OpenAPIv3 schema";
                errors.push(FieldError::forbidden(place, why));
            }
            errors.push(FieldError::forbidden(path, exceeds(name, compiler.total, SCHEMA_LIMIT)));
        }
        if compiler.errors.is_empty() { Ok(Self { root }) } else { Err(compiler.errors) }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

/// What is known of a place of a schema.
#[derive(Clone)]
struct Place {
    /// How many values can stand there; nothing if only requests bound it.
    count: Option<u64>,
    /// The path of what makes old and new values uncomparable there.
    loose: Option<Path>,
}

struct Compiler {
    errors: FieldErrors,
    total: u64,
    dearest: Vec<Path>,
}

impl Compiler {
    fn node(&mut self, s: &Structural, resource: bool, path: &Path, place: &Place) -> Option<Node> {
        let mut node = Node::default();
        if !s.rules.is_empty() {
            self.rules(s, resource, path, place, &mut node);
        }
        let many = |max: Option<u64>| place.count.zip(max).map(|(count, max)| count.saturating_mul(max));
        let atomic = s.map_atomic == Some(true);
        let loose = if atomic { place.loose.clone().or(Some(path.clone())) } else { place.loose.clone() };
        for (name, property) in &s.properties {
            let here = path.child("properties").key(name);
            let place = Place { count: place.count, loose: loose.clone() };
            if let Some(below) = self.node(property, property.embedded_resource, &here, &place) {
                node.properties.insert(name.clone(), below);
            }
        }
        if let Some(values) = s.additional.schema() {
            let place = Place { count: many(s.checks.max_properties), loose };
            let here = path.child("additionalProperties");
            node.additional = self.node(values, values.embedded_resource, &here, &place).map(Box::new);
        }
        if let Some(items) = &s.items {
            let loose = if s.list_type == Some(ListType::Map) {
                place.loose.clone()
            } else {
                place.loose.clone().or(Some(path.clone()))
            };
            let place = Place { count: many(s.checks.max_items), loose };
            node.items =
                self.node(items, items.embedded_resource, &path.child("items"), &place).map(Box::new);
        }
        let empty = node.rules.is_empty()
            && node.properties.is_empty()
            && node.items.is_none()
            && node.additional.is_none();
        (!empty).then_some(node)
    }

    fn rules(&mut self, s: &Structural, resource: bool, path: &Path, place: &Place, node: &mut Node) {
        let path = path.child("x-kubernetes-validations");
        let Some(ty) = declare(s, resource) else {
            let kind = s.kind.map_or("", |kind| kind.as_str());
            let why = format!(
                "rule declared on schema that does not support validation rules type: '{kind}' x-kubernetes-preserve-unknown-fields: '{}'",
                s.preserve_unknown
            );
            self.errors.push(FieldError::invalid(&path, "", why));
            return;
        };
        let count = place.count.unwrap_or(MAX_REQUEST / (min_size(s) + 1));
        for (index, rule) in s.rules.iter().enumerate() {
            let here = path.index(index);
            let before = self.errors.len();
            self.words(rule, &here);
            let field_path = self.field_path(s, rule, &here);
            let compiled = self.rule(rule, &ty, &here, place, count);
            if let Some((program, message)) = compiled.filter(|_| self.errors.len() == before) {
                let uses_old = program.uses("oldSelf");
                node.rules.push(Compiled { rule: rule.clone(), program, message, uses_old, field_path });
            }
        }
    }

    fn words(&mut self, rule: &Rule, path: &Path) {
        let message = rule.message.trim();
        let source = rule.rule.trim();
        let at = path.child("message");
        if source.is_empty() {
            self.errors.push(FieldError::required(&path.child("rule"), "rule is not specified"));
        } else if !rule.message.is_empty() && message.is_empty() {
            let why = "message must be non-empty if specified";
            self.errors.push(FieldError::invalid(&at, rule.message.clone(), why));
        } else if message.contains('\n') {
            let why = "message must not contain line breaks";
            self.errors.push(FieldError::invalid(&at, rule.message.clone(), why));
        } else if source.contains('\n') && message.is_empty() {
            let why = "message must be specified if rule contains line breaks";
            self.errors.push(FieldError::required(&at, why));
        }
        if !rule.message_expression.is_empty() && rule.message_expression.trim().is_empty() {
            let why = "messageExpression must be non-empty if specified";
            self.errors.push(FieldError::required(&path.child("messageExpression"), why));
        }
        let reasons =
            ["FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate"];
        if !rule.reason.is_empty() && !reasons.contains(&rule.reason.as_str()) {
            let error = FieldError::not_supported(&path.child("reason"), rule.reason.clone(), &reasons);
            self.errors.push(error);
        }
    }

    fn field_path(&mut self, s: &Structural, rule: &Rule, path: &Path) -> String {
        if rule.field_path.is_empty() {
            return String::new();
        }
        let here = path.child("fieldPath");
        let why = if rule.field_path.trim().is_empty() {
            "fieldPath must be non-empty if specified".to_owned()
        } else if rule.field_path.contains('\n') {
            "fieldPath must not contain line breaks".to_owned()
        } else {
            match path::resolve(&rule.field_path, s) {
                Ok(found) => return found,
                Err(why) => format!("fieldPath must be a valid path: {why}"),
            }
        };
        self.errors.push(FieldError::invalid(&here, rule.field_path.clone(), why));
        String::new()
    }

    fn rule(
        &mut self,
        rule: &Rule,
        ty: &Ty<'_>,
        path: &Path,
        place: &Place,
        count: u64,
    ) -> Option<(Expr, Option<Expr>)> {
        if rule.rule.trim().is_empty() {
            return None;
        }
        let optional = rule.optional_old_self == Some(true);
        let here = path.child("rule");
        let program = match compile(&rule.rule, ty, optional) {
            Ok((program, checked)) => {
                if !matches!(checked.ty, Ty::Bool | Ty::Dyn(_)) {
                    let why = "cel expression must evaluate to a bool";
                    self.errors.push(FieldError::invalid(&here, shown(rule), why));
                }
                self.cost("estimated rule cost", checked.cost, count, &here);
                program
            }
            Err(why) => {
                self.errors.push(FieldError::invalid(
                    &here,
                    shown(rule),
                    format!("compilation failed: {why}"),
                ));
                return None;
            }
        };
        if program.uses("oldSelf") {
            if let Some(loose) = &place.loose {
                let why = format!(
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within {loose}"
                );
                self.errors.push(FieldError::invalid(&here, rule.rule.clone(), why));
            }
        } else if let Some(flag) = rule.optional_old_self {
            let why = "may not be set if oldSelf is not used in rule";
            self.errors.push(FieldError::invalid(&path.child("optionalOldSelf"), flag, why));
        }
        if rule.message_expression.trim().is_empty() {
            return Some((program, None));
        }
        let here = path.child("messageExpression");
        match compile(&rule.message_expression, ty, optional) {
            Ok((message, checked)) => {
                if !matches!(checked.ty, Ty::Text(_) | Ty::Dyn(_)) {
                    let why = "messageExpression must evaluate to a string";
                    self.errors.push(FieldError::invalid(&here, shown(rule), why));
                }
                self.cost("estimated messageExpression cost", checked.cost, count, &here);
                Some((program, Some(message)))
            }
            Err(why) => {
                let why = format!("messageExpression compilation failed: {why}");
                self.errors.push(FieldError::invalid(&here, shown(rule), why));
                None
            }
        }
    }

    fn cost(&mut self, name: &str, cost: u64, count: u64, path: &Path) {
        let cost = cost.saturating_mul(count);
        self.total = self.total.saturating_add(cost);
        if cost > SCHEMA_LIMIT / 10 && self.dearest.len() < 4 {
            self.dearest.push(path.clone());
        }
        if cost > ESTIMATE_LIMIT {
            self.errors.push(FieldError::forbidden(path, exceeds(name, cost, ESTIMATE_LIMIT)));
        }
    }
}

fn compile<'s>(source: &str, ty: &Ty<'s>, optional: bool) -> Result<(Expr, Checked<'s>), String> {
    let program = parser::parse(source).map_err(|problem| problem.shown(source))?;
    let old = if optional { Ty::Optional(Box::new(ty.clone())) } else { ty.clone() };
    let mut scope = Checker { scope: vec![("self", ty.clone()), ("oldSelf", old)] };
    let checked = scope.check(&program).map_err(|problem| problem.shown(source))?;
    Ok((program, checked))
}

fn shown(rule: &Rule) -> Value {
    let mut shown = json!({"rule": rule.rule});
    for (key, text) in [
        ("message", &rule.message),
        ("messageExpression", &rule.message_expression),
        ("reason", &rule.reason),
        ("fieldPath", &rule.field_path),
    ] {
        if !text.is_empty() {
            shown[key] = json!(text);
        }
    }
    shown
}

#[expect(clippy::cast_precision_loss, reason = "the factor is only shown")]
fn exceeds(name: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{name} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, \
         and maxLength where arrays, maps, and strings are declared)"
    )
}
