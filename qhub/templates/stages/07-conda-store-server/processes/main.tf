# conda-store's server and worker as programs of the supervisor, behind the hub's proxy. What people
# built with it stays when it goes.

locals {
  facts        = local.infrastructure.facts
  settings     = "${path.module}/terraform.tfvars.json"
  hub          = "${path.module}/hub"
  requirements = "${path.module}/requirements.txt"
}

# Holds nothing but the way back: a change of the settings must not take conda-store away.
resource "terraform_data" "presence" {
  input = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "conda-store", "remove", "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "conda_store" {
  triggers_replace = {
    infrastructure = local.infrastructure
    jupyterhub     = local.jupyterhub
    requirements   = filesha256(local.requirements)
    code           = sha256(join("", [for path in fileset(local.hub, "**") : "${path} ${filesha256("${local.hub}/${path}")}"]))
    # The address of a channel may hold a password: the state keeps only a fingerprint.
    settings = sha256(jsonencode([var.channels, var.default_namespace, var.max_workers, var.users, var.groups]))
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "conda-store", "apply", "--settings", local.settings, "--hub", local.hub, "--requirements", local.requirements, "--facts"]
    command     = terraform_data.presence.output.facts
  }
}
