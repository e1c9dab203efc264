# JupyterHub by its own chart, with our Python code and settings mounted into the hub.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }

  # The code is a folder with folders in it; a key of a ConfigMap has no slash.
  code = { for name in fileset("${path.module}/hub", "**") : replace(name, "/", "..") => file("${path.module}/hub/${name}") }

  settings = jsonencode(merge(var.settings, {
    cluster = merge(var.settings.cluster, {
      namespace     = local.namespace
      shared_claim  = local.kubernetes_initialize.shared_claim
      node_selector = local.infrastructure.node_selectors["user"]
    })
  }))
  secrets = jsonencode(merge(var.secrets, {
    tokens = { for name, token in random_password.service : name => token.result }
  }))

  # What the hub reads at its start; a change of it starts the hub anew, people's servers go on.
  fingerprint = sha256(join("", [nonsensitive(sha256(local.secrets)), local.settings, jsonencode(local.code)]))
}

# Tokens of the services beside the hub: theirs to ask it, its to know them. With that of its own
# Jitsi server the hub signs for who may enter a room.
resource "random_password" "service" {
  for_each = toset(["qhub", "ssh", "dask-gateway", "conda-store", "jitsi", "prometheus"])

  length  = 64
  special = false
}

# Known from the start: what the chart makes up by itself changes once more, with a restart.
resource "random_bytes" "cookie" {
  length = 32
}

resource "random_password" "proxy" {
  length  = 64
  special = false
}

resource "kubernetes_config_map_v1" "code" {
  metadata {
    name      = "qhub-hub-code"
    namespace = local.namespace
    labels    = local.labels
  }

  data = local.code
}

resource "kubernetes_secret_v1" "hub" {
  metadata {
    name      = "qhub-hub"
    namespace = local.namespace
    labels    = local.labels
  }

  data = {
    "settings.json" = local.settings
    "secrets.json"  = local.secrets
  }
}

# For who reads the hub's metrics: theirs to mount or to copy.
resource "kubernetes_secret_v1" "prometheus" {
  count = var.settings.monitoring ? 1 : 0

  metadata {
    name      = "qhub-prometheus"
    namespace = local.namespace
    labels    = local.labels
  }

  data = { token = random_password.service["prometheus"].result }
}

resource "kubernetes_config_map_v1" "people" {
  metadata {
    name      = "qhub-people"
    namespace = local.namespace
    labels    = local.labels
  }

  data = var.names
}

# Makes the folders of people and groups; another one at each change of them.
resource "kubernetes_job_v1" "folders" {
  metadata {
    name      = "qhub-folders-${substr(sha256("${jsonencode(var.settings.users)} ${jsonencode(var.settings.groups)} ${jsonencode(var.settings.namespaces)} ${local.code["folders.py"]} ${var.image}"), 0, 10)}"
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    backoff_limit = 3

    template {
      metadata {
        labels = merge(local.labels, { "app.kubernetes.io/name" = "folders" })
      }

      spec {
        restart_policy                  = "Never"
        automount_service_account_token = false
        priority_class_name             = local.kubernetes_initialize.priority_classes["services"]
        node_selector                   = local.infrastructure.node_selectors["general"]

        container {
          name    = "folders"
          image   = var.image
          command = ["python3", "-B", "/code/folders.py", "/settings/settings.json", "/files"]

          # Files are given to their owners, which root alone can.
          security_context {
            run_as_user                = 0
            run_as_group               = 0
            allow_privilege_escalation = false

            capabilities {
              drop = ["ALL"]
              add  = ["CHOWN", "FOWNER", "DAC_OVERRIDE", "FSETID"]
            }
          }

          resources {
            requests = { cpu = "50m", memory = "64Mi" }
            limits   = { memory = "256Mi" }
          }

          volume_mount {
            name       = "code"
            mount_path = "/code"
          }
          volume_mount {
            name       = "settings"
            mount_path = "/settings"
          }
          volume_mount {
            name       = "files"
            mount_path = "/files"
          }
        }

        volume {
          name = "code"
          config_map {
            name = kubernetes_config_map_v1.code.metadata[0].name
          }
        }
        volume {
          name = "settings"
          secret {
            secret_name = kubernetes_secret_v1.hub.metadata[0].name

            items {
              key  = "settings.json"
              path = "settings.json"
            }
          }
        }
        volume {
          name = "files"
          persistent_volume_claim {
            claim_name = local.kubernetes_initialize.shared_claim
          }
        }
      }
    }
  }

  # Its check tells more of a failure than a time-out does.
  wait_for_completion = false
}

resource "helm_release" "jupyterhub" {
  name       = "jupyterhub"
  namespace  = local.namespace
  repository = var.chart.repository
  chart      = var.chart.name
  version    = var.chart.version
  # Its check watches what it makes, and tells why it doesn't get ready.
  wait        = false
  max_history = 5

  values = [
    jsonencode(var.values),
    jsonencode({
      hub = {
        cookieSecret = random_bytes.cookie.hex
        annotations  = { "qhub/fingerprint" = local.fingerprint }
        nodeSelector = local.infrastructure.node_selectors["general"]
        extraVolumes = [
          {
            name = "qhub-code"
            configMap = {
              name  = kubernetes_config_map_v1.code.metadata[0].name
              items = [for key in keys(local.code) : { key = key, path = replace(key, "..", "/") }]
            }
          },
          {
            name   = "qhub-settings"
            secret = { secretName = kubernetes_secret_v1.hub.metadata[0].name }
          },
        ]
      }
      proxy = { secretToken = random_password.proxy.result, chp = { nodeSelector = local.infrastructure.node_selectors["general"] } }
      ingress = {
        enabled     = true
        annotations = local.kubernetes_ingress.annotations
        hosts       = [var.domain]
      }
    }),
    jsonencode(var.overrides),
  ]
}
