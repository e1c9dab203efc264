output "url" {
  description = "Where conda-store is opened."
  value       = "${local.jupyterhub.url}/conda-store/"
  depends_on  = [terraform_data.conda_store]
}

output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}
