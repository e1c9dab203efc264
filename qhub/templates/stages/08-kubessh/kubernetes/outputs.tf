output "namespace" {
  description = "Where it runs."
  value       = helm_release.kubessh.namespace
}

output "host" {
  description = "Name of the SSH server."
  value       = var.host
}

output "port" {
  description = "Its port."
  value       = var.port
}

output "host_key" {
  description = "Its public key, as a line of OpenSSH's."
  value       = trimspace(tls_private_key.host.public_key_openssh)
}
