output "url" {
  description = "Where the hub is opened."
  value       = local.infrastructure.url
  depends_on  = [terraform_data.jupyterhub]
}

output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}
