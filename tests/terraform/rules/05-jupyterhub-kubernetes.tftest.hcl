mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}

override_resource {
  target = random_password.service
  values = { result = "a-token-of-a-service" }
}

variables {
  infrastructure = {
    cluster        = "0b0a1d2c"
    node_selectors = { general = { pool = "general" }, user = { pool = "user" }, worker = {} }
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
  secrets = {
    passwords      = { alice = "the-hash-of-alice" }
    authentication = { client_secret = "the-secret-of-the-app" }
  }
}

run "serves_where_the_ingress_says" {
  assert {
    condition     = output.url == "https://hub.example.org" && output.namespace == "dev"
    error_message = "the address is the ingress's"
  }

  assert {
    condition     = output.api_url == "http://hub.dev.svc:8081/hub/api"
    error_message = "services reach the hub inside the cluster"
  }

  assert {
    condition = (
      jsondecode(helm_release.jupyterhub.values[1]).ingress.hosts == ["hub.example.org"]
      && jsondecode(helm_release.jupyterhub.values[1]).ingress.annotations == { "kubernetes.io/ingress.class" = "demo-dev" }
    )
    error_message = "the hub's Ingress is marked as one of the deployment"
  }
}

run "keeps_secrets_out_of_the_release" {
  assert {
    condition = alltrue([
      for secret in ["the-hash-of-alice", "the-secret-of-the-app", "a-token-of-a-service"] :
      !strcontains(join(" ", helm_release.jupyterhub.values), secret)
    ])
    error_message = "what the hub reads from its Secret is not in the values beside it"
  }

  assert {
    condition     = issensitive(helm_release.jupyterhub.values[1]) && issensitive(random_bytes.cookie.hex)
    error_message = "the two secrets that the chart itself wants are shown in no plan"
  }

  assert {
    condition = alltrue([
      for map in [kubernetes_config_map_v1.code, kubernetes_config_map_v1.people] :
      !strcontains(jsonencode(map.data), "the-hash-of-alice")
    ])
    error_message = "no secret is in a ConfigMap"
  }

  assert {
    condition     = !strcontains(nonsensitive(kubernetes_secret_v1.hub.data["settings.json"]), "the-hash-of-alice")
    error_message = "the settings, which the Job of folders sees too, hold no secret"
  }
}

run "gives_the_hub_its_secrets" {
  assert {
    condition     = jsondecode(nonsensitive(kubernetes_secret_v1.hub.data["secrets.json"])).passwords.alice == "the-hash-of-alice"
    error_message = "hashes of passwords reach the hub as a file of its Secret"
  }

  assert {
    condition     = toset(keys(jsondecode(nonsensitive(kubernetes_secret_v1.hub.data["secrets.json"])).tokens)) == toset(keys(nonsensitive(output.tokens)))
    error_message = "the hub knows the token of each service that is given one"
  }
}

run "puts_servers_where_the_infrastructure_says" {
  assert {
    condition = (
      jsondecode(local.settings).cluster.node_selector == { pool = "user" }
      && jsondecode(local.settings).cluster.shared_claim == "shared"
    )
    error_message = "people's pods run on the nodes for them, with the shared volume"
  }

  assert {
    condition = (
      jsondecode(helm_release.jupyterhub.values[1]).hub.nodeSelector == { pool = "general" }
      && jsondecode(helm_release.jupyterhub.values[1]).proxy.chp.nodeSelector == { pool = "general" }
    )
    error_message = "hub and proxy run on the nodes for services"
  }
}

run "lets_overrides_have_the_last_word" {
  variables {
    overrides = { hub = { allowNamedServers = true } }
  }

  assert {
    condition = (
      length(helm_release.jupyterhub.values) == 3
      && jsondecode(helm_release.jupyterhub.values[2]) == { hub = { allowNamedServers = true } }
    )
    error_message = "overrides go over all other values"
  }
}

run "mounts_the_hub_s_code_as_the_folder_that_it_is" {
  assert {
    condition = alltrue([
      for item in jsondecode(helm_release.jupyterhub.values[1]).hub.extraVolumes[0].configMap.items :
      contains(keys(kubernetes_config_map_v1.code.data), item.key) && item.path == replace(item.key, "..", "/")
    ])
    error_message = "each file of the code lies in its folder"
  }

  assert {
    condition     = length(setsubtract(["pods.py", "ssh..server.py"], keys(kubernetes_config_map_v1.code.data))) == 0
    error_message = "the code is the hub's, with its folders"
  }
}

run "makes_folders_as_root_with_no_more_than_that_takes" {
  assert {
    condition = (
      !kubernetes_job_v1.folders.spec[0].template[0].spec[0].automount_service_account_token
      && one(kubernetes_job_v1.folders.spec[0].template[0].spec[0].container[0].security_context[0].capabilities[0].drop) == "ALL"
    )
    error_message = "the Job can't ask the cluster for anything, and has no capability that it doesn't need"
  }

  assert {
    condition     = !kubernetes_job_v1.folders.wait_for_completion && !helm_release.jupyterhub.wait
    error_message = "the stage's check waits, since it can say why"
  }
}
