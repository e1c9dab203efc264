# An NFS server, where all nodes are to have the files and the cluster has no file system for that.

locals {
  nfs   = var.nfs == null ? 0 : 1
  chart = "${path.module}/nfs-server"
  # Of no StorageClass: none is to make a volume for it, and an empty name would be the default one.
  nfs_class   = "${var.name}-shared"
  shared_size = var.nfs == null ? var.shared.size : terraform_data.nfs_size[0].input
}

# What was lent first is what is said later: such a claim can't grow. What there is room for is said
# by the volume behind it, which can.
resource "terraform_data" "nfs_size" {
  count = local.nfs
  input = var.shared.size

  lifecycle {
    ignore_changes = [input]
  }
}

# The server opens files by handles, which the deployment's own namespace forbids.
resource "kubernetes_namespace_v1" "storage" {
  count = local.nfs

  metadata {
    name   = "${var.namespace}-storage"
    labels = merge(local.labels, { "pod-security.kubernetes.io/enforce" = "privileged" })
  }

  timeouts {
    delete = "10m"
  }
}

resource "kubernetes_persistent_volume_claim_v1" "storage" {
  count = local.nfs

  metadata {
    name      = "nfs-server"
    namespace = kubernetes_namespace_v1.storage[0].metadata[0].name
    labels    = local.labels
  }

  spec {
    access_modes = ["ReadWriteOnce"]

    resources {
      requests = { storage = var.shared.size }
    }
  }

  wait_until_bound = false
}

# Not of the chart: its address has to be known before the release is, or each upgrade would make
# the volume anew.
resource "kubernetes_service_v1" "nfs" {
  count = local.nfs

  metadata {
    name      = "nfs-server"
    namespace = kubernetes_namespace_v1.storage[0].metadata[0].name
    labels    = local.labels
  }

  spec {
    selector = { "app.kubernetes.io/name" = "nfs-server" }

    port {
      name        = "nfs"
      port        = 2049
      target_port = "nfs"
    }
  }
}

resource "helm_release" "nfs_server" {
  count = local.nfs

  name      = "nfs-server"
  namespace = kubernetes_namespace_v1.storage[0].metadata[0].name
  chart     = local.chart
  # The provider doesn't look into the folder.
  description = sha256(join("", [for name in sort(fileset(local.chart, "**")) : "${name} ${filesha256("${local.chart}/${name}")}"]))
  # Its check watches what it makes, and tells why it doesn't get ready.
  wait        = false
  max_history = 5

  values = [
    jsonencode(var.nfs.values),
    jsonencode({
      claimName         = kubernetes_persistent_volume_claim_v1.storage[0].metadata[0].name
      nodeSelector      = local.infrastructure.node_selectors["general"]
      priorityClassName = kubernetes_priority_class_v1.this["services"].metadata[0].name
    }),
  ]
}

resource "kubernetes_persistent_volume_v1" "shared" {
  count = local.nfs

  metadata {
    name   = "${var.name}-shared"
    labels = local.labels
  }

  spec {
    capacity                         = { storage = local.shared_size }
    access_modes                     = ["ReadWriteMany"]
    storage_class_name               = local.nfs_class
    persistent_volume_reclaim_policy = "Retain"
    mount_options                    = ["nfsvers=4.1", "hard"]

    claim_ref {
      name      = "shared"
      namespace = kubernetes_namespace_v1.this.metadata[0].name
    }

    # By its address: nodes don't know the names of the cluster.
    persistent_volume_source {
      nfs {
        server = kubernetes_service_v1.nfs[0].spec[0].cluster_ip
        path   = "/"
      }
    }
  }
}
