# SSH by our own chart, which is a folder here. The host key is made once and outlives every release.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }
  chart = "${path.module}/kubessh"
  token = sensitive(local.jupyterhub.tokens["ssh"])
}

resource "tls_private_key" "host" {
  algorithm = "ED25519"
}

resource "kubernetes_secret_v1" "kubessh" {
  metadata {
    name      = "kubessh"
    namespace = local.namespace
    labels    = local.labels
  }

  data = {
    ssh_host_ed25519_key = tls_private_key.host.private_key_openssh
    hub-token            = local.token
  }
}

resource "helm_release" "kubessh" {
  name      = "kubessh"
  namespace = local.namespace
  chart     = local.chart
  # The provider doesn't look into the folder.
  description = sha256(join("", [for name in sort(fileset(local.chart, "**")) : "${name} ${filesha256("${local.chart}/${name}")}"]))
  # Its check watches what it makes, and tells why it doesn't get ready.
  wait        = false
  max_history = 5

  values = [
    jsonencode(var.values),
    jsonencode({
      secretName = kubernetes_secret_v1.kubessh.metadata[0].name
      people     = var.people
      hub = {
        apiUrl    = local.jupyterhub.api_url
        tokenPage = "${local.jupyterhub.url}/hub/token"
      }
      nodeSelector      = local.infrastructure.node_selectors["general"]
      priorityClassName = local.kubernetes_initialize.priority_classes["services"]
      # What the server reads at its start only.
      podAnnotations = {
        "qhub/fingerprint" = nonsensitive(sha256("${tls_private_key.host.public_key_openssh} ${local.token}"))
      }
    }),
  ]
}
