output "url" {
  description = "Where people's programs outside the cluster reach the gateway, and browsers the dashboards."
  value       = "${local.jupyterhub.url}${var.values.gateway.prefix}"
}

output "namespace" {
  description = "Where it runs."
  value       = helm_release.dask_gateway.namespace
}

output "instance" {
  description = "Ends the names of its Deployments and Services."
  value       = var.instance
}
