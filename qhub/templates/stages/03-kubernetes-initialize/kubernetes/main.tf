# The namespace of the deployment and what holds for everything in it.

locals {
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
    "app.kubernetes.io/instance"   = var.name
  }

  # Services are to run before people, people before the places kept free for them; and none before
  # what others run in the cluster, which has 0 unless it says otherwise.
  priorities = { services = 0, users = -10, placeholders = -20 }
}

resource "kubernetes_namespace_v1" "this" {
  metadata {
    name = var.namespace
    labels = merge(local.labels, {
      "pod-security.kubernetes.io/enforce" = var.pod_security
      "pod-security.kubernetes.io/warn"    = var.pod_security
    })
    # One of the same name in another cluster is another namespace.
    annotations = { "qhub/cluster" = local.infrastructure.cluster }
  }

  timeouts {
    delete = "10m"
  }
}

resource "kubernetes_priority_class_v1" "this" {
  for_each = local.priorities

  metadata {
    name   = "${var.name}-${each.key}"
    labels = local.labels
  }

  value = each.value
}

resource "kubernetes_resource_quota_v1" "this" {
  count = length(var.quota) > 0 ? 1 : 0

  metadata {
    name      = "qhub"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }

  spec {
    hard = var.quota
  }
}

resource "kubernetes_limit_range_v1" "this" {
  count = length(var.container_limits) > 0 ? 1 : 0

  metadata {
    name      = "qhub"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }

  spec {
    limit {
      type            = "Container"
      default         = lookup(var.container_limits, "default", null)
      default_request = lookup(var.container_limits, "default_request", null)
      max             = lookup(var.container_limits, "max", null)
      min             = lookup(var.container_limits, "min", null)
    }
  }
}

resource "kubernetes_persistent_volume_claim_v1" "shared" {
  metadata {
    name      = "shared"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }

  spec {
    access_modes       = [var.shared.access_mode]
    storage_class_name = var.nfs == null ? var.shared.storage_class : local.nfs_class
    volume_name        = one(kubernetes_persistent_volume_v1.shared[*].metadata[0].name)

    resources {
      requests = { storage = local.shared_size }
    }
  }

  # A class that binds for the first pod alone would never be done.
  wait_until_bound = false
}
