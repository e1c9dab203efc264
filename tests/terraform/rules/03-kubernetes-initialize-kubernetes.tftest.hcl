mock_provider "kubernetes" {
  override_resource {
    target = kubernetes_service_v1.nfs[0]
    values = { spec = { cluster_ip = "203.0.113.49" } }
  }
}

mock_provider "helm" {}

variables {
  infrastructure = {
    cluster        = "0b0a1d2c"
    node_selectors = { general = {}, user = {}, worker = {} }
  }
  name             = "demo-dev"
  namespace        = "dev"
  pod_security     = "baseline"
  quota            = {}
  container_limits = {}
  shared           = { size = "10Gi", access_mode = "ReadWriteMany" }
  gpu_plugin_image = null
}

run "makes_a_namespace_that_keeps_to_a_level" {
  command = plan

  assert {
    condition     = kubernetes_namespace_v1.this.metadata[0].labels["pod-security.kubernetes.io/enforce"] == "baseline"
    error_message = "the namespace enforces the level of Pod Security"
  }

  assert {
    condition     = kubernetes_namespace_v1.this.metadata[0].labels["app.kubernetes.io/instance"] == "demo-dev"
    error_message = "what was made says which deployment it belongs to"
  }

  assert {
    condition     = kubernetes_namespace_v1.this.metadata[0].annotations["qhub/cluster"] == "0b0a1d2c"
    error_message = "a namespace of another cluster is another namespace"
  }

  assert {
    condition     = output.namespace == "dev"
    error_message = "later stages are told the namespace"
  }
}

run "limits_nothing_that_the_config_does_not" {
  command = plan

  assert {
    condition     = length(kubernetes_resource_quota_v1.this) == 0
    error_message = "an empty quota is none"
  }

  assert {
    condition     = length(kubernetes_limit_range_v1.this) == 0
    error_message = "empty limits are none"
  }
}

run "limits_what_the_config_says" {
  command = plan

  variables {
    quota            = { "requests.cpu" = "64", pods = "200" }
    container_limits = { default = { memory = "1Gi" }, max = { cpu = "8" } }
  }

  assert {
    condition     = kubernetes_resource_quota_v1.this[0].spec[0].hard == tomap({ "requests.cpu" = "64", pods = "200" })
    error_message = "the quota is the config's"
  }

  assert {
    condition = (
      kubernetes_limit_range_v1.this[0].spec[0].limit[0].type == "Container"
      && kubernetes_limit_range_v1.this[0].spec[0].limit[0].default.memory == "1Gi"
      && kubernetes_limit_range_v1.this[0].spec[0].limit[0].max.cpu == "8"
    )
    error_message = "limits are the config's, of containers"
  }
}

run "puts_services_before_people_before_free_places" {
  assert {
    condition = (
      kubernetes_priority_class_v1.this["services"].value > kubernetes_priority_class_v1.this["users"].value
      && kubernetes_priority_class_v1.this["users"].value > kubernetes_priority_class_v1.this["placeholders"].value
    )
    error_message = "services push people's pods away, people's those that keep places free"
  }

  # A pod of no class has priority 0: the cluster's own default.
  assert {
    condition = (
      kubernetes_priority_class_v1.this["placeholders"].value < 0
      && alltrue([for class in kubernetes_priority_class_v1.this : class.global_default != true])
    )
    error_message = "pods of others are neither pushed away for free places nor get a class of ours"
  }

  assert {
    condition     = output.priority_classes == { for kind in ["services", "users", "placeholders"] : kind => "demo-dev-${kind}" }
    error_message = "names of what has no namespace begin with the deployment's"
  }
}

run "asks_for_the_volume_of_the_config" {
  command = plan

  variables {
    shared = { size = "50Gi", storage_class = "nfs", access_mode = "ReadWriteOnce" }
  }

  assert {
    condition = (
      kubernetes_persistent_volume_claim_v1.shared.spec[0].storage_class_name == "nfs"
      && one(kubernetes_persistent_volume_claim_v1.shared.spec[0].access_modes) == "ReadWriteOnce"
      && kubernetes_persistent_volume_claim_v1.shared.spec[0].resources[0].requests.storage == "50Gi"
    )
    error_message = "size, class and mode are the config's"
  }

  assert {
    condition     = kubernetes_persistent_volume_claim_v1.shared.wait_until_bound == false
    error_message = "a class that binds for the first pod alone is no reason to wait for ever"
  }
}

run "refuses_a_namespace_of_kubernetes" {
  command = plan

  variables {
    namespace = "kube-system"
  }

  expect_failures = [var.namespace]
}

run "refuses_the_default_namespace" {
  command = plan

  variables {
    namespace = "default"
  }

  expect_failures = [var.namespace]
}

run "refuses_an_unknown_level" {
  command = plan

  variables {
    pod_security = "strict"
  }

  expect_failures = [var.pod_security]
}

