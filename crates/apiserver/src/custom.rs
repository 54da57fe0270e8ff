//! Custom resources: a version of a `CustomResourceDefinition`, made ready to serve.

use std::sync::Arc;

use stanchion_kinds::columns::{self, Columns};
use stanchion_machinery::field::{FieldErrors, Path};
use stanchion_machinery::path::JsonPath;
use stanchion_machinery::schema::{NodeId, Schema, SchemaSet};
use stanchion_machinery::structural::{Structural, crd};
use stanchion_machinery::{Value, meta};
use stanchion_rules::Rules;

use crate::catalog::{Catalog, priority};
use crate::resource::api_version;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Names, as they were accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short: Vec<String>,
    pub(crate) categories: Vec<String>,
}

/// Where the replicas of a scalable custom resource stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) replicas: String,
    pub(crate) status_replicas: String,
    pub(crate) selector: String,
}

/// One version of a custom resource.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the definition by itself")]
pub(crate) struct CustomVersion {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) names: Names,
    pub(crate) namespaced: bool,
    pub(crate) served: bool,
    pub(crate) prefix: String,
    pub(crate) has_status: bool,
    pub(crate) scale: Option<ScalePaths>,
    /// The version in which objects are stored.
    pub(crate) storage_api_version: String,
    /// The warning that goes with every answer of a deprecated version.
    pub(crate) deprecation: Option<String>,
    /// Whether the definition is on its way out: nothing new is made.
    pub(crate) terminating: bool,
    /// Changes with anything clients may be told of it.
    pub(crate) fingerprint: Vec<u8>,
    /// The schema as it was given, for the documents.
    pub(crate) published: Value,
    structural: Structural,
    rules: Rules,
    schema: (SchemaSet, NodeId),
    columns: Columns,
    selectable: Vec<(String, JsonPath)>,
}

impl CustomVersion {
    /// Makes every version of a definition ready; one whose schema cannot be read is left out.
    fn all(crd: &Value) -> Vec<Arc<Self>> {
        let versions = crd["spec"]["versions"].as_array().map_or(&[][..], Vec::as_slice);
        let made = versions.iter().filter_map(|version| Self::new(crd, version));
        made.map(Arc::new).collect()
    }

