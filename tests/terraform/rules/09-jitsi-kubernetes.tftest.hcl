mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}

override_resource {
  target = random_password.rooms
  values = { result = "what-nobody-guesses" }
}

override_resource {
  target = random_password.xmpp
  values = { result = "among-the-parts" }
}

variables {
  infrastructure = {
    cluster        = "0b0a1d2c"
    node_selectors = { general = { pool = "general" }, user = {}, worker = {} }
  }
  kubernetes_initialize = {
    namespace        = "dev"
    shared_claim     = "shared"
    priority_classes = { services = "demo-dev-services", users = "demo-dev-users", placeholders = "demo-dev-placeholders" }
  }
  kubernetes_ingress = {
    url         = "https://hub.example.org"
    namespace   = "dev"
    annotations = { "kubernetes.io/ingress.class" = "demo-dev" }
  }
  jupyterhub = {
    url       = "https://hub.example.org"
    namespace = "dev"
    api_url   = "http://hub.dev.svc:8081/hub/api"
    tokens    = { jitsi = "what-tokens-are-signed-with", qhub = "another-token" }
  }
  project_name = "demo"
  server       = "https://meet.hub.example.org"
  door         = true
  users = {
    ada = { uid = 21000, primary_group = "admin", groups = ["sailors", "admin"] }
    ben = { uid = 21001, primary_group = "sailors", groups = ["sailors"] }
  }
  chart    = { repository = "https://charts.example.org", name = "jitsi-meet", version = "1.2.3" }
  domain   = "meet.hub.example.org"
  udp_port = 30000
  values   = { publicURL = "https://meet.hub.example.org" }
}

run "brings_the_panel_into_pods_as_the_folder_that_it_is" {
  assert {
    condition = (
      contains(keys(kubernetes_config_map_v1.panel.data), "package.json")
      && length([for name in keys(kubernetes_config_map_v1.panel.data) : name if startswith(name, "static..")]) > 2
      && !contains(keys(kubernetes_config_map_v1.panel.data), "source.sha256")
    )
    error_message = "each file of the panel is a key, slashes as two dots"
  }
}

run "leads_members_through_the_hub" {
  assert {
    condition = (
      jsondecode(nonsensitive(kubernetes_secret_v1.rooms.data["ada"])).videoChatServer == "https://hub.example.org/hub/video-chat"
      && jsondecode(nonsensitive(kubernetes_secret_v1.rooms.data["ada"])).videoChatRooms == [
        { group = "admin", name = "admin" }, { group = "sailors", name = "sailors" },
      ]
    )
    error_message = "a room is entered by its group's name, at the hub"
  }
}

run "names_rooms_of_open_servers_so_that_nobody_guesses_them" {
  variables {
    door   = false
    chart  = null
    domain = ""
    server = "https://meet.example.org"
    values = {}
  }

  assert {
    condition     = jsondecode(nonsensitive(kubernetes_secret_v1.rooms.data["ben"])).videoChatServer == "https://meet.example.org"
    error_message = "the server is the one of the config"
  }

  assert {
    condition = (
      can(regex("^demo-sailors-[0-9a-f]{20}$", jsondecode(nonsensitive(kubernetes_secret_v1.rooms.data["ben"])).videoChatRooms[0].name))
      && jsondecode(nonsensitive(kubernetes_secret_v1.rooms.data["ben"])).videoChatRooms[0] == jsondecode(nonsensitive(kubernetes_secret_v1.rooms.data["ada"])).videoChatRooms[1]
    )
    error_message = "members of a group meet in one room, whose name holds a secret part"
  }

  assert {
    condition     = length(helm_release.jitsi_meet) == 0 && length(kubernetes_secret_v1.server) == 0 && output.domain == ""
    error_message = "there is no server of its own beside somebody else's"
  }
}

run "keeps_secrets_out_of_the_release" {
  assert {
    condition = alltrue([
      for secret in ["what-tokens-are-signed-with", "another-token", "among-the-parts", "what-nobody-guesses"] :
      !strcontains(join(" ", helm_release.jitsi_meet[0].values), secret)
    ])
    error_message = "values of a release can be read by whoever may look at it: no secret is among them"
  }

  assert {
    condition = (
      nonsensitive(kubernetes_secret_v1.server["prosody"].data) == tomap({ JWT_APP_SECRET = "what-tokens-are-signed-with" })
      && !contains(nonsensitive(keys(kubernetes_secret_v1.server["jvb"].data)), "JWT_APP_SECRET")
    )
    error_message = "what tokens are signed with is told to the part that checks them alone"
  }

  assert {
    condition     = !strcontains(jsonencode(nonsensitive(kubernetes_secret_v1.rooms.data)), "what-tokens-are-signed-with")
    error_message = "what people's pods mount holds no secret of the server"
  }
}

run "is_reached_by_the_deployment_s_ingress" {
  assert {
    condition = (
      jsondecode(helm_release.jitsi_meet[0].values[1]).web.ingress.hosts == [{ host = "meet.hub.example.org", paths = ["/"] }]
      && jsondecode(helm_release.jitsi_meet[0].values[1]).web.ingress.annotations == { "kubernetes.io/ingress.class" = "demo-dev" }
    )
    error_message = "its pages come through the deployment's Traefik"
  }

  assert {
    condition     = kubernetes_network_policy_v1.server[0].spec[0].ingress[2].ports[0].port == "30000"
    error_message = "sound and pictures come in at their port"
  }
}

run "refuses_what_is_no_address" {
  command = plan

  variables {
    server = "meet.example.org"
  }

  expect_failures = [var.server]
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    udp_port = 0
  }

  expect_failures = [var.udp_port]
}
