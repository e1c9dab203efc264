output "url" {
  description = "Where clients reach the gateway."
  value       = "${local.jupyterhub.url}/services/dask-gateway"
  depends_on  = [terraform_data.dask_gateway]
}

output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}
