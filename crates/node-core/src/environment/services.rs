//! The variables that tell a container about the services of its namespace.

use k8s_openapi::api::core::v1::{Service, ServicePort};

use super::Variables;

/// Makes the variables about services. `links`: the Pod asked for those of its namespace (`enableServiceLinks`); the
/// service `kubernetes` of namespace `default` is always told.
pub fn service_variables(services: &[Service], namespace: &str, links: bool) -> Variables {
    let mut variables = Variables::new();
    let is_master = |service: &&Service| {
        let meta = &service.metadata;
        meta.namespace.as_deref() == Some("default") && meta.name.as_deref() == Some("kubernetes")
    };
    let is_own = |service: &&Service| links && service.metadata.namespace.as_deref() == Some(namespace);
    // Those of the namespace come last, so that they decide where names are equal.
    for service in services.iter().filter(is_master).chain(services.iter().filter(is_own)) {
        tell(service, &mut variables);
    }
    variables
}

fn tell(service: &Service, variables: &mut Variables) {
    let Some(spec) = service.spec.as_ref().filter(|spec| spec.type_.as_deref() != Some("ExternalName"))
    else {
        return;
    };
    let address = spec.cluster_ip.as_deref().filter(|address| !address.is_empty() && *address != "None");
    let (Some(address), Some(ports)) = (address, spec.ports.as_deref()) else { return };
    let prefix = upper(service.metadata.name.as_deref().unwrap_or_default());
    let Some(first) = ports.first() else { return };
    variables.insert(format!("{prefix}_SERVICE_HOST"), address.to_owned());
    variables.insert(format!("{prefix}_SERVICE_PORT"), first.port.to_string());
    for port in ports {
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            variables.insert(format!("{prefix}_SERVICE_PORT_{}", upper(name)), port.port.to_string());
        }
    }
    variables.insert(format!("{prefix}_PORT"), url(first, address));
    for port in ports {
        let one = format!("{prefix}_PORT_{}_{}", port.port, protocol(port).to_uppercase());
        variables.insert(format!("{one}_PROTO"), protocol(port).to_lowercase());
        variables.insert(format!("{one}_PORT"), port.port.to_string());
        variables.insert(format!("{one}_ADDR"), address.to_owned());
        variables.insert(one, url(port, address));
    }
}

fn url(port: &ServicePort, address: &str) -> String {
    let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    format!("{}://{address}:{}", protocol(port).to_lowercase(), port.port)
}

fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().filter(|protocol| !protocol.is_empty()).unwrap_or("TCP")
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
