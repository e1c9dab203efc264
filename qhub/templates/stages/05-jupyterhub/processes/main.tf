# JupyterHub, its proxy and its idle culler as programs of the supervisor that 02-infrastructure
# started. User servers are not restarted by any change here.

locals {
  facts    = local.infrastructure.facts
  settings = "${path.module}/terraform.tfvars.json"
  hub      = "${path.module}/hub"
}

# Holds nothing but the way back: a change of the settings must not end anybody's server.
resource "terraform_data" "presence" {
  input = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "jupyterhub", "remove", "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "jupyterhub" {
  triggers_replace = {
    infrastructure = local.infrastructure
    code           = sha256(join("", [for path in fileset(local.hub, "**") : "${path} ${filesha256("${local.hub}/${path}")}"]))
    # Users are in here with the hashes of their passwords: the state keeps only a fingerprint.
    settings = sha256(jsonencode([
      var.project_name, var.users, var.groups, var.profiles, var.theme, var.idle_culler, var.authentication,
      var.monitoring, var.conda_store, var.room_access,
    ]))
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "jupyterhub", "apply", "--settings", local.settings, "--hub", local.hub, "--facts"]
    command     = terraform_data.presence.output.facts
  }
}
