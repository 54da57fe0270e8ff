//! Ways into the cluster.

use serde::Deserialize;

use super::meta::Meta;

/// An Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ingress {
    /// Its metadata; limits are annotations.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to be.
    pub spec: IngressSpec,
}

/// What an Ingress is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSpec {
    /// Whose it is; none leaves it to the default class.
    pub ingress_class_name: Option<String>,
}

/// An `IngressClass`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct IngressClass {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is.
    pub spec: IngressClassSpec,
}

/// What an `IngressClass` is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct IngressClassSpec {
    /// The program that serves it: `k8s.io/ingress-nginx`.
    pub controller: String,
}

impl Ingress {
    /// Returns the class that it names, also in the old form.
    pub fn class(&self) -> Option<&str> {
        let named = self.spec.ingress_class_name.as_ref();
        named.or_else(|| self.meta.annotations.get("kubernetes.io/ingress.class")).map(String::as_str)
    }
}

impl IngressClass {
    /// Returns whether it is that of Ingresses that name none.
    pub fn is_default(&self) -> bool {
        let marked = self.meta.annotations.get("ingressclass.kubernetes.io/is-default-class");
        marked.is_some_and(|value| value == "true")
    }
}