run "lets_programs_of_people_out_to_the_internet_alone" {
  command = plan

  override_data {
    target = data.kubernetes_resource.api
    values = { object = { endpoints = [{ addresses = ["203.0.113.7"] }, { addresses = ["2001:db8::7"] }] } }
  }

  assert {
    condition = alltrue(flatten([
      for policy in kubernetes_network_policy_v1.people : [
        for kept in ["169.254.0.0/16", "10.0.0.0/8", "fc00::/7", "203.0.113.7/32", "2001:db8::7/128"] :
        contains(flatten(policy.spec[0].egress[*].to[*].ip_block[*].except), kept)
      ]
    ]))
    error_message = "a cloud's metadata, private networks and the API server are no internet"
  }

  assert {
    condition = toset(flatten([
      for policy in kubernetes_network_policy_v1.people : policy.spec[0].pod_selector[0].match_expressions[0].values
    ])) == toset(["singleuser-server", "dask-scheduler", "dask-worker"])
    error_message = "servers and clusters are what runs programs of people"
  }
}

run "brings_no_plugin_that_nobody_asks_for" {
  command = plan

  assert {
    condition     = length(kubernetes_daemon_set_v1.gpu) == 0 && length(kubernetes_namespace_v1.gpu) == 0
    error_message = "no profile has GPUs"
  }
}

run "brings_the_plugin_where_no_node_offers_gpus" {
  command = plan

  variables {
    gpu_plugin_image = "nvcr.io/nvidia/k8s-device-plugin:1"
  }

  override_data {
    target = data.kubernetes_nodes.all[0]
    values = { nodes = [{ status = [{ allocatable = { cpu = "2" } }] }] }
  }

  assert {
    condition     = kubernetes_daemon_set_v1.gpu[0].spec[0].template[0].spec[0].container[0].image == "nvcr.io/nvidia/k8s-device-plugin:1"
    error_message = "the image is the config's"
  }

  assert {
    condition     = kubernetes_namespace_v1.gpu[0].metadata[0].name == "dev-gpu"
    error_message = "a folder of the node is not for the namespace of people"
  }
}

run "leaves_gpus_to_a_plugin_that_is_there" {
  command = plan

  variables {
    gpu_plugin_image = "nvcr.io/nvidia/k8s-device-plugin:1"
  }

  override_data {
    target = data.kubernetes_nodes.all[0]
    values = { nodes = [{ status = [{ allocatable = { "nvidia.com/gpu" = "4" } }] }] }
  }

  assert {
    condition     = length(kubernetes_daemon_set_v1.gpu) == 0
    error_message = "two plugins would offer the same GPUs twice"
  }
}

run "brings_no_server_that_nobody_needs" {
  command = plan

  assert {
    condition = (
      length(helm_release.nfs_server) == 0
      && length(kubernetes_namespace_v1.storage) == 0
      && length(kubernetes_persistent_volume_v1.shared) == 0
    )
    error_message = "the files are of a StorageClass"
  }
}

run "lends_a_volume_by_nfs" {
  variables {
    nfs    = { values = { image = "registry.example.org/ganesha:4" } }
    shared = { size = "50Gi", access_mode = "ReadWriteMany" }
  }

  override_data {
    target = data.kubernetes_resource.api
    values = { object = { endpoints = [] } }
  }

  assert {
    condition = (
      kubernetes_persistent_volume_v1.shared[0].spec[0].persistent_volume_source[0].nfs[0].server == "203.0.113.49"
      && one(kubernetes_persistent_volume_v1.shared[0].spec[0].claim_ref[*].namespace) == "dev"
    )
    error_message = "nodes mount by an address, and the volume is nobody else's"
  }

  assert {
    condition = (
      kubernetes_persistent_volume_claim_v1.shared.spec[0].volume_name == "demo-dev-shared"
      && kubernetes_persistent_volume_claim_v1.shared.spec[0].storage_class_name == kubernetes_persistent_volume_v1.shared[0].spec[0].storage_class_name
      && kubernetes_persistent_volume_claim_v1.shared.spec[0].storage_class_name != ""
    )
    error_message = "no StorageClass makes another volume for the claim"
  }

  assert {
    condition = (
      kubernetes_namespace_v1.storage[0].metadata[0].name == "dev-storage"
      && kubernetes_namespace_v1.storage[0].metadata[0].labels["pod-security.kubernetes.io/enforce"] == "privileged"
      && output.storage_namespace == "dev-storage"
    )
    error_message = "what the server may is not for the namespace of people"
  }

  assert {
    condition = alltrue([
      for policy in kubernetes_network_policy_v1.people :
      contains(flatten(policy.spec[0].egress[*].to[*].ip_block[*].except), "203.0.113.49/32")
    ])
    error_message = "programs of people don't speak to the server: it believes them any number"
  }
}

run "grows_behind_the_server" {
  variables {
    nfs    = { values = { image = "registry.example.org/ganesha:4" } }
    shared = { size = "80Gi", access_mode = "ReadWriteMany" }
  }

  assert {
    condition = (
      kubernetes_persistent_volume_claim_v1.storage[0].spec[0].resources[0].requests.storage == "80Gi"
      && kubernetes_persistent_volume_claim_v1.shared.spec[0].resources[0].requests.storage == "50Gi"
    )
    error_message = "a claim of no StorageClass can't grow: Kubernetes would refuse it"
  }
}
