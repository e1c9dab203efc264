# Environments of this machine, each a resource: they are built side by side, and one that can't be
# built fails alone.

locals {
  facts    = local.infrastructure.facts
  settings = "${path.module}/terraform.tfvars.json"
}

# Holds nothing but the way back: the old build must be there until the new one works.
resource "terraform_data" "presence" {
  for_each = var.environments
  input    = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "kernel", "remove", each.key, "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "environment" {
  for_each = var.environments

  triggers_replace = {
    directory = local.infrastructure.directory
    isolation = local.infrastructure.isolation
    # A requirement may be an address with a password in it: the state keeps only a fingerprint.
    packages = sha256(jsonencode([each.value.channels, each.value.conda, each.value.pip]))
    groups   = each.value.groups
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "kernel", "apply", each.key, "--settings", local.settings, "--facts"]
    command     = terraform_data.presence[each.key].output.facts
  }
}
