output "host" {
  description = "Name or address of the SSH server."
  value       = try(trim(regex("^[a-z]+://(\\[.+\\]|[^:/]+)", local.infrastructure.url)[0], "[]"), "")
  depends_on  = [terraform_data.kubessh]
}

output "port" {
  description = "Its port."
  value       = var.port
}

output "host_key" {
  description = "Its public key, as a line of OpenSSH's."
  # Read after it was made; a file that is gone is found as drift, not as a failing plan.
  value = try(trimspace(file(terraform_data.kubessh.output.host_key)), "")
}

output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}
