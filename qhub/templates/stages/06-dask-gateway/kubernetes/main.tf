# Dask-Gateway by its own chart, with our Python code and settings in its configuration.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }

  # What the gateway needs of the hub's Python code: its pod can't be given files, only text.
  modules = [
    "__init__", "dashboards", "dask_options", "dask_pods", "dask_service", "gateway_pods",
    "limited_backend", "names", "namespaces", "pod", "profiles", "shares",
  ]
  code = { for name in local.modules : "${name}.py" => file("${path.module}/hub/${name}.py") }
  settings = merge(var.settings, {
    cluster = merge(var.settings.cluster, {
      shared_claim  = local.kubernetes_initialize.shared_claim
      priority      = local.kubernetes_initialize.priority_classes["users"]
      node_selector = local.infrastructure.node_selectors["worker"]
    })
  })
  start = <<-PYTHON
    import json, sys, tempfile
    from pathlib import Path
    place = Path(tempfile.mkdtemp())
    (place / "qhub_hub").mkdir()
    for name, text in json.loads(${jsonencode(jsonencode(local.code))}).items():
        (place / "qhub_hub" / name).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(place))
    from qhub_hub import gateway_pods
    gateway_pods.configure(c, json.loads(${jsonencode(jsonencode(local.settings))}))
  PYTHON
}

resource "random_password" "cookies" {
  length  = 64
  special = false
}

resource "kubernetes_secret_v1" "gateway" {
  metadata {
    name      = var.secret.name
    namespace = local.namespace
    labels    = local.labels
  }

  data = {
    (var.secret.hub)     = sensitive(local.jupyterhub.tokens["dask-gateway"])
    (var.secret.cookies) = random_password.cookies.result
  }
}

# What it may do and who reaches it.
resource "helm_release" "access" {
  name      = "dask-access"
  namespace = local.namespace
  chart     = "${path.module}/dask-access"
  # Helm looks at the chart's version alone to see that it is another one.
  description = sha256(join("", [for file in sort(fileset("${path.module}/dask-access", "**")) : filesha256("${path.module}/dask-access/${file}")]))
  max_history = 5

  values = [jsonencode({
    instance = var.instance
    check    = "http://api-${var.instance}.${local.namespace}.svc:8000${var.check}"
  })]
}

resource "helm_release" "dask_gateway" {
  name       = "dask-gateway"
  namespace  = local.namespace
  repository = var.chart.repository
  chart      = var.chart.name
  version    = var.chart.version
  skip_crds  = true
  # Its check watches what it makes, and tells why it doesn't get ready.
  wait        = false
  max_history = 5

  values = [
    jsonencode(var.values),
    jsonencode({
      gateway = {
        annotations  = { "qhub/fingerprint" = nonsensitive(sha256(jsonencode(kubernetes_secret_v1.gateway.data))) }
        nodeSelector = local.infrastructure.node_selectors["general"]
        auth         = { jupyterhub = { apiUrl = local.jupyterhub.api_url } }
        extraConfig  = { qhub = local.start }
      }
      controller = { nodeSelector = local.infrastructure.node_selectors["general"] }
      traefik    = { nodeSelector = local.infrastructure.node_selectors["general"] }
    }),
  ]

  # The chart has no value for it, and people's pods would push the gateway out.
  postrender = {
    binary_path = "qhub-cluster"
    args        = ["prioritize", local.kubernetes_initialize.priority_classes["services"]]
  }

  depends_on = [helm_release.access]
}
