mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {
  mock_resource "random_password" {
    defaults = { result = "what-cookies-are-sealed-with" }
  }
}

variables {
  infrastructure = {
    cluster        = "0b0a1d2c"
    node_selectors = { general = { pool = "general" }, user = {}, worker = { pool = "worker" } }
  }
  kubernetes_initialize = {
    namespace        = "dev"
    shared_claim     = "shared"
    priority_classes = { services = "demo-dev-services", users = "demo-dev-users", placeholders = "demo-dev-placeholders" }
  }
  jupyterhub = {
    url         = "https://hub.example.org"
    namespace   = "dev"
    folders_job = "qhub-folders-1"
    api_url     = "http://hub.dev.svc:8081/hub/api"
    tokens      = { dask-gateway = "the-token-at-the-hub", qhub = "another-token" }
  }
}

run "lies_behind_the_hub" {
  assert {
    condition     = output.url == "https://hub.example.org/services/dask-gateway" && output.namespace == "dev"
    error_message = "browsers reach dashboards through the hub's proxy"
  }

  assert {
    condition     = jsondecode(helm_release.dask_gateway.values[1]).gateway.auth.jupyterhub.apiUrl == "http://hub.dev.svc:8081/hub/api"
    error_message = "the gateway asks the hub inside the cluster who somebody is"
  }
}

run "keeps_secrets_out_of_the_releases" {
  assert {
    condition = alltrue([
      for secret in ["the-token-at-the-hub", "another-token", "what-cookies-are-sealed-with"] :
      !strcontains(join(" ", concat(helm_release.dask_gateway.values, helm_release.access.values)), secret)
    ])
    error_message = "values of a release can be read by whoever may look at it: no secret is among them"
  }

  assert {
    condition     = toset(nonsensitive(values(kubernetes_secret_v1.gateway.data))) == toset(["the-token-at-the-hub", "what-cookies-are-sealed-with"])
    error_message = "the gateway's Secret holds its own token, and no other service's"
  }
}

run "gives_the_gateway_its_code_and_settings" {
  assert {
    condition = alltrue([
      for part in ["gateway_pods.configure", "class PodBackend", "demo-dev-users"] :
      strcontains(jsondecode(helm_release.dask_gateway.values[1]).gateway.extraConfig.qhub, part)
    ])
    error_message = "the chart's configuration ends with ours"
  }

  assert {
    condition = (
      local.settings.cluster.node_selector["pool"] == "worker"
      && local.settings.cluster.shared_claim == "shared"
    )
    error_message = "clusters run on the nodes for them, with the shared volume"
  }
}

run "leaves_the_cluster_s_kinds_to_others" {
  assert {
    condition     = helm_release.dask_gateway.skip_crds
    error_message = "kinds that the chart would define are never removed again"
  }
}

run "runs_on_the_nodes_for_services_before_people_s_pods" {
  assert {
    condition = alltrue([
      for part in ["gateway", "controller", "traefik"] :
      jsondecode(helm_release.dask_gateway.values[1])[part].nodeSelector == { pool = "general" }
    ])
    error_message = "gateway, controller and proxy run on the nodes for services"
  }

  assert {
    condition     = helm_release.dask_gateway.postrender.args == tolist(["prioritize", "demo-dev-services"])
    error_message = "people's pods must not push the gateway out"
  }
}

run "asks_the_gateway_about_dashboards" {
  assert {
    condition     = jsondecode(helm_release.access.values[0]).check == "http://api-dask-demo-dev.dev.svc:8000/api/dashboard"
    error_message = "the proxy asks the gateway before it shows a dashboard"
  }

  variables {
    instance = "dask-demo-dev"
  }
}

run "refuses_a_name_too_long_for_its_objects" {
  command = plan

  variables {
    instance = "a-name-of-an-instance-that-is-longer-than-names-may-be"
  }

  expect_failures = [var.instance]
}
