# What people's pods mount for video chat: the panel, and for each person the rooms of their groups.

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
  # this deployment can compute; it is the same after each deploy.
  groups = toset(flatten([for person in var.users : person.groups]))
  rooms = {
    for group in local.groups :
    group => "${var.project_name}-${group}-${substr(sha256("${random_password.rooms.result}/${group}"), 0, 20)}"
  }
  pages = {
    for name, person in var.users : name => jsonencode({
      videoChatServer = var.server
      videoChatRooms  = [for group in sort(person.groups) : { group = group, name = local.rooms[group] }]
    })
  }
}

resource "random_password" "rooms" {
  length  = 64
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
