//! exec: runs a command in a container, through a WebSocket that leads to its node.
//!
//! The node speaks the protocol (channels, exit status); this server joins two connections and looks at nothing.

use std::time::Duration;

use http::Request;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use stanchion_machinery::status::{Reason, Status};

use super::node;
use crate::api::Api;
use crate::call::Call;
use crate::http::upgrade::{Upgrade, WebSocket};
use crate::http::{Query, Reply, Verb};
use crate::nodes::{self, Answer};

/// The subprotocols that nodes speak, the best first.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/// How long both sides may take to go on with the other protocol.
const SWITCH: Duration = Duration::from_secs(30);

/// Runs a command in a container.
pub(crate) async fn run(api: &Api, call: &Call) -> Result<Reply, Status> {
    // A WebSocket begins with a GET; it takes as much as a POST to run a command with it.
    api.authorizer.resource(&call.user, Verb::Create, &call.target, &call.query)?;
    let name = call.key().name;
    let command = command(&call.query)?;
    let pod = node::pod(api, call).await?;
    let container = node::container(&pod, &name, call.query.text("container"))?;
    let on = node::name(&pod);
    if on.is_empty() {
        return Err(Status::bad_request(format!("pod {name} does not have a host assigned")));
    }
    let endpoint = node::endpoint(api, on).await?;
    let request = Request::get(format!("/exec/{}/{name}/{container}?{command}", call.namespace()));
    let Upgrade::WebSocket(client) = &call.upgrade else {
        // kubectl tries this way when a WebSocket was refused, and shows only what it is told now: why that was so.
        let answer = api.nodes.ask(&endpoint, request).await?;
        return Err(match answer.response.status().as_u16() {
            426 => without_websocket(&call.upgrade),
            _ => nodes::refusal(answer.response).await,
        });
    };
    let protocols = protocols(client)?;
    let request = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_KEY, &client.key)
        .header(SEC_WEBSOCKET_VERSION, &client.version)
        .header(SEC_WEBSOCKET_PROTOCOL, protocols);
    let answer = api.nodes.ask(&endpoint, request).await?;
    if answer.response.status().as_u16() != 101 {
        return Err(nodes::refusal(answer.response).await);
    }
    let mut reply = Reply::switch().with("Connection", "Upgrade").with("Upgrade", "websocket");
    for header in ["Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"] {
        let value = answer.response.headers().get(header).and_then(|value| value.to_str().ok());
        reply.headers.extend(value.map(|value| (header, value.to_owned())));
    }
    api.nodes.go_on(join(client.connection.clone(), answer));
    Ok(reply)
}

/// Passes bytes both ways until both have ended.
async fn join(client: OnUpgrade, answer: Answer) {
    let Answer { response, slot: _slot } = answer;
    let both = async { tokio::try_join!(client, hyper::upgrade::on(response)) };
    let (client, node) = match tokio::time::timeout(SWITCH, both).await {
        Ok(Ok(both)) => both,
        Ok(Err(error)) => return tracing::debug!(%error, "a WebSocket did not come about"),
        Err(_) => return tracing::debug!("a WebSocket took too long to come about"),
    };
    let passed = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(node)).await;
    match passed {
        Ok((to_node, to_client)) => tracing::debug!(to_node, to_client, "a WebSocket has ended"),
        Err(error) => tracing::debug!(%error, "a WebSocket has failed"),
    }
}

/// Returns what to run as nodes take it.
fn command(query: &Query) -> Result<String, Status> {
    let flags = [("stdin", "input"), ("stdout", "output"), ("stderr", "error")];
    let streams = || flags.iter().filter(|(flag, _)| query.flag(flag));
    if streams().next().is_none() {
        return Err(Status::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
    }
    if query.all("command").next().is_none() {
        return Err(Status::bad_request("you must specify at least one command for the container"));
    }
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(streams().map(|(_, name)| (*name, "1")));
    if query.flag("tty") {
        out.append_pair("tty", "1");
    }
    Ok(out.extend_pairs(query.all("command").map(|word| ("command", word))).finish())
}

/// Returns the subprotocols that client and nodes both speak. Others may be secrets, and are not passed on.
fn protocols(client: &WebSocket) -> Result<String, Status> {
    let common = client.protocols.iter().map(String::as_str).filter(|offered| PROTOCOLS.contains(offered));
    let common: Vec<&str> = common.collect();
    if common.is_empty() {
        let text = format!(
            "a WebSocket for commands has to speak one of the subprotocols {PROTOCOLS:?}; offered were {} others",
            client.protocols.len()
        );
        return Err(Status::bad_request(text));
    }
    Ok(common.join(", "))
}

/// Says how to come with a WebSocket.
fn without_websocket(upgrade: &Upgrade) -> Status {
    let came = match upgrade {
        Upgrade::None => "none was asked for".to_owned(),
        Upgrade::WebSocket(_) => "its handshake was incomplete".to_owned(),
        Upgrade::Other(protocol) => format!("{protocol} is not supported"),
    };
    let text = format!(
        "commands run through a WebSocket, and {came}: use kubectl 1.31 or later, or kubectl 1.29 or 1.30 with \
         KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true in its environment"
    );
    Status::new(Reason::NotImplemented, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_checked_and_put_in_the_words_of_nodes() {
        let said = |query: &str| command(&Query::parse(query)).map_err(|status| status.message);
        let query =
            "command=sh&command=-c&command=a%26b+c&container=c&stdout=true&stderr=false&stdin=1&tty=true";
        assert_eq!(
            said(query),
            Ok("input=1&output=1&tty=1&command=sh&command=-c&command=a%26b+c".to_owned())
        );
        assert!(said("command=ls").is_err_and(|text| text.contains("at least 1 of stdin")));
        assert!(said("stdout=true").is_err_and(|text| text.contains("at least one command")));
    }
}
