output "cluster" {
  description = "The cluster's own identity, whatever its context is called."
  value       = data.kubernetes_namespace_v1.system.metadata[0].uid
}

output "node_selectors" {
  description = "Labels of the nodes for services (general), user servers (user) and Dask workers (worker)."
  value       = var.node_selectors
}
