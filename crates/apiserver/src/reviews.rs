//! Reviews: questions about who somebody is and what they may do. The answer is the object; nothing is stored.

use serde_json::json;
use stanchion_kinds::policy::rbac::ResourceRequest;
use stanchion_machinery::Value;
use stanchion_machinery::status::Status;

use crate::api::Api;
use crate::authn::User;
use crate::call::Call;
use crate::http::Reply;
use crate::{clock, decode, strategy, subresources};

/// Answers a review.
pub(crate) async fn create(api: &Api, call: &Call) -> Result<Reply, Status> {
    if call.resource.is("", "bindings") {
        return subresources::binding::bind(api, call).await;
    }
    let draft = decode::object(call)?;
    let mut review = draft.object;
    strategy::default(&call.resource, &mut review);
    let (group, kind) = (call.resource.group(), call.resource.kind());
    let errors = stanchion_kinds::validate::objects::create(group, kind, &review).unwrap_or_default();
    if !errors.is_empty() {
        return Err(Status::invalid(group, kind, "", &errors));
    }
    let status = match kind {
        "SelfSubjectReview" => json!({"userInfo": user_info(&call.user)}),
        "TokenReview" => token(api, &review),
        "SelfSubjectAccessReview" => access(api, &call.user, &review["spec"]),
        "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            if kind == "LocalSubjectAccessReview" {
                let namespace = review.pointer("/spec/resourceAttributes/namespace").and_then(Value::as_str);
                if namespace.unwrap_or("") != call.namespace() {
                    let text = "spec.resourceAttributes.namespace must match metadata.namespace";
                    return Err(Status::bad_request(text));
                }
            }
            access(api, &subject(&review["spec"]), &review["spec"])
        }
        "SelfSubjectRulesReview" => rules(api, &call.user, &review["spec"]),
        other => return Err(Status::internal(format!("{other} is not answered"))),
    };
    review["status"] = status;
    if kind == "SelfSubjectReview" {
        review["metadata"]["creationTimestamp"] = json!(clock::now());
    }
    Ok(Reply::object(201, &review).warn(draft.warnings))
}

fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn subject(spec: &Value) -> User {
    let text = |key: &str| spec[key].as_str().unwrap_or("").to_owned();
    let mut user =
        User { name: text("user"), uid: text("uid"), groups: strings(&spec["groups"]), ..User::default() };
    for (key, values) in spec["extra"].as_object().into_iter().flatten() {
        user.extra.insert(key.clone(), strings(values));
    }
    user
}

fn access(api: &Api, user: &User, spec: &Value) -> Value {
    let text = |attributes: &Value, key: &str| attributes[key].as_str().unwrap_or("").to_owned();
    let decision = if let Some(attributes) = spec.get("resourceAttributes").filter(|value| value.is_object())
    {
        let [verb, group, resource, subresource, namespace, name] =
            ["verb", "group", "resource", "subresource", "namespace", "name"]
                .map(|key| text(attributes, key));
        let request = ResourceRequest {
            group: &group,
            resource: &resource,
            subresource: &subresource,
            namespace: &namespace,
            name: &name,
        };
        api.authorizer.decide(user, &verb, Some(request), "")
    } else {
        let attributes = &spec["nonResourceAttributes"];
        api.authorizer.decide(user, &text(attributes, "verb"), None, &text(attributes, "path"))
    };
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    status
}

fn rules(api: &Api, user: &User, spec: &Value) -> Value {
    let namespace = spec["namespace"].as_str().unwrap_or("");
    let granted = api.authorizer.rules(user, namespace);
    let masters = user.groups.iter().any(|group| group == crate::authn::MASTERS);
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    if masters && granted.rules.is_empty() {
        resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    for rule in &granted.rules {
        let rule = rule.to_value();
        if rule.get("nonResourceURLs").is_some() { paths.push(rule) } else { resources.push(rule) }
    }
    let mut status = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    if !granted.errors.is_empty() {
        status["incomplete"] = json!(true);
        status["evaluationError"] = json!(granted.errors.join(", "));
    }
    status
}

fn token(api: &Api, review: &Value) -> Value {
    let token = review.pointer("/spec/token").and_then(Value::as_str).unwrap_or("");
    let wanted = strings(&review["spec"]["audiences"]);
    match api.authenticator.review(token, &wanted) {
        Ok(found) => {
            json!({"authenticated": true, "user": user_info(&found.user), "audiences": found.audiences})
        }
        Err(_) => json!({"user": {}, "error": "[invalid bearer token]"}),
    }
}
