mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "tls" {
  mock_resource "tls_private_key" {
    defaults = {
      private_key_openssh = "the-private-host-key"
      public_key_openssh  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFhgFWon\n"
    }
  }
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
  kubernetes_ingress = { url = "https://hub.example.org", namespace = "dev" }
  jupyterhub = {
    url       = "https://hub.example.org"
    namespace = "dev"
    api_url   = "http://hub.dev.svc:8081/hub/api"
    tokens    = { ssh = "the-token-at-the-hub", qhub = "another-token" }
  }
}

run "is_reached_where_users_are_told" {
  assert {
    condition     = output.host == var.host && output.port == var.port && output.host_key == "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFhgFWon"
    error_message = "host, port and host key are what clients are told"
  }
}

run "keeps_secrets_out_of_the_release" {
  assert {
    condition = alltrue([
      for secret in ["the-token-at-the-hub", "another-token", "the-private-host-key"] :
      !strcontains(join(" ", helm_release.kubessh.values), secret)
    ])
    error_message = "values of a release can be read by whoever may look at it: no secret is among them"
  }

  assert {
    condition     = toset(nonsensitive(values(kubernetes_secret_v1.kubessh.data))) == toset(["the-token-at-the-hub", "the-private-host-key"])
    error_message = "its Secret holds its own token, and no other service's"
  }
}

run "asks_the_hub_inside_the_cluster" {
  assert {
    condition = (
      jsondecode(helm_release.kubessh.values[1]).hub.apiUrl == "http://hub.dev.svc:8081/hub/api"
      && jsondecode(helm_release.kubessh.values[1]).hub.tokenPage == "https://hub.example.org/hub/token"
    )
    error_message = "it asks the hub by its inner address, people by the outer one"
  }
}

run "runs_on_the_nodes_for_services_before_people_s_pods" {
  assert {
    condition = (
      jsondecode(helm_release.kubessh.values[1]).nodeSelector.pool == "general"
      && jsondecode(helm_release.kubessh.values[1]).priorityClassName == "demo-dev-services"
    )
    error_message = "services have nodes and a priority of their own"
  }
}

run "notices_when_its_code_differs" {
  assert {
    condition     = length(helm_release.kubessh.description) == 64
    error_message = "the provider doesn't look into a chart that is a folder: its description is a fingerprint of it"
  }
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    port = 70000
  }

  expect_failures = [var.port]
}
