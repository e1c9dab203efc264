output "namespace" {
  description = "Where the panel and the rooms are."
  value       = kubernetes_secret_v1.rooms.metadata[0].namespace
}

output "server" {
  description = "The Jitsi server."
  value       = var.server
}

output "domain" {
  description = "The name of its own server; empty: the server is somebody else's."
  value       = local.own ? var.domain : ""
}
