"""Calls of Python's Kubernetes client to the cluster of the environment's KUBECONFIG."""

import unittest

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException


def container(image="image"):
    return client.V1Container(name="c", image=image)


def deployment(name, replicas=1):
    labels = {"app": name}
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container()])
    )
    spec = client.V1DeploymentSpec(
        replicas=replicas, selector=client.V1LabelSelector(match_labels=labels), template=template
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


class Suite(unittest.TestCase):
    """A namespace of its own for every test."""

    def setUp(self):
        config.load_kube_config()
        self.core = client.CoreV1Api()
        self.namespace = self.id().rsplit(".", 1)[1].replace("_", "-")
        metadata = client.V1ObjectMeta(name=self.namespace)
        self.core.create_namespace(client.V1Namespace(metadata=metadata))

    def make(self, name, data=None, labels=None):
        metadata = client.V1ObjectMeta(name=name, labels=labels)
        return self.core.create_namespaced_config_map(
            self.namespace, client.V1ConfigMap(metadata=metadata, data=data)
        )

    def refused(self, code, reason, call, *arguments, **options):
        with self.assertRaises(ApiException) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.status, code, caught.exception.body)
        self.assertIn(f'"reason":"{reason}"', caught.exception.body.replace(" ", ""))
        return caught.exception


class Objects(Suite):
    def test_create_change_replace_delete(self):
        apps = client.AppsV1Api()
        made = apps.create_namespaced_deployment(self.namespace, deployment("web"))
        self.assertEqual((made.metadata.generation, made.spec.strategy.type), (1, "RollingUpdate"))
        self.assertIsNotNone(made.metadata.creation_timestamp.tzinfo)

        scaled = apps.patch_namespaced_deployment("web", self.namespace, {"spec": {"replicas": 3}})
        self.assertEqual((scaled.spec.replicas, scaled.metadata.generation), (3, 2))
        # By the type of its body, the client takes a list for a JSON patch.
        operations = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
        patched = apps.patch_namespaced_deployment("web", self.namespace, operations)
        self.assertEqual(patched.spec.replicas, 4)
        containers = [{"name": "side", "image": "other"}]
        strategic = apps.patch_namespaced_deployment(
            "web",
            self.namespace,
            {"spec": {"template": {"spec": {"containers": containers}}}},
            _content_type="application/strategic-merge-patch+json",
        )
        names = [one.name for one in strategic.spec.template.spec.containers]
        self.assertEqual(sorted(names), ["c", "side"])
        merged = apps.patch_namespaced_deployment(
            "web",
            self.namespace,
            {"spec": {"template": {"spec": {"containers": containers}}}},
            _content_type="application/merge-patch+json",
        )
        self.assertEqual([one.name for one in merged.spec.template.spec.containers], ["side"])

        merged.spec.replicas = 5
        replaced = apps.replace_namespaced_deployment("web", self.namespace, merged)
        self.assertEqual(replaced.spec.replicas, 5)
        merged.spec.replicas = 6
        self.refused(409, "Conflict", apps.replace_namespaced_deployment, "web", self.namespace, merged)
        scale = apps.read_namespaced_deployment_scale("web", self.namespace)
        self.assertEqual(scale.spec.replicas, 5)

        status = apps.delete_namespaced_deployment("web", self.namespace)
        self.assertEqual((status.status, status.details.name), ("Success", "web"))
        self.refused(404, "NotFound", apps.read_namespaced_deployment, "web", self.namespace)

    def test_errors_have_types(self):
        self.make("a")
        self.refused(409, "AlreadyExists", self.make, "a")
        self.refused(422, "Invalid", self.make, "Not A Name")
        self.refused(404, "NotFound", self.core.read_namespaced_pod, "none", self.namespace)
        self.refused(400, "BadRequest", self.core.list_namespaced_pod, self.namespace, label_selector="a==b==c")
        self.refused(404, "NotFound", self.core.create_namespaced_pod, "no-such-namespace", {
            "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        })
        self.refused(
            415, "UnsupportedMediaType", self.core.patch_namespaced_config_map, "a", self.namespace, {},
            _content_type="application/json",
        )

    def test_lists_in_pages(self):
        for number in range(25):
            self.make(f"m{number:02}", labels={"half": str(number % 2)})
        names, token, revisions = [], None, set()
        while True:
            page = self.core.list_namespaced_config_map(
                self.namespace, limit=4, _continue=token, label_selector="half=1"
            )
            names += [one.metadata.name for one in page.items]
            revisions.add(page.metadata.resource_version)
            token = page.metadata._continue
            if not token:
                break
            self.make(f"late{len(names)}", labels={"half": "1"})
        self.assertEqual(names, [f"m{number:02}" for number in range(25) if number % 2])
        self.assertEqual(len(revisions), 1, "all pages are of one revision")
        gone = self.core.delete_collection_namespaced_config_map(self.namespace, label_selector="half=0")
        self.assertIsNotNone(gone)
        left = self.core.list_namespaced_config_map(self.namespace, label_selector="half=0")
        self.assertEqual(left.items, [])

    def test_watches_end_in_time(self):
        listed = self.core.list_namespaced_config_map(self.namespace)
        version = listed.metadata.resource_version
        self.make("a", {"k": "1"})
        self.core.patch_namespaced_config_map("a", self.namespace, {"data": {"k": "2"}})
        self.core.delete_namespaced_config_map("a", self.namespace)
        stream = watch.Watch().stream(
            self.core.list_namespaced_config_map, self.namespace, resource_version=version, timeout_seconds=1
        )
        told = [(event["type"], event["object"].data) for event in stream]
        self.assertEqual(told, [("ADDED", {"k": "1"}), ("MODIFIED", {"k": "2"}), ("DELETED", {"k": "2"})])
        quiet = watch.Watch().stream(
            self.core.list_namespaced_secret, self.namespace, resource_version=version, timeout_seconds=1
        )
        self.assertEqual(list(quiet), [])


class Custom(Suite):
    GROUP = "python.example.com"

    @classmethod
    def setUpClass(cls):
        config.load_kube_config()
        spec = {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "maximum": 9}}}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"gadgets.{cls.GROUP}"},
            "spec": {
                "group": cls.GROUP,
                "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
            },
        }
        extensions = client.ApiextensionsV1Api()
        extensions.create_custom_resource_definition(definition)
        stream = watch.Watch().stream(
            extensions.list_custom_resource_definition,
            field_selector=f"metadata.name=gadgets.{cls.GROUP}",
            timeout_seconds=20,
        )
        for event in stream:
            conditions = event["object"].status.conditions or []
            if any(one.type == "Established" and one.status == "True" for one in conditions):
                return
        raise AssertionError("the definition is not established")

    def gadget(self, name, size):
        return {
            "apiVersion": f"{self.GROUP}/v1",
            "kind": "Gadget",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"size": size},
        }

    def test_custom_objects(self):
        custom = client.CustomObjectsApi()
        place = (self.GROUP, "v1", self.namespace, "gadgets")
        made = custom.create_namespaced_custom_object(*place, self.gadget("a", 1))
        self.assertEqual(made["metadata"]["generation"], 1)
        patched = custom.patch_namespaced_custom_object(*place, "a", {"spec": {"size": 2}})
        self.assertEqual(patched["spec"]["size"], 2)
        self.refused(422, "Invalid", custom.create_namespaced_custom_object, *place, self.gadget("b", 10))
        listed = custom.list_namespaced_custom_object(*place)
        self.assertEqual([one["metadata"]["name"] for one in listed["items"]], ["a"])
        custom.delete_namespaced_custom_object(*place, "a")
        self.refused(404, "NotFound", custom.get_namespaced_custom_object, *place, "a")

    def test_dynamic_client_applies(self):
        dynamic_client = dynamic.DynamicClient(client.ApiClient())
        gadgets = dynamic_client.resources.get(api_version=f"{self.GROUP}/v1", kind="Gadget")
        for size in (3, 4):
            applied = gadgets.server_side_apply(body=self.gadget("a", size), field_manager="python")
            self.assertEqual(applied.spec.size, size)
        self.assertEqual([one.manager for one in applied.metadata.managedFields], ["python"])
        with self.assertRaises(dynamic.exceptions.ConflictError):
            gadgets.server_side_apply(body=self.gadget("a", 5), field_manager="other")
        forced = gadgets.server_side_apply(body=self.gadget("a", 5), field_manager="other", force_conflicts=True)
        self.assertEqual(forced.spec.size, 5)
        pods = dynamic_client.resources.get(api_version="v1", kind="Pod")
        body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        pods.create(body=body, namespace=self.namespace)
        self.assertEqual(pods.get(name="p", namespace=self.namespace).status.phase, "Pending")
        with self.assertRaises(dynamic.exceptions.NotFoundError):
            pods.get(name="none", namespace=self.namespace)


