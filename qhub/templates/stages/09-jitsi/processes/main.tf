# Video chat: a panel for the JupyterLab of this machine, and the rooms of each person. JupyterLab
# reads them at each load of its page, so that no server is restarted by any change here.

locals {
  facts    = local.jupyterhub.facts # which has checked whose numbers the users have
  settings = "${path.module}/terraform.tfvars.json"
  panel    = "${path.module}/panel"
}

# Holds nothing but the way back: the rooms stay open while they change.
resource "terraform_data" "presence" {
  input = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "jitsi", "remove", "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "jitsi" {
  triggers_replace = {
    directory = local.infrastructure.directory
    isolation = local.infrastructure.isolation
    panel     = sha256(join("", [for path in fileset(local.panel, "**") : "${path} ${filesha256("${local.panel}/${path}")}"]))
    settings  = sha256(jsonencode([var.project_name, var.server, var.door, var.users]))
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "jitsi", "apply", "--settings", local.settings, "--panel", local.panel, "--facts"]
    command     = terraform_data.presence.output.facts
  }
}
