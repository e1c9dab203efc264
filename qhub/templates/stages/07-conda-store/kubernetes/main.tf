# conda-store by our own chart, which is a folder here.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }
  chart = "${path.module}/conda-store"
  token = sensitive(local.jupyterhub.tokens["conda-store"])

  password = { for name, made in random_password.this : name => made.result }
  secrets = {
    # Builds run what packages bring along, beside the worker: it knows database and queue alone.
    "stores.json" = jsonencode({
      database = "postgresql+psycopg2://conda_store:${local.password["database"]}@conda-store-database.${local.namespace}.svc/conda_store"
      queue    = "redis://:${local.password["queue"]}@conda-store-queue.${local.namespace}.svc:6379/0"
    })
    "server.json" = jsonencode({
      secret = local.password["sessions"]
      hub    = { token = local.token }
      tokens = { qhub = local.password["deploy"] }
    })
    "deploy.json"       = jsonencode({ tokens = { qhub = local.password["deploy"] } })
    "database-password" = local.password["database"]
    "valkey.conf"       = "requirepass ${local.password["queue"]}\nsave \"\"\nappendonly no\n"
  }
}

resource "random_password" "this" {
  for_each = toset(["database", "queue", "sessions", "deploy"])

  length  = 64
  special = false
}

resource "kubernetes_secret_v1" "this" {
  metadata {
    name      = "conda-store"
    namespace = local.namespace
    labels    = local.labels
  }

  data = local.secrets
}

resource "helm_release" "conda_store" {
  name      = "conda-store"
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
      secretName         = kubernetes_secret_v1.this.metadata[0].name
      ingressAnnotations = local.kubernetes_ingress.annotations
      hub                = { apiUrl = local.jupyterhub.api_url }
      storage            = { claim = local.kubernetes_initialize.shared_claim }
      environments       = var.environments
      environmentsJob    = "conda-store-environments-${substr(sha256(jsonencode(var.environments)), 0, 10)}"
      nodeSelector       = local.infrastructure.node_selectors["general"]
      priorityClassName  = local.kubernetes_initialize.priority_classes["services"]
      # What the programs read at their start only.
      podAnnotations = { "qhub/fingerprint" = nonsensitive(sha256(jsonencode(local.secrets))) }
    }),
  ]
}
