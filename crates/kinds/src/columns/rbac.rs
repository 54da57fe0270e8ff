//! The columns of bindings of roles; roles themselves show what any kind shows.

use serde_json::Value;

use super::read::Read;
use super::{Column, Columns, age};

/// Returns the columns of a kind of this file.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    matches!(kind, "RoleBinding" | "ClusterRoleBinding").then_some(&BINDING)
}

static BINDING: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Role", "The role that is granted."),
        Column::age(),
        Column::wide("Users", "The users it is granted to."),
        Column::wide("Groups", "The groups it is granted to."),
        Column::wide("ServiceAccounts", "The service accounts it is granted to."),
    ],
    |binding, now| {
        let role = binding.at("roleRef");
        let plain = |subject: &Value| subject.text("name").to_owned();
        let spaced = |subject: &Value| format!("{}/{}", subject.text("namespace"), subject.text("name"));
        vec![
            binding.text("metadata.name").into(),
            format!("{}/{}", role.text("kind"), role.text("name")).into(),
            age::of(binding, now).into(),
            subjects(binding, "User", plain).into(),
            subjects(binding, "Group", plain).into(),
            subjects(binding, "ServiceAccount", spaced).into(),
        ]
    },
);

fn subjects(binding: &Value, kind: &str, show: impl Fn(&Value) -> String) -> String {
    let subjects = binding.list("subjects").iter().filter(|subject| subject.text("kind") == kind);
    subjects.map(show).collect::<Vec<_>>().join(", ")
}
