output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}

output "server" {
  description = "The Jitsi server."
  value       = var.server
  depends_on  = [terraform_data.jitsi]
}