    fn new(crd: &Value, given: &Value) -> Option<Self> {
        let spec = &crd["spec"];
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let texts =
            |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(text).collect() };
        let accepted = &crd["status"]["acceptedNames"];
        let (group, version) = (text(&spec["group"]), text(&given["name"]));
        let names = Names {
            plural: text(&accepted["plural"]),
            singular: text(&accepted["singular"]),
            kind: text(&accepted["kind"]),
            list_kind: text(&accepted["listKind"]),
            short: texts(&accepted["shortNames"]),
            categories: texts(&accepted["categories"]),
        };
        let structural = match crd::schema_of(crd, &version)? {
            Ok(structural) => structural,
            Err(errors) => {
                tracing::error!(
                    crd = meta::name(crd),
                    version,
                    ?errors,
                    "the schema of a stored definition is bad"
                );
                return None;
            }
        };
        let rules = match Rules::compile(&structural, &Path::root()) {
            Ok(rules) => rules,
            Err(errors) => {
                tracing::error!(
                    crd = meta::name(crd),
                    version,
                    ?errors,
                    "the rules of a stored definition are bad"
                );
                return None;
            }
        };
        let schema = structural.to_schema(object_meta());
        let scale = given.pointer("/subresources/scale").map(|scale| ScalePaths {
            replicas: text(&scale["specReplicasPath"]),
            status_replicas: text(&scale["statusReplicasPath"]),
            selector: text(&scale["labelSelectorPath"]),
        });
        let stored =
            spec["versions"].as_array().into_iter().flatten().find(|version| version["storage"] == true);
        let storage = stored.map_or(version.clone(), |stored| text(&stored["name"]));
        let selectable = given["selectableFields"].as_array().into_iter().flatten().filter_map(|field| {
            let path = text(&field["jsonPath"]);
            Some((path.trim_start_matches('.').to_owned(), JsonPath::parse(&path).ok()?))
        });
        let deprecation = (given["deprecated"] == true).then(|| match given["deprecationWarning"].as_str() {
            Some(warning) => warning.to_owned(),
            None => deprecation(spec, &group, &version, &names.kind),
        });
        Some(Self {
            namespaced: spec["scope"] == "Namespaced",
            served: given["served"] == true,
            prefix: format!("{group}/{}", names.plural),
            has_status: given.pointer("/subresources/status").is_some(),
            scale,
            storage_api_version: api_version(&group, &storage),
            deprecation,
            terminating: meta::is_deleting(crd),
            fingerprint: format!("{}{}", crd["spec"], crd["status"]["acceptedNames"]).into_bytes(),
            published: given.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default(),
            structural,
            rules,
            schema,
            columns: columns::custom(
                given["additionalPrinterColumns"].as_array().map_or(&[][..], Vec::as_slice),
            ),
            selectable: selectable.collect(),
            names,
            group,
            version,
        })
    }

    pub(crate) fn schema(&self) -> Schema<'_> {
        self.schema.0.at(self.schema.1)
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the path of a field that selectors may name.
    pub(crate) fn selectable_field(&self, label: &str) -> Option<&JsonPath> {
        self.selectable.iter().find(|(field, _)| field == label).map(|(_, path)| path)
    }

    /// Turns a stored object into this version: what the schema no longer has goes, what it has since gained comes.
    pub(crate) fn read(&self, object: &mut Value) {
        object["apiVersion"] = api_version(&self.group, &self.version).into();
        self.structural.prune(object);
        self.structural.set_defaults(object);
    }

    /// Takes out what the schema does not know; returns what that was, in the words of strict validation.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let pruned = self.structural.prune(object);
        pruned.into_iter().map(|path| format!("unknown field {path:?}")).collect()
    }

    pub(crate) fn default(&self, object: &mut Value) {
        self.structural.set_defaults(object);
    }

    /// Says what is wrong with an object.
    pub(crate) fn validate(&self, new: &Value, old: Option<&Value>) -> FieldErrors {
        use stanchion_kinds::validate::metadata::{self, NameRule};
        let mut errors = match old {
            None => metadata::create(new, self.namespaced, NameRule::DnsSubdomain),
            Some(old) => metadata::update(new, old),
        };
        errors.extend(self.structural.validate(new, old, &Path::root()));
        match stanchion_machinery::structural::blocks_rules(&errors) {
            Some(blocked) if self.structural.has_rules() => errors.push(blocked),
            Some(_) => {}
            None => errors.extend(self.rules.validate(
                &self.structural,
                new,
                old,
                &Path::root(),
                stanchion_rules::OBJECT_BUDGET,
            )),
        }
        errors
    }
}

/// Says that a version is deprecated, and which one is to be used in its place.
fn deprecation(spec: &Value, group: &str, version: &str, kind: &str) -> String {
    let own = priority(version);
    let newer = spec["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|other| other["served"] == true && other["deprecated"] != true);
    let newer = newer.filter_map(|other| other["name"].as_str()).filter(|other| priority(other) > own);
    let better = newer.max_by_key(|other| priority(other));
    let better = better.map_or(String::new(), |better| format!("; use {group}/{better} {kind}"));
    format!("{group}/{version} {kind} is deprecated{better}")
}

/// Returns the schema of the metadata that every object has.
pub(crate) fn object_meta() -> Schema<'static> {
    stanchion_kinds::schema::named(OBJECT_META).expect("the table has the metadata of objects")
}

/// Serves what a definition says now; one that is not established, or gone, is not served.
pub(crate) fn install(catalog: &Catalog, crd: &Value) {
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let versions = if crd::is_established(crd) { CustomVersion::all(crd) } else { Vec::new() };
    catalog.set(text("/spec/group"), text("/spec/names/plural"), versions);
}

/// Stops serving what a definition said.
pub(crate) fn uninstall(catalog: &Catalog, crd: &Value) {
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    catalog.set(text("/spec/group"), text("/spec/names/plural"), Vec::new());
}
