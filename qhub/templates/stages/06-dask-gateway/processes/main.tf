# Dask-Gateway as a program of the supervisor, behind the hub's proxy. Users' clusters are not
# restarted by any change here.

locals {
  facts    = local.infrastructure.facts
  settings = "${path.module}/terraform.tfvars.json"
  hub      = "${path.module}/hub"
}

# Holds nothing but the way back: a change of the settings must not end anybody's cluster.
resource "terraform_data" "presence" {
  input = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "dask-gateway", "remove", "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "dask_gateway" {
  triggers_replace = {
    infrastructure = local.infrastructure
    jupyterhub     = local.jupyterhub
    code           = sha256(join("", [for path in fileset(local.hub, "**") : "${path} ${filesha256("${local.hub}/${path}")}"]))
    settings = sha256(jsonencode([
      var.users, var.groups, var.workers, var.idle_timeout, var.cluster_max_workers, var.max_clusters_per_user,
      var.cluster_max_cores, var.cluster_max_memory, var.monitoring,
    ]))
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "dask-gateway", "apply", "--settings", local.settings, "--hub", local.hub, "--facts"]
    command     = terraform_data.presence.output.facts
  }
}
