output "url" {
  description = "Where the hub is opened."
  value       = local.kubernetes_ingress.url
}

output "namespace" {
  description = "Where it runs."
  value       = helm_release.jupyterhub.namespace
}

output "folders_job" {
  description = "The Job that made the folders of people and groups."
  value       = kubernetes_job_v1.folders.metadata[0].name
}

output "api_url" {
  description = "The hub's API, from inside the cluster."
  value       = "http://hub.${helm_release.jupyterhub.namespace}.svc:8081/hub/api"
}

output "tokens" {
  description = "Tokens of the services beside the hub, by service."
  value       = { for name, token in random_password.service : name => token.result }
  sensitive   = true
}
