# SSH as a program of the supervisor. Nobody's session ends by a change of people or keys here.

locals {
  facts    = local.infrastructure.facts
  settings = "${path.module}/terraform.tfvars.json"
  hub      = "${path.module}/hub"
}

# Holds nothing but the way back: a change of the settings must not end anybody's session.
resource "terraform_data" "presence" {
  input = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "kubessh", "remove", "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "kubessh" {
  input = { host_key = "${local.infrastructure.directory}/private/ssh_host_ed25519_key.pub" }

  triggers_replace = {
    infrastructure = local.infrastructure
    jupyterhub     = local.jupyterhub
    code           = sha256(join("", [for path in fileset(local.hub, "**") : "${path} ${filesha256("${local.hub}/${path}")}"]))
    settings       = sha256(jsonencode([var.port, var.users, var.groups]))
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "kubessh", "apply", "--settings", local.settings, "--hub", local.hub, "--facts"]
    command     = terraform_data.presence.output.facts
  }
}
