"""A pod that a PodDisruptionBudget holds on node4."""

from __future__ import annotations

from kubeup.components import pause

TEXT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      nodeName: node4
      terminationGracePeriodSeconds: 0
      containers: [{name: NAME, image: IMAGE, imagePullPolicy: Never}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: BUDGET}
spec: {minAvailable: 1, selector: {matchLabels: {app: NAME}}}
"""


def command(name: str, budget: str) -> str:
    """For a shell of node3: makes the Deployment of this name and its budget. The image is there already."""
    image = f"registry.k8s.io/pause:{pause.PAUSE.version}"
    text = TEXT.replace("NAME", name).replace("BUDGET", budget).replace("IMAGE", image)
    return f"kubectl apply -f - <<'end'\n{text}\nend"
