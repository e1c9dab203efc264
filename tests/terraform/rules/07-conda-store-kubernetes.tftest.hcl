mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {
  mock_resource "random_password" {
    defaults = { result = "a-made-up-password" }
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
  kubernetes_ingress = {
    url         = "https://hub.example.org"
    namespace   = "dev"
    annotations = { "kubernetes.io/ingress.class" = "demo-dev" }
  }
  jupyterhub = {
    url       = "https://hub.example.org"
    namespace = "dev"
    api_url   = "http://hub.dev.svc:8081/hub/api"
    tokens    = { conda-store = "the-token-at-the-hub", qhub = "another-token" }
  }
}

run "keeps_secrets_out_of_the_release" {
  assert {
    condition = alltrue([
      for secret in ["the-token-at-the-hub", "another-token", "a-made-up-password"] :
      !strcontains(join(" ", helm_release.conda_store.values), secret)
    ])
    error_message = "values of a release can be read by whoever may look at it: no secret is among them"
  }

  assert {
    condition     = !strcontains(join(" ", nonsensitive(values(kubernetes_secret_v1.this.data))), "another-token")
    error_message = "its Secret holds its own token, and no other service's"
  }
}

run "tells_each_part_what_it_needs_alone" {
  assert {
    condition = (
      toset(keys(jsondecode(nonsensitive(kubernetes_secret_v1.this.data["stores.json"])))) == toset(["database", "queue"])
      && toset(keys(jsondecode(nonsensitive(kubernetes_secret_v1.this.data["deploy.json"])))) == toset(["tokens"])
    )
    error_message = "who builds can read what the worker knows: neither the hub's token nor what sessions are signed with"
  }

  assert {
    condition     = jsondecode(nonsensitive(kubernetes_secret_v1.this.data["server.json"])).hub.token == "the-token-at-the-hub"
    error_message = "the server asks the hub who somebody is"
  }
}

run "lies_on_the_shared_volume_and_is_reached_as_the_hub_is" {
  assert {
    condition = (
      jsondecode(helm_release.conda_store.values[1]).storage.claim == "shared"
      && jsondecode(helm_release.conda_store.values[1]).hub.apiUrl == "http://hub.dev.svc:8081/hub/api"
      && jsondecode(helm_release.conda_store.values[1]).ingressAnnotations == { "kubernetes.io/ingress.class" = "demo-dev" }
    )
    error_message = "people's pods mount environments from the shared volume; Traefik takes Ingresses with the marks"
  }
}

run "runs_on_the_nodes_for_services_before_people_s_pods" {
  assert {
    condition = (
      jsondecode(helm_release.conda_store.values[1]).nodeSelector.pool == "general"
      && jsondecode(helm_release.conda_store.values[1]).priorityClassName == "demo-dev-services"
    )
    error_message = "services have nodes and a priority of their own"
  }
}

run "has_another_job_for_other_environments" {
  variables {
    environments = [{ namespace = "global", name = "one", channels = ["conda-forge"], dependencies = ["python", { pip = ["polars"] }] }]
  }

  assert {
    condition = (
      output.environments_job != run.keeps_secrets_out_of_the_release.environments_job
      && jsondecode(helm_release.conda_store.values[1]).environments[0].dependencies[1].pip[0] == "polars"
    )
    error_message = "a Job that ran is not run again: one of another name is"
  }
}

run "notices_when_its_code_differs" {
  assert {
    condition     = length(helm_release.conda_store.description) == 64 && !helm_release.conda_store.wait
    error_message = "the provider doesn't look into a chart that is a folder: its description is a fingerprint of it"
  }
}
