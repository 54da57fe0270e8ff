//! The paths of a group-version.

use serde_json::{Map, Value, json};

use crate::operation::{Action, Subject, answer, operation};
use crate::{META, ResourceDoc, SubresourceDoc, parameters};

/// Makes all paths of a group-version.
pub(crate) fn of_group_version(
    group: &str,
    version: &str,
    resources: &[ResourceDoc<'_>],
    patches: &[&str],
) -> Map<String, Value> {
    let root =
        if group.is_empty() { format!("/api/{version}/") } else { format!("/apis/{group}/{version}/") };
    let stem = format!("{}{}", camel(group, true), capital(version));
    let tag = format!("{}_{version}", camel(group, false));
    let scope = Scope { group, version, root: &root, stem: &stem, tag: &tag, patches };
    let mut paths = Map::new();
    paths.insert(root.clone(), scope.resources());
    for resource in resources {
        scope.collections(resource, &mut paths);
        scope.objects(resource, &mut paths);
        for sub in resource.subresources {
            scope.subresource(resource, sub, &mut paths);
        }
    }
    paths
}

struct Scope<'a> {
    group: &'a str,
    version: &'a str,
    root: &'a str,
    stem: &'a str,
    tag: &'a str,
    patches: &'a [&'a str],
}

impl Scope<'_> {
    /// The list of the resources themselves.
    fn resources(&self) -> Value {
        json!({"get": {
            "description": "get available resources",
            "operationId": format!("get{}APIResources", self.stem),
            "tags": [self.tag],
            "responses": {
                "200": answer(&format!("{META}APIResourceList"), "OK", false),
                "401": {"description": "Unauthorized"},
            },
        }})
    }

    fn collections(&self, resource: &ResourceDoc<'_>, paths: &mut Map<String, Value>) {
        let actions = actions(
            resource.verbs,
            &[
                ("list", Action::List),
                ("create", Action::Create),
                ("deletecollection", Action::DeleteCollection),
            ],
        );
        let Self { root, .. } = self;
        let plural = resource.plural;
        if !resource.namespaced {
            let subject = self.subject(resource, resource.kind);
            insert(format!("{root}{plural}"), &actions, subject, parameters::of_path(false, None), paths);
            return;
        }
        let scope = format!("Namespaced{}", resource.kind);
        let path = format!("{root}namespaces/{{namespace}}/{plural}");
        insert(path, &actions, self.subject(resource, &scope), parameters::of_path(true, None), paths);
        let everywhere: Vec<Action> = actions.into_iter().filter(|action| *action == Action::List).collect();
        let scope = format!("{}ForAllNamespaces", resource.kind);
        let subject = self.subject(resource, &scope);
        insert(format!("{root}{plural}"), &everywhere, subject, parameters::of_path(false, None), paths);
    }

    fn objects(&self, resource: &ResourceDoc<'_>, paths: &mut Map<String, Value>) {
        let actions = actions(
            resource.verbs,
            &[
                ("get", Action::Get),
                ("update", Action::Replace),
                ("patch", Action::Patch),
                ("delete", Action::Delete),
            ],
        );
        let scope = scope_of(resource);
        let parameters = parameters::of_path(resource.namespaced, Some(resource.kind));
        insert(self.object_path(resource), &actions, self.subject(resource, &scope), parameters, paths);
    }

    fn subresource(
        &self,
        resource: &ResourceDoc<'_>,
        sub: &SubresourceDoc<'_>,
        paths: &mut Map<String, Value>,
    ) {
        let scope = format!("{}{}", scope_of(resource), capital(sub.name));
        let subject = Subject {
            group: sub.group,
            version: sub.version,
            kind: sub.kind,
            type_name: sub.type_name,
            ..self.subject(resource, &scope)
        };
        // A text is only read; anything else without a type is a connection that is passed on.
        let actions = match (sub.type_name.is_empty(), sub.name) {
            (true, "log") => actions(sub.verbs, &[("get", Action::Get)]),
            (true, _) => actions(
                sub.verbs,
                &[
                    ("get", Action::Connect("get")),
                    ("create", Action::Connect("post")),
                    ("update", Action::Connect("put")),
                    ("patch", Action::Connect("patch")),
                    ("delete", Action::Connect("delete")),
                ],
            ),
            (false, _) => actions(
                sub.verbs,
                &[
                    ("get", Action::Get),
                    ("create", Action::Create),
                    ("update", Action::Replace),
                    ("patch", Action::Patch),
                ],
            ),
        };
        let path = format!("{}/{}", self.object_path(resource), sub.name);
        let mut parameters = parameters::of_path(resource.namespaced, Some(sub.kind));
        insert(path.clone(), &actions, subject, parameters.clone(), paths);
        if sub.type_name.is_empty() && sub.name == "proxy" {
            parameters.push(parameters::rest_of_path());
            let scope = format!("{scope}WithPath");
            insert(
                format!("{path}/{{path}}"),
                &actions,
                Subject { scope: &scope, ..subject },
                parameters,
                paths,
            );
        }
    }

    fn object_path(&self, resource: &ResourceDoc<'_>) -> String {
        let namespace = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
        format!("{}{namespace}{}/{{name}}", self.root, resource.plural)
    }

    fn subject<'a>(&'a self, resource: &ResourceDoc<'a>, scope: &'a str) -> Subject<'a> {
        Subject {
            group: self.group,
            version: self.version,
            kind: resource.kind,
            type_name: resource.type_name,
            stem: self.stem,
            tag: self.tag,
            scope,
            patches: self.patches,
        }
    }
}

fn scope_of(resource: &ResourceDoc<'_>) -> String {
    let namespaced = if resource.namespaced { "Namespaced" } else { "" };
    format!("{namespaced}{}", resource.kind)
}

fn actions(verbs: &[&str], table: &[(&str, Action)]) -> Vec<Action> {
    table.iter().filter(|(verb, _)| verbs.contains(verb)).map(|(_, action)| *action).collect()
}

fn insert(
    path: String,
    actions: &[Action],
    subject: Subject<'_>,
    parameters: Vec<Value>,
    paths: &mut Map<String, Value>,
) {
    if actions.is_empty() {
        return;
    }
    let mut item: Map<String, Value> =
        actions.iter().map(|action| (action.method().to_owned(), operation(*action, subject))).collect();
    item.insert("parameters".to_owned(), parameters.into());
    paths.insert(path, Value::Object(item));
}

/// Returns the name of a group as it stands in the names of operations, without the domain of Kubernetes.
fn camel(group: &str, upper: bool) -> String {
    let group = if group.is_empty() { "core" } else { group.strip_suffix(".k8s.io").unwrap_or(group) };
    let words = group.split(['.', '-']).enumerate();
    words.map(|(index, word)| if index > 0 || upper { capital(word) } else { word.to_owned() }).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