class Accounts(Suite):
    def test_token_of_a_service_account(self):
        self.core.create_namespaced_service_account(self.namespace, {"metadata": {"name": "reader"}})
        request = client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
        )
        token = self.core.create_namespaced_service_account_token("reader", self.namespace, request).status.token
        rbac = client.RbacAuthorizationV1Api()
        rule = client.V1PolicyRule(api_groups=[""], resources=["configmaps"], verbs=["get", "list"])
        rbac.create_namespaced_role(
            self.namespace, client.V1Role(metadata=client.V1ObjectMeta(name="read"), rules=[rule])
        )
        rbac.create_namespaced_role_binding(
            self.namespace,
            {
                "metadata": {"name": "read"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"},
                "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": self.namespace}],
            },
        )
        admin = client.Configuration.get_default_copy()
        settings = client.Configuration(host=admin.host)
        settings.ssl_ca_cert = admin.ssl_ca_cert
        settings.api_key = {"authorization": f"Bearer {token}"}
        reader = client.CoreV1Api(client.ApiClient(settings))
        for attempt in range(100):
            try:
                reader.list_namespaced_config_map(self.namespace)
                break
            except ApiException as error:
                self.assertEqual((error.status, attempt < 99), (403, True))
        user = f"system:serviceaccount:{self.namespace}:reader"
        error = self.refused(403, "Forbidden", reader.list_namespaced_secret, self.namespace)
        self.assertIn(user, error.body)
        self.refused(403, "Forbidden", reader.list_config_map_for_all_namespaces)
        who = client.AuthenticationV1Api(client.ApiClient(settings)).create_self_subject_review({})
        self.assertEqual(who.status.user_info.username, user)
        settings.api_key = {"authorization": f"Bearer {token}x"}
        stranger = client.CoreV1Api(client.ApiClient(settings))
        self.refused(401, "Unauthorized", stranger.list_namespaced_config_map, self.namespace)


if __name__ == "__main__":
    unittest.main()
