"""Follows the ConfigMaps of a namespace as informers do: one list, then watches from where the last one ended.

Says `listed` after the list, and what it knows as one line of JSON once an object `last` is there. Ends with a failure
where it would have to list again.
"""

import json
import sys
import time

import urllib3
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException


def main(namespace):
    config.load_kube_config()
    core = client.CoreV1Api()
    listed = core.list_namespaced_config_map(namespace)
    known = {one.metadata.name: one.metadata.resource_version for one in listed.items}
    version = listed.metadata.resource_version
    events, watches = 0, 0
    print("listed", flush=True)
    while "last" not in known:
        watches += 1
        try:
            stream = watch.Watch().stream(
                core.list_namespaced_config_map,
                namespace,
                resource_version=version,
                timeout_seconds=30,
                allow_watch_bookmarks=True,
            )
            for event in stream:
                metadata = event["object"].metadata
                version = metadata.resource_version
                events += 1
                if event["type"] == "DELETED":
                    del known[metadata.name]
                elif event["type"] in ("ADDED", "MODIFIED"):
                    assert (metadata.name in known) == (event["type"] == "MODIFIED"), event
                    known[metadata.name] = version
                if "last" in known:
                    break
        except ApiException as error:
            if error.status == 410:
                raise
            time.sleep(0.05)
        except (urllib3.exceptions.HTTPError, OSError):
            time.sleep(0.05)
    print(json.dumps({"known": known, "events": events, "watches": watches}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
