# What programs of people reach beside what the charts allow them: names, the hub's own address and
# the internet; not the cluster's network, its API server, nor what a cloud tells its machines.
# Policies add up, so that none of the charts' may allow the internet as a whole.

# Where the API server is reached from inside.
data "kubernetes_resource" "api" {
  api_version = "discovery.k8s.io/v1"
  kind        = "EndpointSlice"

  metadata {
    name      = "kubernetes"
    namespace = "default"
  }
}

locals {
  api_addresses = sort(try(flatten(data.kubernetes_resource.api.object.endpoints[*].addresses), []))

  people = {
    servers  = { key = "component", values = ["singleuser-server"] }
    clusters = { key = "app.kubernetes.io/component", values = ["dask-scheduler", "dask-worker"] }
  }

  # Private networks, those of one link (169.254.169.254 is a cloud's metadata), and the API server
  # and that of files, which believes whom anybody says to be, where they have one of the internet.
  no_people = concat(local.api_addresses, kubernetes_service_v1.nfs[*].spec[0].cluster_ip)
  kept_out = {
    "0.0.0.0/0" = concat(
      ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
      [for address in local.no_people : "${address}/32" if !strcontains(address, ":")],
    )
    "::/0" = concat(
      ["fc00::/7", "fe80::/10"], # fd00:ec2::254 is one of them
      [for address in local.no_people : "${address}/128" if strcontains(address, ":")],
    )
  }
}

resource "kubernetes_network_policy_v1" "people" {
  for_each = local.people

  metadata {
    name      = "qhub-people-${each.key}"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }

  spec {
    policy_types = ["Egress"]

    pod_selector {
      match_expressions {
        key      = each.value.key
        operator = "In"
        values   = each.value.values
      }
    }

    egress {
      ports {
        port     = "53"
        protocol = "UDP"
      }
      ports {
        port     = "53"
        protocol = "TCP"
      }
    }

    # A cluster leads the address of its own load balancer straight to the pod behind it.
    egress {
      to {
        pod_selector {
          match_labels = { "app.kubernetes.io/name" = "traefik" }
        }
      }
      ports {
        port = "web"
      }
      ports {
        port = "websecure"
      }
    }

    dynamic "egress" {
      for_each = local.kept_out

      content {
        to {
          ip_block {
            cidr   = egress.key
            except = egress.value
          }
        }
      }
    }
  }
}
