# What people's pods mount for video chat: the panel, and for each person the rooms of their groups;
# and, with a chart, the Jitsi server itself.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }

  # The panel is a folder with a folder in it; a key of a ConfigMap has no slash.
  files = setsubtract(fileset("${path.module}/panel", "**"), ["source.sha256"])
  panel = { for name in local.files : replace(name, "/", "..") => file("${path.module}/panel/${name}") }

  # A public Jitsi server lets everybody in who knows a room's name. So names hold a part that only
  # this deployment can compute; it is the same after each deploy. Where tokens are what lets people
  # in, the hub leads them on, by the name of the group.
  groups = toset(flatten([for person in var.users : person.groups]))
  rooms = {
    for group in local.groups :
    group => var.door ? group : "${var.project_name}-${group}-${substr(sha256("${random_password.rooms.result}/${group}"), 0, 20)}"
  }
  pages = {
    for name, person in var.users : name => jsonencode({
      videoChatServer = var.door ? "${local.jupyterhub.url}/hub/video-chat" : var.server
      videoChatRooms  = [for group in sort(person.groups) : { group = group, name = local.rooms[group] }]
    })
  }

  own    = var.chart != null
  placed = { nodeSelector = local.infrastructure.node_selectors["general"] }
  # Each part sees its own secrets alone.
  secrets = {
    prosody = { JWT_APP_SECRET = sensitive(local.jupyterhub.tokens["jitsi"]) }
    jicofo  = { JICOFO_AUTH_PASSWORD = random_password.xmpp["jicofo"].result }
    jvb     = { JVB_AUTH_USER = "jvb", JVB_AUTH_PASSWORD = random_password.xmpp["jvb"].result }
  }
}

resource "random_password" "rooms" {
  length  = 64
  special = false
}

# How the parts of the server know one another.
resource "random_password" "xmpp" {
  for_each = toset(["jicofo", "jvb"])

  length  = 32
  special = false
}

resource "kubernetes_config_map_v1" "panel" {
  metadata {
    name      = "qhub-video-chat"
    namespace = local.namespace
    labels    = local.labels
  }

  data = local.panel
}

resource "kubernetes_secret_v1" "rooms" {
  metadata {
    name      = "qhub-video-chat-rooms"
    namespace = local.namespace
    labels    = local.labels
  }

  data = local.pages
}

resource "kubernetes_secret_v1" "server" {
  for_each = local.own ? toset(["prosody", "jicofo", "jvb"]) : []

  metadata {
    name      = "qhub-jitsi-${each.key}"
    namespace = local.namespace
    labels    = local.labels
  }

  data = local.secrets[each.key]
}

# Its parts talk among themselves; pages come through Traefik, sound and pictures from anywhere.
resource "kubernetes_network_policy_v1" "server" {
  count = local.own ? 1 : 0

  metadata {
    name      = "jitsi-meet"
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    policy_types = ["Ingress"]

    pod_selector {
      match_labels = { "app.kubernetes.io/instance" = "jitsi-meet" }
    }

    ingress {
      from {
        pod_selector {
          match_labels = { "app.kubernetes.io/instance" = "jitsi-meet" }
        }
      }
    }
    ingress {
      from {
        pod_selector {
          match_labels = { "app.kubernetes.io/name" = "traefik" }
        }
      }
      ports {
        protocol = "TCP"
        port     = "8000"
      }
    }
    ingress {
      ports {
        protocol = "UDP"
        port     = tostring(var.udp_port)
      }
    }
  }
}

resource "helm_release" "jitsi_meet" {
  count = local.own ? 1 : 0

  name       = "jitsi-meet"
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
      web = merge(local.placed, {
        ingress = {
          enabled     = true
          annotations = local.kubernetes_ingress.annotations
          hosts       = [{ host = var.domain, paths = ["/"] }]
        }
      })
      prosody = merge(local.placed, {
        jwt            = { existingSecretName = kubernetes_secret_v1.server["prosody"].metadata[0].name }
        podAnnotations = { "qhub/fingerprint" = nonsensitive(sha256(jsonencode(local.secrets))) }
      })
      jicofo = merge(local.placed, { xmpp = { existingSecretName = kubernetes_secret_v1.server["jicofo"].metadata[0].name } })
      jvb    = merge(local.placed, { xmpp = { existingSecretName = kubernetes_secret_v1.server["jvb"].metadata[0].name } })
    }),
  ]
}
