# NVIDIA's device plugin, where profiles ask for GPUs and no node offers any yet.

data "kubernetes_nodes" "all" {
  count = var.gpu_plugin_image == null ? 0 : 1
}

locals {
  offered = anytrue([
    for node in flatten(data.kubernetes_nodes.all[*].nodes) :
    try(tonumber(node.status[0].allocatable["nvidia.com/gpu"]), 0) > 0
  ])
  gpu = var.gpu_plugin_image == null ? 0 : one(terraform_data.gpu_offered[*].input) ? 0 : 1
}

# Looked at once: later it is this plugin by which nodes offer them.
resource "terraform_data" "gpu_offered" {
  count = var.gpu_plugin_image == null ? 0 : 1
  input = local.offered

  lifecycle {
    ignore_changes = [input]
  }
}

# It speaks to the kubelet by a folder of the node, which the deployment's own namespace forbids.
resource "kubernetes_namespace_v1" "gpu" {
  count = local.gpu

  metadata {
    name   = "${var.namespace}-gpu"
    labels = merge(local.labels, { "pod-security.kubernetes.io/enforce" = "privileged" })
  }
}

resource "kubernetes_daemon_set_v1" "gpu" {
  count = local.gpu

  metadata {
    name      = "nvidia-device-plugin"
    namespace = kubernetes_namespace_v1.gpu[0].metadata[0].name
    labels    = local.labels
  }

  spec {
    selector {
      match_labels = { "app.kubernetes.io/name" = "nvidia-device-plugin" }
    }

    template {
      metadata {
        labels = merge(local.labels, { "app.kubernetes.io/name" = "nvidia-device-plugin" })
      }

      spec {
        automount_service_account_token = false
        priority_class_name             = "system-node-critical"
        node_selector                   = { "kubernetes.io/os" = "linux" }

        toleration {
          key      = "nvidia.com/gpu"
          operator = "Exists"
          effect   = "NoSchedule"
        }

        container {
          name  = "plugin"
          image = var.gpu_plugin_image

          # On a node without GPUs it waits.
          env {
            name  = "FAIL_ON_INIT_ERROR"
            value = "false"
          }

          security_context {
            allow_privilege_escalation = false

            capabilities {
              drop = ["ALL"]
            }
          }

          resources {
            requests = { cpu = "10m", memory = "32Mi" }
          }

          volume_mount {
            name       = "device-plugins"
            mount_path = "/var/lib/kubelet/device-plugins"
          }
        }

        volume {
          name = "device-plugins"
          host_path {
            path = "/var/lib/kubelet/device-plugins"
          }
        }
      }
    }
  }

  wait_for_rollout = false
}
