//! What a request is about: the path and the method, as the API reads them.

use http::Method;
use percent_encoding::percent_decode_str;

use super::Query;

/// What is done, in the words of authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Something that is no resource, such as `/healthz` or `/apis/apps`.
    Path(String),
    /// A resource, an object, or a part of one.
    Resource(ResourceTarget),
}

/// A resource, an object, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourceTarget {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) plural: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
    /// The old form of watching, `/watch/` in the path.
    pub(crate) watch: bool,
    /// Segments behind the subresource; the last one is empty if a slash is the end of the path.
    pub(crate) rest: Vec<String>,
}

impl Target {
    /// Reads a path. Segments are decoded one by one, so an encoded slash stays within its segment.
    pub(crate) fn parse(path: &str) -> Self {
        let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(decode).collect();
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return Self::Path(format!("/{}", words.join("/"))),
        };
        let (watch, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            _ => (false, rest),
        };
        let base = ResourceTarget {
            group: group.to_owned(),
            version: version.to_owned(),
            watch,
            ..ResourceTarget::default()
        };
        let mut target = match rest {
            // The parts of a namespace look like resources in it.
            ["namespaces", namespace, plural, rest @ ..] if !is_namespace_part(plural) => {
                let mut target = base.fill(plural, rest);
                (*namespace).clone_into(&mut target.namespace);
                target
            }
            [plural, rest @ ..] => {
                let mut target = base.fill(plural, rest);
                if target.is_namespace() {
                    target.namespace.clone_from(&target.name);
                }
                target
            }
            [] => base,
        };
        if path.ends_with('/') && !target.rest.is_empty() {
            target.rest.push(String::new());
        }
        Self::Resource(target)
    }
}

fn is_namespace_part(word: &str) -> bool {
    matches!(word, "status" | "finalize")
}

impl ResourceTarget {
    /// Returns whether it is a namespace, or all of them.
    pub(crate) fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.plural == "namespaces"
    }

    fn fill(mut self, plural: &str, rest: &[&str]) -> Self {
        plural.clone_into(&mut self.plural);
        let mut rest = rest.iter().map(ToString::to_string);
        self.name = rest.next().unwrap_or_default();
        self.subresource = rest.next().unwrap_or_default();
        self.rest = rest.collect();
        self
    }

    /// Returns what a method does here; nothing if the method means nothing.
    pub(crate) fn verb(&self, method: &Method, query: &Query) -> Option<Verb> {
        let one = !self.name.is_empty();
        Some(match *method {
            Method::GET | Method::HEAD if self.watch || query.flag("watch") && !one => Verb::Watch,
            Method::GET | Method::HEAD if one => Verb::Get,
            Method::GET | Method::HEAD => Verb::List,
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE if one => Verb::Delete,
            Method::DELETE => Verb::DeleteCollection,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> ResourceTarget {
        match Target::parse(path) {
            Target::Resource(target) => target,
            Target::Path(path) => panic!("{path} names no resource"),
        }
    }

    #[test]
    fn paths_name_what_the_api_means() {
        let pod = resource("/api/v1/namespaces/default/pods/web/log");
        assert_eq!((pod.namespace.as_str(), pod.plural.as_str()), ("default", "pods"));
        assert_eq!((pod.name.as_str(), pod.subresource.as_str()), ("web", "log"));
        let namespace = resource("/api/v1/namespaces/default/finalize");
        assert_eq!((namespace.plural.as_str(), namespace.name.as_str()), ("namespaces", "default"));
        assert_eq!((namespace.subresource.as_str(), namespace.namespace.as_str()), ("finalize", "default"));
        let all = resource("/apis/apps/v1/deployments");
        assert_eq!((all.group.as_str(), all.plural.as_str(), all.name.as_str()), ("apps", "deployments", ""));
        assert_eq!(resource("/api/v1/namespaces/a/secrets/x%2fy").name, "x/y");
        assert_eq!(resource("/api/v1/nodes/a/proxy/logs/x%2fy").rest, ["logs", "x/y"]);
        assert_eq!(resource("/api/v1/nodes/a/proxy//logs/").rest, ["logs", ""]);
        assert_eq!(resource("/api/v1/nodes/a/proxy/").rest, Vec::<String>::new());
        assert_eq!(Target::parse("/apis/apps/v1"), Target::Path("/apis/apps/v1".to_owned()));
        assert_eq!(Target::parse("/"), Target::Path("/".to_owned()));
    }

    #[test]
    fn methods_mean_verbs() {
        let many = resource("/api/v1/pods");
        let one = resource("/api/v1/namespaces/a/pods/b");
        assert_eq!(many.verb(&Method::GET, &Query::parse("watch=true")), Some(Verb::Watch));
        assert_eq!(many.verb(&Method::GET, &Query::parse("watch=false")), Some(Verb::List));
        assert_eq!(many.verb(&Method::DELETE, &Query::default()), Some(Verb::DeleteCollection));
        assert_eq!(one.verb(&Method::DELETE, &Query::default()), Some(Verb::Delete));
        assert_eq!(one.verb(&Method::CONNECT, &Query::default()), None);
    }
}
