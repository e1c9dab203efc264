locals {
  # Read after it was written; a file that is gone is found as drift, not as a failing plan.
  machine = try(jsondecode(file(terraform_data.machine.output.facts)), {})
}

output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}

output "directory" {
  description = "Folder that holds everything the deployment made."
  value       = try(local.machine.directory, "")
}

output "isolation" {
  description = "unix: users are Unix accounts; bwrap: all run as one, each in a sandbox; none: without."
  value       = try(local.machine.isolation, "")
}

output "url" {
  description = "Where the hub is opened."
  value       = try(local.machine.url, "")
}

output "environments" {
  description = "SHA-256 of the pinned requirements of each service environment."
  value       = { for name, path in local.requirements : name => filesha256(path) }

  depends_on = [terraform_data.environment, terraform_data.supervisor]
}
