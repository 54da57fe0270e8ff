//! Where facts come from.

mod etcd;
mod prometheus;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use stanchion_doctor::{
    CertificateOptions, Cluster, ClusterCertificates, Etcd, KubeOptions, Progress, quoted, read_certificates,
};
use stanchion_doctor_core::{Check, Facts, Need};

use self::etcd::EtcdSource;
use self::prometheus::PrometheusSource;
use crate::error::Failure;
use crate::exit::Exit;

/// Where facts come from. Each is optional; what is not given is not looked at.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// The kubeconfig of a cluster. Without any source, what `kubectl` uses: `$KUBECONFIG`, or `~/.kube/config`.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in the kubeconfig, in place of the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    #[command(flatten)]
    etcd: EtcdSource,
    /// Directories with certificates and kubeconfigs, as /etc/kubernetes and /var/lib/kubelet/pki; those in them, too.
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    cert_dir: Vec<PathBuf>,
    /// Servers whose certificates are looked at in a handshake.
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    tls_server: Vec<String>,
    /// Look at the certificates in Secrets of the type kubernetes.io/tls, too. Their keys are not looked at.
    #[arg(long)]
    kube_secrets: bool,
    /// Look at the certificates that kubelets show in a handshake, too.
    #[arg(long)]
    tls_nodes: bool,
    /// Look at the certificates that webhooks show in a handshake, too: of validation, mutation and conversion. Those behind
    /// Services are looked at where addresses of Services can be reached, as on nodes and in Pods.
    #[arg(long)]
    tls_webhooks: bool,
    #[command(flatten)]
    prometheus: PrometheusSource,
}

impl Sources {
    /// Reads what `checks` need from all that is given, and tells `progress`.
    pub(crate) async fn read(
        &self,
        facts: &mut Facts,
        checks: &[&Check],
        progress: &Progress,
    ) -> Result<(), Failure> {
        let needs = checks.iter().flat_map(|check| check.needs).copied().collect();
        self.read_needs(facts, &needs, progress).await
    }

    /// Reads what is needed from all that is given, and tells `progress`.
    pub(crate) async fn read_needs(
        &self,
        facts: &mut Facts,
        needs: &BTreeSet<Need>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let has_certificates = !self.cert_dir.is_empty() || !self.tls_server.is_empty();
        let has_etcd = self.etcd.connection.is_given();
        let has_others = has_etcd || has_certificates || self.prometheus.is_given();
        let has_cluster = self.has_kubeconfig() || !has_others;
        let reads_certificates = (has_certificates || has_cluster) && needs.contains(&Need::Certificates);
        progress.expect(needs.iter().copied().filter(|need| match need {
            Need::Certificates => reads_certificates,
            Need::Prometheus => self.prometheus.is_given(),
            need => (has_cluster && need.is_of_cluster()) || (has_etcd && need.is_of_etcd()),
        }));
        let cluster = if has_cluster { Some(self.cluster_with(progress.clone()).await?) } else { None };
        if let Some(cluster) = &cluster {
            Box::pin(cluster.read(facts, needs)).await;
        }
        if has_etcd {
            self.etcd(needs.contains(&Need::EtcdKeyspace))?.read(facts).await;
            needs.iter().filter(|need| need.is_of_etcd()).for_each(|need| progress.done(*need));
        }
        if reads_certificates {
            let (secrets, nodes, webhooks) = (self.kube_secrets, self.tls_nodes, self.tls_webhooks);
            let options = CertificateOptions {
                directories: self.cert_dir.clone(),
                servers: self.tls_server.clone(),
                cluster: cluster.map(|cluster| ClusterCertificates { cluster, secrets, nodes, webhooks }),
                connect_timeout: self.etcd.connection.dial_timeout(),
            };
            read_certificates(&options, facts).await;
            progress.done(Need::Certificates);
        }
        if needs.contains(&Need::Prometheus) {
            self.prometheus.read(facts, self.etcd.connection.dial_timeout()).await?;
            progress.done(Need::Prometheus);
        }
        Ok(())
    }

    /// Returns whether a cluster is asked for by what is given.
    fn has_kubeconfig(&self) -> bool {
        let reads_more = self.kube_secrets || self.tls_nodes || self.tls_webhooks;
        self.kubeconfig.is_some() || self.context.is_some() || reads_more
    }

    /// Returns the directories with certificates.
    pub(crate) fn certificate_directories(&self) -> &[PathBuf] {
        &self.cert_dir
    }

    /// Returns the command with which kubectl reaches the same cluster.
    pub(crate) fn kubectl(&self) -> String {
        let mut words = vec!["kubectl".to_owned()];
        if let Some(path) = &self.kubeconfig {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            words.push(format!("--kubeconfig={}", quoted(&path.display().to_string())));
        }
        words.extend(self.context.as_ref().map(|context| format!("--context={}", quoted(context))));
        words.join(" ")
    }

    /// Prepares to ask the API of a cluster.
    pub(crate) async fn cluster(&self) -> Result<Cluster, Failure> {
        self.cluster_with(Progress::default()).await
    }

    async fn cluster_with(&self, progress: Progress) -> Result<Cluster, Failure> {
        let options = KubeOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            connect_timeout: self.etcd.connection.dial_timeout(),
            progress,
        };
        let hint = "give --kubeconfig, --etcd-endpoints, --cert-dir, --tls-server or --prometheus-url";
        Cluster::new(options).await.map_err(|error| Failure::new(Exit::Usage, error).hint(hint))
    }

    /// Prepares to ask etcd; with `keyspace` also what its keys are of.
    pub(crate) fn etcd(&self, keyspace: bool) -> Result<Etcd, Failure> {
        self.etcd.prepare(keyspace)
    }
}
