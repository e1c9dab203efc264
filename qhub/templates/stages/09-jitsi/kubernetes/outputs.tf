output "namespace" {
  description = "Where the panel and the rooms are."
  value       = kubernetes_secret_v1.rooms.metadata[0].namespace
}

output "server" {
  description = "The Jitsi server."
  value       = var.server
}
