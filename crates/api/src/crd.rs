//! The definition as the API server takes it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;

use crate::rules::rules;
use crate::spec::DatabaseCluster;

/// Returns the definition of `DatabaseCluster`: schema, defaults, rules and columns.
pub fn crd() -> CustomResourceDefinition {
    let mut definition = DatabaseCluster::crd();
    for version in &mut definition.spec.versions {
        version.additional_printer_columns = Some(columns());
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(root) = schema {
            for (path, rule) in rules() {
                let field = at(root, path);
                field.x_kubernetes_validations.get_or_insert_default().push(rule);
            }
        }
    }
    definition
}

/// What `kubectl get` shows; the last two of text only with `-o wide`.
fn columns() -> Vec<CustomResourceColumnDefinition> {
    let status = r#".status.conditions[?(@.type=="Ready")]"#;
    let column =
        |name: &str, type_: &str, json_path: &str, priority: Option<i32>| CustomResourceColumnDefinition {
            name: name.to_owned(),
            type_: type_.to_owned(),
            json_path: json_path.to_owned(),
            priority,
            ..CustomResourceColumnDefinition::default()
        };
    vec![
        column("Primary", "string", ".status.ha.primary", None),
        column("Term", "integer", ".status.ha.term", None),
        column("Ready", "string", ".status.instances.summary", None),
        column("Status", "string", &format!("{status}.reason"), None),
        column("Version", "string", ".spec.engine.version", Some(1)),
        column("Message", "string", &format!("{status}.message"), Some(1)),
        column("Age", "date", ".metadata.creationTimestamp", None),
    ]
}

fn at<'a>(root: &'a mut JSONSchemaProps, path: &[&str]) -> &'a mut JSONSchemaProps {
    path.iter().fold(root, |schema, name| {
        let field = schema.properties.as_mut().and_then(|properties| properties.get_mut(*name));
        field.expect("rules are about fields that the schema has; a test makes the definition")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_definition_has_rules_defaults_and_columns() {
        let definition = serde_json::to_value(crd()).expect("JSON");
        let version = &definition["spec"]["versions"][0];
        let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        assert_eq!(definition["metadata"]["name"], "databaseclusters.stanchion.dev");
        assert_eq!(version["subresources"], json!({"status": {}}));
        assert_eq!(spec["engine"]["default"], json!({"kind": "MariaDB", "version": "10.11"}));
        assert_eq!(spec["instances"]["default"], 3);
        assert_eq!(spec["failover"]["properties"]["maxApplyLag"]["default"], "2s");
        assert_eq!(spec["deletionPolicy"]["default"], "Retain");
        assert_eq!(
            spec["storage"]["properties"]["size"]["x-kubernetes-validations"][1]["rule"],
            json!("quantity(self).compareTo(quantity(oldSelf)) >= 0")
        );
        let columns = version["additionalPrinterColumns"].as_array().expect("columns");
        let shown: Vec<&str> = columns
            .iter()
            .filter(|it| it["priority"].is_null())
            .filter_map(|it| it["name"].as_str())
            .collect();
        assert_eq!(shown, ["Primary", "Term", "Ready", "Status", "Age"]);
    }
}
