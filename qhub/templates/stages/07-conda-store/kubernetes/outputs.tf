output "namespace" {
  description = "Where it runs."
  value       = helm_release.conda_store.namespace
}

output "url" {
  description = "Where people open it."
  value       = var.url
}

output "environments_job" {
  description = "The Job that has the environments of the configuration made."
  value       = jsondecode(helm_release.conda_store.values[1]).environmentsJob
}
