# This machine as a platform: a folder, the services' Python environments and a supervisor.
# `qhub-local` (installed with qhub) does the work; Terraform knows what is there and what is not.

locals {
  deployment = coalesce(var.deployment, abspath("${path.root}/../.."))
  facts      = "${local.deployment}/.qhub/machine.json"
  settings   = "${path.module}/terraform.tfvars.json"

  requirements = {
    for name in ["hub", "user"] : name => "${path.module}/requirements/${name}.txt"
  }
}

# Holds nothing but the way back: it outlives every change of the settings, so that only a real
# destroy removes files.
resource "terraform_data" "deployment" {
  input = { facts = local.facts }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["qhub-local", "machine", "remove", "--facts"]
    command     = self.input.facts
  }
}

resource "terraform_data" "machine" {
  input = { facts = terraform_data.deployment.output.facts }

  triggers_replace = {
    deployment     = local.deployment
    project_name   = var.project_name
    namespace      = var.namespace
    directory      = var.directory
    isolation      = var.isolation
    python         = var.python
    address        = var.address
    port           = var.port
    allow_insecure = var.allow_insecure
    certificate    = var.certificate
    services       = ["hub", "proxy", "dask"] # a port is chosen for each
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "machine", "apply", "--settings", local.settings, "--facts"]
    command     = local.facts
  }
}

resource "terraform_data" "environment" {
  for_each = local.requirements

  triggers_replace = {
    requirements = filesha256(each.value)
    directory    = var.directory
    isolation    = var.isolation
    python       = var.python
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "environment", "apply", each.key, "--requirements", each.value, "--facts"]
    command     = terraform_data.machine.output.facts
  }
}

resource "terraform_data" "supervisor" {
  triggers_replace = {
    environment = terraform_data.environment["hub"].id
  }

  provisioner "local-exec" {
    interpreter = ["qhub-local", "supervisor", "apply", "--facts"]
    command     = terraform_data.machine.output.facts
  }
}
